package blas

import "github.com/sinkcpu/sinkcpu/kernels"

// leastVector is the least length of contiguous vectors that is ours. On a Zen 5 with AVX-512 (BenchmarkLevel1) DOT and AXPY are as fast as
// gonum's at 128 elements, and make 1.8 to 3 times its speed at 1000.
const leastVector = 192

// contiguous reports whether an operation on vectors of n elements is ours, which asks for increments of 1.
func contiguous(n, incX, lenX, incY, lenY int) bool {
	return n >= leastVector && incX == 1 && incY == 1 && lenX >= n && lenY >= n && kernels.Active() != kernels.Generic
}

// Sdot returns xᵀ y, accumulated in float32.
func (impl Implementation) Sdot(n int, x []float32, incX int, y []float32, incY int) float32 {
	if !contiguous(n, incX, len(x), incY, len(y)) {
		return impl.Implementation.Sdot(n, x, incX, y, incY)
	}
	return kernels.Dot(x[:n], y[:n])
}

// Ddot returns xᵀ y.
func (impl Implementation) Ddot(n int, x []float64, incX int, y []float64, incY int) float64 {
	if !contiguous(n, incX, len(x), incY, len(y)) {
		return impl.Implementation.Ddot(n, x, incX, y, incY)
	}
	return kernels.Dot(x[:n], y[:n])
}

// Saxpy computes y = alpha x + y, each element with one rounding.
func (impl Implementation) Saxpy(n int, alpha float32, x []float32, incX int, y []float32, incY int) {
	if alpha == 0 || !contiguous(n, incX, len(x), incY, len(y)) {
		impl.Implementation.Saxpy(n, alpha, x, incX, y, incY)
		return
	}
	kernels.Axpy(y[:n], alpha, x[:n])
}

// Daxpy computes y = alpha x + y, each element with one rounding.
func (impl Implementation) Daxpy(n int, alpha float64, x []float64, incX int, y []float64, incY int) {
	if alpha == 0 || !contiguous(n, incX, len(x), incY, len(y)) {
		impl.Implementation.Daxpy(n, alpha, x, incX, y, incY)
		return
	}
	kernels.Axpy(y[:n], alpha, x[:n])
}

// Sscal computes x = alpha x, and zeros where alpha = 0, whatever x holds.
func (impl Implementation) Sscal(n int, alpha float32, x []float32, incX int) {
	if alpha == 0 || !contiguous(n, incX, len(x), 1, n) {
		impl.Implementation.Sscal(n, alpha, x, incX)
		return
	}
	kernels.Scale(x[:n], alpha)
}

// Dscal computes x = alpha x, and zeros where alpha = 0, whatever x holds.
func (impl Implementation) Dscal(n int, alpha float64, x []float64, incX int) {
	if alpha == 0 || !contiguous(n, incX, len(x), 1, n) {
		impl.Implementation.Dscal(n, alpha, x, incX)
		return
	}
	kernels.Scale(x[:n], alpha)
}
