package nn

import (
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// elementwise is what the layers without parameters that keep the shape have in common. Their derivatives are written in the output y,
// so the input need not be kept.
type elementwise[T kernels.Float] struct {
	ops  Ops[T]
	work *Workspace[T]
	y    *Tensor[T]
}

const (
	elementwiseY = iota
	elementwiseDX
)

func newElementwise[T kernels.Float](ops Ops[T]) elementwise[T] {
	return elementwise[T]{ops: ops, work: NewWorkspace(ops)}
}

// output lends the tensor of the output for x.
func (l *elementwise[T]) output(x *Tensor[T]) *Tensor[T] {
	l.y = l.work.Like(elementwiseY, x)
	return l.y
}

// Params returns nothing.
func (l *elementwise[T]) Params() []*Param[T] { return nil }

// OutputShape returns the shape of the input.
func (l *elementwise[T]) OutputShape(in []int) ([]int, error) { return slices.Clone(in), nil }
