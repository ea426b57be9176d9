package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Softplus is the layer
//
//	y = log(1 + e^x)
//
// on each element.
type Softplus[T kernels.Float] struct{ elementwise[T] }

// NewSoftplus returns the layer.
func NewSoftplus[T kernels.Float](ops Ops[T]) *Softplus[T] { return &Softplus[T]{newElementwise(ops)} }

// Forward returns y of the shape of x.
func (l *Softplus[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.ops.Softplus(y, x)
	return y
}

// Backward returns dx of the shape of dy.
func (l *Softplus[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = log(1 + e^x), whose derivative is 1 - e^-y
	l.ops.SoftplusBackward(dx, dy, l.y)
	return dx
}

// Share returns a layer with its own activations.
func (l *Softplus[T]) Share() Layer[T] { return NewSoftplus(l.ops) }

// String returns "Softplus".
func (l *Softplus[T]) String() string { return "Softplus" }
