package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestMethodsKeepBits: every method, penalty and precision gives the same bits on 1, 2, 3, 7 and 16 workers.
func TestMethodsKeepBits(t *testing.T) {
	testMethodsKeepBits[float32](t)
	testMethodsKeepBits[float64](t)
}

func testMethodsKeepBits[T kernels.Float](t *testing.T) {
	const n, m, d = 310, 270, 2
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Uniform(random.New(3, "x"), x, 0, 1)
	random.Uniform(random.New(3, "y"), y, 0, 1)
	xy, xx := stored[T](x, y, n, m, d, 1), stored[T](x, x, n, n, d, 1)
	kl, tv := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: .5}, sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: .1}
	balanced, err1 := sinkhorn.NewProblem(xy, nil, nil)
	self, err2 := sinkhorn.NewSelfProblem(xx, nil)
	unbalanced, err3 := sinkhorn.NewUnbalanced(xy, nil, nil, kl, tv)
	partial, err4 := sinkhorn.NewPartial(xy, nil, nil, .5)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	solve := func(s *sinkhorn.Solver[T], p *sinkhorn.Problem[T]) string {
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		lower, upper := r.Bounds()
		return fmt.Sprintf("%x %x %x %x %x %d", r.F, r.G, r.Value(), lower, upper, r.Iterations)
	}
	for name, run := range map[string]func(s *sinkhorn.Solver[T]) string{
		"auto":        func(s *sinkhorn.Solver[T]) string { return solve(s, balanced) },
		"sweep":       func(s *sinkhorn.Solver[T]) string { s.Method = sinkhorn.Sweep; return solve(s, balanced) },
		"overrelaxed": func(s *sinkhorn.Solver[T]) string { s.Method = sinkhorn.Overrelaxed; return solve(s, balanced) },
		"newton":      func(s *sinkhorn.Solver[T]) string { s.Eps, s.Tol = 2e-3, 1e-7; return solve(s, balanced) },
		"self":        func(s *sinkhorn.Solver[T]) string { return solve(s, self) },
		"unbalanced":  func(s *sinkhorn.Solver[T]) string { return solve(s, unbalanced) },
		"partial":     func(s *sinkhorn.Solver[T]) string { return solve(s, partial) },
		"entropy": func(s *sinkhorn.Solver[T]) string {
			r, err := s.SolveEntropy(context.Background(), balanced, 8)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%x %x", r.Eps(), r.G)
		},
		"quadratic": func(s *sinkhorn.Solver[T]) string {
			q, err := s.SolveQuadratic(context.Background(), balanced, false)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%x %x", q.Value, q.Plan())
		},
	} {
		var first string
		for _, workers := range []int{1, 2, 3, 7, 16} {
			pool := parallel.New(workers)
			got := run(&sinkhorn.Solver[T]{Eps: .05, Runner: pool, MaxIter: 1e5})
			pool.Close()
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("%T, %s: %d workers give other bits than one", T(0), name, workers)
			}
		}
	}
}

// TestCancelledWithinASweep: after the context ends a solve reads no more than the rest of its sweep and the one pass that evaluates the
// result, whatever the method, and a divergence does not begin its other terms.
func TestCancelledWithinASweep(t *testing.T) {
	const n, m, d, most = 200, 180, 2, 5 // an exact sweep reads the cost three times, the evaluation once
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Uniform(random.New(3, "x"), x, 0, 1)
	random.Uniform(random.New(3, "y"), y, 0, 1)
	var entries atomic.Int64
	xy := countedCost[float32]{stored[float32](x, y, n, m, d, 1), &entries}
	xx := countedCost[float32]{stored[float32](x, x, n, n, d, 1), &entries}
	p, err1 := sinkhorn.NewProblem(xy, nil, nil)
	self, err2 := sinkhorn.NewSelfProblem(xx, nil)
	partial, err3 := sinkhorn.NewPartial(xy, nil, nil, .5)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*sinkhorn.Problem[float32]{"balanced": p, "self": self, "partial": partial} {
		for _, method := range []sinkhorn.Method{sinkhorn.Auto, sinkhorn.Sweep, sinkhorn.Overrelaxed} {
			for _, after := range []int{1, 5} {
				ctx, cancel := context.WithCancel(context.Background())
				var at int64
				iterations := 0
				s := sinkhorn.Solver[float32]{Eps: 1e-3, Tol: 1e-6, Method: method, Progress: func(int, float64) {
					if iterations++; iterations == after {
						cancel()
						at = entries.Load()
					}
				}}
				r, err := s.Solve(ctx, p)
				cancel()
				if r == nil || r.Status != sinkhorn.Cancelled || !errors.Is(err, context.Canceled) {
					t.Errorf("%s, method %d: result %v, error %v", name, method, r, err)
					continue
				}
				if iterations != after {
					t.Errorf("%s, method %d: %d iterations, cancelled after %d", name, method, iterations, after)
				}
				if read := float64(entries.Load()-at) / (n * m); !(read <= most) {
					t.Errorf("%s, method %d: read %.1f times the cost after the end", name, method, read)
				}
			}
		}
	}
}

// TestRandomDivergences: for costs that are conditionally negative definite no converged divergence is negative beyond its own bracket,
// with repeated points, points without mass, one point and temperatures of twelve decades.
func TestRandomDivergences(t *testing.T) {
	power, err := logsumexp.Power(1.5)
	if err != nil {
		t.Fatal(err)
	}
	grounds := []logsumexp.Ground{logsumexp.SqEuclidean, logsumexp.Euclidean, power, logsumexp.L1, logsumexp.Cosine}
	for seed := range uint64(*problems / 5) {
		c := drawCloud(seed, 6)
		ground := grounds[seed%uint64(len(grounds))]
		problem := func(x, y, a, b []float64, n, m int, self bool) *sinkhorn.Problem[float64] {
			cost, err := logsumexp.NewPoints[float64](ground, x, y, a, b, n, m, c.d)
			if err != nil {
				t.Fatal(err)
			}
			if self {
				p, err := sinkhorn.NewSelfProblem(cost, a)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			p, err := sinkhorn.NewProblem(cost, a, b)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		s := sinkhorn.Solver[float64]{Eps: c.eps * mean(c.cost()), MaxIter: 2000}
		d, err := s.Divergence(context.Background(), problem(c.x, c.y, c.a, c.b, c.n, c.m, false), problem(c.x, c.x, c.a, c.a, c.n, c.n, true),
			problem(c.y, c.y, c.b, c.b, c.m, c.m, true))
		lower, upper := d.Bounds()
		if math.IsNaN(d.Value()) || math.IsNaN(lower) || math.IsNaN(upper) || !(lower <= upper) {
			t.Errorf("seed %d: %g in [%g, %g]", seed, d.Value(), lower, upper)
		}
		if err == nil && !(upper >= 0) {
			t.Errorf("seed %d, %s, eps %g: divergence %g in [%g, %g]", seed, ground, s.Eps, d.Value(), lower, upper)
		}
	}
}
