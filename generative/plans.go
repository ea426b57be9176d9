package generative

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// plans solves the terms of a loss and differentiates what it found.
type plans[T kernels.Float] interface {
	solve(ctx context.Context, terms []*term[T], eps float64) error
	// values returns those of term k.
	values(k int) sinkhorn.Values
	// derive sets cbar[k] to the derivative of term k by its cost, and passes over those that are nil.
	derive(cbar [][]T) error
}

func newPlans[T kernels.Float](cfg TransportConfig) (plans[T], error) {
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
	if cfg.Exact {
		if cfg.Reach != 0 {
			return nil, fmt.Errorf("generative: reach %g of exact transport, want 0", cfg.Reach)
		}
		return &exactPlans[T]{runner: cfg.Runner}, nil
	}
	if !positive(cfg.Eps) || cfg.Steps < 1 {
		return nil, fmt.Errorf("generative: eps %g and %d iterations, want both positive", cfg.Eps, cfg.Steps)
	}
	if cfg.Reach != 0 && !positive(cfg.Reach) {
		return nil, fmt.Errorf("generative: reach %g, want a positive number, or 0 for exact marginals", cfg.Reach)
	}
	if cfg.Reach != 0 && cfg.Value == sinkhorn.Sharp {
		return nil, errors.New("generative: a reach takes entropic values: the sharp one falls as mass is left out")
	}
	switch cfg.Gradient {
	case "", "unrolled":
		return &unrolledPlans[T]{cfg: cfg}, nil
	case "envelope", "implicit":
		if !positive(cfg.Tol) {
			return nil, fmt.Errorf("generative: tolerance %g, want a positive number", cfg.Tol)
		}
		return &solvedPlans[T]{cfg: cfg}, nil
	}
	return nil, fmt.Errorf("generative: unknown gradient %q, want one of %s", cfg.Gradient, strings.Join(TransportGradients, ", "))
}

func problemsOf[T kernels.Float](terms []*term[T]) []*sinkhorn.Problem[T] {
	problems := make([]*sinkhorn.Problem[T], len(terms))
	for k, t := range terms {
		problems[k] = t.problem
	}
	return problems
}

// unrolledPlans are those after exactly L steps.
type unrolledPlans[T kernels.Float] struct {
	cfg      TransportConfig
	record   sinkhorn.Unrolled[T]
	problems []*sinkhorn.Problem[T]
	byCost   []sinkhorn.Derivative[T] // of each problem
	wanted   []*sinkhorn.Derivative[T]
}

func (p *unrolledPlans[T]) solve(ctx context.Context, terms []*term[T], eps float64) error {
	p.problems = p.problems[:0]
	for _, t := range terms {
		p.problems = append(p.problems, t.problem)
	}
	s := sinkhorn.Solver[T]{Eps: eps, Runner: p.cfg.Runner}
	return s.Unroll(ctx, &p.record, p.cfg.Steps, p.problems...)
}

func (p *unrolledPlans[T]) values(k int) sinkhorn.Values { return p.record.Values(k) }

func (p *unrolledPlans[T]) derive(cbar [][]T) error {
	if len(p.byCost) < len(cbar) {
		p.byCost = make([]sinkhorn.Derivative[T], len(cbar))
	}
	p.wanted = p.wanted[:0]
	for k, c := range cbar {
		p.byCost[k].C = c
		if c == nil {
			p.wanted = append(p.wanted, nil)
			continue
		}
		p.wanted = append(p.wanted, &p.byCost[k])
	}
	return p.record.Backward(p.cfg.Value, p.wanted...)
}

// solvedPlans are solved to a tolerance.
type solvedPlans[T kernels.Float] struct {
	cfg     TransportConfig
	results []*sinkhorn.Result[T]
	divided bool // among ranks
}

func (p *solvedPlans[T]) solve(ctx context.Context, terms []*term[T], eps float64) (err error) {
	s := sinkhorn.Solver[T]{Eps: eps, Tol: p.cfg.Tol, MaxIter: p.cfg.Steps, Runner: p.cfg.Runner}
	if p.divided {
		p.results = make([]*sinkhorn.Result[T], len(terms))
		for k, t := range terms {
			var failed error
			p.results[k], failed = s.Solve(ctx, t.problem)
			err = errors.Join(err, failed)
		}
	} else {
		p.results, err = s.SolveAll(ctx, problemsOf(terms))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if slices.Contains(p.results, nil) {
		return err
	}
	return nil
}

func (p *solvedPlans[T]) values(k int) sinkhorn.Values {
	r := p.results[k]
	v := sinkhorn.Values{Entropic: r.Value(), MarginalError: r.MarginalError()}
	if p.cfg.Value == sinkhorn.Sharp {
		v.Sharp = r.TransportCost()
	}
	return v
}

func (p *solvedPlans[T]) derive(cbar [][]T) error {
	sharp := p.cfg.Gradient == "implicit" && p.cfg.Value == sinkhorn.Sharp
	for k, c := range cbar {
		if c == nil {
			continue
		}
		n, m := p.results[k].Problem().Dims()
		into, unused := weights[T]{c, m}, make([]float64, n)
		clear(c)
		if !sharp {
			p.results[k].Gradient(unused, into)
		} else if err := p.results[k].SharpGradient(unused, into); err != nil {
			return fmt.Errorf("%w; raise --iters, --tol or --eps, or take --gradient unrolled", err)
		}
	}
	return nil
}

// weights keeps the derivatives by the entries of a cost in place of those by points.
type weights[T kernels.Float] struct {
	c []T
	m int
}

// AddGradient adds the weights to row i.
func (w weights[T]) AddGradient(_, _ []float64, i, j0 int, v []float64) {
	row := w.c[i*w.m+j0:]
	for k, x := range v {
		row[k] += T(x)
	}
}

// exactPlans are those of transport without regularisation.
type exactPlans[T kernels.Float] struct {
	runner  kernels.Runner
	results []*exact.Result
}

func (p *exactPlans[T]) solve(ctx context.Context, terms []*term[T], _ float64) error {
	p.results = make([]*exact.Result, len(terms))
	errs := make([]error, len(terms))
	parallel.For(p.runner, len(terms), func(k int) {
		var s exact.Solver[T]
		p.results[k], errs[k] = s.Solve(ctx, terms[k].problem)
	})
	return errors.Join(errs...)
}

func (p *exactPlans[T]) values(k int) sinkhorn.Values {
	return sinkhorn.Values{Sharp: p.results[k].Value}
}

func (p *exactPlans[T]) derive(cbar [][]T) error {
	for k, c := range cbar {
		if c == nil {
			continue
		}
		clear(c)
		m := len(p.results[k].G)
		for _, e := range p.results[k].Pairs {
			c[e.I*m+e.J] = T(e.P)
		}
	}
	return nil
}
