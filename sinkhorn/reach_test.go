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
