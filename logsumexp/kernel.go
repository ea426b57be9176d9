package logsumexp

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Kernel is the matrix of exponentials
//
//	K_ij = 2^(F_i + G_j - Kappa C_ij)
//
// that iterations of Sinkhorn's algorithm scale by factors of rows and of columns: while those stay near 1, steps take products with K and
// no exponential. K is kept in E where E is not nil, else computed again by every pass. A column with G_j = -Inf takes no part.
type Kernel[T kernels.Float] struct {
	Cost  Cost[T]
	Kappa T   // log2(e)/eps
	F, G  []T // of rows and columns, n and m
	E     []T // K, n x m, or nil
}

// height returns the rows of a block, which is computed or taken from E.
func (k *Kernel[T]) height(s *Scratch[T], m int, computed bool) int {
	if computed {
		return s.rows(k.Cost, m)
	}
	return kernels.SweepBlock(m) // still in a near cache when its columns are summed
}

// Pass visits rows i0 to i1-1 of the kernel block by block:
//
//	dots_i = sum_j K_ij v_j                  shown to rows with i0 the first row of its block, which sets w
//	acc_j += sum_i w_i K_ij                  where acc is not nil
//
// With fill the kernel is computed, and kept in E, else it is taken from there. dots and w belong to the callee until rows returns.
func (k *Kernel[T]) Pass(s *Scratch[T], i0, i1 int, fill bool, v []T, rows func(i0 int, dots, w []T), acc []T) {
	m := len(k.G)
	computed := fill || k.E == nil
	step := k.height(s, m, computed)
	if len(s.dots) < step {
		s.dots, s.weights, s.part = make([]T, step), make([]T, step), make([]T, step)
	}
	for ; i0 < i1; i0 += step {
		top := min(i0+step, i1)
		e := s.e
		if k.E != nil {
			e = k.E[i0*m:]
		}
		if computed {
			k.exponentials(s, e, i0, top, v)
		} else {
			s.products(e, m, top-i0, v)
		}
		dots, w := s.dots[:top-i0], s.weights[:top-i0]
		rows(i0, dots, w)
		for j := 0; j < m && acc != nil; j += storedCols {
			end := min(j+storedCols, m)
			kernels.SweepCols(acc[j:end], e[j:], m, w)
		}
	}
}

// Scale is [Kernel.Pass] of a kernel in memory, in one read of it, for rows whose weights are w_i = a_i/dots_i, both of which it sets. No
// a_i is 0.
func (k *Kernel[T]) Scale(i0, i1 int, v, a, dots, w, acc []T) {
	m := len(k.G)
	kernels.SweepScale(dots[i0:i1], w[i0:i1], k.E[i0*m:], m, v, acc, a[i0:i1])
}

// exponentials sets e to rows i0 to i1-1 of the kernel and s.dots to their products with v.
func (k *Kernel[T]) exponentials(s *Scratch[T], e []T, i0, i1 int, v []T) {
	m := len(k.G)
	dots, part := s.dots[:i1-i0], s.part[:i1-i0]
	cols := s.cols(k.Cost, m)
	step := i1 - i0
	if _, stored := k.Cost.(*Stored[T]); !stored {
		step = s.rows(k.Cost, m) // what the buffer of a tile holds
	}
	clear(dots)
	for ; i0 < i1; i0 += step {
		top := min(i0+step, i1)
		r := top - i0
		for j := 0; j < m; j += cols {
			end := min(j+cols, m)
			t, ld := k.Cost.Tile(s.tile, i0, top, j, end)
			kernels.SweepRowsDot(e[j:], m, part[:r], t, ld, k.Kappa, k.G[j:end], k.F[i0:top], v[j:end])
			for q := range r {
				dots[q] += part[q]
			}
		}
		dots = dots[r:]
		if top < i1 {
			e = e[r*m:]
		}
	}
}

// products sets s.dots to the products of the rows of e with v.
func (s *Scratch[T]) products(e []T, m, rows int, v []T) {
	dots, part := s.dots[:rows], s.part[:rows]
	kernels.SweepDots(dots, e, m, v[:min(m, storedCols)])
	for j := storedCols; j < m; j += storedCols {
		end := min(j+storedCols, m)
		kernels.SweepDots(part, e[j:], m, v[j:end])
		kernels.Axpy(dots, 1, part)
	}
}

