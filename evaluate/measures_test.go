package evaluate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

func mustScore(t tester, logits []float32, n, classes int) float64 {
	t.Helper()
	s, err := ClassScore(logits, n, classes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Certain and even over ten classes: 10. Certain of one class, or knowing nothing: 1. Certain of two: 2. Half sure between two of even
// classes of which all pairs occur: exp(log 10 - log 2).
func TestClassScoreOfKnownCases(t *testing.T) {
	const n = 1000
	for _, c := range []struct {
		name  string
		logit func(i, class int) float32
		want  float64
	}{
		{"one-hot and uniform", func(i, c int) float32 { return oneIf(i%10 == c, 100) }, 10},
		{"one-hot, large", func(i, c int) float32 { return oneIf(i%10 == c, 1e30) }, 10},
		{"one class", func(_, c int) float32 { return oneIf(c == 3, 100) }, 1},
		{"two classes", func(i, c int) float32 { return oneIf(i%2 == c, 100) }, 2},
		{"flat", func(_, _ int) float32 { return 7 }, 1},
		{"pairs", func(i, c int) float32 { return oneIf(i%10 == c || (i+1)%10 == c, 100) }, 5},
	} {
		logits := make([]float32, 0, 10*n)
		for i := range n {
			for class := range 10 {
				logits = append(logits, c.logit(i, class))
			}
		}
		if got := mustScore(t, logits, n, 10); !(math.Abs(got-c.want) <= 1e-9) {
			t.Errorf("%s: %.12g, want %g", c.name, got, c.want)
		}
	}
}

func oneIf(b bool, v float32) float32 {
	if b {
		return v
	}
	return 0
}

// Neither the order of the rows nor a number added to the logits of a row changes the score.
func TestClassScoreIsInvariant(t *testing.T) {
	const n, classes = 200, 7
	rng := rand.New(rand.NewPCG(1, 2))
	logits := normal(rng, n, classes, 0, 2)
	want := mustScore(t, logits, n, classes)
	var other []float32
	for _, i := range rng.Perm(n) {
		shift := float32(rng.IntN(9))
		for _, v := range logits[i*classes : (i+1)*classes] {
			other = append(other, v+shift)
		}
	}
	if got := mustScore(t, other, n, classes); !(math.Abs(got-want) <= 1e-5) || !(want > 1 && want < classes) {
		t.Errorf("%g, want %g", got, want)
	}
}

// A ramp has no Laplacian. A chequerboard of amplitude a has L = +-4 a about its mean, evenly: variance 16 a^2. Blur lowers it.
func TestSharpness(t *testing.T) {
	const h, w = 10, 12
	ramp, board := make([]float32, h*w), make([]float32, h*w)
	for i := range ramp {
		ramp[i] = float32(i/w)/16 + float32(i%w)/32
		board[i] = .5 + .25*float32(1-2*((i/w+i%w)%2))
	}
	got, err := Sharpness(append(slices.Clone(ramp), board...), 2, h, w, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := 64 * .25 * .25; got[0] != 0 || !(math.Abs(got[1]-want) <= 1e-9) {
		t.Errorf("%v, want 0 and %g", got, want)
	}
	rgb := slices.Concat(board, board, board)
	grey, err := Sharpness(rgb, 1, h, w, 3)
	if err != nil || !(math.Abs(grey[0]-got[1]) <= 1e-6) {
		t.Errorf("three equal channels: %v %v, want %v", grey, err, got[1])
	}

	noise := normal(rand.New(rand.NewPCG(3, 4)), 1, h*w, .5, .1)
	blurred := slices.Clone(noise)
	for i := w; i < len(noise)-w; i++ {
		blurred[i] = (noise[i-w] + noise[i-1] + noise[i] + noise[i+1] + noise[i+w]) / 5
	}
	pair, err := Sharpness(append(noise, blurred...), 2, h, w, 1)
	if err != nil || !(pair[1] < pair[0]/4) {
		t.Errorf("noise and blurred noise: %v %v", pair, err)
	}
}

func TestCopying(t *testing.T) {
	for _, c := range []struct {
		samples, held []float64
		want          float64
	}{
		{[]float64{0, 0, 0}, []float64{1, 2}, 1}, // copies of training rows
		{[]float64{5, 6}, []float64{1, 2}, 0},
		{[]float64{1, 2, 3}, []float64{1, 2, 3}, .5},
		{[]float64{1, 1}, []float64{1, 1, 1}, .5},
		{[]float64{1, 3}, []float64{2, 3}, (2 + .5) / 4},
	} {
		got, err := Copying(c.samples, c.held)
		if err != nil || !(math.Abs(got-c.want) <= 1e-15) {
			t.Errorf("%v against %v: %g %v, want %g", c.samples, c.held, got, err, c.want)
		}
	}
}

// Clouds of one law have an MMD about 0 and a small divergence; a moved cloud has the divergence |t|^2 of its translation, less the little
// that eps takes, and equal clouds 0.
func TestDivergenceAndMMD(t *testing.T) {
	const n, d = 200, 3
	rng := rand.New(rand.NewPCG(5, 6))
	x, y := normal(rng, n, d, 0, 1), normal(rng, n, d, 0, 1)
	moved := slices.Clone(x)
	for i := range n {
		moved[i*d] += 4
	}
	s, err := MedianDistance(nil, x, n, d)
	if want := 2.175; err != nil || !(math.Abs(s-want) <= .1) { // sqrt(2) times the median of a chi law of 3 degrees, 1.5382
		t.Errorf("median distance %g %v, want %g", s, err, want)
	}
	measure := func(y []float32) (divergence, mmd float64) {
		divergence, err := Divergence(t.Context(), nil, x, y, n, n, d, .5, 1e-4)
		if err != nil {
			t.Fatal(err)
		}
		if mmd, err = MMD(nil, x, y, n, n, d, s); err != nil {
			t.Fatal(err)
		}
		return divergence, mmd
	}
	if v, _ := measure(x); !(math.Abs(v) <= 1e-3) {
		t.Errorf("divergence %g of a cloud from itself", v)
	}
	if v, mmd := measure(y); !(v > 0 && v < .3 && math.Abs(mmd) < .02) {
		t.Errorf("divergence %g and MMD %g of two clouds of one law", v, mmd)
	}
	if v, mmd := measure(moved); !(math.Abs(v-16) <= 1e-2 && mmd > .5) {
		t.Errorf("divergence %g and MMD %g of a moved cloud, want 16", v, mmd)
	}
}

// TestMeasuresFarFromOrigin: moving both clouds by 3000 changes nothing but what rounding the coordinates does, in float32 and in dimensions whose
// distances come from inner products.
func TestMeasuresFarFromOrigin(t *testing.T) {
	const n, m, d, far = 40, 30, 20, 3000
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(random.New(1, "x"), x, 0, 1)
	random.Normal(random.New(1, "y"), y, .3, 1)
	measure := func(by float64) (divergence, mmd, median float64) {
		u, v := make([]float32, n*d), make([]float32, m*d)
		for i := range u { // multiples of 2^-10 are exact in both places
			u[i] = float32(math.Round(x[i]*1024)/1024 + by)
		}
		for i := range v {
			v[i] = float32(math.Round(y[i]*1024)/1024 + by)
		}
		divergence, err1 := Divergence(context.Background(), nil, u, v, n, m, d, 1, 1e-5)
		mmd, err2 := MMD(nil, u, v, n, m, d, 5)
		median, err3 := MedianDistance(nil, u, n, d)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		return divergence, mmd, median
	}
	divergence, mmd, median := measure(0)
	divergence1, mmd1, median1 := measure(far)
	if !(math.Abs(divergence1-divergence) <= 1e-5*divergence && math.Abs(mmd1-mmd) <= 1e-6 && math.Abs(median1-median) <= 1e-6*median) {
		t.Errorf("%g, %g and %g at the origin, %g, %g and %g at %d", divergence, mmd, median, divergence1, mmd1, median1, far)
	}
}
