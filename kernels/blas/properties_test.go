package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/blas"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// TestSyrkLowerTrans computes one case that gonum 0.17 gets wrong: with beta = 0 it multiplies C by 0, so that NaN stays.
func TestSyrkLowerTrans(t *testing.T) {
	a, c := []float64{1, 2, 3, 4}, []float64{math.NaN(), 7, math.NaN(), math.NaN()}
	always{}.Dsyrk(blas.Lower, blas.Trans, 2, 2, 1, a, 2, 0, c, 2)
	if want := []float64{10, 7, 14, 20}; !slices.Equal(c, want) {
		t.Errorf("A^T A = %v, want %v", c, want)
	}
}

// TestGerReverse has negative increments, at a size that is otherwise gonum's.
func TestGerReverse(t *testing.T) {
	a := make([]float64, 4)
	Implementation{}.Dger(2, 2, 1, []float64{1, 2}, -1, []float64{3, 0, 5}, 2, a, 2)
	if want := []float64{6, 10, 3, 5}; !slices.Equal(a, want) {
		t.Errorf("x y^T = %v, want %v", a, want)
	}
}

// TestZeroSigns holds the zeros that beta = 0 gives to those of gonum.
func TestZeroSigns(t *testing.T) {
	const n = 40
	a, b := make([]float64, n*n), make([]float64, n*n)
	for i := range b {
		b[i] = float64(1 - 2*(i%2))
	}
	for _, alpha := range []float64{1, -1} {
		for _, tB := range []blas.Transpose{blas.NoTrans, blas.Trans} {
			got, want := make([]float64, n*n), make([]float64, n*n)
			Implementation{}.Dgemm(blas.NoTrans, tB, n, n, n, alpha, a, n, b, n, 0, got, n)
			reference.Dgemm(blas.NoTrans, tB, n, n, n, alpha, a, n, b, n, 0, want, n)
			for i := range got {
				if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
					t.Fatalf("alpha=%g: C[%d] = %g, gonum's %g", alpha, i, got[i], want[i])
				}
			}
		}
	}
}

// TestNaN spoils one element of an operand: the same elements as gonum's become NaN, in both precisions.
func TestNaN(t *testing.T) {
	const m, n, k = 70, 81, 90
	for form, c := range forms(t) {
		c.at = form
		rng := rand.New(rand.NewPCG(7, 7))
		for range 4 {
			a, b, x := draw(rng, m, k), draw(rng, k, n), draw(rng, m, n)
			a.x[rng.IntN(m)*a.ld+rng.IntN(k)] = math.NaN()
			b.x[rng.IntN(k)*b.ld+rng.IntN(n)] = math.NaN()
			c.Dgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, a.x, a.ld, b.x, b.ld, 0, x.x, x.ld)

			s, ul, tA, d := side(rng), uplo(rng), op(rng), diag(rng)
			order := orderOf(s, m, n)
			tri, y := draw(rng, order, order).dominate(order), draw(rng, m, n)
			y.x[rng.IntN(m)*y.ld+rng.IntN(n)] = math.NaN()
			c.Dtrmm(s, ul, tA, d, m, n, 1, tri.x, tri.ld, clone(y.x), y.ld)
			c.Dtrsm(s, ul, tA, d, m, n, 1, tri.x, tri.ld, clone(y.x), y.ld)
		}
	}
}

// TestTinyDiagonal divides by numbers whose reciprocals overflow or are denormal.
func TestTinyDiagonal(t *testing.T) {
	for _, v := range []float32{0x1p-140, -0x1p-149, 0x1p-126, -3e38, 0x1.8p126} {
		x := []float32{v, v / 4, -v / 2, 0}
		want := []float32{x[0] / v, x[1] / v, x[2] / v, 0}
		divide(x, v)
		for i := range x {
			if !(math.Abs(float64(x[i]-want[i])) <= 0x1p-23*math.Abs(float64(want[i]))) {
				t.Errorf("v=%g: x[%d] / v = %g, want %g", v, i, x[i], want[i])
			}
		}
	}
}

