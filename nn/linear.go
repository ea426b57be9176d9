package nn

import (
	"fmt"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Linear is the affine layer
//
//	y = x Weight^T + Bias
//
// on the last dimension: x is [..., in], y is [..., out].
type Linear[T kernels.Float] struct {
	Weight *Param[T] // "weight", [out, in]
	Bias   *Param[T] // "bias", [out]

	ops  Ops[T]
	work *Workspace[T]
	x, y *Tensor[T]
}

const (
	linearY = iota
	linearDX
)

// NewLinear returns an affine layer of zeros; see [Linear.Init]. It panics unless both sizes are positive.
func NewLinear[T kernels.Float](ops Ops[T], in, out int) *Linear[T] {
	if in < 1 || out < 1 {
		panic("nn: Linear: sizes must be positive")
	}
	return &Linear[T]{
		Weight: newParam(ops, "weight", out, in),
		Bias:   newParam(ops, "bias", out),
		ops:    ops, work: NewWorkspace(ops),
	}
}

// Init draws the weights and then the biases; see [Init]. A nil bias leaves zeros.
func (l *Linear[T]) Init(src Source, weight, bias Init) {
	out, in := l.Weight.Value.Rows(), l.Weight.Value.Cols()
	initialise(l.ops, src, weight, l.Weight.Value, in, out)
	initialise(l.ops, src, bias, l.Bias.Value, in, out)
}

// Forward returns y [..., out] for x [..., in].
func (l *Linear[T]) Forward(x *Tensor[T]) *Tensor[T] {
	l.product(x)
	l.ops.AddRow(l.y, l.Bias.Value)
	return l.y
}

func (l *Linear[T]) forwardActivated(x *Tensor[T], slope T) (*Tensor[T], bool) {
	fused, ok := l.ops.(FusedOps[T])
	if ok {
		l.product(x)
		fused.AddRowLeakyReLU(l.y, l.Bias.Value, slope)
	}
	return l.y, ok
}

func (l *Linear[T]) backwardActivated(*Tensor[T], T, Want) (*Tensor[T], bool) { return nil, false }

// product sets y = x Weight^T.
func (l *Linear[T]) product(x *Tensor[T]) {
	if x.Cols() != l.Weight.Value.Cols() {
		panic(fmt.Sprintf("nn: %v: input of shape %v, want last dimension %d", l, x, l.Weight.Value.Cols()))
	}
	l.x, l.y = x, l.work.WithCols(linearY, x, l.Bias.Value.size)
	l.ops.Gemm(false, true, 1, x, l.Weight.Value, 0, l.y)
}

// Backward takes dy [..., out], adds to the gradients of weight and bias, and returns dx [..., in].
func (l *Linear[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantParams != 0 {
		// forward: y = ... + Bias
		l.ops.ColumnSums(l.Bias.Grad, dy)
		// forward: y = x Weight^T
		l.ops.Gemm(true, false, 1, dy, l.x, 1, l.Weight.Grad)
	}
	if want&WantInput == 0 {
		return nil
	}
	// forward: y = x Weight^T
	dx := l.work.Like(linearDX, l.x)
	l.ops.Gemm(false, false, 1, dy, l.Weight.Value, 0, dx)
	return dx
}

// Params returns weight and bias.
func (l *Linear[T]) Params() []*Param[T] { return []*Param[T]{l.Weight, l.Bias} }

// OutputShape replaces the last dimension, which must be in.
func (l *Linear[T]) OutputShape(in []int) ([]int, error) {
	if n := l.Weight.Value.Cols(); len(in) == 0 || in[len(in)-1] != n {
		return nil, fmt.Errorf("nn: %v: input of shape %v, want last dimension %d", l, in, n)
	}
	out := slices.Clone(in)
	out[len(out)-1] = l.Bias.Value.size
	return out, nil
}

// FLOPs returns the multiplications and additions of a forward pass.
func (l *Linear[T]) FLOPs(in []int) int64 {
	return 2 * int64(sizeOf(in)) * int64(l.Bias.Value.size)
}

// Share returns a layer with the same parameters and its own activations.
func (l *Linear[T]) Share() Layer[T] {
	return &Linear[T]{Weight: l.Weight, Bias: l.Bias, ops: l.ops, work: NewWorkspace(l.ops)}
}

// String returns "Linear(in, out)".
func (l *Linear[T]) String() string {
	return fmt.Sprintf("Linear(%d, %d)", l.Weight.Value.Cols(), l.Weight.Value.Rows())
}
