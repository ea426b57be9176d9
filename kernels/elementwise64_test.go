package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/dd"
)

// elementwise64 are the functions in float64 with a double-double definition for finite arguments on [lo, hi], or for all positive ones where
// positive is set, and the error that their documentation promises.
var elementwise64 = []struct {
	name     string
	f        func(k *impl[float64]) func(dst, x []float64)
	want     func(x float64) dd.Scaled
	rough    func(x float64) float64 // to a few units, but right for special values
	ulps     float64
	lo, hi   float64
	positive bool
}{
	{"exp", func(k *impl[float64]) func(dst, x []float64) { return k.exp }, dd.ExpScaled, math.Exp, 1, -746, 710, false},
	{"exp2", func(k *impl[float64]) func(dst, x []float64) { return k.exp2 }, dd.Exp2Scaled, math.Exp2, 1, -1076, 1025, false},
	{"expm1", func(k *impl[float64]) func(dst, x []float64) { return k.expm1 }, unscaled(dd.Expm1), math.Expm1, 2, -40, 709, false},
	{"log", func(k *impl[float64]) func(dst, x []float64) { return k.log }, unscaled(dd.Log), log64, 1, .5, 2, true},
	{"log2", func(k *impl[float64]) func(dst, x []float64) { return k.log2 }, unscaled(dd.Log2), log2In64, 2, .5, 2, true},
	{"log1p", func(k *impl[float64]) func(dst, x []float64) { return k.log1p }, unscaled(dd.Log1p), math.Log1p, 2, -.99999, 3, false},
	{"softplus", func(k *impl[float64]) func(dst, x []float64) { return k.softplus }, plain(dd.Softplus), func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 2, -680, 40, false},
	{"sigmoid", func(k *impl[float64]) func(dst, x []float64) { return k.sigmoid }, plain(dd.Sigmoid), func(x float64) float64 { return math.Exp(min(x, 0)) / (1 + math.Exp(-math.Abs(x))) }, 2, -680, 40, false},
	{"tanh", func(k *impl[float64]) func(dst, x []float64) { return k.tanh }, plain(dd.Tanh), math.Tanh, 2, -20, 20, false},
	{"sqrt", func(k *impl[float64]) func(dst, x []float64) { return k.sqrt }, plain(exactSqrt), math.Sqrt, .5, 0, 10, true},
}

func unscaled(f func(dd.Num) dd.Num) func(float64) dd.Scaled {
	return func(x float64) dd.Scaled { return dd.Scaled{P: f(dd.Of(x))} }
}

func plain(f func(float64) dd.Num) func(float64) dd.Scaled {
	return func(x float64) dd.Scaled { return dd.Scaled{P: f(x)} }
}

// exactSqrt adds a step of Newton's.
func exactSqrt(x float64) dd.Num {
	s := dd.Of(math.Sqrt(x))
	if x == 0 {
		return s
	}
	return s.Add(dd.Of(x).Sub(s.Mul(s)).Div(s).Ldexp(-1))
}

// ulp64 returns |got - want| in units in the last place of float64 at want.
func ulp64(got float64, want dd.Scaled) float64 {
	_, e := math.Frexp(want.P.Hi)
	if want.P.Hi == 0 {
		e = -2000
	}
	if e+want.K > 1024 || want.P.Ldexp(want.K).Float64() == math.Inf(1) {
		if math.IsInf(got, 1) {
			return 0
		}
		return math.Inf(1)
	}
	last := max(e+want.K-53, -1074) // exponent of the unit
	g := math.Ldexp(math.Ldexp(got, -last/2), -(last - last/2))
	w := want.P.Ldexp(want.K - last)
	return math.Abs(dd.Of(g).Sub(w).Float64())
}

