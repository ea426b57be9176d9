package blas

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// always is an Implementation that leaves nothing to gonum for being small, so that gonum's small cases test our code.
type always struct {
	gonum.Implementation
	run kernels.Runner
}

func (w always) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 {
		w.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	gemm(w.run, tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func (w always) Ssymm(s blas.Side, ul blas.Uplo, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 {
		w.Implementation.Ssymm(s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	symm(w.run, s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
}

func (w always) Ssyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc int) {
	if alpha == 0 || k == 0 {
		w.Implementation.Ssyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	syrk(w.run, ul, tA, n, k, alpha, a, lda, beta, c, ldc)
}

func (w always) Ssyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 || k == 0 {
		w.Implementation.Ssyr2k(ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	syr2k(w.run, ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func (w always) Strmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int) {
	if alpha == 0 {
		w.Implementation.Strmm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	trmm(w.run, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
}

func (w always) Strsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, b []float32, ldb int) {
	if alpha == 0 {
		w.Implementation.Strsm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	trsm(w.run, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
}

func (w always) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	if alpha == 0 {
		w.Implementation.Sgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	gemv(w.run, tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
}

func (w always) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	if alpha == 0 {
		w.Implementation.Sger(m, n, alpha, x, incX, y, incY, a, lda)
		return
	}
	ger(w.run, m, n, alpha, x, incX, y, incY, a, lda)
}

func (w always) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	if alpha == 0 {
		w.Implementation.Dgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	gemm(w.run, tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func (w always) Dsymm(s blas.Side, ul blas.Uplo, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	if alpha == 0 {
		w.Implementation.Dsymm(s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	symm(w.run, s, ul, m, n, alpha, a, lda, b, ldb, beta, c, ldc)
}

func (w always) Dsyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, beta float64, c []float64, ldc int) {
	if alpha == 0 || k == 0 {
		w.Implementation.Dsyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	syrk(w.run, ul, tA, n, k, alpha, a, lda, beta, c, ldc)
}

func (w always) Dsyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	if alpha == 0 || k == 0 {
		w.Implementation.Dsyr2k(ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	syr2k(w.run, ul, tA, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func (w always) Dtrmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int) {
	if alpha == 0 {
		w.Implementation.Dtrmm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	trmm(w.run, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
}

func (w always) Dtrsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int) {
	if alpha == 0 {
		w.Implementation.Dtrsm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	trsm(w.run, s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
}

func (w always) Dgemv(tA blas.Transpose, m, n int, alpha float64, a []float64, lda int, x []float64, incX int, beta float64, y []float64, incY int) {
	if alpha == 0 {
		w.Implementation.Dgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	gemv(w.run, tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
}

func (w always) Dger(m, n int, alpha float64, x []float64, incX int, y []float64, incY int, a []float64, lda int) {
	if alpha == 0 {
		w.Implementation.Dger(m, n, alpha, x, incX, y, incY, a, lda)
		return
	}
	ger(w.run, m, n, alpha, x, incX, y, incY, a, lda)
}
