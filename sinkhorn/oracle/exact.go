package oracle

import (
	"context"
	"errors"
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Exact solves the problem as it stands: under KL by [sinkhorn.Solver.Solve], under norm-2 by semismooth Newton steps. Its gap is a
// certificate, from a plan rounded to the marginals.
//
// What it controls is the error of the marginals. It begins at a loose one, and goes on from there, at an error that is smaller as the gap is
// too large, until the gap is what was asked for. Under KL it iterates on costs rounded to float32 as long as their rounding is far below the
// gap, at a third of the time or less, and the gap has the allowance for it.
type Exact struct {
	MaxIter int            // of an answer; 10000 by default
	Runner  kernels.Runner // nil means the pool of the process
}

// The marginal errors that Exact asks for, and by how much it goes down at once.
const (
	loosest       = 1.
	leastSingle   = 1e-5 // in float32
	tightest      = 1e-13
	leastDescent  = .5
	steepestAtAll = 1. / 16
)

// singleShare of the largest cost is the least gap that is left to float32, which allows for 2^-21 of it.
const singleShare = 0x1p-18

// Solve maximises the dual. An oracle that stops at rounding or at MaxIter says so in the answer.
func (o *Exact) Solve(ctx context.Context, p *Problem, gap float64) (*Answer, error) {
	left, used, tol := o.MaxIter, 0, loosest
	if left == 0 {
		left = 10000
	}
	attempt, single := solveKL[float64], p.Reg == KL && gap >= singleShare*p.largest()
	switch {
	case p.Reg == Norm2: // which begins anew each time
		attempt, tol = solveNorm2, min(loosest, max(tightest, 10*gap/(p.Spread()+p.Lambda)))
	case single:
		attempt = solveKL[float32]
	}
	var g []float64
	for {
		a, more, err := attempt(ctx, o, p, settings{tol: tol, most: left, g: g})
		if err != nil {
			return nil, err
		}
		left -= a.Iterations
		used += a.Iterations
		a.Iterations = used
		if a.Reached = a.Gap <= gap; a.Reached {
			return a, nil
		}
		g = a.G
		switch {
		case left <= 0 || tol == tightest || !more && !single:
			a.Why = fmt.Sprintf("a dual gap of %.3g after %d iterations, where %.3g was asked for", a.Gap, used, gap)
			return a, nil
		case single && (!more || tol == leastSingle):
			attempt, single = solveKL[float64], false
		default:
			tol *= min(leastDescent, max(steepestAtAll, gap/a.Gap))
			if tol = max(tol, tightest); single {
				tol = max(tol, leastSingle)
			}
		}
	}
}

// settings are those of an attempt: marginal error, iterations, and where it begins, if anywhere.
type settings struct {
	tol  float64
	most int
	g    []float64
}

// solveKL returns the answer of one solve, and whether a smaller tolerance may bring more.
func solveKL[T kernels.Float](ctx context.Context, o *Exact, p *Problem, at settings) (a *Answer, more bool, err error) {
	c, isT := any(p.C).([]T)
	if !isT {
		c = make([]T, len(p.C))
		for k, v := range p.C {
			c[k] = T(v)
		}
	}
	stored := logsumexp.NewStored(c, p.N, p.M, p.M)
	problem, err := sinkhorn.NewProblem(stored, p.A, p.B, sinkhorn.ReadOn(o.Runner))
	if p.Self {
		problem, err = sinkhorn.NewSelfProblem(stored, p.A, sinkhorn.ReadOn(o.Runner))
	}
	if err != nil {
		return nil, false, err
	}
	s := sinkhorn.Solver[T]{Eps: p.Lambda, Tol: at.tol, MaxIter: at.most, G: at.g, Runner: o.Runner}
	if _, coarse := any(s).(sinkhorn.Solver[float32]); coarse && !p.Self {
		s.Method = sinkhorn.Overrelaxed // the end that Newton's method would bring is not asked for
	}
	r, err := s.Solve(ctx, problem)
	if r == nil || ctx.Err() != nil {
		return nil, false, errors.Join(err, ctx.Err())
	}
	a = &Answer{F: r.F, G: r.G, Value: r.Value(), Iterations: r.Warmup + r.Iterations, Plan: make([]float64, len(p.C))}
	lower, upper := r.Bounds()
	a.Gap = upper - lower
	r.Plan(a.Plan)
	return a, err == nil, nil
}

func solveNorm2(ctx context.Context, o *Exact, p *Problem, at settings) (a *Answer, more bool, err error) {
	problem, err := sinkhorn.NewProblem(logsumexp.NewStored(p.C, p.N, p.M, p.M), p.A, p.B, sinkhorn.ReadOn(o.Runner))
	if err != nil {
		return nil, false, err
	}
	s := sinkhorn.Solver[float64]{Eps: p.Lambda, Tol: at.tol, MaxIter: at.most, Runner: o.Runner}
	q, err := s.SolveQuadratic(ctx, problem, false)
	if q == nil || ctx.Err() != nil {
		return nil, false, errors.Join(err, ctx.Err())
	}
	lower, upper := q.Bounds()
	return &Answer{F: q.F, G: q.G, Plan: q.Plan(), Value: q.Value, Gap: upper - lower, Iterations: q.Iterations}, err == nil, nil
}
