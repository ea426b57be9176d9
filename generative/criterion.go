package generative

import (
	"context"

	"github.com/sinkcpu/sinkcpu/kernels"
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
