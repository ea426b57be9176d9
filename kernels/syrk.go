package kernels

// A triangle is the part of a square C that a product updates.
type triangle int

const (
	whole triangle = iota
	upperTriangle
	lowerTriangle
)

// Syrk updates one triangle, with the diagonal, of an n x n matrix:
//
//	C = alpha A A^T + beta C    A of n x k
//	C = alpha A^T A + beta C    A of k x n, where trans
//
// The other triangle is neither read nor written. Matrices are row-major with leading dimensions lda and ldc in elements; C does not overlap
// A. As in the BLAS, C is not read where beta = 0, nor A where alpha = 0 or k = 0. It is [Gemm] on the tiles of the triangle, half of them,
// with the same determinism and the same buffers.
func Syrk[T Float](run Runner, upper, trans bool, n, k int, alpha T, a []T, lda int, beta T, c []T, ldc int) {
	checkGemm(trans, !trans, n, n, k, a, lda, a, lda, c, ldc)
	syrk(&active[T]().gemm, run, upper, trans, n, k, alpha, a, lda, beta, c, ldc)
}

// syrk is Syrk with the kernels of one tier and checked arguments.
func syrk[T Float](tile *gemmTile[T], run Runner, upper, trans bool, n, k int, alpha T, a []T, lda int, beta T, c []T, ldc int) {
	if n == 0 {
		return
	}
	if k == 0 || alpha == 0 {
		for i := range n {
			first, last := i, n
			if !upper {
				first, last = 0, i+1
			}
			scaleBlock(c[i*ldc+first:], ldc, 1, last-first, beta)
		}
		return
	}
	g := jobsOf[T]().take()
	g.set(tile, run, n, n, k, alpha, beta, c, ldc)
	g.a = operand[T]{x: a, ld: lda, deep: !trans}
	g.b = g.a
	g.triangle = lowerTriangle
	if upper {
		g.triangle = upperTriangle
	}
	g.columns()
	g.release()
}

// place tells whether a tile of C at (i, j) lies outside of the triangle, or across its edge.
func (t triangle) place(i, j, rows, cols int) (outside, across bool) {
	switch t {
	case upperTriangle:
		return j+cols-1 < i, j < i+rows-1
	case lowerTriangle:
		return i+rows-1 < j, i < j+cols-1
	}
	return false, false
}

// updateAcross updates what of the tile of C at row i and column j of the block lies in the triangle, through a tile of the task's own.
func (g *gemmJob[T]) updateAcross(task int, a []T, lda int, b []T, ldb int, i, j, rows, cols int) {
	nr, beta := g.tile.nr, g.betaNow()
	i, j = g.i0+i, g.j0+j
	t := g.thinSums[task*g.tile.mr*nr:][:g.tile.mr*nr]
	g.micro()(g.kb, g.alpha, a, lda, b, ldb, 0, t, nr, rows, cols, &b[0])
	for r := range rows {
		first, last := max(i+r-j, 0), cols
		if g.triangle == lowerTriangle {
			first, last = 0, min(i+r-j+1, cols)
		}
		for s := first; s < last; s++ {
			store(&g.c[(i+r)*g.ldc+j+s], t[r*nr+s], beta)
		}
	}
}
