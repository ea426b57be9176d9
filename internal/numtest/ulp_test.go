package numtest

import (
	"math"
	"testing"
)

func TestULP(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, tc := range []struct {
		got        float32
		want, ulps float64
	}{
		{1, 1, 0},
		{1, 1 + 0x1p-23, 1},
		{1, 1 - 0x1p-24, 1}, // the unit below 1 is half of that above
		{1, 1 + 0x1p-24, .5},
		{-2, -2 - 0x1p-22, 1},
		{0x1p-149, 0, 1},
		{0x1p-149, 0x1p-149, 0},
		{0, 0x1p-150, .5},
		{0x1p-126, 0x1p-126 + 0x1p-149, 1},
		{0x1p-126, 0x1p-126 - 0x1p-149, 1},
		{float32(inf), 0x1p128, 0},
		{float32(inf), math.MaxFloat32 + 0x1p103, 0}, // halfway rounds to even, which is infinity
		{math.MaxFloat32, math.MaxFloat32 + 0x1p103, 1},
		{float32(inf), math.MaxFloat32, 1},
		{math.MaxFloat32, math.MaxFloat32 + 0x1p102, .25},
		{float32(-inf), inf, inf},
		{1, inf, inf},
		{float32(inf), 1, inf},
		{float32(nan), nan, 0},
		{float32(nan), 1, inf},
		{1, nan, inf},
		{float32(inf), nan, inf},
	} {
		if got := ULP(tc.got, tc.want); got != tc.ulps {
			t.Errorf("ULP(%v, %v) = %v, want %v", tc.got, tc.want, got, tc.ulps)
		}
	}
}

func TestULPOfRounding(t *testing.T) {
	for i := range 100000 {
		v := math.Ldexp(1+float64(i)/100000, i%260-140)
		if u := ULP(float32(v), v); !(u <= .5) {
			t.Fatalf("rounding %v to float32 measures %v ULP", v, u)
		}
		next := math.Nextafter32(float32(v), float32(math.Inf(1)))
		if u := ULP(next, float64(float32(v))); u != 1 && !math.IsInf(float64(next), 0) {
			t.Fatalf("the float32 after %v is %v ULP away", v, u)
		}
	}
}

func TestFloatsCoversTheLine(t *testing.T) {
	const stride = 65537
	n, finite, denormal, nan := 0, 0, 0, 0
	Floats(stride, func(x []float32) {
		for _, v := range x {
			n++
			switch a := math.Abs(float64(v)); {
			case v != v:
				nan++
			case a < 0x1p-126:
				denormal++
			case !math.IsInf(a, 0):
				finite++
			}
		}
	})
	if n != (1<<32+stride-1)/stride || finite < n*9/10 || denormal == 0 || nan == 0 {
		t.Errorf("%d patterns: %d normal, %d denormal, %d NaN", n, finite, denormal, nan)
	}
}
