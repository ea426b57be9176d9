package nn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Reshape gives each element of the batch another shape. Output and dx are views of what the layer is given.
type Reshape[T kernels.Float] struct {
	shape  []int // nil flattens
	in     []int // shape of the last input
	full   []int
	y, dx  Tensor[T]
	passed bool
}

// NewReshape returns the layer from [n, ...] to [n, shape...]. It panics unless the dimensions are positive.
func NewReshape[T kernels.Float](shape ...int) *Reshape[T] {
	if len(shape) == 0 || slices.Min(shape) < 1 {
		panic("nn: Reshape: dimensions must be positive")
	}
	return &Reshape[T]{shape: slices.Clone(shape)}
}

// NewFlatten returns the layer from [n, ...] to [n, size].
func NewFlatten[T kernels.Float]() *Reshape[T] { return &Reshape[T]{} }

// Forward returns a view of x under the new shape.
func (l *Reshape[T]) Forward(x *Tensor[T]) *Tensor[T] {
	l.in = append(l.in[:0], x.shape...)
	l.full = append(append(l.full[:0], x.shape[0]), l.shape...)
	if l.shape == nil {
		l.full = append(l.full, sizeOf(x.shape[1:]))
	} else if sizeOf(l.full) != x.size {
		panic(l.refuse(x.shape).Error())
	}
	l.y.set(x.storage, x.offset, l.full)
	l.passed = true
	return &l.y
}

// Backward returns a view of dy under the shape of the input.
func (l *Reshape[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	y := &l.y
	if !l.passed {
		y = nil
	}
	checkBackward(l, dy, y)
	if want&WantInput == 0 {
		return nil
	}
	l.dx.set(dy.storage, dy.offset, l.in)
	return &l.dx
}

// Params returns nothing.
func (l *Reshape[T]) Params() []*Param[T] { return nil }

// OutputShape returns [n, shape...].
func (l *Reshape[T]) OutputShape(in []int) ([]int, error) {
	if len(in) < 2 {
		return nil, l.refuse(in)
	}
	size := sizeOf(in[1:])
	if l.shape == nil {
		return []int{in[0], size}, nil
	}
	if sizeOf(l.shape) != size {
		return nil, l.refuse(in)
	}
	return append([]int{in[0]}, l.shape...), nil
}

func (l *Reshape[T]) refuse(in []int) error {
	if l.shape == nil {
		return fmt.Errorf("nn: %v: input of shape %v, want a batch and at least one more dimension", l, in)
	}
	return fmt.Errorf("nn: %v: input of shape %v, want %d elements in each of the batch", l, in, sizeOf(l.shape))
}

// Share returns a layer with its own views.
func (l *Reshape[T]) Share() Layer[T] { return &Reshape[T]{shape: l.shape} }

// String returns "Flatten" or "Reshape(shape)".
func (l *Reshape[T]) String() string {
	if l.shape == nil {
		return "Flatten"
	}
	return "Reshape(" + strings.Trim(strings.ReplaceAll(fmt.Sprint(l.shape), " ", ", "), "[]") + ")"
}
