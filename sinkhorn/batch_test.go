package sinkhorn_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// batch makes problems of lo to hi points in the plane.
func batch(t testing.TB, count, lo, hi int) []*sinkhorn.Problem[float32] {
	t.Helper()
	s := random.New(1, "batch")
	problems := make([]*sinkhorn.Problem[float32], count)
	for k := range problems {
		n, m := lo+s.IntN(hi-lo), lo+s.IntN(hi-lo)
		x, y := make([]float64, 2*n), make([]float64, 2*m)
		random.Normal(s, x, 0, 1)
		random.Normal(s, y, .5, 1)
		c, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, m, 2)
		if err != nil {
			t.Fatal(err)
		}
		if problems[k], err = sinkhorn.NewProblem(c.Form(nil), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	return problems
}

// TestSolveAll: a batch gives the bits of its problems solved one by one, on any number of workers, and says which did not converge.
func TestSolveAll(t *testing.T) {
	problems := batch(t, 60, 1, 60)
	s := sinkhorn.Solver[float32]{Eps: .2}
	for _, workers := range []int{1, 3} {
		pool := parallel.New(workers)
		defer pool.Close()
		s.Runner = pool
		got, err := s.SolveAll(context.Background(), problems)
		if err != nil {
			t.Fatal(err)
		}
		for k, p := range problems {
			want, err := s.Solve(context.Background(), p)
			if err != nil {
				t.Fatal(err)
			}
			if math.Float64bits(got[k].Value()) != math.Float64bits(want.Value()) {
				t.Fatalf("%d workers, problem %d: %.17g in the batch, %.17g alone", workers, k, got[k].Value(), want.Value())
			}
		}
	}
	s.MaxIter = 2
	results, err := s.SolveAll(context.Background(), problems)
	var of *sinkhorn.ProblemError
	if !errors.Is(err, sinkhorn.ErrNotConverged) || !errors.As(err, &of) {
		t.Fatalf("error %v", err)
	}
	if r := results[of.Index]; r == nil || r.Status != sinkhorn.MaxIterations {
		t.Errorf("problem %d has result %v", of.Index, r)
	}
}

// BenchmarkSolveAll reports the time of a batch of a thousand problems of 20 to 500 points over the sum of their own times on one
// thread, divided by the workers: 1 is perfect.
func BenchmarkSolveAll(b *testing.B) {
	problems := batch(b, 1000, 20, 500)
	s := sinkhorn.Solver[float32]{Eps: .2}
	pool := parallel.Default()
	for b.Loop() {
		one := s
		one.Runner = parallel.New(1)
		start := time.Now()
		for _, p := range problems {
			if _, err := one.Solve(context.Background(), p); err != nil {
				b.Fatal(err)
			}
		}
		alone := time.Since(start)
		start = time.Now()
		if _, err := s.SolveAll(context.Background(), problems); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start))*float64(pool.Workers())/float64(alone), "of-perfect")
	}
}
