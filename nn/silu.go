package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// SiLU is the layer
//
//	y = x/(1 + e^-x)
//
// on each element. Source: Elfwing, Uchibe and Doya 2018.
type SiLU[T kernels.Float] struct {
	x *Tensor[T]

	elementwise[T]
}

// NewSiLU returns the layer.
func NewSiLU[T kernels.Float](ops Ops[T]) *SiLU[T] { return &SiLU[T]{elementwise: newElementwise(ops)} }

// Forward returns y of the shape of x.
func (l *SiLU[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.x = x
	l.ops.SiLU(y, x)
	return y
}

// Backward returns dx of the shape of dy.
func (l *SiLU[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = x/(1 + e^-x)
	l.ops.SiLUBackward(dx, dy, l.x)
	return dx
}

// Share returns a layer with its own activations.
func (l *SiLU[T]) Share() Layer[T] { return NewSiLU(l.ops) }

// String returns "SiLU".
func (l *SiLU[T]) String() string { return "SiLU" }
