package blas

import (
	"gonum.org/v1/gonum/blas"

	"github.com/sinkcpu/sinkcpu/kernels"
)

func gemm[T kernels.Float](run kernels.Runner, tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if checkGemm(tA, tB, m, n, k, len(a), lda, len(b), ldb, len(c), ldc) {
		multiply(run, tA != blas.NoTrans, tB != blas.NoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	}
}

// multiply is [kernels.Gemm], except that where beta = 0 a sum that is zero gives +0 whatever the sign of alpha, as in gonum, which
// adds it to a cleared C.
func multiply[T kernels.Float](run kernels.Runner, transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if beta == 0 && alpha < 0 {
		for i := range m {
			clear(c[i*ldc:][:n])
		}
		beta = 1
	}
	kernels.Gemm(run, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// halve cuts [i0, i1), longer than block, in two, the first a multiple of block long.
func halve(i0, i1, block int) int {
	blocks := (i1 - i0 + block - 1) / block
	return i0 + (blocks+1)/2*block
}