// Fill sets rows i0 to i1-1 of E from exponents that are formed in float64 from wide, the cost, kappa and the potentials of the kernel: a
// relative error of 2^-24 an entry in float32, where the rounding of an exponent as large as kappa C alone is more.
func (k *Kernel[T]) Fill(s *Scratch[float64], wide Cost[float64], i0, i1 int, kappa float64) {
	m := len(k.G)
	s.rows(wide, m)
	g, f := make([]float64, m), make([]float64, 1)
	for j, v := range k.G {
		g[j] = float64(v)
	}
	for i := i0; i < i1; i++ {
		f[0] = float64(k.F[i])
		s.rowSums(wide, i, i+1, kappa, f, g)
		convert(k.E[i*m:(i+1)*m], s.e[:m])
	}
}

// Tile sets dst, of leading dimension j1-j0, to a part of the kernel, computed anew.
func (k *Kernel[T]) Tile(s *Scratch[T], dst []T, i0, i1, j0, j1 int) {
	cols := s.cols(k.Cost, j1-j0)
	step := s.rows(k.Cost, j1-j0)
	ld := j1 - j0
	for i := i0; i < i1; i += step {
		top := min(i+step, i1)
		for j := j0; j < j1; j += cols {
			end := min(j+cols, j1)
			t, ldt := k.Cost.Tile(s.tile, i, top, j, end)
			kernels.SweepRows(dst[(i-i0)*ld+j-j0:], ld, s.s[:top-i], t, ldt, k.Kappa, k.G[j:end], k.F[i:top])
		}
	}
}

// ShiftRows sets F of rows i0 to i1-1 to minus the maxima over j of g_j - Kappa C_ij, 0 for a row without a finite entry.
func (k *Kernel[T]) ShiftRows(s *Scratch[T], i0, i1 int, g []T) {
	for step := s.rows(k.Cost, len(g)); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		s.shift(k.Cost, i0, top, k.Kappa, k.F[i0:top], g)
	}
}

// ColumnLSE sets lse_j = log2 sum_i 2^(f_i - kappa C_ij) for every column, each with its own maximum as the shift; -Inf for none.
func ColumnLSE[T kernels.Float](s *Scratch[T], c Cost[T], kappa T, f []T, lse []float64) {
	n, m := c.Dims()
	s.top, s.neg, s.acc = sized(s.top, m), sized(s.neg, m), sized(s.acc, m)
	top, neg, acc := s.top, s.neg, s.acc
	for j := range top {
		top[j] = T(math.Inf(-1))
	}
	s.ColMax(c, 0, n, kappa, f, top)
	clear(neg)
	for j, v := range top {
		if !math.IsInf(float64(v), 0) {
			neg[j] = -v
		}
	}
	clear(lse)
	const rows = 64 // added in T before float64
	for lo := 0; lo < n; lo += rows {
		clear(acc)
		s.ColSum(c, lo, min(lo+rows, n), kappa, f, neg, acc)
		for j, v := range acc {
			lse[j] += float64(v)
		}
	}
	for j, v := range lse {
		lse[j] = math.Log2(v) - float64(neg[j])
	}
}

// Weigh sets dst, of leading dimension ld, to a part of the derivative of <C,P> at fixed potentials, P_ij = a_i K_ij:
//
//	dst_ij = P_ij (1 - C_ij invEps)          a_i of row i0+i
//
// and e, of leading dimension j1-j0, to the part of the kernel.
func (k *Kernel[T]) Weigh(s *Scratch[T], dst []T, ld int, e []T, i0, i1, j0, j1 int, a []T, invEps T) {
	cols := s.cols(k.Cost, j1-j0)
	step := s.rows(k.Cost, j1-j0)
	lde := j1 - j0
	if len(s.part) < cols {
		s.part = make([]T, cols)
	}
	for i := i0; i < i1; i += step {
		top := min(i+step, i1)
		r := top - i
		for j := j0; j < j1; j += cols {
			end := min(j+cols, j1)
			t, ldt := k.Cost.Tile(s.tile, i, top, j, end)
			kernels.SweepRows(e[(i-i0)*lde+j-j0:], lde, s.s[:r], t, ldt, k.Kappa, k.G[j:end], k.F[i:top])
			kernels.SweepValue(s.s[:r], s.part[:end-j], dst[(i-i0)*ld+j-j0:], ld, e[(i-i0)*lde+j-j0:], lde, t, ldt, a[i-i0:top-i0], invEps)
		}
	}
}
