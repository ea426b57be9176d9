package exact_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/numtest"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// lineCost is the matrix that Line does not form.
func lineCost(x, y []float64, p float64) []float64 {
	c := make([]float64, 0, len(x)*len(y))
	for _, v := range x {
		for _, w := range y {
			c = append(c, math.Pow(math.Abs(v-w), p))
		}
	}
	return c
}

// TestLineIsOptimal: the plan of the line meets the conditions of optimality, and its value is that of the general solver; repeated
// points, zero weights and equal cumulated weights among the cases.
func TestLineIsOptimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for k := range 300 {
		n, m := 1+rng.IntN(12), 1+rng.IntN(12)
		x, y := make([]float64, n), make([]float64, m)
		for i := range x {
			x[i] = float64(rng.IntN(9)) / 3
		}
		for j := range y {
			y[j] = 1 + rng.NormFloat64()
		}
		a, b := uniform(n), uniform(m)
		if k%3 > 0 {
			a, b = randomWeights(rng, n, k%3 == 1), randomWeights(rng, m, k%3 == 1)
		}
		p := []float64{1, 2, 1.5, 4}[k%4]
		r, err := exact.Line(x, y, a, b, p)
		if err != nil {
			t.Fatal(err)
		}
		c := lineCost(x, y, p)
		if err := verify(c, a, b, r); err != nil {
			t.Fatalf("problem %d, p = %g: %v", k, p, err)
		}
		if want := solve(t, problem(t, c, n, m, a, b)).Value; !(math.Abs(r.Value-want) <= 1e-13*max(1, want)) {
			t.Fatalf("problem %d, p = %g: %.15g, want %.15g", k, p, r.Value, want)
		}
	}
}

// TestLineClosedForms are values of the sheet of closed forms, and of quadrature.
func TestLineClosedForms(t *testing.T) {
	x, y := []float64{.1, .9, .4, .75, .2}, []float64{.5, .05, 1.2, .8, .33}
	for _, c := range []struct {
		x, y []float64
		p    float64
		want float64
	}{
		{x, y, 2, .02438},
		{x, y, 1, .126},
		{[]float64{0, 1}, []float64{0, 1, 2, 3}, 2, 1.5},
		{[]float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}, 1, 1},
		{[]float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}, 2, 1.2083333333333333},
		{[]float64{5}, []float64{7}, 3, 8},
	} {
		r, err := exact.Line(c.x, c.y, nil, nil, c.p)
		if err != nil || !(math.Abs(r.Value-c.want) <= 1e-14) {
			t.Errorf("%v to %v, p = %g: %.15g and %v, want %.15g", c.x, c.y, c.p, r.Value, err, c.want)
		}
	}
}

// TestSampleMeans: E W_2^2 between two samples of N points of U[0,1] is 1/(3 (N+1)), within 4 standard errors of 2000 draws.
func TestSampleMeans(t *testing.T) {
	const n, draws = 20, 2000
	rng := random.New(5, "uniform")
	x, y := make([]float64, n), make([]float64, n)
	var sum, squares float64
	for range draws {
		for i := range x {
			x[i], y[i] = rng.Float64(), rng.Float64()
		}
		r, err := exact.Line(x, y, nil, nil, 2)
		if err != nil {
			t.Fatal(err)
		}
		sum += r.Value
		squares += r.Value * r.Value
	}
	mean := sum / draws
	se := math.Sqrt((squares/draws - mean*mean) / draws)
	if want := 1. / (3 * (n + 1)); !(math.Abs(mean-want) <= 4*se) {
		t.Errorf("mean %.5g with standard error %.2g, want %.5g", mean, se, want)
	}
}

// TestLineGradient against differences, for both sides.
func TestLineGradient(t *testing.T) {
	x, y := []float64{2, 18, 8, 15, 4}, []float64{10, 1, 24}
	a, b := []float64{.1, .2, .3, .15, .25}, []float64{.5, .2, .3}
	for _, p := range []float64{1, 1.5, 2} {
		ground, err := logsumexp.Power(p)
		if err != nil {
			t.Fatal(err)
		}
		line := func() *exact.Result {
			r, err := exact.Line(x, y, a, b, p)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		err = numtest.Grad(1, func() []float64 { return []float64{line().Value} }, func(w []float64) []numtest.Leaf[float64] {
			points, err := logsumexp.NewPoints[float64](ground, x, y, nil, nil, len(x), len(y), 1)
			if err != nil {
				t.Fatal(err)
			}
			dx, dy := make([]float64, len(x)), make([]float64, len(y))
			line().Gradient(dx, dy, points)
			for _, g := range [][]float64{dx, dy} {
				for i := range g {
					g[i] *= w[0]
				}
			}
			return []numtest.Leaf[float64]{{Name: "x", Value: x, Grad: dx}, {Name: "y", Value: y, Grad: dy}}
		})
		if err != nil {
			t.Errorf("p = %g: %v", p, err)
		}
	}
}

// TestBadLines are inputs that must be refused.
func TestBadLines(t *testing.T) {
	one := []float64{1}
	for _, c := range []struct {
		x, y, a, b []float64
		p          float64
	}{
		{nil, one, nil, nil, 2},
		{one, nil, nil, nil, 2},
		{one, one, nil, nil, .5},
		{one, one, nil, nil, math.NaN()},
		{[]float64{math.NaN()}, one, nil, nil, 2},
		{one, one, []float64{0}, nil, 2},
		{one, one, []float64{-1}, nil, 2},
		{one, one, nil, []float64{1, 2}, 2},
	} {
		if r, err := exact.Line(c.x, c.y, c.a, c.b, c.p); err == nil {
			t.Errorf("%+v gives %+v", c, r)
		}
	}
}

// FuzzLine: no panic, and a plan that the general solver's bounds hold.
func FuzzLine(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6}, uint8(3))
	f.Add([]byte{0, 0, 0, 0, 255, 255, 7}, uint8(1))
	f.Fuzz(func(t *testing.T, raw []byte, cut uint8) {
		var x, y, a, b []float64
		for k := 0; k+1 < min(len(raw), 60); k += 2 {
			v, w := float64(raw[k])/16, float64(raw[k+1]%8)
			if k/2 < int(cut) {
				x, a = append(x, v), append(a, w)
			} else {
				y, b = append(y, v), append(b, w)
			}
		}
		r, err := exact.Line(x, y, a, b, 2)
		if err != nil {
			return
		}
		p, err := sinkhorn.NewProblem(logsumexp.NewStored(lineCost(x, y, 2), len(x), len(y), len(y)), normal(a), normal(b))
		if err != nil {
			t.Fatal(err)
		}
		wa, wb := p.Weights()
		if err := verify(lineCost(x, y, 2), wa, wb, r); err != nil {
			t.Error(err)
		}
		if other := solve(t, p); !(math.Abs(other.Value-r.Value) <= 1e-12*max(1, r.Value)) {
			t.Errorf("%.15g on the line, %.15g by %s", r.Value, other.Value, other.Method)
		}
	})
}

func normal(w []float64) []float64 {
	var sum float64
	for _, v := range w {
		sum += v
	}
	unit := make([]float64, len(w))
	for i, v := range w {
		unit[i] = v / sum
	}
	return unit
}
