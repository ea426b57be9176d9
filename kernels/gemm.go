package kernels

// A Runner runs body(0) to body(n-1), in any order and on any number of goroutines, and returns when all are done.
// A nil Runner runs them in the calling goroutine.
type Runner interface {
	For(n int, body func(i int))
}

// Gemm computes
//
//	C = alpha op(A) op(B) + beta C
//
// where op(A) is m x k (A itself, or the transpose of a k x m matrix A when transA), op(B) is k x n (B itself, or the transpose of an
// n x k matrix B when transB), C is m x n, all row-major with leading dimensions lda, ldb, ldc in elements. C does not overlap A or B.
//
// As in the BLAS, C is not read where beta = 0, and A and B are not read where alpha = 0 or k = 0, so a NaN in what is not read does
// not survive; every other NaN does. An element of C is a sum in an order that depends on m, n, k and the transposes only: the same
// bits for any Runner.
//
// Gemm packs panels of A and B into buffers that the package keeps for later calls: at most 11 MB for
// each of the calls that run at the same time, or for a product of at most 4 rows or columns as much as its smaller operand.
func Gemm[T Float](run Runner, transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	checkGemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc)
	gemm(&active[T]().gemm, run, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func checkGemm[T Float](transA, transB bool, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int) {
	if m < 0 || n < 0 || k < 0 {
		panic("kernels: negative dimension")
	}
	if transA {
		checkBlock(a, lda, k, m)
	} else {
		checkBlock(a, lda, m, k)
	}
	if transB {
		checkBlock(b, ldb, n, k)
	} else {
		checkBlock(b, ldb, k, n)
	}
	checkBlock(c, ldc, m, n)
}

// gemm is Gemm with the kernels of one tier and checked arguments.
func gemm[T Float](tile *gemmTile[T], run Runner, transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 || alpha == 0 {
		scaleBlock(c, ldc, m, n, beta)
		return
	}
	left, right := operand[T]{x: a, ld: lda, deep: !transA}, operand[T]{x: b, ld: ldb, deep: transB}
	if tile.isSmall(&left, &right, m, n, k) {
		tile.small(&left, &right, m, n, k, alpha, beta, c, ldc)
		return
	}
	g := jobsOf[T]().take()
	g.set(tile, run, m, n, k, alpha, beta, c, ldc)
	g.a, g.b = left, right
	switch {
	case n <= thin && g.a.deep, m <= thin && g.b.deep:
		g.dots()
	case n == 1, m == 1:
		g.weighted()
	case n <= thin && n < m:
		g.transposed()
	default:
		g.columns()
	}
	g.release()
}

// scaleBlock sets C = beta C.
func scaleBlock[T Float](c []T, ldc, m, n int, beta T) {
	for i := range m {
		row := c[i*ldc:][:n]
		switch beta {
		case 0:
			clear(row)
		case 1:
		default:
			for j := range row {
				row[j] *= beta
			}
		}
	}
}
