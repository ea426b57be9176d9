package oracle

import (
	"context"
	"errors"
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Exact solves the problem as it stands, in float64: under KL by [sinkhorn.Solver.Solve], under norm-2 by semismooth Newton steps. Its gap is a
// certificate, from a plan rounded to the marginals.
//
// The error of the marginals to which it solves is chosen for the gap: a plan that misses its marginals by e in the L1 norm is rounded at a
// price of at most about e times the spread of the costs, and mostly of a tenth of that. It begins there, and goes on at a quarter of the
// error as long as the gap is too large.
type Exact struct {
	MaxIter int            // of an answer; 10000 by default
	Runner  kernels.Runner // nil means the pool of the process
}

// The marginal errors that Exact asks for.
const (
	loosest  = .1
	tightest = 1e-13
)

// Solve maximises the dual. An oracle that stops at rounding or at MaxIter says so in the answer.
func (o *Exact) Solve(ctx context.Context, p *Problem, gap float64) (*Answer, error) {
	problem, err := sinkhorn.NewProblem(logsumexp.NewStored(p.C, p.N, p.M, p.M), p.A, p.B)
	if err != nil {
		return nil, err
	}
	s := sinkhorn.Solver[float64]{Eps: p.Lambda, MaxIter: o.MaxIter, Runner: o.Runner}
	if s.MaxIter == 0 {
		s.MaxIter = 10000
	}
	left, used := s.MaxIter, 0
	s.Tol = min(loosest, max(tightest, 10*gap/(p.Spread()+p.Lambda)))
	for {
		s.MaxIter = left
		a, more, err := solveOnce(ctx, &s, problem, p.Reg)
		if err != nil {
			return nil, err
		}
		left -= a.Iterations
		used += a.Iterations
		a.Iterations = used
		if a.Reached = a.Gap <= gap; a.Reached {
			return a, nil
		}
		if !more || left <= 0 || s.Tol == tightest {
			a.Why = fmt.Sprintf("a dual gap of %.3g after %d iterations, where %.3g was asked for", a.Gap, used, gap)
			return a, nil
		}
		s.Tol = max(tightest, s.Tol/4)
		if p.Reg == KL {
			s.G = a.G
		}
	}
}

// solveOnce returns the answer at the solver's tolerance, and whether a smaller one may bring more.
func solveOnce(ctx context.Context, s *sinkhorn.Solver[float64], problem *sinkhorn.Problem[float64], reg Regularizer) (a *Answer, more bool, err error) {
	if reg == KL {
		r, err := s.Solve(ctx, problem)
		if r == nil || ctx.Err() != nil {
			return nil, false, errors.Join(err, ctx.Err())
		}
		a = &Answer{F: r.F, G: r.G, Value: r.Value(), Iterations: r.Warmup + r.Iterations, Plan: make([]float64, len(r.F)*len(r.G))}
		lower, upper := r.Bounds()
		a.Gap = upper - lower
		r.Plan(a.Plan)
		return a, err == nil, nil
	}
	q, err := s.SolveQuadratic(ctx, problem, false)
	if q == nil || ctx.Err() != nil {
		return nil, false, errors.Join(err, ctx.Err())
	}
	lower, upper := q.Bounds()
	return &Answer{F: q.F, G: q.G, Plan: q.Plan(), Value: q.Value, Gap: upper - lower, Iterations: q.Iterations}, err == nil, nil
}
