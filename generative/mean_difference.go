package generative

import (
	"context"
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// MeanDifference is the criterion of Wasserstein GANs, on the outputs f of a critic, one number a row:
//
//	mean_i f(y_i) - mean_i f(x_i)          x of the model, y of the data
//
// Its supremum over f of Lipschitz constant 1 is the 1-Wasserstein distance. As the criterion of [Adversarial], with features of one number,
// it is the WGAN of Arjovsky et al. 2017 under clipped weights and that of Gulrajani et al. 2017 under the gradient penalty.
type MeanDifference[T kernels.Float] struct{}

// Clouds returns 1.
func (MeanDifference[T]) Clouds() int { return 1 }

// Eval returns the difference. It is an error for rows of other than one number.
func (MeanDifference[T]) Eval(_ context.Context, x, y []T, n, d int, dx, dy []T, _ bool) ([]Metric, error) {
	if d != 1 || len(x) != n || len(y) != n {
		return nil, fmt.Errorf("generative: a difference of means of %d and %d numbers in rows of %d, want one number a row", len(x), len(y), d)
	}
	scale := 1 / float64(n)
	for i := range dx {
		dx[i] = T(-scale)
	}
	for i := range dy {
		dy[i] = T(scale)
	}
	return []Metric{{"loss", (float64(kernels.Sum(y)) - float64(kernels.Sum(x))) * scale}}, nil
}

// On returns the difference on any table.
func (MeanDifference[T]) On(ops nn.Ops[T]) Comparison[T] {
	return func(_ context.Context, x, y *nn.Tensor[T], n int, dx, dy *nn.Tensor[T], report bool) ([]Metric, error) {
		if x.Size() != n || y.Size() != n || dx == nil {
			return nil, fmt.Errorf("generative: a difference of means of %d and %d numbers of %d rows, want one number a row and a derivative", x.Size(), y.Size(), n)
		}
		fill := func(t *nn.Tensor[T], v T) { // by a range that is one number
			ops.Zero(t)
			ops.Clamp(t, v, v)
		}
		fill(dx, T(-1/float64(n)))
		if dy != nil {
			fill(dy, T(1/float64(n)))
		}
		if !report {
			return nil, nil
		}
		return []Metric{{"loss", ops.Dot(x, dx) - ops.Dot(y, dx)}}, nil
	}
}
