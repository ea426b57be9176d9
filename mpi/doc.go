// Package mpi joins the ranks of an MPI job, without cgo: the MPI library is loaded when the program was started by mpirun, mpiexec or
// srun, or when it is told to. It registers the driver "mpi" of package ranks; import it for that:
//
//	import _ "github.com/sinkcpu/sinkcpu/mpi"
//
// Known are Open MPI 4 and 5, MPICH 3 and 4 with what shares its ABI (Intel MPI, MVAPICH, Cray MPICH), and libraries with the ABI of
// MPI 5.0. They are told apart by what they say of themselves. Only bytes travel, by MPI_Ialltoall, MPI_Iallgather and MPI_Ibcast on
// MPI_COMM_WORLD; sums are taken by package ranks. All calls are made from one locked thread (MPI_THREAD_FUNNELED).
//
// The environment variable SINKCPU_MPI_LIBRARY names the library's file where it is not found.
package mpi
