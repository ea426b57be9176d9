package sinkhorn_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestTVPotentialsAtTheirEnds: points whose potential is at the end of its range count only what is on the wrong side, though
// the potential comes out of a scale and back.
func TestTVPotentialsAtTheirEnds(t *testing.T) {
	const n, m, d = 20, 15, 3
	s := random.New(7, "clouds")
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(s, x, 0, 1)
	random.Normal(s, y, .5, 1)
	for _, rho := range []float64{.1, .3, 1, 3} {
		c, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, m, d)
		if err != nil {
			t.Fatal(err)
		}
		tv := sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: rho}
		p, err := sinkhorn.NewUnbalanced(c, nil, nil, tv, tv)
		if err != nil {
			t.Fatal(err)
		}
		for _, eps := range []float64{.06, .3, 1.2} {
			r, err := (&sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-8}).Solve(context.Background(), p)
			lower, upper := r.Bounds()
			if err != nil || !(math.Abs(upper-lower) <= 1e-6) {
				t.Errorf("rho %g, eps %g: %v, [%.12g, %.12g]", rho, eps, err, lower, upper)
			}
		}
	}
}

// TestNewtonWithReach: Newton's method ends where sweeps do, for every pair of reaches, in far fewer iterations where sweeps crawl.
func TestNewtonWithReach(t *testing.T) {
	kl, tv, exact := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: 3}, sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: 1.5}, sinkhorn.Reach{}
	for seed := range uint64(8) {
		c := drawCloud(seed, 0)
		cost := c.cost()
		eps := .01 * mean(cost)
		for k, sides := range [][2]sinkhorn.Reach{{kl, kl}, {kl, exact}, {exact, kl}, {kl, tv}, {tv, kl}, {tv, tv}, {tv, exact}, {exact, tv}} {
			p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored(cost, c.n, c.m, c.m), c.a, c.b, sides[0], sides[1])
			if err != nil {
				t.Fatal(err)
			}
			got, err := (&sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-11}).Solve(context.Background(), p)
			if err != nil {
				t.Errorf("seed %d, reaches %d: %v (%s)", seed, k, err, got.Method)
				continue
			}
			want, err := (&sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-11, Method: sinkhorn.Sweep, MaxIter: 1e6}).Solve(context.Background(), p)
			if err != nil {
				t.Logf("seed %d, reaches %d: %v", seed, k, err)
			}
			if got.Iterations > 200 && got.Iterations > want.Iterations {
				t.Errorf("seed %d, reaches %d: %d iterations of %s, %d of sweeps", seed, k, got.Iterations, got.Method, want.Iterations)
			}
			near(t, "value", got.Value(), want.Value(), 1e-9*max(1, mean(cost)))
			lower, upper := got.Bounds()
			if !(lower <= want.Value()+1e-9 && want.Value() <= upper+1e-9 && upper-lower <= 1e-7*max(1, mean(cost))) {
				t.Errorf("seed %d, reaches %d: [%.12g, %.12g] around %.12g", seed, k, lower, upper, want.Value())
			}
		}
	}
}
