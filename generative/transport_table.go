package generative

import (
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// On returns the loss on a table that has the operations of [clouds.Ops], for the gradient unrolled: the same iterations and the same
// derivative. Other gradients, exact problems, oracles and problems divided among ranks stay on the host.
func (t *Transport[T]) On(ops nn.Ops[T]) Comparison[T] {
	table, ok := ops.(clouds.Ops[T])
	if _, unrolled := t.plans.(*unrolledPlans[T]); !ok || !unrolled || t.comm != nil {
		return nil
	}
	u := clouds.NewUnrolled(table, t.ground)
	return func(x, y *nn.Tensor[T], n int, dx, dy *nn.Tensor[T], report bool) ([]Metric, error) {
		return t.evalOn(table, u, x, y, n, dx, dy, report)
	}
}

// evalOn is Eval on a table.
func (t *Transport[T]) evalOn(table clouds.Ops[T], u *clouds.Unrolled[T], x, y *nn.Tensor[T], n int, dx, dy *nn.Tensor[T], report bool) ([]Metric, error) {
	active := t.activeTerms(dy != nil, report)
	u.Costs(termsOn(active, n, x, y, dx, dy))
	eps := t.cfg.Eps
	if t.cfg.OfMean {
		var mean, crosses float64
		for k, m := range u.Means() {
			if active[k].crosses() {
				mean, crosses = mean+m, crosses+1
			}
		}
		var err error
		if eps, err = ofMean(eps, mean/crosses); err != nil {
			return nil, err
		}
	}
	if err := u.Iterate(eps, t.cfg.Steps, t.cfg.Reach); err != nil {
		return nil, err
	}
	for _, d := range []*nn.Tensor[T]{dx, dy} {
		if d != nil {
			table.Zero(d)
		}
	}
	u.Backward(t.cfg.Value)
	if !report {
		return nil, nil
	}
	values := u.Values()
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
