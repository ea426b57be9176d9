package blas

import (
	"gonum.org/v1/gonum/blas"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// vectorTask is the least number of elements of A that a task reads: 10 us of work or more.
const vectorTask = 1 << 17

func gemv[T kernels.Float](run kernels.Runner, tA blas.Transpose, m, n int, alpha T, a []T, lda int, x []T, incX int, beta T, y []T, incY int) {
	if !checkGemv(tA, m, n, len(a), lda, len(x), incX, len(y), incY) {
		return
	}
	if tA == blas.NoTrans {
		gemvRows(run, m, n, alpha, a, lda, x, incX, beta, y, incY)
	} else {
		gemvColumns(run, m, n, alpha, a, lda, x, incX, beta, y, incY)
	}
}

// gemvRows is the product without transposition, a dot product for each row: GEMM with one column.
func gemvRows[T kernels.Float](run kernels.Runner, m, n int, alpha T, a []T, lda int, x []T, incX int, beta T, y []T, incY int) {
	xs := borrow[T](n)
	defer giveBack(xs)
	gather(*xs, x, n, incX, 1)
	if incY > 0 {
		multiply(run, false, true, m, 1, n, alpha, a, lda, *xs, n, beta, y, incY)
		return
	}
	ys := borrow[T](m)
	defer giveBack(ys)
	multiply(run, false, true, m, 1, n, alpha, a, lda, *xs, n, 0, *ys, 1)
	addTo(y, incY, beta, (*ys)[:m])
}

// gemvColumns is the product with the transpose, a combination of the rows of A: blocks of columns, and of rows where there are few
// columns, in parallel.
func gemvColumns[T kernels.Float](run kernels.Runner, m, n int, alpha T, a []T, lda int, x []T, incX int, beta T, y []T, incY int) {
	const width = 2048
	across := parallel.Chunks(n, width, n)
	down := parallel.Chunks(m*n, vectorTask*across, 32)
	buf := borrow[T](m + down*n)
	defer giveBack(buf)
	xs, sums := (*buf)[:m], (*buf)[m:][:down*n]
	gather(xs, x, m, incX, alpha)
	clear(sums)
	parallel.For(run, across*down, func(task int) {
		i0, i1 := parallel.Chunk(m, down, task/across)
		j0, j1 := parallel.Chunk(n, across, task%across)
		if i0 < i1 {
			kernels.SweepCols(sums[task/across*n:][j0:j1], a[i0*lda+j0:], lda, xs[i0:i1])
		}
	})
	for r := 1; r < down; r++ {
		kernels.Axpy(sums[:n], 1, sums[r*n:][:n])
	}
	addTo(y, incY, beta, sums[:n])
}

func ger[T kernels.Float](run kernels.Runner, m, n int, alpha T, x []T, incX int, y []T, incY int, a []T, lda int) {
	if !checkGer(m, n, len(x), incX, len(y), incY, len(a), lda) {
		return
	}
	buf := borrow[T](m + n)
	defer giveBack(buf)
	xs, ys := (*buf)[:m], (*buf)[m:][:n]
	gather(xs, x, m, incX, alpha)
	gather(ys, y, n, incY, 1)
	tasks := parallel.Chunks(m*n, vectorTask, m)
	parallel.For(run, tasks, func(task int) {
		i0, i1 := parallel.Chunk(m, tasks, task)
		for i := i0; i < i1; i++ {
			kernels.Axpy(a[i*lda:][:n], xs[i], ys)
		}
	})
}

// gather sets dst[i] = alpha x_i of the n elements of x at a distance of inc, from the last to the first where inc < 0.
func gather[T kernels.Float](dst, x []T, n, inc int, alpha T) {
	at := start(n, inc)
	for i := range n {
		dst[i] = alpha * x[at]
		at += inc
	}
}

// addTo sets y = p + beta y.
func addTo[T kernels.Float](y []T, inc int, beta T, p []T) {
	at := start(len(p), inc)
	for _, v := range p {
		if beta != 0 {
			v += beta * y[at]
		}
		y[at] = v
		at += inc
	}
}

// start is where the first of n elements lies.
func start(n, inc int) int { return max(0, -(n-1)*inc) }
