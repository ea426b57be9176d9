package sinkhorn_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestSolveEntropy: for two points against themselves P11 = (1/2)/(1+e^(-1/eps)), so that the entropy tells eps; on random problems the plan
// has the entropy asked for, whatever the start, and what cannot be is an error.
func TestSolveEntropy(t *testing.T) {
	const eps = .3
	q := 1 / (1 + math.Exp(1/eps)) // off the diagonal, over 1/2
	h := math.Ln2 - q*math.Log(q) - (1-q)*math.Log1p(-q)
	p, err := sinkhorn.NewProblem(logsumexp.NewStored([]float64{0, 1, 1, 0}, 2, 2, 2), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, begin := range []float64{0, 1e-3, 1e3} {
		r, err := (&sinkhorn.Solver[float64]{Eps: begin, Tol: 1e-10}).SolveEntropy(context.Background(), p, h)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "eps", r.Eps(), eps, 1e-5)
	}
	for _, h := range []float64{0, math.Ln2, 2 * math.Ln2, math.NaN(), 5} {
		if _, err := (&sinkhorn.Solver[float64]{}).SolveEntropy(context.Background(), p, h); err == nil {
			t.Errorf("entropy %g: no error", h)
		}
	}
	for seed := range uint64(20) {
		c := drawCloud(seed, 0)
		p, err := sinkhorn.NewProblem(stored[float32](c.x, c.y, c.n, c.m, c.d, 1), c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		want, err := (&sinkhorn.Solver[float32]{Eps: .1 * mean(c.cost())}).Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		h := want.Entropy()
		got, err := (&sinkhorn.Solver[float32]{}).SolveEntropy(context.Background(), p, h)
		if c.n > 1 && c.m > 1 && err != nil {
			t.Logf("seed %d: %v", seed, err) // an assignment or a b^T, to rounding
			continue
		}
		if err == nil {
			near(t, "entropy", got.Entropy(), h, 1e-4)
		}
	}
}