// results are the outputs of every routine in both precisions, large enough to be split.
func results(run kernels.Runner) map[string][]float64 {
	impl := New(run)
	const m, n, k = 300, 150, 110
	rng := rand.New(rand.NewPCG(1, 2))
	full := func(rows, cols int) []float64 {
		x := make([]float64, rows*cols)
		for i := range x {
			x[i] = nonzero(rng)
		}
		return x
	}
	a, b, tri := full(m, k), full(k, n), drawn{x: full(n, n), ld: n}.dominate(n).x
	long := full(400, 5000)
	out := make(map[string][]float64)
	for _, single := range []bool{false, true} {
		do := func(name string, size int, f32 func(x []float32), f64 func(x []float64)) {
			x := clone(long[:size])
			if single {
				y := narrow(x)
				f32(y)
				x = widen(y)
			} else {
				f64(x)
			}
			out[fmt.Sprintf("%s, float32 %t", name, single)] = x
		}
		a32, b32, tri32, long32 := narrow(a), narrow(b), narrow(tri), narrow(long)
		no, up, left, right := blas.NoTrans, blas.Upper, blas.Left, blas.Right
		do("gemm", m*n, func(x []float32) { impl.Sgemm(no, no, m, n, k, 1, a32, k, b32, n, 1, x, n) },
			func(x []float64) { impl.Dgemm(no, no, m, n, k, 1, a, k, b, n, 1, x, n) })
		do("symm", m*n, func(x []float32) { impl.Ssymm(right, up, m, n, 1, tri32, n, long32, n, 1, x, n) },
			func(x []float64) { impl.Dsymm(right, up, m, n, 1, tri, n, long, n, 1, x, n) })
		do("syrk", m*m, func(x []float32) { impl.Ssyrk(up, no, m, k, 1, a32, k, 1, x, m) },
			func(x []float64) { impl.Dsyrk(up, no, m, k, 1, a, k, 1, x, m) })
		do("syr2k", m*m, func(x []float32) { impl.Ssyr2k(up, no, m, k, 1, a32, k, long32, k, 1, x, m) },
			func(x []float64) { impl.Dsyr2k(up, no, m, k, 1, a, k, long, k, 1, x, m) })
		do("trmm", n*m, func(x []float32) { impl.Strmm(left, up, no, blas.NonUnit, n, m, 1, tri32, n, x, m) },
			func(x []float64) { impl.Dtrmm(left, up, no, blas.NonUnit, n, m, 1, tri, n, x, m) })
		do("trsm", m*n, func(x []float32) { impl.Strsm(right, up, no, blas.NonUnit, m, n, 1, tri32, n, x, n) },
			func(x []float64) { impl.Dtrsm(right, up, no, blas.NonUnit, m, n, 1, tri, n, x, n) })
		do("gemv", 5000, func(x []float32) { impl.Sgemv(blas.Trans, 400, 5000, 1, long32, 5000, a32, 1, 1, x, 1) },
			func(x []float64) { impl.Dgemv(blas.Trans, 400, 5000, 1, long, 5000, a, 1, 1, x, 1) })
		do("ger", 400*5000, func(x []float32) { impl.Sger(400, 5000, 1, a32, 1, b32, 1, x, 5000) },
			func(x []float64) { impl.Dger(400, 5000, 1, a, 1, b, 1, x, 5000) })
	}
	return out
}

// TestWorkers gives the same bits on any number of workers.
func TestWorkers(t *testing.T) {
	want := results(nil)
	for _, workers := range []int{1, 2, 5} {
		pool := parallel.New(workers)
		got := results(pool)
		pool.Close()
		for name, w := range want {
			if !slices.Equal(got[name], w) {
				t.Errorf("%s: other bits with %d workers", name, workers)
			}
		}
	}
}

// TestConcurrentUse calls one implementation from several goroutines.
func TestConcurrentUse(t *testing.T) {
	want := results(nil)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for name, got := range results(Implementation{}.workers()) {
				if !slices.Equal(got, want[name]) {
					t.Errorf("%s: other bits beside other calls", name)
				}
			}
		})
	}
	wg.Wait()
}

func TestGemmAllocatesNothing(t *testing.T) {
	const n = 64
	a, b, c := make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
	call := func() { Implementation{}.Dgemm(blas.NoTrans, blas.Trans, n, n, n, 1, a, n, b, n, 0, c, n) }
	if allocs := testing.AllocsPerRun(100, call); allocs != 0 {
		t.Errorf("%g allocations a call", allocs)
	}
}
