package sinkhorn_test

import (
	"context"
	"math"
	"testing"

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
