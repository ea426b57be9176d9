package generative

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// On returns the loss on a table that has the operations of [clouds.Ops]: the same iterations and the same derivative for the gradient unrolled, and
// for the others the same limit, of iterations that are not finished in float64. Exact problems, oracles and problems divided
// among ranks stay on the host.
func (t *Transport[T]) On(ops nn.Ops[T]) Comparison[T] {
	table, ok := ops.(clouds.Ops[T])
	if !ok || t.comm != nil {
		return nil
	}
	var p tablePlans[T]
	switch t.plans.(type) {
	case *unrolledPlans[T]:
		p = &unrolledOn[T]{clouds.NewUnrolled(table, t.ground), t.cfg}
	case *solvedPlans[T]:
		p = &solvedOn[T]{clouds.NewSolved(table, t.ground), t.cfg}
	default:
		return nil
	}
	return func(ctx context.Context, x, y *nn.Tensor[T], n int, dx, dy *nn.Tensor[T], report bool) ([]Metric, error) {
		return t.evalOn(ctx, table, p, x, y, n, dx, dy, report)
	}
}

// tablePlans are [plans] on a table.
type tablePlans[T kernels.Float] interface {
	Costs(terms []clouds.Term[T])
	Means() []float64
	solve(ctx context.Context, eps float64) error
	// derive adds the derivatives of the terms where they are wanted.
	derive() error
	Values() []sinkhorn.Values
}

// unrolledOn are those after exactly L steps.
type unrolledOn[T kernels.Float] struct {
	*clouds.Unrolled[T]
	cfg TransportConfig
}

func (p *unrolledOn[T]) solve(_ context.Context, eps float64) error {
	return p.Iterate(eps, p.cfg.Steps, p.cfg.Reach)
}

func (p *unrolledOn[T]) derive() error {
	p.Backward(p.cfg.Value)
	return nil
}

// solvedOn are those at a tolerance.
type solvedOn[T kernels.Float] struct {
	*clouds.Solved[T]
	cfg TransportConfig
}

func (p *solvedOn[T]) solve(ctx context.Context, eps float64) error {
	_, err := p.Solve(ctx, eps, p.cfg.Steps, p.cfg.Reach, p.cfg.Tol)
	return err
}

// derive is that of solvedPlans: a plan that is not there yet serves all but the implicit gradient of the sharp value.
func (p *solvedOn[T]) derive() error {
	if p.cfg.Gradient != "implicit" || p.cfg.Value != sinkhorn.Sharp {
		p.Backward(sinkhorn.Entropic)
		return nil
	}
	for _, v := range p.Values() {
		switch {
		case math.IsNaN(v.MarginalError):
			return fmt.Errorf("%w: an error of the marginals", ErrNotFinite)
		case v.MarginalError > p.cfg.Tol:
			return fmt.Errorf("generative: an L1 error of the marginals of %.2g after %d iterations: %w; raise --iters, --tol or --eps, or take --gradient unrolled",
				v.MarginalError, p.Iterations(), sinkhorn.ErrNotConverged)
		}
	}
	p.Backward(sinkhorn.Sharp)
	return nil
}

// evalOn is Eval on a table.
func (t *Transport[T]) evalOn(ctx context.Context, table clouds.Ops[T], p tablePlans[T], x, y *nn.Tensor[T], n int, dx, dy *nn.Tensor[T], report bool) ([]Metric, error) {
	active := t.activeTerms(dy != nil, report)
	p.Costs(termsOn(active, n, x, y, dx, dy))
	eps := t.cfg.Eps
	if t.cfg.OfMean {
		var mean, crosses float64
		for k, m := range p.Means() {
			if active[k].crosses() {
				mean, crosses = mean+m, crosses+1
			}
		}
		var err error
		if eps, err = ofMean(eps, mean/crosses); err != nil {
			return nil, err
		}
	}
	if err := p.solve(ctx, eps); err != nil {
		return nil, err
	}
	for _, d := range []*nn.Tensor[T]{dx, dy} {
		if d != nil {
			table.Zero(d)
		}
	}
	if err := p.derive(); err != nil || !report {
		return nil, err
	}
	values := p.Values()
	return t.weigh(active, func(k int) sinkhorn.Values { return values[k] }), nil
}

// termsOn returns the terms between clouds of n rows, those of the model in x and those of the data in y.
func termsOn[T kernels.Float](active []*term[T], n int, x, y, dx, dy *nn.Tensor[T]) []clouds.Term[T] {
	cloud := func(all, other *nn.Tensor[T], k int) *nn.Tensor[T] { // of points, or of their derivatives
		if k >= cloudY {
			all, k = other, k-cloudY
		}
		if all == nil {
			return nil
		}
		return all.Slice(k*n, (k+1)*n)
	}
	var terms []clouds.Term[T]
	for _, t := range active {
		terms = append(terms, clouds.Term[T]{
			X: cloud(x, y, t.from), Y: cloud(x, y, t.to), DX: cloud(dx, dy, t.from), DY: cloud(dx, dy, t.to), Weight: t.weight,
		})
	}
	return terms
}
