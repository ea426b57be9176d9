package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// GELU is the layer
//
//	y = x Phi(x), Phi the distribution function of the standard normal
//
// on each element. Source: Hendrycks and Gimpel 2016, the exact form.
type GELU[T kernels.Float] struct {
	x *Tensor[T]

	elementwise[T]
}

// NewGELU returns the layer.
func NewGELU[T kernels.Float](ops Ops[T]) *GELU[T] { return &GELU[T]{elementwise: newElementwise(ops)} }

// Forward returns y of the shape of x.
func (l *GELU[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.x = x
	l.ops.GELU(y, x)
	return y
}

// Backward returns dx of the shape of dy.
func (l *GELU[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = x Phi(x), Phi the distribution function of the standard normal
	l.ops.GELUBackward(dx, dy, l.x)
	return dx
}

// Share returns a layer with its own activations.
func (l *GELU[T]) Share() Layer[T] { return NewGELU(l.ops) }

// String returns "GELU".
func (l *GELU[T]) String() string { return "GELU" }
