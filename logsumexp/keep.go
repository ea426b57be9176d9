package logsumexp

import (
	"unsafe"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// DefaultMaxBytes is what costs may take in memory where nothing else is said: 1 GiB. It does not look at the machine, so that a program computes
// on one machine what it computes on another.
const DefaultMaxBytes = 1 << 30

// Cheap reports whether a tile of c is computed in no more time than it takes to read it from memory that no cache holds: one of points in few dimensions.
func Cheap[T kernels.Float](c Cost[T]) bool {
	p, ok := c.(*Points[T])
	return ok && p.direct()
}

// Keep returns c in memory where its n x m entries take at most maxBytes, and c as it is, computed again by every pass over it, where
// they do not; [DefaultMaxBytes] for maxBytes <= 0. Several costs that are needed at once share a budget.
//
// Storing pays where a tile is dear: for a [Func], for [Points] of many dimensions, and wherever the matrix stays in cache. A nil Runner
// runs in place; the result is the same bits for any.
func Keep[T kernels.Float](run kernels.Runner, c Cost[T], maxBytes int) Cost[T] {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	n, m := c.Dims()
	if _, stored := c.(*Stored[T]); stored || n == 0 || m == 0 || n > maxBytes/int(unsafe.Sizeof(T(0)))/m {
		return c
	}
	if p, ok := c.(*Points[T]); ok {
		return p.Form(run)
	}
	s := &Stored[T]{c: make([]T, n*m), n: n, m: m, ld: m}
	if shifted, ok := c.(Shifted); ok {
		s.u, s.v = shifted.Shift()
	}
	parallel.Rows(run, n, m, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := s.c[i*m : (i+1)*m]
			t, _ := c.Tile(row, i, i+1, 0, m)
			copy(row, t)
		}
	})
	return s
}
