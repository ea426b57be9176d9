package blas

import "gonum.org/v1/gonum/blas"

// Sgemm computes
//
//	C = alpha op(A) op(B) + beta C
//
// where op(A) is m x k, op(B) is k x n, and C is m x n; op is the identity or the transpose, by tA and tB.
func (impl Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 || !pays(m*n*k, leastGemm) {
		impl.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	gemm(impl.workers(), tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Ssymm computes
//
//	C = alpha A B + beta C    if s is Left, A of m x m
//	C = alpha B A + beta C    if s is Right, A of n x n
//
// where A is symmetric, of which the triangle ul is read, and B and C are m x n.
func (impl Implementation) Ssymm(s blas.Side, ul blas.Uplo, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 || !pays(m*n*orderOf(s, m, n), leastSquare) {
		impl.Implementation.Ssymm(s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	symm(impl.workers(), s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Ssyrk computes the triangle ul of
//
//	C = alpha A Aᵀ + beta C    if tA is NoTrans, A of n x k
//	C = alpha Aᵀ A + beta C    otherwise, A of k x n
func (impl Implementation) Ssyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc int) {
	if alpha == 0 || !pays(n*n*k, leastSquare) {
		impl.Implementation.Ssyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	syrk(impl.workers(), ul, tA, n, k, alpha, a, lda, beta, c, ldc)
}

// Ssyr2k computes the triangle ul of
//
//	C = alpha A Bᵀ + alpha B Aᵀ + beta C    if tA is NoTrans, A and B of n x k
//	C = alpha Aᵀ B + alpha Bᵀ A + beta C    otherwise, A and B of k x n
func (impl Implementation) Ssyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 || !pays(n*n*k, leastSquare) {
		impl.Implementation.Ssyr2k(ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	syr2k(impl.workers(), ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Strmm computes
//
//	B = alpha op(A) B    if s is Left, A of m x m
//	B = alpha B op(A)    if s is Right, A of n x n
//
// where A is triangular, of which the triangle ul is read (without its diagonal, taken to be 1, if d is Unit), and B is m x n.
func (impl Implementation) Strmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int) {
	if alpha == 0 || !pays(m*n*orderOf(s, m, n), leastSquare) {
		impl.Implementation.Strmm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	trmm(impl.workers(), s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
}

// Strsm replaces B by the solution X of
//
//	op(A) X = alpha B    if s is Left, A of m x m
//	X op(A) = alpha B    if s is Right, A of n x n
//
// where A is triangular, of which the triangle ul is read (without its diagonal, taken to be 1, if d is Unit), and B is m x n. A zero
// on the diagonal gives infinities and NaN, as division does.
func (impl Implementation) Strsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int) {
	if alpha == 0 || !pays(m*n*orderOf(s, m, n), leastSquare) {
		impl.Implementation.Strsm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	trsm(impl.workers(), s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
}

// Sgemv computes
//
//	y = alpha A x + beta y     if tA is NoTrans
//	y = alpha Aᵀ x + beta y    otherwise
//
// where A is m x n. The elements of x and y are incX and incY apart, in reverse where those are negative.
func (impl Implementation) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	if alpha == 0 || tA == blas.NoTrans && n < leastRow || !pays(m*n, leastGemv) {
		impl.Implementation.Sgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	gemv(impl.workers(), tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
}

// Sger computes
//
//	A = A + alpha x yᵀ
//
// where A is m x n. The elements of x and y are incX and incY apart, in reverse where those are negative; gonum 0.17 reads outside of
// x and y then.
func (impl Implementation) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	if alpha == 0 || incX > 0 && incY > 0 && (n < leastGer || !pays(m*n, leastGemv)) {
		impl.Implementation.Sger(m, n, alpha, x, incX, y, incY, a, lda)
		return
	}
	ger(impl.workers(), m, n, alpha, x, incX, y, incY, a, lda)
}
