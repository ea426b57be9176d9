package blas

import (
	"gonum.org/v1/gonum/blas"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// symmBlock is the order of the diagonal blocks of a symmetric matrix that are completed before they are multiplied.
const symmBlock = 128

// A symmetric is a product C = alpha A B + beta C, or B A on the right, of which A is symmetric.
type symmetric[T kernels.Float] struct {
	run          kernels.Runner
	right, upper bool
	across       int // rows of B on the right, columns on the left
	alpha, beta  T
	a, b, c      []T
	lda          int
	ldb, ldc     int
}

func symm[T kernels.Float](run kernels.Runner, s blas.Side, ul blas.Uplo, m, n int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	if !checkSymm(s, ul, m, n, len(a), lda, len(b), ldb, len(c), ldc) {
		return
	}
	order := orderOf(s, m, n)
	p := symmetric[T]{
		run: run, right: s == blas.Right, upper: ul == blas.Upper, across: m + n - order,
		alpha: alpha, beta: beta, a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc,
	}
	buf := borrow[T](symmBlock * symmBlock)
	defer giveBack(buf)
	for i := 0; i < order; i += symmBlock {
		p.diagonal(i, min(i+symmBlock, order), *buf)
	}
	p.beside(0, order)
}

// diagonal sets the block of C that belongs to the diagonal block [i0, i1) of A.
func (p *symmetric[T]) diagonal(i0, i1 int, full []T) {
	n := i1 - i0
	for i := range n {
		for j := i; j < n; j++ {
			at := (i0+i)*p.lda + i0 + j
			if !p.upper {
				at = (i0+j)*p.lda + i0 + i
			}
			full[i*n+j], full[j*n+i] = p.a[at], p.a[at]
		}
	}
	p.add(false, n, n, full, n, i0, i0, p.beta)
}

// beside adds the products with what of A[i0:i1, i0:i1] lies outside the diagonal blocks.
func (p *symmetric[T]) beside(i0, i1 int) {
	if i1-i0 <= symmBlock {
		return
	}
	mid := halve(i0, i1, symmBlock)
	row, col := i0, mid
	if !p.upper {
		row, col = mid, i0
	}
	stored := p.a[row*p.lda+col:]
	p.add(!p.upper, mid-i0, i1-mid, stored, p.lda, i0, mid, 1)
	p.add(p.upper, i1-mid, mid-i0, stored, p.lda, mid, i0, 1)
	p.beside(i0, mid)
	p.beside(mid, i1)
}

// add adds to C the product with the block op(x) of A of rows x cols at (i, j).
func (p *symmetric[T]) add(trans bool, rows, cols int, x []T, ldx, i, j int, beta T) {
	if p.right {
		multiply(p.run, false, trans, p.across, cols, rows, p.alpha, p.b[i:], p.ldb, x, ldx, beta, p.c[j:], p.ldc)
	} else {
		multiply(p.run, trans, false, rows, p.across, cols, p.alpha, x, ldx, p.b[j*p.ldb:], p.ldb, beta, p.c[i*p.ldc:], p.ldc)
	}
}
