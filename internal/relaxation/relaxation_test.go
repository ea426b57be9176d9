package relaxation

import (
	"math"
	"testing"
)

// Errors that fall by one rate set the factor that is best for it; where they rise under it, it is given up.
func TestFactor(t *testing.T) {
	const rate = .95
	at := func(k int) float64 { return math.Pow(rate, float64(k*Span)) }
	f := Factor{Omega: 1}
	if f.Look(0, at(0), at(1), 100); f.Omega != 1 {
		t.Errorf("%g after two errors, of which no rate is sure", f.Omega)
	}
	f.Look(at(0), at(1), at(2), 100)
	if want := 2 / (1 + math.Sqrt(1-rate)); !(math.Abs(f.Omega-want) <= 1e-9) {
		t.Errorf("%.12g for a contraction of %g, want %.12g", f.Omega, rate, want)
	}
	if f.Steady() {
		t.Error("steady under a new factor")
	}
	if f.Look(at(1), at(2), 100*at(2), 100); f.Omega != 1 {
		t.Errorf("%g where the error rose by a hundred", f.Omega)
	}
	fast := Factor{Omega: 1}
	if fast.Look(1, .01, .0001, 100); fast.Omega != 1 {
		t.Errorf("%g where a span leaves a hundredth", fast.Omega)
	}
}

// The matrix of two blocks that the factor is best for contracts by omega - 1 under it: (mu + omega - 1)^2 = mu omega^2 rho.
func TestBest(t *testing.T) {
	for _, rho := range []float64{.1, .9, .999} {
		omega := Best(rho)
		mu := omega - 1
		if off := (mu+omega-1)*(mu+omega-1) - mu*omega*omega*rho; !(math.Abs(off) <= 1e-12) {
			t.Errorf("rho %g: %g", rho, off)
		}
	}
}
