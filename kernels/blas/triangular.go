package blas

import (
	"gonum.org/v1/gonum/blas"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A triangular is a product Y = alpha M Y, or where solve the solution of M X = alpha Y in place of Y, with a triangular M.
//
// Y is B, and M is op(A); on the right Y is B^T, and M is op(A)^T.
type triangular[T kernels.Float] struct {
	run                       kernels.Runner
	solve, right, lower, unit bool // lower: M is
	flip                      bool // M is A^T
	order, across             int  // of M; columns of Y
	a, b                      []T
	lda, ldb                  int
}

func newTriangular[T kernels.Float](run kernels.Runner, solve bool, s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, a []T, lda int, b []T, ldb int) *triangular[T] {
	right := s == blas.Right
	flip := (tA != blas.NoTrans) != right
	order := orderOf(s, m, n)
	return &triangular[T]{
		run: run, solve: solve, right: right, flip: flip, lower: (ul == blas.Upper) == flip, unit: d == blas.Unit,
		order: order, across: m + n - order, a: a, b: b, lda: lda, ldb: ldb,
	}
}

func trmm[T kernels.Float](run kernels.Runner, s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha T, a []T, lda int, b []T, ldb int) {
	if checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb) {
		t := newTriangular(run, false, s, ul, tA, d, m, n, a, lda, b, ldb)
		t.rows(0, t.order, alpha)
	}
}

func trsm[T kernels.Float](run kernels.Runner, s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha T, a []T, lda int, b []T, ldb int) {
	if checkTriangular(s, ul, tA, d, m, n, len(a), lda, len(b), ldb) {
		t := newTriangular(run, true, s, ul, tA, d, m, n, a, lda, b, ldb)
		t.rows(0, t.order, alpha)
	}
}

// rows treats rows [i0, i1) of M, of which the columns outside are done, or follow.
//
// With M = [M11 0; M21 M22] the product is Y2 = alpha (M22 Y2 + M21 Y1), then Y1 = alpha M11 Y1, and the solution M11 X1 = alpha Y1,
// then M22 X2 = alpha Y2 - M21 X1.
func (t *triangular[T]) rows(i0, i1 int, alpha T) {
	if i1-i0 <= diagonalBlock {
		t.diagonal(i0, i1, alpha)
		return
	}
	mid := halve(i0, i1, diagonalBlock)
	to, from := [2]int{mid, i1}, [2]int{i0, mid}
	if !t.lower {
		to, from = from, to
	}
	if t.solve {
		t.rows(from[0], from[1], alpha)
		t.add(to, from, -1, alpha)
		t.rows(to[0], to[1], 1)
		return
	}
	t.rows(to[0], to[1], alpha)
	t.add(to, from, alpha, 1)
	t.rows(from[0], from[1], alpha)
}

// add sets Y[to] = alpha M[to, from] Y[from] + beta Y[to].
func (t *triangular[T]) add(to, from [2]int, alpha, beta T) {
	at := to[0]*t.lda + from[0]
	if t.flip {
		at = from[0]*t.lda + to[0]
	}
	m, rows, depth := t.a[at:], to[1]-to[0], from[1]-from[0]
	if t.right {
		multiply(t.run, false, !t.flip, t.across, rows, depth, alpha, t.b[from[0]:], t.ldb, m, t.lda, beta, t.b[to[0]:], t.ldb)
	} else {
		multiply(t.run, t.flip, false, rows, t.across, depth, alpha, m, t.lda, t.b[from[0]*t.ldb:], t.ldb, beta, t.b[to[0]*t.ldb:], t.ldb)
	}
}
