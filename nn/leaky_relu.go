package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// LeakyReLU is the layer
//
//	y = x where x > 0, else Slope x
//
// on each element.
type LeakyReLU[T kernels.Float] struct {
	Slope T // >= 0, because the derivative reads the sign of x from y

	elementwise[T]
}

// NewLeakyReLU returns the layer. It panics unless slope >= 0.
func NewLeakyReLU[T kernels.Float](ops Ops[T], slope float64) *LeakyReLU[T] {
	if !(slope >= 0) {
		panic("nn: LeakyReLU: negative slope")
	}
	return &LeakyReLU[T]{Slope: T(slope), elementwise: newElementwise(ops)}
}

// Forward returns y of the shape of x.
func (l *LeakyReLU[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.ops.LeakyReLU(y, x, l.Slope)
	return y
}

// Backward returns dx of the shape of dy.
func (l *LeakyReLU[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = x where x > 0, else Slope x
	l.ops.LeakyReLUBackward(dx, dy, l.y, l.Slope)
	return dx
}

// Share returns a layer with its own activations.
func (l *LeakyReLU[T]) Share() Layer[T] {
	return &LeakyReLU[T]{Slope: l.Slope, elementwise: newElementwise(l.ops)}
}

// String returns "LeakyReLU(slope)".
func (l *LeakyReLU[T]) String() string { return fmt.Sprintf("LeakyReLU(%v)", l.Slope) }
