package logsumexp

import "github.com/sinkcpu/sinkcpu/kernels"

// For inner products y lies in panels of panelCols points, each of d rows of that length: a tile reads every panel from its beginning to its end, once
// for all its rows, where rows of all of y would each be on a page of their own. The products take panelDepth coordinates at a time, so that
// GEMM makes them without a buffer. Tiles of up to thinRows rows, and whole matrices, leave it to GEMM to read y as it is.
const (
	panelCols  = 64
	panelDepth = 256
	thinRows   = 4
)

// panels returns the m points y in panels, the last one filled up with zeros.
func panels[T kernels.Float](y []T, m, d int) []T {
	dst := make([]T, (m+panelCols-1)/panelCols*panelCols*d)
	for j := 0; j < m; j += panelCols {
		kernels.Transpose(dst[j*d:], panelCols, y[j*d:], d, min(panelCols, m-j), d)
	}
	return dst
}

// panelProducts sets dst to alpha times the inner products of rows i0 to i1-1 with columns j0 to j1-1.
func (p *Points[T]) panelProducts(dst []T, ld, i0, i1, j0, j1 int, alpha T) {
	for j := j0; j < j1; {
		first := j / panelCols * panelCols
		end := min(first+panelCols, j1)
		for k := 0; k < p.d; k += panelDepth {
			beta := T(1)
			if k == 0 {
				beta = 0
			}
			kernels.Gemm(nil, false, false, i1-i0, end-j, min(panelDepth, p.d-k), alpha, p.x[i0*p.d+k:], p.d,
				p.yt[(first*p.d+k*panelCols+j-first):], panelCols, beta, dst[j-j0:], ld)
		}
		j = end
	}
}
