package generative

import (
	"context"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A Criterion compares clouds drawn from a model with clouds of data, and differentiates the comparison.
type Criterion[T kernels.Float] interface {
	// Clouds returns how many independent clouds it takes from either side: 1 or 2.
	Clouds() int

	// Eval compares x with y, each Clouds times n rows of d numbers, cloud after cloud, and returns its metrics, the loss first.
	// Where dx and dy are not nil they are set to the derivatives of the loss by x and y. What serves the metrics alone is computed
	// only where report is set; otherwise the loss may lack terms that have no derivative wanted.
	Eval(ctx context.Context, x, y []T, n, d int, dx, dy []T, report bool) ([]Metric, error)
}

// A TableCriterion can compare clouds where a table of operations holds them, without a copy to the host.
type TableCriterion[T kernels.Float] interface {
	Criterion[T]

	// On returns how it compares them, nil where it does so on the host alone.
	On(ops nn.Ops[T]) Comparison[T]
}

// A Comparison is [Criterion].Eval on tensors of a table, x and y [clouds n, d]. Without report its metrics may be nil, so that nothing waits for
// the table: what is not finite shows in the derivatives.
type Comparison[T kernels.Float] func(ctx context.Context, x, y *nn.Tensor[T], n int, dx, dy *nn.Tensor[T], report bool) ([]Metric, error)

// on returns the comparison of a criterion on a table, nil where it is the host's.
func on[T kernels.Float](c Criterion[T], ops nn.Ops[T]) Comparison[T] {
	if t, ok := c.(TableCriterion[T]); ok {
		return t.On(ops)
	}
	return nil
}
