package nn

import (
	"fmt"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Embedding replaces each class by its row of a table:
//
//	y[..., :] = Weight[x[...], :]
//
// x holds integers from 0 as numbers of T; y has one dimension more.
type Embedding[T kernels.Float] struct {
	Weight *Param[T] // "weight", [classes, size]

	ops  Ops[T]
	work *Workspace[T]
	full []int
	x, y *Tensor[T]
}

// NewEmbedding returns a table of zeros; see [Embedding.Init]. It panics unless both sizes are positive.
func NewEmbedding[T kernels.Float](ops Ops[T], classes, size int) *Embedding[T] {
	if classes < 1 || size < 1 {
		panic("nn: Embedding: sizes must be positive")
	}
	return &Embedding[T]{Weight: newParam(ops, "weight", classes, size), ops: ops, work: NewWorkspace(ops)}
}

// Init draws the table. PyTorch's is the standard normal.
func (l *Embedding[T]) Init(src Source, weight Init) {
	initialise(l.ops, src, weight, l.Weight.Value, l.Weight.Value.Rows(), l.Weight.Value.Cols())
}

// Forward returns y [..., size] for x [...]. It panics on what is no class.
func (l *Embedding[T]) Forward(x *Tensor[T]) *Tensor[T] {
	l.full = append(append(l.full[:0], x.shape...), l.Weight.Value.Cols())
	l.x, l.y = x, l.work.Tensor(elementwiseY, l.full...)
	l.ops.Gather(l.y, l.Weight.Value, x)
	return l.y
}

// Backward adds to the gradient of the table and returns a dx of zeros: the output does not vary with a class.
func (l *Embedding[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantParams != 0 {
		// forward: y[..., :] = Weight[x[...], :]
		l.ops.ScatterAdd(l.Weight.Grad, dy, l.x)
	}
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, l.x)
	l.ops.Zero(dx)
	return dx
}

// Params returns the table.
func (l *Embedding[T]) Params() []*Param[T] { return []*Param[T]{l.Weight} }

// OutputShape adds the dimension of the rows.
func (l *Embedding[T]) OutputShape(in []int) ([]int, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("nn: %v: input of shape %v, want at least a batch", l, in)
	}
	return append(slices.Clone(in), l.Weight.Value.Cols()), nil
}

// Share returns a layer with the same parameters and its own activations.
func (l *Embedding[T]) Share() Layer[T] {
	return &Embedding[T]{Weight: l.Weight, ops: l.ops, work: NewWorkspace(l.ops)}
}

// String returns "Embedding(classes, size)".
func (l *Embedding[T]) String() string {
	return fmt.Sprintf("Embedding(%d, %d)", l.Weight.Value.Rows(), l.Weight.Value.Cols())
}
