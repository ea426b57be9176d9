//go:build (linux || darwin) && (amd64 || arm64)

package mpi

import (
	"fmt"
	"strings"

	"github.com/ebitengine/purego"
)

// abi is how a library spells the handles that are used here. Open MPI's are addresses of symbols, others have numbers.
type abi struct {
	name                     string
	world, bytes, errReturns uintptr
}

// Handles of MPICH's ABI (mpi.h of MPICH 3 and 4), and of the ABI of MPI 5.0, section 20.3.
var (
	mpich    = abi{name: "MPICH", world: 0x44000000, bytes: 0x4c00010d, errReturns: 0x54000001}
	standard = abi{name: "MPI 5 ABI", world: 0x101, bytes: 0x247, errReturns: 0x142}
)

// openMPI looks up the symbols whose addresses are Open MPI's handles.
func openMPI(lib uintptr) (abi, error) {
	a := abi{name: "Open MPI"}
	for symbol, handle := range map[string]*uintptr{
		"ompi_mpi_comm_world": &a.world, "ompi_mpi_byte": &a.bytes, "ompi_mpi_errors_return": &a.errReturns,
	} {
		p, err := purego.Dlsym(lib, symbol)
		if err != nil {
			return abi{}, err
		}
		*handle = p
	}
	return a, nil
}

// abiOf tells the ABI of a library by its file's name and by what MPI_Get_library_version says.
func abiOf(lib uintptr, file, version string) (abi, error) {
	if strings.Contains(file, "mpi_abi") {
		return standard, nil
	}
	if strings.HasPrefix(version, "Open MPI") {
		return openMPI(lib)
	}
	for _, name := range []string{"MPICH", "Intel(R) MPI", "MVAPICH", "CRAY"} {
		if strings.Contains(version, name) {
			return mpich, nil
		}
	}
	return abi{}, fmt.Errorf("is of an unknown kind: %s", firstLine(version))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimRight(line, " \x00")
}
