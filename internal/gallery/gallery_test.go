package gallery

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
)

// halves takes a row of two numbers to the code of half its first, and back to twice that and its negative.
type halves struct{ generative.Encoder }

func (halves) LatentDim() int { return 1 }

func (halves) Encode(z, x []float32, rows int, _ *rand.Rand) {
	for i := range rows {
		z[i] = x[2*i] / 2
	}
}

func (halves) Decode(x, z []float32, rows int) {
	for i := range rows {
		x[2*i], x[2*i+1] = 2*z[i], -2*z[i]
	}
}

func (halves) Interpolate(dst, a, b []float32, steps int) {
	for k := range steps {
		dst[k] = a[0] + (b[0]-a[0])*float32(k)/float32(steps-1)
	}
}

func TestBeside(t *testing.T) {
	if got, want := Beside(halves{}, []float32{1, 2, 3, 4}, 2), []float32{1, 2, 1, -1, 3, 4, 3, -3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWays(t *testing.T) {
	x := []float32{0, 9, 4, 9, 8, 7, 0, 7} // two pairs
	way := []float32{0, 0, 2, -2, 4, -4, 8, -8, 4, -4, 0, 0}
	if got := Ways(halves{}, x, 2, 3, false); !slices.Equal(got, way) {
		t.Errorf("%v, want %v", got, way)
	}
	want := slices.Concat(x[:2], way[:6], x[2:4], x[4:6], way[6:], x[6:])
	if got := Ways(halves{}, x, 2, 3, true); !slices.Equal(got, want) {
		t.Errorf("with rows: %v, want %v", got, want)
	}
}
