package logsumexp

import (
	"sync"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Cost provides tiles of a cost matrix of n rows and m columns. It is safe for concurrent use and does not change.
// An entry of +Inf forbids the pair; no entry is NaN or -Inf.
type Cost[T kernels.Float] interface {
	// Dims returns n and m.
	Dims() (n, m int)

	// Tile returns rows i0 to i1-1 and columns j0 to j1-1, row-major with leading dimension ld. A stored cost returns a view of
	// itself, which must not be written to; others fill buf, which holds at least (i1-i0)(j1-j0) elements.
	Tile(buf []T, i0, i1, j0, j1 int) (c []T, ld int)
}

// A Shifted cost is given up to a function of the row and one of the column, taken out for the sake of precision: the cost of a pair is
//
//	C_ij + u_i + v_j
//
// for C the tiles. Optimal potentials of the whole are those of the tiles plus u and v; either may be nil, which means zeros.
type Shifted interface {
	Shift() (u, v []float64)
}

// Stored is a cost matrix in memory.
type Stored[T kernels.Float] struct {
	c    []T
	n, m int
	ld   int
	u, v []float64

	rounding *rounding // of points that it was formed from
}

// NewStored returns the n x m row-major matrix c with leading dimension ld as a cost. c is kept, not copied.
//
// It panics when c is too short or ld < m.
func NewStored[T kernels.Float](c []T, n, m, ld int) *Stored[T] {
	if n < 0 || m < 0 || ld < m || (n > 0 && m > 0 && len(c) < (n-1)*ld+m) {
		panic("logsumexp: matrix shorter than its rows and columns")
	}
	return &Stored[T]{c: c, n: n, m: m, ld: ld}
}

// Dims returns the numbers of rows and columns.
func (s *Stored[T]) Dims() (n, m int) { return s.n, s.m }

// Tile returns a view of the matrix.
func (s *Stored[T]) Tile(_ []T, i0, i1, j0, j1 int) (c []T, ld int) {
	if i0 >= i1 || j0 >= j1 {
		return nil, s.ld
	}
	return s.c[i0*s.ld+j0 : (i1-1)*s.ld+j1], s.ld
}

// Shift returns the terms that were taken out of the matrix, nil for none.
func (s *Stored[T]) Shift() (u, v []float64) { return s.u, s.v }

// Widen returns a float32 cost as a float64 one, converted tile by tile.
func Widen(c Cost[float32]) Cost[float64] { return &widened{c: c} }

type widened struct {
	c     Cost[float32]
	tiles sync.Pool // of *[]float32, for costs that are computed
}

func (w *widened) Dims() (n, m int) { return w.c.Dims() }

func (w *widened) Tile(buf []float64, i0, i1, j0, j1 int) (c []float64, ld int) {
	cols := j1 - j0
	var narrow []float32
	if _, stored := w.c.(*Stored[float32]); !stored {
		keep, _ := w.tiles.Get().(*[]float32)
		if keep == nil || len(*keep) < (i1-i0)*cols {
			fresh := make([]float32, (i1-i0)*cols)
			keep = &fresh
		}
		defer w.tiles.Put(keep)
		narrow = *keep
	}
	t, tld := w.c.Tile(narrow, i0, i1, j0, j1)
	for i := range i1 - i0 {
		convert(buf[i*cols:(i+1)*cols], t[i*tld:i*tld+cols])
	}
	return buf, cols
}

// convert sets dst to x in the other precision, four at a time without a test of bounds.
func convert[To, From kernels.Float](dst []To, x []From) {
	for len(x) >= 4 && len(dst) >= 4 {
		dst[0], dst[1], dst[2], dst[3] = To(x[0]), To(x[1]), To(x[2]), To(x[3])
		dst, x = dst[4:], x[4:]
	}
	for j, v := range x {
		dst[j] = To(v)
	}
}

func (w *widened) Shift() (u, v []float64) {
	if s, ok := w.c.(Shifted); ok {
		return s.Shift()
	}
	return nil, nil
}
