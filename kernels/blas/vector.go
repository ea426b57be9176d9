package blas

import (
	"gonum.org/v1/gonum/blas"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// vectorTask is the least number of elements of A that a task reads: 10 us of work or more.
const vectorTask = 1 << 17

// gemv is GEMM with one column: a dot product for each row, or with the transpose a combination of the rows of A.
func gemv[T kernels.Float](run kernels.Runner, tA blas.Transpose, m, n int, alpha T, a []T, lda int, x []T, incX int, beta T, y []T, incY int) {
	if !checkGemv(tA, m, n, len(a), lda, len(x), incX, len(y), incY) {
		return
	}
	trans := tA != blas.NoTrans
	if trans {
		m, n = n, m
	}
	xs := borrow[T](n)
	defer giveBack(xs)
	gather(*xs, x, n, incX, 1)
	if incY > 0 {
		multiply(run, trans, true, m, 1, n, alpha, a, lda, *xs, n, beta, y, incY)
		return
	}
	ys := borrow[T](m)
	defer giveBack(ys)
	multiply(run, trans, true, m, 1, n, alpha, a, lda, *xs, n, 0, *ys, 1)
	addTo(y, incY, beta, (*ys)[:m])
}

func ger[T kernels.Float](run kernels.Runner, m, n int, alpha T, x []T, incX int, y []T, incY int, a []T, lda int) {
	if !checkGer(m, n, len(x), incX, len(y), incY, len(a), lda) {
		return
	}
	buf := borrow[T](m + n)
	defer giveBack(buf)
	xs, ys := (*buf)[:m], (*buf)[m:][:n]
	gather(xs, x, m, incX, 1)
	gather(ys, y, n, incY, 1)
	tasks := parallel.Chunks(m*n, vectorTask, m)
	parallel.For(run, tasks, func(task int) {
		i0, i1 := parallel.Chunk(m, tasks, task)
		kernels.Ger(a[i0*lda:], lda, alpha, xs[i0:i1], ys)
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
