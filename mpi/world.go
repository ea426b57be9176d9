//go:build (linux || darwin) && (amd64 || arm64)

package mpi

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/ranks"
)

// threadFunneled is MPI_THREAD_FUNNELED in every ABI: one thread makes all calls.
const threadFunneled = 1

// most is the greatest number of bytes that one call of MPI carries for a rank; its counts are of 32 bits.
const most = 1 << 30

// world is MPI_COMM_WORLD.
type world struct {
	*library
	rank, size int

	// Of the call in progress. An MPI_Request is a pointer or a number, of 64 bits at most.
	request uintptr
	done    int32
	status  [maxStatus]byte
}

// A call that is not done is asked for again at once for hasty, its processor lent to others in between, and then every nap: libraries
// spin while they wait, at the cost of what computes on the same processor, be it another rank or another thread of this one.
const (
	hasty = 2 * time.Millisecond
	nap   = 100 * time.Microsecond
)

// wait returns when the call that w.request stands for is done, and keeps the memory that it reads and writes until then: the library's
// pointers are none that the collector sees.
func (w *world) wait(call string, code int32, memory ...[]byte) error {
	defer runtime.KeepAlive(memory)
	if err := w.err(call, code); err != nil {
		return err
	}
	for begin := time.Now(); ; {
		if err := w.err(call, w.test(&w.request, &w.done, &w.status[0])); err != nil || w.done != 0 {
			return err
		}
		if time.Since(begin) < hasty {
			runtime.Gosched()
			w.yield()
		} else {
			time.Sleep(nap)
		}
	}
}

// open loads the library and joins the job.
func open() (ranks.Transport, error) {
	by, said, underLauncher := startedBy()
	l, err := load(by.family)
	if err != nil {
		return nil, err
	}
	var already, provided, rank, size int32
	if err := l.err("MPI_Initialized", l.initialized(&already)); err != nil {
		return nil, err
	}
	if already != 0 {
		return nil, fmt.Errorf("mpi: the library %s was initialised by something else in this process", l.file)
	}
	if err := l.err("MPI_Init_thread", l.initThread(nil, nil, threadFunneled, &provided)); err != nil {
		return nil, err
	}
	if provided < threadFunneled {
		return nil, fmt.Errorf("mpi: %s was built without threads (MPI_THREAD_SINGLE), MPI_THREAD_FUNNELED is needed", firstLine(l.version))
	}
	l.setErrhandler(l.world, l.errReturns)
	if err := l.err("MPI_Comm_rank", l.commRank(l.world, &rank)); err != nil {
		return nil, err
	}
	if err := l.err("MPI_Comm_size", l.commSize(l.world, &size)); err != nil {
		return nil, err
	}
	if underLauncher && said > 0 && said != int(size) {
		l.finalize()
		return nil, fmt.Errorf("mpi: %s started %d ranks, but the library %s (%s) sees %d: launcher and library are of different kinds; "+
			"use the launcher of this library, or set SINKCPU_MPI_LIBRARY to the launcher's", by.name, said, l.file, firstLine(l.version), size)
	}
	return &world{library: l, rank: int(rank), size: int(size)}, nil
}

func (w *world) Rank() int { return w.rank }

func (w *world) Size() int { return w.size }

// Library returns what the library says of itself, on one line.
func (w *world) Library() string { return firstLine(w.version) }

// Alltoall cuts long parts, which leaves them apart in both buffers, and so copies them.
func (w *world) Alltoall(dst, src []byte) error {
	part := len(src) / w.size
	if part <= most/w.size {
		return w.exchange(dst, src, part)
	}
	step := most / w.size
	send, got := make([]byte, step*w.size), make([]byte, step*w.size)
	for lo := 0; lo < part; lo += step {
		n := min(step, part-lo)
		for r := range w.size {
			copy(send[r*n:(r+1)*n], src[r*part+lo:])
		}
		if err := w.exchange(got, send, n); err != nil {
			return err
		}
		for r := range w.size {
			copy(dst[r*part+lo:r*part+lo+n], got[r*n:])
		}
	}
	return nil
}

func (w *world) exchange(dst, src []byte, part int) error {
	n := int32(part)
	return w.wait("MPI_Ialltoall", w.alltoall(pointer(src), n, w.bytes, pointer(dst), n, w.bytes, w.library.world, &w.request), dst, src)
}

// Allgather cuts long contributions likewise.
func (w *world) Allgather(dst, src []byte) error {
	if len(src) <= most/w.size {
		return w.gather(dst, src)
	}
	step := most / w.size
	got := make([]byte, step*w.size)
	for lo := 0; lo < len(src); lo += step {
		n := min(step, len(src)-lo)
		if err := w.gather(got, src[lo:lo+n]); err != nil {
			return err
		}
		for r := range w.size {
			copy(dst[r*len(src)+lo:r*len(src)+lo+n], got[r*n:])
		}
	}
	return nil
}

func (w *world) gather(dst, src []byte) error {
	n := int32(len(src))
	return w.wait("MPI_Iallgather", w.allgather(pointer(src), n, w.bytes, pointer(dst), n, w.bytes, w.library.world, &w.request), dst, src)
}

func (w *world) Broadcast(x []byte, root int) error {
	for len(x) > 0 {
		n := min(most, len(x))
		if err := w.wait("MPI_Ibcast", w.bcast(pointer(x), int32(n), w.bytes, int32(root), w.library.world, &w.request), x); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}

func (w *world) Close() error { return w.err("MPI_Finalize", w.finalize()) }

// Abort is called from any thread: nothing follows it.
func (w *world) Abort(code int) { w.abort(w.library.world, int32(code)) }

func pointer(x []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(x)) }
