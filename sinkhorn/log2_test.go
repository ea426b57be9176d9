package sinkhorn

import (
	"math"
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
