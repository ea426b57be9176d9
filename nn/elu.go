package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// ELU is the layer
//
//	y = x where x > 0, else Alpha (e^x - 1)
//
// on each element. Source: Clevert, Unterthiner and Hochreiter 2016.
type ELU[T kernels.Float] struct {
	Alpha T // >= 0, because the derivative reads the sign of x from y

	elementwise[T]
}

// NewELU returns the layer. It panics unless alpha >= 0.
func NewELU[T kernels.Float](ops Ops[T], alpha float64) *ELU[T] {
	if !(alpha >= 0) {
		panic("nn: ELU: negative alpha")
	}
	return &ELU[T]{Alpha: T(alpha), elementwise: newElementwise(ops)}
}

// Forward returns y of the shape of x.
func (l *ELU[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.ops.ELU(y, x, l.Alpha)
	return y
}

// Backward returns dx of the shape of dy.
func (l *ELU[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	// forward: y = x where x > 0, else Alpha (e^x - 1)
	l.ops.ELUBackward(dx, dy, l.y, l.Alpha)
	return dx
}

// Share returns a layer with its own activations.
func (l *ELU[T]) Share() Layer[T] { return &ELU[T]{Alpha: l.Alpha, elementwise: newElementwise(l.ops)} }

// String returns "ELU(alpha)".
func (l *ELU[T]) String() string { return fmt.Sprintf("ELU(%v)", l.Alpha) }
