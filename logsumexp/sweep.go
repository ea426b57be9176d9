package logsumexp

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A block has as many rows as [kernels.SweepBlock] says, at most maxRows. A call of a kernel spans at most storedCols columns of a stored
// cost, so that none lasts longer than about 100 us, and tileCols of a computed one, whose tile should not leave the first level of cache.
const (
	maxRows    = 32
	storedCols = 1 << 14
	tileCols   = 1 << 10
)

// MinColSum is the least column sum that [Scratch.Sweep] accumulates without loss to the range of float32. A column below it is to be computed
// again with its own maximum as the shift; see [ColumnLSE].
const MinColSum = 0x1p-80

// A sum of a row outside [minRowSum, maxRowSum] has lost precision to the range of float32; it is computed again with its own maximum as the shift.
const (
	minRowSum = 0x1p-20
	maxRowSum = 0x1p100
)

// Scratch is the memory that a reduction needs beside its results. One serves any number of reductions, one at a time.
type Scratch[T kernels.Float] struct {
	e                   []T // exponentials of a block, leading dimension m
	tile                []T // costs of a block and some columns
	s, w, shifts        [maxRows]T
	sum                 [maxRows]float64
	dots, weights, part []T // of a block of a kernel
	top, neg, acc       []T // of ColumnLSE
}

// tallRows is the least height of a block whose tiles are products of matrices: twice the 14 rows of C that GEMM holds in registers in float32 on
// AVX-512. Lower ones read the points of the columns more often. Whole iterations from 4096 points in 64, 256 and 784 dimensions on one Zen 5 core,
// ms for 14 and 28 rows: 14.2, 12.9; 43, 45; 183, 151; with 1024 points in 784 dimensions 7.5, 7.6.
const tallRows = 28

// rows returns the height of a block for m columns.
func (s *Scratch[T]) rows(c Cost[T], m int) int {
	r := min(maxRows, kernels.SweepBlock(m))
	if p, ok := c.(*Points[T]); ok && !p.direct() {
		r = max(r, tallRows)
	}
	if len(s.e) < r*m {
		s.e = make([]T, r*m)
	}
	return r
}

// cols returns how many columns of m a call of a kernel spans.
func (s *Scratch[T]) cols(c Cost[T], m int) int {
	if _, stored := c.(*Stored[T]); stored {
		return storedCols
	}
	if size := s.rows(c, m) * min(m, tileCols); len(s.tile) < size {
		s.tile = make([]T, size)
	}
	return tileCols
}

// A RowUpdate is told the sums sum[k] of rows i0+k of e under the row potentials f that it was computed with, and sets the weights w[k]
// with which these rows of e enter the column sums.
type RowUpdate[T kernels.Float] func(i0 int, sum []float64, w []T)

// Sweep runs one iteration of Sinkhorn's algorithm on rows i0 to i1-1 with one exponential and one read of the cost per entry, two above 2^18
// columns of a computed cost:
//
//	sum_i  = sum_j 2^(g_j - kappa C_ij + f_i)
//	acc_j += sum_i w_i 2^(g_j - kappa C_ij + f_i)         w set by update from sum
//
// Where exact, or where a sum leaves [2^-20, 2^100], f_i is replaced by minus the maximum of g_j - kappa C_ij before update sees the row; redone
// counts the latter rows. A row without a finite entry has sum 0. Without acc (nil) only the rows are visited.
func (s *Scratch[T]) Sweep(c Cost[T], i0, i1 int, kappa T, f, g, acc []T, exact bool, update RowUpdate[T]) (redone int) {
	m := len(g)
	if _, stored := c.(*Stored[T]); !stored && m > keptCols && acc != nil {
		return s.sweepTwice(c, i0, i1, kappa, f, g, acc, exact, update)
	}
	for step := s.rows(c, m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		r := top - i0
		if exact {
			s.shift(c, i0, top, kappa, f[i0:top], g)
		}
		s.rowSums(c, i0, top, kappa, f[i0:top], g)
		for k := range r {
			if v := s.sum[k]; !exact && !(v >= minRowSum && v <= maxRowSum) {
				redone++
				s.redo(c, i0, k, kappa, f, g)
			}
		}
		update(i0, s.sum[:r], s.w[:r])
		if acc != nil {
			s.addColumns(acc, s.w[:r])
		}
	}
	return redone
}

// Rows of a computed cost longer than keptCols are not kept: e would leave the near caches, and computing its entries again takes less
// time than they take there and back. Whole iterations from points in 2 and 3 dimensions with 10^6 columns on a Zen 5 core, G entries/s: 1.5 and 1.0
// with rows kept one at a time, 2.6 and 1.8 computed twice in blocks of 16, 3.0 and 2.7 of 32.
const (
	keptCols  = 1 << 18
	twiceRows = maxRows
)

