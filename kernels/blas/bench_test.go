package blas

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A both is the BLAS of both precisions.
type both interface {
	blas.Float32
	blas.Float64
}

var benched = []struct {
	name string
	impl both
}{{"ours", Implementation{}}, {"gonum", gonum.Implementation{}}}

func random[T kernels.Float](n int) []T {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]T, n)
	for i := range x {
		x[i] = T(rng.Float64() - .5)
	}
	return x
}

// triangularOf is well-conditioned, so that repeated solutions and products stay within range.
func triangularOf[T kernels.Float](n int) []T {
	x := random[T](n * n)
	for i := range x {
		x[i] /= T(n)
		if i%(n+1) == 0 {
			x[i] = 1
		}
	}
	return x
}

// measure reports the rate of f for that many floating-point operations.
func measure(b *testing.B, impl string, bits int, size string, flop int, f func()) {
	b.Run(fmt.Sprintf("impl=%s/float=%d/%s", impl, bits, size), func(b *testing.B) {
		f()
		for b.Loop() {
			f()
		}
		b.ReportMetric(float64(flop)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
	})
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range [][3]int{{8, 8, 8}, {64, 64, 64}, {200, 784, 500}, {1000, 2, 500}, {1024, 1024, 1024}} {
		m, n, k := s[0], s[1], s[2]
		x, y, z := random[float64](m*k), random[float64](k*n), random[float64](m*n)
		x32, y32, z32 := narrow(x), narrow(y), narrow(z)
		for _, p := range benched {
			size := fmt.Sprintf("m=%d/n=%d/k=%d", m, n, k)
			measure(b, p.name, 32, size, 2*m*n*k, func() { p.impl.Sgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, x32, k, y32, n, 0, z32, n) })
			measure(b, p.name, 64, size, 2*m*n*k, func() { p.impl.Dgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, x, k, y, n, 0, z, n) })
		}
	}
}

func BenchmarkSymm(b *testing.B) {
	for _, s := range [][2]int{{64, 64}, {1024, 1024}} {
		m, n := s[0], s[1]
		x, y, z := random[float64](m*m), random[float64](m*n), random[float64](m*n)
		x32, y32, z32 := narrow(x), narrow(y), narrow(z)
		for _, p := range benched {
			size := fmt.Sprintf("m=%d/n=%d", m, n)
			measure(b, p.name, 32, size, 2*m*m*n, func() { p.impl.Ssymm(blas.Left, blas.Upper, m, n, 1, x32, m, y32, n, 0, z32, n) })
			measure(b, p.name, 64, size, 2*m*m*n, func() { p.impl.Dsymm(blas.Left, blas.Upper, m, n, 1, x, m, y, n, 0, z, n) })
		}
	}
}

func BenchmarkSyrk(b *testing.B) {
	for _, s := range [][2]int{{16, 16}, {64, 64}, {100, 10000}, {1024, 1024}} {
		n, k := s[0], s[1]
		x, z := random[float64](n*k), random[float64](n*n)
		x32, z32 := narrow(x), narrow(z)
		for _, p := range benched {
			size := fmt.Sprintf("n=%d/k=%d", n, k)
			measure(b, p.name, 32, size, n*n*k, func() { p.impl.Ssyrk(blas.Upper, blas.NoTrans, n, k, 1, x32, k, 0, z32, n) })
			measure(b, p.name, 64, size, n*n*k, func() { p.impl.Dsyrk(blas.Upper, blas.NoTrans, n, k, 1, x, k, 0, z, n) })
		}
	}
}

func BenchmarkTrsm(b *testing.B) {
	benchTriangular(b, func(impl both, s blas.Side, m, n int, a []float32, lda int, x []float32, ldb int) {
		impl.Strsm(s, blas.Lower, blas.NoTrans, blas.NonUnit, m, n, 1, a, lda, x, ldb)
	}, func(impl both, s blas.Side, m, n int, a []float64, lda int, x []float64, ldb int) {
		impl.Dtrsm(s, blas.Lower, blas.NoTrans, blas.NonUnit, m, n, 1, a, lda, x, ldb)
	})
}

func BenchmarkTrmm(b *testing.B) {
	benchTriangular(b, func(impl both, s blas.Side, m, n int, a []float32, lda int, x []float32, ldb int) {
		impl.Strmm(s, blas.Lower, blas.NoTrans, blas.NonUnit, m, n, 1, a, lda, x, ldb)
	}, func(impl both, s blas.Side, m, n int, a []float64, lda int, x []float64, ldb int) {
		impl.Dtrmm(s, blas.Lower, blas.NoTrans, blas.NonUnit, m, n, 1, a, lda, x, ldb)
	})
}

func benchTriangular(b *testing.B, f32 func(impl both, s blas.Side, m, n int, a []float32, lda int, x []float32, ldb int),
	f64 func(impl both, s blas.Side, m, n int, a []float64, lda int, x []float64, ldb int)) {
	for _, s := range []blas.Side{blas.Left, blas.Right} {
		for _, shape := range [][2]int{{8, 8}, {16, 16}, {32, 32}, {64, 1000}, {1024, 1024}} {
			order, across := shape[0], shape[1]
			m, n := order, across
			if s == blas.Right {
				m, n = n, m
			}
			a, x := triangularOf[float64](order), random[float64](m*n)
			a32, x32 := narrow(a), narrow(x)
			for _, p := range benched {
				size := fmt.Sprintf("side=%c/m=%d/n=%d", s, m, n)
				measure(b, p.name, 32, size, order*m*n, func() { f32(p.impl, s, m, n, a32, order, x32, n) })
				measure(b, p.name, 64, size, order*m*n, func() { f64(p.impl, s, m, n, a, order, x, n) })
			}
		}
	}
}

func BenchmarkGemv(b *testing.B) {
	for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
		for _, s := range [][2]int{{64, 64}, {300, 300}, {1000, 1000}, {100000, 10}} {
			m, n := s[0], s[1]
			ny, nx := shape(tA, m, n)
			a, x, y := random[float64](m*n), random[float64](nx), random[float64](ny)
			a32, x32, y32 := narrow(a), narrow(x), narrow(y)
			for _, p := range benched {
				size := fmt.Sprintf("trans=%c/m=%d/n=%d", tA, m, n)
				measure(b, p.name, 32, size, 2*m*n, func() { p.impl.Sgemv(tA, m, n, 1, a32, n, x32, 1, 0, y32, 1) })
				measure(b, p.name, 64, size, 2*m*n, func() { p.impl.Dgemv(tA, m, n, 1, a, n, x, 1, 0, y, 1) })
			}
		}
	}
}

func BenchmarkLevel1(b *testing.B) {
	for _, n := range []int{64, leastVector, 1000, 100000} {
		x, y := random[float64](n), random[float64](n)
		x32, y32 := narrow(x), narrow(y)
		for _, p := range benched {
			size := fmt.Sprintf("n=%d", n)
			measure(b, p.name, 32, "dot/"+size, 2*n, func() { p.impl.Sdot(n, x32, 1, y32, 1) })
			measure(b, p.name, 64, "dot/"+size, 2*n, func() { p.impl.Ddot(n, x, 1, y, 1) })
			measure(b, p.name, 32, "axpy/"+size, 2*n, func() { p.impl.Saxpy(n, 1e-9, x32, 1, y32, 1) })
			measure(b, p.name, 64, "axpy/"+size, 2*n, func() { p.impl.Daxpy(n, 1e-9, x, 1, y, 1) })
		}
	}
}
