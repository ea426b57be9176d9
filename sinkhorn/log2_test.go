package sinkhorn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

func TestLog2(t *testing.T) {
	s := random.New(1, "log2")
	check := func(x float64) {
		t.Helper()
		got, want := log2(x), math.Log2(x)
		// Both round a few times; relative to 1 or the result, whichever is larger.
		if !(math.Abs(got-want) <= 1e-15*max(1, math.Abs(want))) && got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("log2(%g) is %.17g, want %.17g", x, got, want)
		}
	}
	for range 1_000_000 {
		check(math.Exp2(2000*s.Float64() - 1000))
		check(1 + (s.Float64()-.5)*.9)
	}
	for k := -1074; k < 1024; k++ {
		if x := math.Ldexp(1, k); k >= -1022 && log2(x) != float64(k) {
			t.Errorf("log2(2^%d) is %g", k, log2(x))
		}
		check(math.Ldexp(math.Sqrt(.5), k))
		check(math.Nextafter(math.Ldexp(math.Sqrt(.5), k), 0))
	}
	for _, x := range []float64{0, math.Inf(1), -1, math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64} {
		check(x)
	}
	// Near 1 the result is small and keeps its own digits.
	for _, d := range []float64{1e-3, 1e-6, 1e-9, 1e-12} {
		if got, want := log2(1+d), math.Log1p((1+d)-1)*math.Log2E; !(math.Abs(got-want) <= 4e-16*want) {
			t.Errorf("log2(1+%g) is %.17g, want %.17g", d, got, want)
		}
	}
}

func BenchmarkLog2(b *testing.B) {
	x := make([]float64, 1024)
	random.Uniform(random.New(1, "x"), x, .5, 2)
	for name, f := range map[string]func(float64) float64{"own": log2, "math": math.Log2} {
		b.Run("func="+name, func(b *testing.B) {
			var sum float64
			for b.Loop() {
				for _, v := range x {
					sum += f(v)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/1024, "ns/value")
		})
	}
}

// TestLevel: the root against one found by bisection, with entries of no weight, infinite ones, ties, and values far apart, which take the most steps.
func TestLevel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for trial := range 400 {
		n := 1 + rng.IntN(30)
		v, w := make([]float64, n), make([]float64, n)
		for k := range v {
			v[k], w[k] = rng.NormFloat64(), rng.Float64()
			switch rng.IntN(6) {
			case 0:
				w[k] = 0
			case 1:
				v[k] = math.Inf(1)
			case 2:
				v[k] = 1
			case 3:
				v[k] = math.Ldexp(1, 3*k)
			}
		}
		v[0], w[0] = .5, .3
		sum := func(f float64) (s float64) {
			for k, x := range v {
				if x < f {
					s += w[k] * (f - x)
				}
			}
			return s
		}
		target := math.Ldexp(rng.Float64(), rng.IntN(60)-30)
		lo, hi := v[0]-target-1e3, v[0]+target/w[0]+1
		for range 200 {
			if mid := (lo + hi) / 2; sum(mid) < target {
				lo = mid
			} else {
				hi = mid
			}
		}
		if got := level(v, w, target); !(math.Abs(got-hi) <= 1e-12*(1+math.Abs(hi))) {
			t.Fatalf("trial %d: %g, want %g", trial, got, hi)
		}
	}
	for _, c := range []struct {
		v, w         []float64
		target, want float64
	}{
		{nil, nil, 1, 0}, {[]float64{math.Inf(1)}, []float64{1}, 1, 0}, {[]float64{3}, []float64{0}, 1, 0},
		{[]float64{3, -2, -7}, []float64{1, 1, 0}, 0, -2}, {[]float64{4, 4}, []float64{1, 3}, 2, 4.5},
	} {
		if got := level(c.v, c.w, c.target); got != c.want {
			t.Errorf("%v, %v, %g: %g, want %g", c.v, c.w, c.target, got, c.want)
		}
	}
}
