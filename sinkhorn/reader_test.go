package sinkhorn_test

import (
	"context"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// counting runs tasks from the last to the first in the calling goroutine, and counts the loops.
type counting struct{ loops int }

func (c *counting) For(n int, body func(i int)) {
	c.loops++
	for i := n - 1; i >= 0; i-- {
		body(i)
	}
}

// TestReadOn: the runner that a constructor is given reads the costs, and the problem is what it is without one.
func TestReadOn(t *testing.T) {
	const n, d = 300, 3
	x := make([]float64, n*d)
	random.Normal(random.New(1, "x"), x, 0, 1)
	points, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, x, nil, nil, n, n, d)
	if err != nil {
		t.Fatal(err)
	}
	type problem = *sinkhorn.Problem[float32]
	var cost logsumexp.Cost[float32] = points
	reach := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: 1}
	for name, make := range map[string]func(opts ...sinkhorn.ProblemOption) (problem, error){
		"NewProblem":     func(o ...sinkhorn.ProblemOption) (problem, error) { return sinkhorn.NewProblem(cost, nil, nil, o...) },
		"NewSelfProblem": func(o ...sinkhorn.ProblemOption) (problem, error) { return sinkhorn.NewSelfProblem(cost, nil, o...) },
		"NewPartial": func(o ...sinkhorn.ProblemOption) (problem, error) {
			return sinkhorn.NewPartial(cost, nil, nil, .5, o...)
		},
		"NewUnbalanced": func(o ...sinkhorn.ProblemOption) (problem, error) {
			return sinkhorn.NewUnbalanced(cost, nil, nil, reach, reach, o...)
		},
		"NewUnbalancedSelf": func(o ...sinkhorn.ProblemOption) (problem, error) {
			return sinkhorn.NewUnbalancedSelf(cost, nil, reach, o...)
		},
		"NewShare": func(o ...sinkhorn.ProblemOption) (problem, error) {
			return sinkhorn.NewShare((*ranks.Comm)(nil), cost, nil, nil, reach, reach, o...)
		},
	} {
		var run counting
		given, err := make(sinkhorn.ReadOn(&run))
		if err != nil {
			t.Fatal(name, err)
		}
		if run.loops != 1 {
			t.Errorf("%s: the runner ran %d loops, want 1", name, run.loops)
		}
		for _, reader := range [][]sinkhorn.ProblemOption{nil, {sinkhorn.ReadOn(nil)}} {
			other, err := make(reader...)
			if err != nil {
				t.Fatal(name, err)
			}
			if !slices.Equal(potential(t, given), potential(t, other)) {
				t.Errorf("%s: another problem where the costs are read by the process's pool", name)
			}
		}
	}
}

// potential returns that of the rows after a few iterations, which begin at a temperature that the range of the costs sets.
func potential[T kernels.Float](t *testing.T, p *sinkhorn.Problem[T]) []float64 {
	t.Helper()
	r, err := (&sinkhorn.Solver[T]{Eps: .05, MaxIter: 3}).Solve(context.Background(), p)
	if r == nil {
		t.Fatal(err)
	}
	return r.F
}
