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
	for step := s.rows(c, m); i0 < i1; i0 += step {
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

// Each shows visit every row i of i0 to i1-1 with its costs and exponentials e_j = 2^(f_i + g_j - kappa C_ij), in order and as far as a
// tile reaches: columns j0 to j0+len(c)-1. visit must not keep or write to c; it may overwrite e.
func (s *Scratch[T]) Each(c Cost[T], i0, i1 int, kappa T, f, g []T, visit func(i, j0 int, c, e []T)) {
	m := len(g)
	cols := s.cols(c, m)
	for step := s.rows(c, m); i0 < i1; i0 += step {
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
