package nn

import (
	"fmt"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// LayerNorm normalises each row along the last dimension: x is [..., size].
//
//	y = Weight (x - mean)/sqrt(variance + Eps) + Bias
//
// Source: Ba, Kiros and Hinton 2016.
type LayerNorm[T kernels.Float] struct {
	Weight, Bias *Param[T] // "weight" of ones and "bias" of zeros, [size]
	Eps          float64   // 1e-5 unless set before the first pass

	ops  Ops[T]
	work *Workspace[T]
	x, y *Tensor[T]
}

// NewLayerNorm returns the layer. It panics unless size is positive.
func NewLayerNorm[T kernels.Float](ops Ops[T], size int) *LayerNorm[T] {
	if size < 1 {
		panic("nn: LayerNorm: size must be positive")
	}
	l := &LayerNorm[T]{Weight: newParam(ops, "weight", size), Bias: newParam(ops, "bias", size), Eps: 1e-5, ops: ops, work: NewWorkspace(ops)}
	ops.Upload(l.Weight.Value, slices.Repeat([]T{1}, size))
	return l
}

// Forward returns y of the shape of x.
func (l *LayerNorm[T]) Forward(x *Tensor[T]) *Tensor[T] {
	if err := l.check(x.shape); err != nil {
		panic(err.Error())
	}
	l.x, l.y = x, l.work.Like(elementwiseY, x)
	l.ops.LayerNorm(l.y, x, l.Weight.Value, l.Bias.Value, l.Eps)
	return l.y
}

// Backward adds to the gradients of weight and bias, and returns dx of the shape of dy.
func (l *LayerNorm[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	var dx, dweight, dbias *Tensor[T]
	if want&WantInput != 0 {
		dx = l.work.Like(elementwiseDX, dy)
	}
	if want&WantParams != 0 {
		dweight, dbias = l.Weight.Grad, l.Bias.Grad
	}
	// forward: y = Weight (x - mean)/sqrt(variance + Eps) + Bias
	l.ops.LayerNormBackward(dx, dweight, dbias, dy, l.x, l.Weight.Value, l.Eps)
	return dx
}

// Params returns weight and bias.
func (l *LayerNorm[T]) Params() []*Param[T] { return []*Param[T]{l.Weight, l.Bias} }

// OutputShape returns the shape of the input, whose last dimension must be size.
func (l *LayerNorm[T]) OutputShape(in []int) ([]int, error) {
	if err := l.check(in); err != nil {
		return nil, err
	}
	return slices.Clone(in), nil
}

// check returns an error unless the last dimension is size.
func (l *LayerNorm[T]) check(in []int) error {
	if n := l.Weight.Value.size; len(in) == 0 || in[len(in)-1] != n {
		return fmt.Errorf("nn: %v: input of shape %v, want last dimension %d", l, in, n)
	}
	return nil
}

// Share returns a layer with the same parameters and its own activations.
func (l *LayerNorm[T]) Share() Layer[T] {
	return &LayerNorm[T]{Weight: l.Weight, Bias: l.Bias, Eps: l.Eps, ops: l.ops, work: NewWorkspace(l.ops)}
}

// String returns "LayerNorm(size)".
func (l *LayerNorm[T]) String() string { return fmt.Sprintf("LayerNorm(%d)", l.Weight.Value.size) }
