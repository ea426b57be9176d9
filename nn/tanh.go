package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Tanh is the layer
//
//	y = tanh(x)
//
// on each element.
type Tanh[T kernels.Float] struct{ elementwise[T] }

// NewTanh returns the layer.
func NewTanh[T kernels.Float](ops Ops[T]) *Tanh[T] { return &Tanh[T]{newElementwise(ops)} }

// Forward returns y of the shape of x.
func (l *Tanh[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.ops.Tanh(y, x)
	return y
}

// Backward returns dx of the shape of dy.
func (l *Tanh[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = tanh(x), whose derivative is 1 - y^2
	l.ops.TanhBackward(dx, dy, l.y)
	return dx
}

// Share returns a layer with its own activations.
func (l *Tanh[T]) Share() Layer[T] { return NewTanh(l.ops) }

// String returns "Tanh".
func (l *Tanh[T]) String() string { return "Tanh" }
