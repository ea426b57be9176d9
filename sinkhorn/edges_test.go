package sinkhorn_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestResultsAreNumbers: whatever ends a solve, its values are finite and bracket.
func TestResultsAreNumbers(t *testing.T) {
	for _, c := range []struct {
		name      string
		cost      []float64
		n, m      int
		a, b      []float64
		eps       float64
		maxIter   int
		cancelled bool
	}{
		{"column without mass or allowed pair", []float64{1, inf, 2, inf}, 2, 2, nil, []float64{1, 0}, .1, 0, false},
		{"row without mass or allowed pair", []float64{1, 2, inf, inf}, 2, 2, []float64{1, 0}, nil, .1, 0, false},
		{"float32 cannot resolve eps", []float64{2, 1e4}, 1, 2, nil, nil, 1e-6, 100, false},
		{"float32 cannot resolve eps, a few iterations", []float64{2, 1e4}, 1, 2, nil, nil, 1e-6, 2, false},
		{"no iteration left on the path", []float64{-10000, 1.5, 3, 3}, 2, 2, []float64{.53, .47}, []float64{.51, .49}, 1e-6, 100, false},
		{"cancelled before the first update", []float64{0, -1e4, 1, 3}, 2, 2, nil, nil, 1, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if c.cancelled {
				cancel()
			}
			areNumbers[float32](t, ctx, c.cost, c.n, c.m, c.a, c.b, c.eps, c.maxIter)
			areNumbers[float64](t, ctx, c.cost, c.n, c.m, c.a, c.b, c.eps, c.maxIter)
		})
	}
}

func areNumbers[T kernels.Float](t *testing.T, ctx context.Context, cost []float64, n, m int, a, b []float64, eps float64, maxIter int) {
	t.Helper()
	c := make([]T, len(cost))
	for i, v := range cost {
		c[i] = T(v)
	}
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, m, m), a, b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[T]{Eps: eps, MaxIter: maxIter}).Solve(ctx, p)
	lower, upper := r.Bounds()
	for name, v := range map[string]float64{"value": r.Value(), "transport cost": r.TransportCost(), "marginal error": r.MarginalError(), "lower": lower, "upper": upper} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%T: %s is %g (%v)", c, name, v, err)
		}
	}
	if !(lower <= upper) {
		t.Errorf("%T: [%g, %g]", c, lower, upper)
	}
}

// TestNoPlanExists: where forbidden pairs leave no plan with these marginals, and potentials would go to infinity, what a solve returns is finite and
// says that it did not converge.
func TestNoPlanExists(t *testing.T) {
	for seed := range uint64(12) {
		noPlan[float32](t, seed)
		noPlan[float64](t, seed)
	}
}

// noPlan solves a problem in which most of the mass of the rows is in one that may not go to a third of the columns.
func noPlan[T kernels.Float](t *testing.T, seed uint64) {
	t.Helper()
	const n, m = 20, 30
	s := random.New(seed, "no plan")
	cost, a := make([]T, n*m), make([]float64, n)
	for k := range cost {
		cost[k] = T(20 * s.Float64())
		if s.IntN(3) == 0 {
			cost[k] = T(inf)
		}
	}
	for i := range n {
		a[i] = math.Pow(10, -300*s.Float64())
		cost[i*m+i] = 1
	}
	for j := range m {
		cost[j%n*m+j] = 2
	}
	heavy := slices.Index(a, slices.Max(a))
	cost[heavy*m+(heavy+1)%m] = T(inf)
	kernels.Scale(a, 1/kernels.Sum(a))
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, n, m, m), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, eps := range []float64{2e-4, 1e-2} {
		r, err := (&sinkhorn.Solver[T]{Eps: eps, MaxIter: 100}).Solve(context.Background(), p)
		if !errors.Is(err, sinkhorn.ErrNotConverged) {
			t.Errorf("seed %d, %T, eps %g: error %v", seed, cost, eps, err)
		}
		lower, _ := r.Bounds()
		for name, v := range map[string]float64{"value": r.Value(), "transport cost": r.TransportCost(), "marginal error": r.MarginalError(), "mass": r.Mass(), "lower": lower} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("seed %d, %T, eps %g: %s is %g (%v)", seed, cost, eps, name, v, err)
			}
		}
	}
}
