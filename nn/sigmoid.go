package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Sigmoid is the layer
//
//	y = 1/(1 + e^-x)
//
// on each element.
type Sigmoid[T kernels.Float] struct{ elementwise[T] }

// NewSigmoid returns the layer.
func NewSigmoid[T kernels.Float](ops Ops[T]) *Sigmoid[T] { return &Sigmoid[T]{newElementwise(ops)} }

// Forward returns y of the shape of x.
func (l *Sigmoid[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.ops.Sigmoid(y, x)
	return y
}

// Backward returns dx of the shape of dy.
func (l *Sigmoid[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = 1/(1 + e^-x), whose derivative is y (1 - y)
	l.ops.SigmoidBackward(dx, dy, l.y)
	return dx
}

// Share returns a layer with its own activations.
func (l *Sigmoid[T]) Share() Layer[T] { return NewSigmoid(l.ops) }

// String returns "Sigmoid".
func (l *Sigmoid[T]) String() string { return "Sigmoid" }
