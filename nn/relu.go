package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// ReLU is the layer
//
//	y = max(x, 0)
//
// on each element.
type ReLU[T kernels.Float] struct{ elementwise[T] }

// NewReLU returns the layer.
func NewReLU[T kernels.Float](ops Ops[T]) *ReLU[T] { return &ReLU[T]{newElementwise(ops)} }

// Forward returns y of the shape of x.
func (l *ReLU[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.ops.LeakyReLU(y, x, 0)
	return y
}

// Backward returns dx of the shape of dy.
func (l *ReLU[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = max(x, 0)
	l.ops.LeakyReLUBackward(dx, dy, l.y, 0)
	return dx
}

// Share returns a layer with its own activations.
func (l *ReLU[T]) Share() Layer[T] { return NewReLU(l.ops) }

// String returns "ReLU".
func (l *ReLU[T]) String() string { return "ReLU" }
