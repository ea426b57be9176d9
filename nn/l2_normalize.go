package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// L2Normalize scales each row to length one:
//
//	y = x/max(|x|, 1e-12)
//
// along the last dimension. A row of zeros stays.
type L2Normalize[T kernels.Float] struct {
	x *Tensor[T]

	elementwise[T]
}

// l2Eps keeps the division finite.
const l2Eps = 1e-12

// NewL2Normalize returns the layer.
func NewL2Normalize[T kernels.Float](ops Ops[T]) *L2Normalize[T] {
	return &L2Normalize[T]{elementwise: newElementwise(ops)}
}

// Forward returns y of the shape of x.
func (l *L2Normalize[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.x = x
	l.ops.L2Normalize(y, x, l2Eps)
	return y
}

// Backward returns dx of the shape of dy.
func (l *L2Normalize[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = x/max(|x|, 1e-12)
	l.ops.L2NormalizeBackward(dx, dy, l.x, l2Eps)
	return dx
}

// Share returns a layer with its own activations.
func (l *L2Normalize[T]) Share() Layer[T] { return NewL2Normalize(l.ops) }

// String returns "L2Normalize".
func (l *L2Normalize[T]) String() string { return "L2Normalize" }