func TestULP64(t *testing.T) {
	for _, tc := range []struct {
		got  float64
		want dd.Scaled
		ulps float64
	}{
		{1, dd.Scaled{P: dd.Of(1)}, 0}, {1 + 0x1p-52, dd.Scaled{P: dd.Of(1)}, 1}, {1, dd.Scaled{P: dd.Num{Hi: 1, Lo: 0x1p-54}}, .25},
		{0x1p-1074, dd.Scaled{P: dd.Of(1), K: -1075}, .5}, {0, dd.Scaled{P: dd.Of(1), K: -1076}, .25}, {0x1p1023, dd.Scaled{P: dd.Of(1), K: 1023}, 0},
		{math.Inf(1), dd.Scaled{P: dd.Of(1), K: 1024}, 0}, {math.MaxFloat64, dd.Scaled{P: dd.Of(1), K: 1024}, math.Inf(1)},
		{0x1p-1022, dd.Scaled{P: dd.Of(1), K: -1021}, 0x1p51},
	} {
		if got := ulp64(tc.got, tc.want); got != tc.ulps {
			t.Errorf("%v against %v: %v ULP, want %v", tc.got, tc.want, got, tc.ulps)
		}
	}
}

// sample64 returns the i-th argument for a test of accuracy: uniform, of any magnitude, or near 0 (near 1 for positive ones).
func sample64(rng *rand.Rand, i int, lo, hi float64, positive bool) float64 {
	uniform := lo + (hi-lo)*rng.Float64()
	v := uniform
	switch i % 4 {
	case 1:
		v = math.Ldexp(1+rng.Float64(), rng.IntN(900)-450)
	case 2:
		v = math.Ldexp(rng.Float64()-.5, -rng.IntN(60))
		if positive {
			v++
		}
	}
	if positive {
		return v
	}
	if i%8 > 4 {
		v = -v
	}
	if !(v >= lo && v <= hi) {
		return uniform
	}
	return v
}

func TestElementwiseAccuracy64(t *testing.T) {
	const size = 1 << 16
	x, want, got := make([]float64, size), make([]dd.Scaled, size), make([]float64, size)
	for _, e := range elementwise64 {
		blocks := accuracySamples / size
		if e.ulps != 1 && blocks < 100 { // fewer for the less exact, in the default run
			blocks /= 4
		}
		if testing.Short() {
			blocks = 1
		}
		t.Run(e.name, func(t *testing.T) {
			rng := newRand()
			worst, at := make([]float64, len(tables64)), make([]float64, len(tables64))
			for range blocks {
				for i := range x {
					x[i] = sample64(rng, i, e.lo, e.hi, e.positive)
					want[i] = e.want(x[i])
				}
				for tier, k := range tables64 {
					e.f(k)(got, x)
					for i, v := range got {
						if u := ulp64(v, want[i]); !(u <= worst[tier]) {
							worst[tier], at[tier] = u, x[i]
						}
					}
				}
			}
			for tier, k := range tables64 {
				t.Logf("isa=%v: largest error %.4f ULP, at %v", k.tier, worst[tier], at[tier])
				if !(worst[tier] <= e.ulps) {
					t.Errorf("isa=%v: error of %.4f ULP at %v (%x)", k.tier, worst[tier], at[tier], at[tier])
				}
			}
		})
	}
}

// TestElementwiseEdges64 visits the places where functions go wrong.
func TestElementwiseEdges64(t *testing.T) {
	var x []float64
	for _, v := range []float64{0, 1, .5, 2, math.MaxFloat64, 0x1p-1022, 0x1p-1074, 0x1p-1021, 0x1p52, 0x1p53, 0x1p54, 20, 40, 709.78, 709.79, 710.5, 745.13, 745.14, 746,
		1022, 1023, 1024, 1025, 1074, 1075, 1076, 1e300, 1e-300, math.Inf(1), math.NaN()} {
		for _, w := range []float64{v, math.Nextafter(v, 0), math.Nextafter(v, math.Inf(1))} {
			x = append(x, w, -w)
		}
	}
	for _, e := range elementwise64 {
		for _, k := range tables64 {
			for _, shift := range []int{0, 1, 5} {
				in := x[shift:]
				got := make([]float64, len(in))
				e.f(k)(got, in)
				for i, v := range in {
					want := e.rough(v)
					same := got[i] == want && math.Signbit(got[i]) == math.Signbit(want) || got[i] != got[i] && want != want
					if err := math.Abs(got[i] - want); !same && !(err <= 1e-15*math.Abs(want)) && !(err <= 0x1p-1074) {
						t.Errorf("%s, isa=%v: %v at %v, want %v", e.name, k.tier, got[i], v, want)
					}
				}
			}
		}
	}
}
