package blas

import (
	"gonum.org/v1/gonum/blas"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// rankBlock is the order of the diagonal blocks of C that are computed whole, of which half is then used.
const rankBlock = 64

// A rankUpdate is C = alpha op(A) op(B)^T + alpha op(B) op(A)^T + beta C of one triangle of C.
type rankUpdate[T kernels.Float] struct {
	run           kernels.Runner
	upper, trans  bool
	n, k          int
	alpha, beta   T
	a, b, c       []T
	lda, ldb, ldc int
}

func syrk[T kernels.Float](run kernels.Runner, ul blas.Uplo, tA blas.Transpose, n, k int, alpha T, a []T, lda int, beta T, c []T, ldc int) {
	if !checkSyrk(ul, tA, n, k, len(a), lda, len(c), ldc) {
		return
	}
	upper, trans := ul == blas.Upper, tA != blas.NoTrans
	if trans && beta == 0 && alpha < 0 { // the signs of zeros, as in multiply: without transposition gonum multiplies by alpha
		for i := range n {
			first, last := i, n
			if !upper {
				first, last = 0, i+1
			}
			clear(c[i*ldc:][first:last])
		}
		beta = 1
	}
	kernels.Syrk(run, upper, trans, n, k, alpha, a, lda, beta, c, ldc)
}

func syr2k[T kernels.Float](run kernels.Runner, ul blas.Uplo, tA blas.Transpose, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if !checkSyr2k(ul, tA, n, k, len(a), lda, len(b), ldb, len(c), ldc) {
		return
	}
	u := rankUpdate[T]{
		run: run, upper: ul == blas.Upper, trans: tA != blas.NoTrans, n: n, k: k,
		alpha: alpha, beta: beta, a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc,
	}
	u.update()
}

func (u *rankUpdate[T]) update() {
	blocks := (u.n + rankBlock - 1) / rankBlock
	inside := u.run
	if blocks > 1 {
		inside = nil
	}
	parallel.For(u.run, blocks, func(block int) {
		i := block * rankBlock
		u.diagonal(inside, i, min(i+rankBlock, u.n))
	})
	u.beside(0, u.n)
}

// beside updates what of C[i0:i1, i0:i1] lies outside the diagonal blocks.
func (u *rankUpdate[T]) beside(i0, i1 int) {
	if i1-i0 <= rankBlock {
		return
	}
	mid := halve(i0, i1, rankBlock)
	rows, cols := [2]int{i0, mid}, [2]int{mid, i1}
	if !u.upper {
		rows, cols = cols, rows
	}
	c := u.c[rows[0]*u.ldc+cols[0]:]
	u.product(u.run, rows, cols, u.a, u.lda, u.b, u.ldb, u.beta, c, u.ldc)
	u.product(u.run, rows, cols, u.b, u.ldb, u.a, u.lda, 1, c, u.ldc)
	u.beside(i0, mid)
	u.beside(mid, i1)
}

// product sets C = alpha op(A) op(B)^T + beta C, with the given rows of op(A) and of op(B).
func (u *rankUpdate[T]) product(run kernels.Runner, rows, cols [2]int, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if u.trans {
		a, b = a[rows[0]:], b[cols[0]:]
	} else {
		a, b = a[rows[0]*lda:], b[cols[0]*ldb:]
	}
	multiply(run, u.trans, !u.trans, rows[1]-rows[0], cols[1]-cols[0], u.k, u.alpha, a, lda, b, ldb, beta, c, ldc)
}

// diagonal updates the triangle of C[i0:i1, i0:i1].
func (u *rankUpdate[T]) diagonal(run kernels.Runner, i0, i1 int) {
	n := i1 - i0
	buf := borrow[T](n * n)
	defer giveBack(buf)
	p := *buf
	rows := [2]int{i0, i1}
	u.product(run, rows, rows, u.a, u.lda, u.b, u.ldb, 0, p, n)
	for i := range n {
		j0, j1 := i, n
		if !u.upper {
			j0, j1 = 0, i+1
		}
		c := u.c[(i0+i)*u.ldc+i0:]
		for j := j0; j < j1; j++ {
			v := p[i*n+j] + p[j*n+i]
			if u.beta != 0 {
				v += u.beta * c[j]
			}
			c[j] = v
		}
	}
}
