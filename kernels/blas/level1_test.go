package blas

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/testblas"
)

func TestGonumSuiteLevel1(t *testing.T) {
	impl := Implementation{}
	testblas.DdotTest(t, impl)
	testblas.DaxpyTest(t, impl)
	testblas.DscalTest(t, impl)
}

// TestLevel1 compares long vectors with gonum's, NaN included, and slices that are longer than n or shorter.
func TestLevel1(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-5*(1+math.Abs(want))) && !(got != got && want != want) {
			t.Errorf("%s is %g, gonum's %g", what, got, want)
		}
	}
	for _, n := range []int{leastVector - 1, leastVector, 1000} {
		for _, spoilt := range []bool{false, true} {
			x, y := random[float64](n+3), random[float64](n+5)
			if spoilt {
				x[n/2] = math.NaN()
			}
			x32, y32 := narrow(x), narrow(y)
			impl := Implementation{}
			near("Ddot", impl.Ddot(n, x, 1, y, 1), reference.Ddot(n, x, 1, y, 1))
			near("Sdot", float64(impl.Sdot(n, x32, 1, y32, 1)), float64(reference.Sdot(n, x32, 1, y32, 1)))
			for _, alpha := range []float64{0, -1.5} {
				got, want := append([]float64(nil), y...), append([]float64(nil), y...)
				got32, want32 := narrow(y), narrow(y)
				impl.Daxpy(n, alpha, x, 1, got, 1)
				reference.Daxpy(n, alpha, x, 1, want, 1)
				impl.Saxpy(n, float32(alpha), x32, 1, got32, 1)
				reference.Saxpy(n, float32(alpha), x32, 1, want32, 1)
				for i := range got {
					near("Daxpy", got[i], want[i])
					near("Saxpy", float64(got32[i]), float64(want32[i]))
				}
				impl.Dscal(n, alpha, got, 1)
				reference.Dscal(n, alpha, want, 1)
				impl.Sscal(n, float32(alpha), got32, 1)
				reference.Sscal(n, float32(alpha), want32, 1)
				for i := range got {
					near("Dscal", got[i], want[i])
					near("Sscal", float64(got32[i]), float64(want32[i]))
				}
			}
			if !panics(func() { impl.Ddot(n, x[:n-1], 1, y, 1) }) || !panics(func() { impl.Saxpy(n, 1, x32, 1, y32[:n-1], 1) }) || !panics(func() { impl.Dscal(n, 2, x[:n-1], 1) }) {
				t.Errorf("n=%d: no panic for a short vector", n)
			}
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return
}

// TestSyrkZeroSigns holds the zeros that beta = 0 gives to those of gonum.
func TestSyrkZeroSigns(t *testing.T) {
	const n = 40
	a := make([]float64, n*n)
	for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
		got, want := make([]float64, n*n), make([]float64, n*n)
		Implementation{}.Dsyrk(blas.Upper, tA, n, n, -1, a, n, 0, got, n)
		reference.Dsyrk(blas.Upper, tA, n, n, -1, a, n, 0, want, n)
		for i := range got {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Fatalf("%c: C[%d] = %g, gonum's %g", tA, i, got[i], want[i])
			}
		}
	}
}
