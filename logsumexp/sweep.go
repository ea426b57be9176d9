package logsumexp

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A block of rows is at most maxRows high, and keeps at most keepEntries exponentials, 256 KiB in float32: half of a usual second level
// of cache. A call of a kernel spans at most maxCols columns, so that none lasts longer than about 100 us.
const (
	maxRows     = 8
	keepEntries = 1 << 16
	maxCols     = 1 << 14
)

// A sum of a row outside [minRowSum, maxRowSum], or of a column below MinColSum, has lost precision to the range of float32; it is
// computed again with its own maximum as the shift.
const (
	minRowSum = 0x1p-20
	maxRowSum = 0x1p100

	// MinColSum is the least column sum that [Scratch.Sweep] accumulates without loss.
	MinColSum = 0x1p-80
)

// Scratch is the memory that a reduction needs beside its results. One serves any number of reductions, one at a time.
type Scratch[T kernels.Float] struct {
	e, tile []T
	s, w    [maxRows]T
	sum     [maxRows]float64
	dummy   []T
	ones    []T
	zeros   []T
}

// rows returns the height of a block for m columns.
func (s *Scratch[T]) rows(m int) int {
	r := max(1, min(maxRows, keepEntries/max(m, 1)))
	if len(s.e) < r*m {
		s.e = make([]T, r*m)
	}
	return r
}

// tileOf returns a tile of whole rows.
func (s *Scratch[T]) tileOf(c Cost[T], i0, i1, m int) (t []T, ld int) {
	if _, stored := c.(*Stored[T]); !stored && len(s.tile) < (i1-i0)*m {
		s.tile = make([]T, maxRows*m)
	}
	return c.Tile(s.tile, i0, i1, 0, m)
}

// A RowUpdate is told the sums sum[k] of rows i0+k of e under the row potentials f that it was computed with, and sets the weights w[k]
// with which these rows of e enter the column sums.
type RowUpdate[T kernels.Float] func(i0 int, sum []float64, w []T)

// Sweep runs one iteration of Sinkhorn's algorithm on rows i0 to i1-1 with one exponential and one read of the cost per entry:
//
//	sum_i  = sum_j 2^(g_j - kappa C_ij + f_i)
//	acc_j += sum_i w_i 2^(g_j - kappa C_ij + f_i)         w set by update from sum
//
// Where exact, or where a sum leaves [2^-20, 2^100], f_i is replaced by minus the maximum of g_j - kappa C_ij before update sees the row; redone
// counts the latter rows. A row without a finite entry has sum 0. Without acc (nil) only the rows are visited.
func (s *Scratch[T]) Sweep(c Cost[T], i0, i1 int, kappa T, f, g, acc []T, exact bool, update RowUpdate[T]) (redone int) {
	m := len(g)
	for step := s.rows(m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		r := top - i0
		t, ld := s.tileOf(c, i0, top, m)
		if exact {
			s.shift(t, ld, kappa, f[i0:top], g)
		}
		s.rowSums(t, ld, kappa, f[i0:top], g)
		for k := range r {
			if v := s.sum[k]; !exact && !(v >= minRowSum && v <= maxRowSum) {
				redone++
				s.redo(t[k*ld:], ld, kappa, f[i0+k:i0+k+1], g, k)
			}
		}
		update(i0, s.sum[:r], s.w[:r])
		for j := 0; j < len(acc); j += maxCols {
			end := min(j+maxCols, m)
			kernels.SweepCols(acc[j:end], s.e[j:], m, s.w[:r])
		}
	}
	return redone
}

// shift sets f to minus the maxima of the rows of g - kappa C.
func (s *Scratch[T]) shift(t []T, ld int, kappa T, f, g []T) {
	for k := range f {
		f[k] = T(math.Inf(-1))
	}
	for j := 0; j < len(g); j += maxCols {
		end := min(j+maxCols, len(g))
		kernels.RowMax(s.s[:len(f)], t[j:], ld, kappa, g[j:end])
		for k := range f {
			f[k] = max(f[k], s.s[k])
		}
	}
	for k, v := range f {
		if math.IsInf(float64(v), -1) {
			f[k] = 0 // no finite entry: every exponential is 0 with any shift
		} else {
			f[k] = -v
		}
	}
}

// rowSums sets the rows of s.e and their sums.
func (s *Scratch[T]) rowSums(t []T, ld int, kappa T, f, g []T) {
	m := len(g)
	clear(s.sum[:])
	for j := 0; j < m; j += maxCols {
		end := min(j+maxCols, m)
		kernels.SweepRows(s.e[j:], m, s.s[:len(f)], t[j:], ld, kappa, g[j:end], f)
		for k := range f {
			s.sum[k] += float64(s.s[k])
		}
	}
}

// redo computes row k of the block again with its own maximum as the shift.
func (s *Scratch[T]) redo(t []T, ld int, kappa T, f, g []T, k int) {
	s.shift(t, ld, kappa, f, g)
	m := len(g)
	var sum float64
	for j := 0; j < m; j += maxCols {
		end := min(j+maxCols, m)
		kernels.SweepRows(s.e[k*m+j:], m, s.s[:1], t[j:], ld, kappa, g[j:end], f)
		sum += float64(s.s[0])
	}
	s.sum[k] = sum
}

// ColMax updates mx_j = max(mx_j, max_i (f_i - kappa C_ij)) over rows i0 to i1-1.
func (s *Scratch[T]) ColMax(c Cost[T], i0, i1 int, kappa T, f, mx []T) {
	m := len(mx)
	for step := s.rows(m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		t, ld := s.tileOf(c, i0, top, m)
		for j := 0; j < m; j += maxCols {
			end := min(j+maxCols, m)
			kernels.ColMax(mx[j:end], t[j:], ld, kappa, f[i0:top])
		}
	}
}

// ColSum updates acc_j += sum_i w_i 2^(g_j - kappa C_ij + f_i) over rows i0 to i1-1, with w_i = 1 where w is nil.
func (s *Scratch[T]) ColSum(c Cost[T], i0, i1 int, kappa T, f, g, acc, w []T) {
	m := len(g)
	for step := s.rows(m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		t, ld := s.tileOf(c, i0, top, m)
		s.rowSums(t, ld, kappa, f[i0:top], g)
		for k := range top - i0 {
			s.w[k] = 1
			if w != nil {
				s.w[k] = w[i0+k]
			}
		}
		for j := 0; j < m; j += maxCols {
			end := min(j+maxCols, m)
			kernels.SweepCols(acc[j:end], s.e[j:], m, s.w[:top-i0])
		}
	}
}
