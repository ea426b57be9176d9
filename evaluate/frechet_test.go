package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

func mustGaussian(t tester, mean []float64, cov *mat.SymDense) *Gaussian {
	t.Helper()
	g, err := NewGaussian(mean, cov)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func mustFrechet(t tester, a, b *Gaussian) float64 {
	t.Helper()
	q, err := Frechet(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// Covariances that commute: |m_a - m_b|^2 + sum (sqrt(l_a) - sqrt(l_b))^2 over the eigenvalues, in any orthonormal basis.
func TestFrechetOfCommutingGaussians(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const d = 6
	var qr mat.QR
	random := mat.NewDense(d, d, nil)
	random.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, random)
	qr.Factorize(random)
	var basis mat.Dense
	qr.QTo(&basis)
	law := func(values []float64) *mat.SymDense {
		s := mat.NewSymDense(d, nil)
		for k, l := range values {
			s.SymRankOne(s, l, basis.ColView(k))
		}
		return s
	}
	a, b := []float64{1, 4, .25, 0, 2, 1e-3}, []float64{4, 4, 1, 1, 0, 9}
	ma, mb := make([]float64, d), make([]float64, d)
	want := 0.
	for k := range d {
		ma[k], mb[k] = rng.NormFloat64(), rng.NormFloat64()
		e := math.Sqrt(a[k]) - math.Sqrt(b[k])
		want += e*e + (ma[k]-mb[k])*(ma[k]-mb[k])
	}
	ga, gb := mustGaussian(t, ma, law(a)), mustGaussian(t, mb, law(b))
	for _, got := range []float64{mustFrechet(t, ga, gb), mustFrechet(t, gb, ga)} {
		if !(math.Abs(got-want) <= 1e-6) { // the root of an eigenvalue 0 is known to 1e-8 only
			t.Errorf("%g, want %g", got, want)
		}
	}
	if q := mustFrechet(t, ga, ga); !(q <= 1e-12) {
		t.Errorf("%g from a law to itself", q)
	}
}

// Covariances of 2 x 2 that do not commute: tr (AB)^(1/2) = sqrt(tr AB + 2 sqrt(det AB)).
func TestFrechetOfGaussiansInThePlane(t *testing.T) {
	a, b := mat.NewSymDense(2, []float64{2, .9, .9, 1}), mat.NewSymDense(2, []float64{1, -.5, -.5, 3})
	var ab mat.Dense
	ab.Mul(a, b)
	want := mat.Trace(a) + mat.Trace(b) - 2*math.Sqrt(mat.Trace(&ab)+2*math.Sqrt(mat.Det(a)*mat.Det(b))) + 25
	if got := mustFrechet(t, mustGaussian(t, []float64{0, 0}, a), mustGaussian(t, []float64{3, 4}, b)); !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("%.15g, want %.15g", got, want)
	}
}

// Two clouds of normal points: the closed form of their laws, to the error of the sampling.
func TestFrechetOfSamples(t *testing.T) {
	const n, d = 20000, 5
	rng := rand.New(rand.NewPCG(3, 4))
	x, y := normal(rng, n, d, 0, 1), normal(rng, n, d, 1, 3)
	fit := func(x []float32) *Gaussian {
		g, err := FitGaussian(parallel.Default(), x, n, d)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	// |m|^2 = d, and each axis adds (3 - 1)^2. Errors: of the mean 2 sqrt(d (1+9)/n), of the deviations 4 sqrt(d (1+9)/2n).
	want, se := float64(d+4*d), 4*math.Sqrt(d*10./n)
	if got := mustFrechet(t, fit(x), fit(y)); !(math.Abs(got-want) <= 3*se) {
		t.Errorf("%g, want %g ± %g", got, want, se)
	}
	g := fit(x)
	for i := range n { // the same rows in reverse order
		copy(y[i*d:(i+1)*d], x[(n-1-i)*d:])
	}
	if q := mustFrechet(t, g, fit(y)); !(q <= 1e-12) {
		t.Errorf("%g between a cloud and itself in another order", q)
	}
}

// A constant cloud has no spread: the distance to it is that of the means and the trace of the other covariance.
func TestFrechetToAPoint(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(5, 6)), 100, 3, 0, 1)
	y := make([]float32, 300)
	for i := range y {
		y[i] = .1
	}
	a, err := FitGaussian(nil, x, 100, 3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := FitGaussian(nil, y, 100, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := mat.Trace(a.Cov)
	for _, m := range a.Mean {
		want += (m - .1) * (m - .1)
	}
	if got := mustFrechet(t, a, b); !(math.Abs(got-want) <= 1e-6) {
		t.Errorf("%g, want %g", got, want)
	}
}

func TestNewGaussianRefuses(t *testing.T) {
	if _, err := NewGaussian([]float64{0, 0}, mat.NewSymDense(2, []float64{1, 2, 2, 1})); err == nil {
		t.Error("a covariance with a negative eigenvalue is taken")
	}
	if _, err := NewGaussian([]float64{0}, mat.NewSymDense(2, []float64{1, 0, 0, 1})); err == nil {
		t.Error("a mean of another dimension is taken")
	}
	if _, err := NewGaussian([]float64{0}, mat.NewSymDense(1, []float64{math.Inf(1)})); err == nil {
		t.Error("an infinite covariance is taken")
	}
}
