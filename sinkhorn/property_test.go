package sinkhorn_test

import (
	"context"
	"errors"
	"flag"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// cloud is a problem between two clouds in one to three dimensions, drawn from a seed.
type cloud struct {
	n, m, d int
	x, y    []float64
	a, b    []float64
	eps     float64 // times the mean cost
}

// drawCloud makes clouds with repeated points, zero weights and temperatures of ten decades among them.
func drawCloud(seed uint64, decades float64) cloud {
	s := random.New(seed, "cloud")
	c := cloud{n: 1 + s.IntN(12), m: 1 + s.IntN(12), d: 1 + s.IntN(3)}
	c.x, c.y = make([]float64, c.n*c.d), make([]float64, c.m*c.d)
	random.Normal(s, c.x, 0, 1)
	random.Normal(s, c.y, .5, 1)
	c.a, c.b = make([]float64, c.n), make([]float64, c.m)
	random.Uniform(s, c.a, .1, 1)
	random.Uniform(s, c.b, .1, 1)
	if s.IntN(3) == 0 && c.n > 1 {
		c.a[s.IntN(c.n)] = 0
		copy(c.x[:c.d], c.x[(c.n-1)*c.d:]) // a repeated point
	}
	if s.IntN(3) == 0 && c.m > 1 {
		c.b[s.IntN(c.m)] = 0
	}
	for _, w := range [][]float64{c.a, c.b} {
		var sum float64
		for _, v := range w {
			sum += v
		}
		for i := range w {
			w[i] /= sum
		}
	}
	c.eps = math.Pow(10, decades*(2*s.Float64()-1))
	return c
}

func (c cloud) cost() []float64 {
	out := make([]float64, 0, c.n*c.m)
	for i := range c.n {
		for j := range c.m {
			var s float64
			for k := range c.d {
				t := c.x[i*c.d+k] - c.y[j*c.d+k]
				s += t * t
			}
			out = append(out, s)
		}
	}
	return out
}

func mean(c []float64) float64 {
	var s float64
	for _, v := range c {
		s += v
	}
	return s / float64(len(c))
}

func solve64(t interface{ Fatal(...any) }, cost []float64, n, m int, a, b []float64, eps float64) *sinkhorn.Result[float64] {
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, n, m, m), a, b)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-11}
	r, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInvariances: adding a constant to the cost adds it to the value; scaling cost and eps scales it; transposition and permutation do
// nothing; the value grows with eps and is held by its bounds.
func TestInvariances(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCloud(rapid.Uint64().Draw(rt, "seed"), 1.5)
		cost := c.cost()
		eps := c.eps * mean(cost)
		base := solve64(rt, cost, c.n, c.m, c.a, c.b, eps)
		scale := max(1e-3, mean(cost), eps)
		same := func(what string, got, want float64) {
			if !(math.Abs(got-want) <= 1e-9*scale) {
				rt.Fatalf("%s: %.15g, want %.15g", what, got, want)
			}
		}
		plus, times := make([]float64, len(cost)), make([]float64, len(cost))
		turned := make([]float64, len(cost))
		reversed := make([]float64, len(cost))
		for i := range c.n {
			for j := range c.m {
				v := cost[i*c.m+j]
				plus[i*c.m+j], times[i*c.m+j] = v+7, 3*v
				turned[j*c.n+i] = v
				reversed[(c.n-1-i)*c.m+j] = v
			}
		}
		back := make([]float64, c.n)
		for i, v := range c.a {
			back[c.n-1-i] = v
		}
		same("C + 7", solve64(rt, plus, c.n, c.m, c.a, c.b, eps).Value(), base.Value()+7)
		same("3 C, 3 eps", solve64(rt, times, c.n, c.m, c.a, c.b, 3*eps).Value(), 3*base.Value())
		same("transposed", solve64(rt, turned, c.m, c.n, c.b, c.a, eps).Value(), base.Value())
		same("reversed", solve64(rt, reversed, c.n, c.m, back, c.b, eps).Value(), base.Value())
		if warmer := solve64(rt, cost, c.n, c.m, c.a, c.b, 2*eps); !(warmer.Value() >= base.Value()-1e-9*scale) {
			rt.Fatalf("the value falls from %.15g to %.15g as eps doubles", base.Value(), warmer.Value())
		}
		lower, upper := base.Bounds()
		if !(lower <= base.Value() && base.Value() <= upper && upper-lower <= 1e-8*scale) {
			rt.Fatalf("bounds [%.15g, %.15g] around %.15g", lower, upper, base.Value())
		}
		plan := make([]float64, c.n*c.m)
		base.Plan(plan)
		var mass float64
		for i := range c.n {
			var row float64
			for j := range c.m {
				row += plan[i*c.m+j]
			}
			mass += row
			if !(math.Abs(row-c.a[i]) <= 1e-10) {
				rt.Fatalf("row %d of the plan sums to %g, want %g", i, row, c.a[i])
			}
		}
		same("mass", mass, 1)
	})
}

