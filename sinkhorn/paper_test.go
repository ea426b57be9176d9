package sinkhorn_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// pointsProblem is the problem between two clouds of n points in the unit square.
func pointsProblem(t testing.TB, n int) *sinkhorn.Problem[float64] {
	t.Helper()
	x, y := make([]float64, 2*n), make([]float64, 2*n)
	random.Uniform(random.New(1, "x"), x, 0, 1)
	random.Uniform(random.New(1, "y"), y, 0, 1)
	points, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, n, 2)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem[float64](points.Form(nil), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTinyTemperatures: 200 random points down to eps = 1e-4, where exp(-C/eps) underflows, are solved to a marginal error of 1e-6, and the
// values lie within eps log n of each other's limit (test A2, fact M1).
func TestTinyTemperatures(t *testing.T) {
	p := pointsProblem(t, 200)
	last := math.Inf(1)
	for _, eps := range []float64{1e-3, 3e-4, 1e-4} {
		s := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-6, MaxIter: 100000}
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatalf("eps %g: %v", eps, err)
		}
		w := r.TransportCost()
		if !(r.MarginalError() <= 1e-6) {
			t.Errorf("eps %g: marginal error %g", eps, r.MarginalError())
		}
		if !(w > 0 && w <= last+1e-6) {
			t.Errorf("eps %g: transport cost %g, %g at the larger eps", eps, w, last)
		}
		last = w
	}
}

// BenchmarkSteps is the time of L steps on n points a side, O(L n^2), beside those for half of n and half of L: about 4 and 2 (test A6).
func BenchmarkSteps(b *testing.B) {
	least := func(b *testing.B, n, steps int) float64 {
		p := pointsProblem(b, n)
		s := sinkhorn.Solver[float64]{Eps: .05}
		var u sinkhorn.Unrolled[float64]
		best := math.Inf(1)
		for range 20 {
			start := time.Now()
			if err := s.Unroll(context.Background(), &u, steps, p); err != nil {
				b.Fatal(err)
			}
			best = min(best, time.Since(start).Seconds())
		}
		return best
	}
	for _, n := range []int{512, 1024} {
		b.Run(fmt.Sprintf("n=%d/L=100", n), func(b *testing.B) {
			for b.Loop() {
				whole := least(b, n, 100)
				b.ReportMetric(whole/least(b, n/2, 100), "time(n)/time(n/2)")
				b.ReportMetric(whole/least(b, n, 50), "time(L)/time(L/2)")
			}
		})
	}
}
