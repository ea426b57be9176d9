package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// OnHost reports whether the host can address what a table allocates.
func OnHost[T kernels.Float](ops Ops[T]) bool { return ops.Alloc(1).Data() != nil }

// A Mirror is a tensor where a table computes and its elements on the host, the same memory where the host can address them. What the host
// computes in a step, such as noise, batches and the gradient of a loss, goes to a device through it, and what it needs comes back.
type Mirror[T kernels.Float] struct {
	Host   []T
	Tensor *Tensor[T]
}

// NewMirror returns a mirror of zeros of that shape.
func NewMirror[T kernels.Float](ops Ops[T], shape ...int) *Mirror[T] {
	t := newTensor(ops, shape...)
	if t.OnHost() {
		return &Mirror[T]{t.host, t}
	}
	return &Mirror[T]{make([]T, t.size), t}
}

// Push makes the tensor what Host is, and returns it.
func (m *Mirror[T]) Push() *Tensor[T] {
	if !m.Tensor.OnHost() {
		m.Tensor.SetValues(m.Host)
	}
	return m.Tensor
}
