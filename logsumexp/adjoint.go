package logsumexp

import "github.com/sinkcpu/sinkcpu/kernels"

// Value weighs the cost with the plan P_ij = a_i 2^(f_i + g_j - kappa C_ij) on rows i0 to i1-1:
//
//	p_i           = sum_j e_ij C_ij                     (so that <C,P> = sum_i a_i p_i)
//	sum_i         = sum_j e_ij
//	acc_j        += sum_i P_ij                          where acc is not nil
//	h_j          += sum_i P_ij C_ij
//	cbar_ij       = P_ij (1 - C_ij invEps)              where cbar is not nil, with leading dimension len(g)
func (s *Scratch[T]) Value(c Cost[T], i0, i1 int, kappa T, f, g, a []T, p, sum []float64, acc, h, cbar []T, invEps T) {
	m := len(g)
	cols := s.cols(c, m)
	for step := s.rows(m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		r := top - i0
		clear(s.sum[:])
		clear(p[i0:top])
		for j := 0; j < m; j += cols {
			end := min(j+cols, m)
			t, ld := c.Tile(s.tile, i0, top, j, end)
			kernels.SweepRows(s.e[j:], m, s.s[:r], t, ld, kappa, g[j:end], f[i0:top])
			for k := range r {
				s.sum[k] += float64(s.s[k])
			}
			var cb []T
			if cbar != nil {
				cb = cbar[i0*m+j:]
			}
			kernels.SweepValue(s.s[:r], h[j:end], cb, m, s.e[j:], m, t, ld, a[i0:top], invEps)
			for k := range r {
				p[i0+k] += float64(s.s[k])
			}
		}
		copy(sum[i0:top], s.sum[:r])
		if acc != nil {
			s.addColumns(acc, a[i0:top])
		}
	}
}

// Adjoint undoes one iteration of Sinkhorn's algorithm on rows i0 to i1-1. With e_ij under the potentials f, g after the iteration,
// ratio_j = 2^(g before - g after) and q_j the cotangent of g_j over b_j:
//
//	forward: g_j = -eps log sum_i a_i exp((f_i - C_ij)/eps)       d_i = sum_j e_ij q_j;  fbar_i -= a_i d_i;  cbar_ij += a_i e_ij q_j
//	forward: f_i = -eps log sum_j b_j exp((g_j - C_ij)/eps)       h_j += sum_i e_ij fbar_i;  cbar_ij += e_ij ratio_j fbar_i
//
// The cotangent of g before the iteration is -ratio_j h_j. fbar holds the cotangent of f from later uses on entry. The exponentials of row i
// are those of f_i rounded; alpha_i near 1 is the factor that rounding took, which a has in it already, and q and ratio that of g. cbar has leading dimension len(g). Source: theory of unrolled iterations by reverse differentiation, line by line.
func (s *Scratch[T]) Adjoint(c Cost[T], i0, i1 int, kappa T, f, g, q, ratio, a, alpha, fbar, h, cbar []T) {
	m := len(g)
	for step := s.rows(m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		s.columnStep(c, i0, top, kappa, f[i0:top], g, q, a[i0:top], alpha[i0:top], fbar[i0:top])
		for j := 0; j < m; j += storedCols {
			end := min(j+storedCols, m)
			kernels.SweepAdjoint(h[j:end], cbar[i0*m+j:], m, s.e[j:], m, q[j:end], ratio[j:end], a[i0:top], fbar[i0:top])
		}
	}
}

// AdjointApart is [Scratch.Adjoint] for ratios that leave float32: it takes the exponentials under the potentials g0 before the iteration
// on their own. The cotangent of g0 is -h_j.
func (s *Scratch[T]) AdjointApart(c Cost[T], i0, i1 int, kappa T, f, g, g0, q, a, alpha, fbar, h, cbar []T) {
	m := len(g)
	if len(s.ones) < max(m, maxRows) {
		s.dummy, s.zeros, s.ones = make([]T, m), make([]T, max(m, maxRows)), make([]T, max(m, maxRows))
		for j := range s.ones {
			s.ones[j] = 1
		}
	}
	for step := s.rows(m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		r := top - i0
		s.columnStep(c, i0, top, kappa, f[i0:top], g, q, a[i0:top], alpha[i0:top], fbar[i0:top])
		for j := 0; j < m; j += storedCols {
			end := min(j+storedCols, m)
			n := end - j
			kernels.SweepAdjoint(s.dummy[:n], cbar[i0*m+j:], m, s.e[j:], m, q[j:end], s.zeros[:n], a[i0:top], s.zeros[:r])
		}
		s.rowSums(c, i0, top, kappa, f[i0:top], g0)
		for j := 0; j < m; j += storedCols {
			end := min(j+storedCols, m)
			n := end - j
			kernels.SweepAdjoint(h[j:end], cbar[i0*m+j:], m, s.e[j:], m, s.zeros[:n], s.ones[:n], a[i0:top], fbar[i0:top])
		}
	}
}

// columnStep sets the rows of s.e and fbar_i <- alpha_i (fbar_i - a_i sum_j e_ij q_j).
func (s *Scratch[T]) columnStep(c Cost[T], i0, i1 int, kappa T, f, g, q, a, alpha, fbar []T) {
	m := len(g)
	clear(s.sum[:])
	cols := s.cols(c, m)
	for j := 0; j < m; j += cols {
		end := min(j+cols, m)
		t, ld := c.Tile(s.tile, i0, i1, j, end)
		kernels.SweepRowsDot(s.e[j:], m, s.s[:len(f)], t, ld, kappa, g[j:end], f, q[j:end])
		for k := range f {
			s.sum[k] += float64(s.s[k])
		}
	}
	for k := range f {
		fbar[k] = alpha[k] * (fbar[k] - a[k]*T(s.sum[k]))
	}
}

// Each shows visit every row i of i0 to i1-1 with its costs and exponentials e_j = 2^(f_i + g_j - kappa C_ij), in order and as far as a
// tile reaches: columns j0 to j0+len(c)-1. visit must not keep or write to c; it may overwrite e.
func (s *Scratch[T]) Each(c Cost[T], i0, i1 int, kappa T, f, g []T, visit func(i, j0 int, c, e []T)) {
	m := len(g)
	cols := s.cols(c, m)
	for step := s.rows(m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		for j := 0; j < m; j += cols {
			end := min(j+cols, m)
			t, ld := c.Tile(s.tile, i0, top, j, end)
			kernels.SweepRows(s.e[j:], m, s.s[:top-i0], t, ld, kappa, g[j:end], f[i0:top])
			for k := range top - i0 {
				visit(i0+k, j, t[k*ld:k*ld+end-j], s.e[k*m+j:k*m+end])
			}
		}
	}
}
