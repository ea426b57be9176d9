package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// A Workspace lends tensors by slot and keeps their memory, so that a pass repeated on batches no larger than before allocates nothing.
type Workspace[T kernels.Float] struct {
	ops   Ops[T]
	slots []*Tensor[T]
}

// NewWorkspace returns an empty workspace whose memory comes from ops.
func NewWorkspace[T kernels.Float](ops Ops[T]) *Workspace[T] { return &Workspace[T]{ops: ops} }

// Tensor returns the tensor of a slot under that shape, its elements unspecified. It ends the validity of what the slot lent before.
func (w *Workspace[T]) Tensor(slot int, shape ...int) *Tensor[T] {
	for len(w.slots) <= slot {
		w.slots = append(w.slots, &Tensor[T]{})
	}
	t := w.slots[slot]
	if size := sizeOf(shape); t.storage == nil || t.storage.Len() < size {
		t.set(w.ops.Alloc(size), 0, shape)
	} else {
		t.set(t.storage, 0, shape)
	}
	return t
}

// Like returns the tensor of a slot under the shape of x.
func (w *Workspace[T]) Like(slot int, x *Tensor[T]) *Tensor[T] {
	t := w.Tensor(slot, x.shape...)
	t.channelsLast = x.channelsLast
	return t
}

// WithCols returns the tensor of a slot under the shape of x with cols as its last dimension.
func (w *Workspace[T]) WithCols(slot int, x *Tensor[T], cols int) *Tensor[T] {
	if len(x.shape) == 2 {
		return w.Tensor(slot, x.shape[0], cols)
	}
	shape := append([]int(nil), x.shape...)
	shape[len(shape)-1] = cols
	return w.Tensor(slot, shape...)
}
