package nn

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// Each distribution has mean 0, the variance of its formula, and the kurtosis and bound of its kind. Tolerances are 5 standard errors.
func TestInitMoments(t *testing.T) {
	const in, out, n = 300, 500, 300 * 500
	for _, c := range []struct {
		name     string
		init     Init
		variance float64
		uniform  bool
	}{
		{"XavierUniform", XavierUniform(1), 2.0 / (in + out), true},
		{"XavierUniform/gain", XavierUniform(5.0 / 3), 25.0 / 9 * 2 / (in + out), true},
		{"XavierNormal", XavierNormal(1), 2.0 / (in + out), false},
		{"HeUniform", HeUniform(0), 2.0 / in, true},
		{"HeUniform/slope", HeUniform(0.2), 2.0 / (1.04 * in), true},
		{"HeNormal", HeNormal(0), 2.0 / in, false},
		{"FanInUniform", FanInUniform, 1.0 / (3 * in), true},
	} {
		l := NewLinear(NewCPU[float64](nil), in, out)
		l.Init(random.New(1, c.name), c.init, nil)
		var m1, m2, m4, largest float64
		for _, v := range l.Weight.Value.Data() {
			m1, m2, m4, largest = m1+v/n, m2+v*v/n, m4+v*v*v*v/n, max(largest, math.Abs(v))
		}
		kurtosis, spread := 3.0, 24.0 // of m4/m2^2, and n times the variance of its estimate
		if c.uniform {
			kurtosis, spread = 1.8, 1.32
			if bound := math.Sqrt(3 * c.variance); !(largest <= bound && largest >= 0.999*bound) {
				t.Errorf("%s: largest entry %v, bound %v", c.name, largest, bound)
			}
		}
		if !(math.Abs(m1) <= 5*math.Sqrt(c.variance/n)) {
			t.Errorf("%s: mean %v", c.name, m1)
		}
		if !(math.Abs(m2/c.variance-1) <= 5*math.Sqrt((kurtosis-1)/n)) {
			t.Errorf("%s: variance %v, want %v", c.name, m2, c.variance)
		}
		if !(math.Abs(m4/(m2*m2)-kurtosis) <= 5*math.Sqrt(spread/n)) {
			t.Errorf("%s: kurtosis %v, want %v", c.name, m4/(m2*m2), kurtosis)
		}
		for _, v := range l.Bias.Value.Data() {
			if v != 0 {
				t.Fatalf("%s: a bias is drawn though none is asked for", c.name)
			}
		}
	}
}

// The draws are the same in both precisions, and one stream's end is the next layer's beginning.
func TestInitPrecisions(t *testing.T) {
	a, b := NewLinear(NewCPU[float32](nil), 7, 5), NewLinear(NewCPU[float64](nil), 7, 5)
	a.Init(random.New(3, "init"), XavierNormal(1), FanInUniform)
	b.Init(random.New(3, "init"), XavierNormal(1), FanInUniform)
	for i, p := range a.Params() {
		for k, v := range b.Params()[i].Value.Data() {
			if p.Value.Data()[k] != float32(v) || v == 0 {
				t.Errorf("%s[%d] is %v and %v", p.Name, k, p.Value.Data()[k], v)
			}
		}
	}
}