// sweepTwice is Sweep with two exponentials an entry: all sums of a block of rows first, then its columns, both in runs of columns that stay in
// the near caches.
func (s *Scratch[T]) sweepTwice(c Cost[T], i0, i1 int, kappa T, f, g, acc []T, exact bool, update RowUpdate[T]) (redone int) {
	m := len(g)
	if len(s.tile) < twiceRows*tileCols {
		s.tile = make([]T, twiceRows*tileCols)
	}
	if len(s.e) < twiceRows*tileCols {
		s.e = make([]T, twiceRows*tileCols)
	}
	// each shows all runs of columns of rows i to i+r-1 with their exponentials under shifts, and adds up their sums.
	each := func(i int, shifts []T, sum []float64, visit func(j, end int)) {
		r := len(shifts)
		clear(sum)
		for j := 0; j < m; j += tileCols {
			end := min(j+tileCols, m)
			t, ld := c.Tile(s.tile, i, i+r, j, end)
			kernels.SweepRows(s.e, tileCols, s.s[:r], t, ld, kappa, g[j:end], shifts)
			for k := range sum {
				sum[k] += float64(s.s[k])
			}
			if visit != nil {
				visit(j, end)
			}
		}
	}
	for ; i0 < i1; i0 += twiceRows {
		top := min(i0+twiceRows, i1)
		r := top - i0
		if exact {
			s.shift(c, i0, top, kappa, f[i0:top], g)
		}
		each(i0, f[i0:top], s.sum[:r], nil)
		for k := range r {
			if v := s.sum[k]; !exact && !(v >= minRowSum && v <= maxRowSum) {
				redone++
				s.shift(c, i0+k, i0+k+1, kappa, f[i0+k:i0+k+1], g)
				each(i0+k, f[i0+k:i0+k+1], s.sum[k:k+1], nil)
			}
		}
		shifts := s.shifts[:copy(s.shifts[:], f[i0:top])] // update may move f
		update(i0, s.sum[:r], s.w[:r])
		each(i0, shifts, nil, func(j, end int) {
			kernels.SweepCols(acc[j:end], s.e, tileCols, s.w[:r])
		})
	}
	return redone
}

// addColumns adds the rows of s.e, weighted, to acc.
func (s *Scratch[T]) addColumns(acc, w []T) {
	m := len(acc)
	for j := 0; j < m; j += storedCols {
		end := min(j+storedCols, m)
		kernels.SweepCols(acc[j:end], s.e[j:], m, w)
	}
}

// shift sets f, of rows i0 to i1-1, to minus the maxima of the rows of g - kappa C.
func (s *Scratch[T]) shift(c Cost[T], i0, i1 int, kappa T, f, g []T) {
	for k := range f {
		f[k] = T(math.Inf(-1))
	}
	cols := s.cols(c, len(g))
	for j := 0; j < len(g); j += cols {
		end := min(j+cols, len(g))
		t, ld := c.Tile(s.tile, i0, i1, j, end)
		kernels.RowMax(s.s[:len(f)], t, ld, kappa, g[j:end])
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

// rowSums sets the rows of s.e to those of i0 to i1-1, and their sums.
func (s *Scratch[T]) rowSums(c Cost[T], i0, i1 int, kappa T, f, g []T) {
	m := len(g)
	clear(s.sum[:])
	cols := s.cols(c, len(g))
	for j := 0; j < m; j += cols {
		end := min(j+cols, m)
		t, ld := c.Tile(s.tile, i0, i1, j, end)
		kernels.SweepRows(s.e[j:], m, s.s[:len(f)], t, ld, kappa, g[j:end], f)
		for k := range f {
			s.sum[k] += float64(s.s[k])
		}
	}
}

// redo computes row k of the block at i0 again with its own maximum as the shift.
func (s *Scratch[T]) redo(c Cost[T], i0, k int, kappa T, f, g []T) {
	i := i0 + k
	s.shift(c, i, i+1, kappa, f[i:i+1], g)
	m := len(g)
	var sum float64
	cols := s.cols(c, len(g))
	for j := 0; j < m; j += cols {
		end := min(j+cols, m)
		t, ld := c.Tile(s.tile, i, i+1, j, end)
		kernels.SweepRows(s.e[k*m+j:], m, s.s[:1], t, ld, kappa, g[j:end], f[i:i+1])
		sum += float64(s.s[0])
	}
	s.sum[k] = sum
}

// ColMax updates mx_j = max(mx_j, max_i (f_i - kappa C_ij)) over rows i0 to i1-1.
func (s *Scratch[T]) ColMax(c Cost[T], i0, i1 int, kappa T, f, mx []T) {
	m := len(mx)
	cols := s.cols(c, m)
	for step := s.rows(c, m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		for j := 0; j < m; j += cols {
			end := min(j+cols, m)
			t, ld := c.Tile(s.tile, i0, top, j, end)
			kernels.ColMax(mx[j:end], t, ld, kappa, f[i0:top])
		}
	}
}

// ColSum updates acc_j += sum_i 2^(g_j - kappa C_ij + f_i) over rows i0 to i1-1.
func (s *Scratch[T]) ColSum(c Cost[T], i0, i1 int, kappa T, f, g, acc []T) {
	for k := range s.w {
		s.w[k] = 1
	}
	for step := s.rows(c, len(g)); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		s.rowSums(c, i0, top, kappa, f[i0:top], g)
		s.addColumns(acc, s.w[:top-i0])
	}
}
