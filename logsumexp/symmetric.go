package logsumexp

import "github.com/sinkcpu/sinkcpu/kernels"

// SweepSelf runs rows i0 to i1-1 of the part of a symmetric cost on and above the diagonal, each entry of which stands for two of the
// matrix. Rows are taken in blocks; with o(i) the first row of the block of row i,
//
//	e_ij   = 2^(g_j - kappa C_ij + f_i)          j >= o(i)
//	sum_i  = sum_{j >= o(i)} e_ij
//	acc_j += sum_{o(i) < o(j)} w_i e_ij
//
// For g_j = f_j + log2 w_j the sum of row j of the whole matrix is sum_j + acc_j/w_j once all rows have been run. sum and acc are as long as g;
// of acc only the part from i0 on is touched.
func (s *Scratch[T]) SweepSelf(c Cost[T], i0, i1 int, kappa T, f, g, w []T, sum []float64, acc []T) {
	m := len(g)
	cols := s.cols(c, m)
	for step := s.rows(c, m); i0 < i1; i0 += step {
		top := min(i0+step, i1)
		clear(sum[i0:top])
		for j := i0; j < m; j += cols {
			end := min(j+cols, m)
			t, ld := c.Tile(s.tile, i0, top, j, end)
			kernels.SweepRows(s.e[j:], m, s.s[:top-i0], t, ld, kappa, g[j:end], f[i0:top])
			for k, v := range s.s[:top-i0] {
				sum[i0+k] += float64(v)
			}
			if right := max(j, top); right < end {
				kernels.SweepCols(acc[right:end], s.e[right:], m, w[i0:top])
			}
		}
	}
}

// InRange reports whether a sum of a row of exponentials has kept its precision in float32, so that it need not be taken again with its own
// maximum as the shift.
func InRange(sum float64) bool { return sum >= minRowSum && sum <= maxRowSum }