// TestDivergencePositive: for the squared distance the divergence is not negative beyond its own bracket, and 0 for equal clouds.
func TestDivergencePositive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCloud(rapid.Uint64().Draw(rt, "seed"), 1.5)
		eps := c.eps * mean(c.cost())
		s := sinkhorn.Solver[float64]{Eps: eps}
		value := func(x, y []float64, n, m int, a, b []float64) (v, lower, upper float64) {
			xy, err1 := sinkhorn.NewProblem(stored[float64](x, y, n, m, c.d, 1), a, b)
			xx, err2 := sinkhorn.NewSelfProblem(stored[float64](x, x, n, n, c.d, 1), a)
			yy, err3 := sinkhorn.NewSelfProblem(stored[float64](y, y, m, m, c.d, 1), b)
			if err := errors.Join(err1, err2, err3); err != nil {
				rt.Fatal(err)
			}
			d, err := s.Divergence(context.Background(), xy, xx, yy)
			if err != nil {
				rt.Fatal(err)
			}
			lower, upper = d.Bounds()
			return d.Value(), lower, upper
		}
		if v, lower, upper := value(c.x, c.y, c.n, c.m, c.a, c.b); !(upper >= 0 && lower <= v && v <= upper) {
			rt.Fatalf("divergence %g in [%g, %g]", v, lower, upper)
		}
		if v, _, _ := value(c.x, c.x, c.n, c.n, c.a, c.a); !(math.Abs(v) <= 1e-6*(1+eps)) {
			rt.Fatalf("divergence of a cloud from itself is %g", v)
		}
	})
}

var problems = flag.Int("problems", 2000, "random problems to solve; the figures quoted are of 100000")

// TestRandomProblems: on random problems in float32, temperatures of twelve decades, nothing is NaN, bounds hold each other, and a status
// other than converged comes with the error.
func TestRandomProblems(t *testing.T) {
	count := uint64(*problems)
	if testing.Short() {
		count = 200
	}
	for seed := range count {
		checkRandom(t, seed)
	}
}

func FuzzSolve(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkRandom(t, seed) })
}

func checkRandom(t *testing.T, seed uint64) {
	t.Helper()
	c := drawCloud(seed, 6)
	cost := stored[float32](c.x, c.y, c.n, c.m, c.d, 1)
	p, err := sinkhorn.NewProblem(cost, c.a, c.b)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	s := sinkhorn.Solver[float32]{Eps: c.eps * mean(c.cost()), MaxIter: 2000, Kernel: sinkhorn.Kernel(seed % 3)}
	r, err := s.Solve(context.Background(), p)
	if errors.Is(err, sinkhorn.ErrNotConverged) != (r.Status != sinkhorn.Converged) {
		t.Fatalf("seed %d: status %v with error %v", seed, r.Status, err)
	}
	lower, upper := r.Bounds()
	for what, v := range map[string]float64{
		"value": r.Value(), "transport cost": r.TransportCost(), "marginal error": r.MarginalError(), "lower bound": lower, "upper bound": upper,
	} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("seed %d, eps %g: %s is %g", seed, s.Eps, what, v)
		}
	}
	if !(lower <= upper) {
		t.Errorf("seed %d, eps %g: bounds [%g, %g]", seed, s.Eps, lower, upper)
	}
	if r.Status == sinkhorn.Converged && !(r.MarginalError() <= 1e-4) {
		t.Errorf("seed %d: converged with marginal error %g", seed, r.MarginalError())
	}
	for _, v := range append(append([]float64(nil), r.F...), r.G...) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("seed %d, eps %g: a potential is %g", seed, s.Eps, v)
			break
		}
	}
	if r.Status != sinkhorn.Converged {
		t.Logf("seed %d, eps/mean %.2g, %dx%d: %v (%s)", seed, c.eps, c.n, c.m, err, r.Method)
	}
}
