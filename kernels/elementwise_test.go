package kernels

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/numtest"
)

// elementwise are the functions with their mathematical definition and the error that their documentation promises in float32.
var elementwise = []struct {
	name string
	f    func(k *impl[float32]) func(dst, x []float32)
	want func(x float64) float64
	ulps float64
	lo   float32 // where the function is not constant
	hi   float32
}{
	{"exp", func(k *impl[float32]) func(dst, x []float32) { return k.exp }, math.Exp, 1, -105, 90},
	{"exp2", func(k *impl[float32]) func(dst, x []float32) { return k.exp2 }, math.Exp2, 1, -151, 129},
	{"expm1", func(k *impl[float32]) func(dst, x []float32) { return k.expm1 }, math.Expm1, 2, -20, 90},
	{"log", func(k *impl[float32]) func(dst, x []float32) { return k.log }, math.Log, 1, .5, 2},
	{"log2", func(k *impl[float32]) func(dst, x []float32) { return k.log2 }, log2In64, 2, .5, 2},
	{"log1p", func(k *impl[float32]) func(dst, x []float32) { return k.log1p }, math.Log1p, 2, -1, 2},
	{"softplus", func(k *impl[float32]) func(dst, x []float32) { return k.softplus }, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 2, -105, 20},
	{"sigmoid", func(k *impl[float32]) func(dst, x []float32) { return k.sigmoid }, func(x float64) float64 {
		u := math.Exp(-math.Abs(x))
		if x < 0 {
			return u / (1 + u)
		}
		return 1 / (1 + u)
	}, 2, -105, 20},
	{"sqrt", func(k *impl[float32]) func(dst, x []float32) { return k.sqrt }, math.Sqrt, .5, 0, 10},
	{"tanh", func(k *impl[float32]) func(dst, x []float32) { return k.tanh }, math.Tanh, 2, -10, 10},
}

func TestElementwiseAccuracy(t *testing.T) {
	for _, e := range elementwise {
		t.Run(e.name, func(t *testing.T) {
			for _, k := range tables32 {
				t.Run("isa="+k.tier.String(), func(t *testing.T) {
					worst, at := 0., float32(0)
					f, dst := e.f(k), make([]float32, 1<<14)
					check := func(x []float32) {
						f(dst[:len(x)], x)
						for i, v := range x {
							if u := numtest.ULP(dst[i], e.want(float64(v))); !(u <= worst) {
								worst, at = u, v
							}
						}
					}
					thin := uint64(1)
					if testing.Short() {
						thin = 16
					}
					numtest.Floats(stride*thin, check)
					check(numtest.Edges())
					const n = 1 << 14
					for block := 0; block < 40; block += int(thin) {
						x := make([]float32, n)
						for i := range x {
							x[i] = e.lo + (e.hi-e.lo)*float32(block*n+i)/(40*n)
						}
						check(x)
					}
					if !(worst <= e.ulps) {
						f(dst[:1], []float32{at})
						t.Errorf("error of %v ULP at %v (%x): got %v, want %v", worst, at, at, dst[0], e.want(float64(at)))
					}
					t.Logf("largest error %.4f ULP, at %v", worst, at)
				})
			}
		})
	}
}

// TestTiersRequired makes a run fail whose processor lacks a tier that it is to test.
func TestTiersRequired(t *testing.T) {
	required := os.Getenv("SINKCPU_TEST_REQUIRE")
	if required == "" {
		t.Skip("SINKCPU_TEST_REQUIRE is not set: whatever tiers the processor has are tested")
	}
	have := map[Tier]bool{}
	for _, tier := range Tiers() {
		have[tier] = true
	}
	for name := range strings.SplitSeq(required, ",") {
		if tier := parseTier(name); tier < 0 || !have[tier] {
			t.Errorf("tier %q is required and not available; this processor and build have %v", name, Tiers())
		}
	}
}
