//go:build (linux || darwin) && (amd64 || arm64)

package mpi

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is a loaded MPI library. A function returns MPI's error code.
type library struct {
	abi
	file, version string

	initialized   func(flag *int32) int32
	initThread    func(argc, argv unsafe.Pointer, required int32, provided *int32) int32
	finalize      func() int32
	abort         func(comm uintptr, code int32) int32
	commRank      func(comm uintptr, rank *int32) int32
	commSize      func(comm uintptr, size *int32) int32
	setErrhandler func(comm, handler uintptr) int32
	errorString   func(code int32, text *byte, length *int32) int32
	alltoall      func(send unsafe.Pointer, n int32, kind uintptr, recv unsafe.Pointer, m int32, kind2, comm uintptr, request *uintptr) int32
	allgather     func(send unsafe.Pointer, n int32, kind uintptr, recv unsafe.Pointer, m int32, kind2, comm uintptr, request *uintptr) int32
	bcast         func(buf unsafe.Pointer, n int32, kind uintptr, root int32, comm uintptr, request *uintptr) int32
	yield         func() int32 // of the system's C library
	test          func(request *uintptr, done *int32, status *byte) int32
}

// Sizes of the buffers for names that a library writes, the largest of all ABIs.
const (
	maxVersion = 8192
	maxError   = 512
	maxStatus  = 64 // of an MPI_Status
)

// libraries returns where to look for a library of the launcher's family, the likeliest first.
func libraries(family string) []string {
	if file := os.Getenv("SINKCPU_MPI_LIBRARY"); file != "" {
		return []string{file}
	}
	open, others := []string{"libmpi.so.40", "libmpi.so"}, []string{"libmpich.so.12", "libmpi.so.12"}
	if runtime.GOOS == "darwin" {
		open, others = []string{"libmpi.40.dylib", "/opt/homebrew/lib/libmpi.dylib", "/usr/local/lib/libmpi.dylib"}, []string{"libmpi.12.dylib"}
	}
	abi := []string{"libmpi_abi.so.0"}
	switch family {
	case "Open MPI":
		return append(append(open, abi...), others...)
	case "MPICH":
		return append(append(others, abi...), open...)
	}
	return append(append(abi, open...), others...)
}

// errMissing is the error where no library was found.
var errMissing = errors.New("no MPI library found: install one (Debian: apt install openmpi-bin libopenmpi3, or mpich; Fedora: dnf install " +
	"openmpi; macOS: brew install open-mpi), or set SINKCPU_MPI_LIBRARY to the file of yours")

// load opens the first of the libraries that is there.
func load(family string) (*library, error) {
	var last error
	for _, file := range libraries(family) {
		// Open MPI's plugins look its symbols up in the global scope.
		handle, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			last = err
			continue
		}
		l, err := bind(handle, file)
		if err != nil {
			return nil, fmt.Errorf("mpi: library %s %w", file, err)
		}
		return l, nil
	}
	if file := os.Getenv("SINKCPU_MPI_LIBRARY"); file != "" {
		return nil, fmt.Errorf("mpi: SINKCPU_MPI_LIBRARY: %w", last)
	}
	return nil, fmt.Errorf("mpi: %w", errMissing)
}

// bind looks up the functions of a library.
func bind(handle uintptr, file string) (*library, error) {
	l := &library{file: file}
	var getVersion func(text *byte, length *int32) int32
	for name, fn := range map[string]any{
		"MPI_Get_library_version": &getVersion, "MPI_Initialized": &l.initialized, "MPI_Init_thread": &l.initThread, "MPI_Finalize": &l.finalize,
		"MPI_Abort": &l.abort, "MPI_Comm_rank": &l.commRank, "MPI_Comm_size": &l.commSize, "MPI_Comm_set_errhandler": &l.setErrhandler,
		"MPI_Error_string": &l.errorString, "MPI_Ialltoall": &l.alltoall, "MPI_Iallgather": &l.allgather, "MPI_Ibcast": &l.bcast, "MPI_Test": &l.test,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("has no %s: is it an MPI library?", name)
		}
		purego.RegisterFunc(fn, symbol)
	}
	purego.RegisterLibFunc(&l.yield, purego.RTLD_DEFAULT, "sched_yield")
	text, length := make([]byte, maxVersion), int32(0)
	if code := getVersion(&text[0], &length); code != 0 {
		return nil, fmt.Errorf("does not tell its version (error %d)", code)
	}
	l.version = strings.TrimRight(string(text[:min(max(length, 0), maxVersion)]), "\x00\n")
	var err error
	l.abi, err = abiOf(handle, file, l.version)
	return l, err
}

// err returns the error of a code of MPI.
func (l *library) err(call string, code int32) error {
	if code == 0 {
		return nil
	}
	text, length := make([]byte, maxError), int32(0)
	l.errorString(code, &text[0], &length)
	return fmt.Errorf("mpi: %s: %s (error %d of %s)", call, text[:min(max(length, 0), maxError)], code, firstLine(l.version))
}
