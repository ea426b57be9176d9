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
// where op(A) is m x k (A itself, or the transpose of a k x m matrix A when transA), op(B) is k x n, C is m x n, all row-major with
// leading dimensions lda, ldb, ldc in elements. C does not overlap A or B. With beta = 0, C is not read, so NaN in it does not survive.
// The result is the same bits for any Runner.
func Gemm[T Float](run Runner, transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	checkGemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc)
	at := func(i, l int) T {
		if transA {
			return a[l*lda+i]
		}
		return a[i*lda+l]
	}
	bt := func(l, j int) T {
		if transB {
			return b[j*ldb+l]
		}
		return b[l*ldb+j]
	}
	for i := range m {
		for j := range n {
			var s T
			for l := range k {
				s += at(i, l) * bt(l, j)
			}
			if beta == 0 {
				c[i*ldc+j] = alpha * s
			} else {
				c[i*ldc+j] = alpha*s + beta*c[i*ldc+j]
			}
		}
	}
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
