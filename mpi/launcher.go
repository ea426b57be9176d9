package mpi

import (
	"os"
	"strconv"
)

// A launcher is known by the variables that it sets in the processes it starts.
type launcher struct {
	name, family string // family of libraries, "" for any
	size, rank   string // names of the variables
}

// In the order of what they tell: an Open MPI inside of Slurm sets both.
var launchers = []launcher{
	{"Open MPI's mpirun", "Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
	{"MPICH's mpiexec", "MPICH", "PMI_SIZE", "PMI_RANK"},
	{"srun", "", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
	{"a PMIx launcher", "", "", "PMIX_RANK"},
}

// startedBy returns what started this process, and how many ranks it said there are, 0 where it does not say. A step of one task under
// srun is an ordinary program.
func startedBy() (l launcher, size int, ok bool) {
	for _, l := range launchers {
		if os.Getenv(l.rank) == "" {
			continue
		}
		if size, _ = strconv.Atoi(os.Getenv(l.size)); l.name == "srun" && size < 2 {
			continue
		}
		return l, size, true
	}
	return launcher{}, 0, false
}

func started() bool { _, _, ok := startedBy(); return ok }
