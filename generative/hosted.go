package generative

import (
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// hosted is a network on a device that is given and gives tensors of the host. Objectives that compute little between their networks, such as
// on codes, compute that on the host.
type hosted[T kernels.Float] struct {
	net nn.Layer[T]
	ops nn.Ops[T]

	x, dy *nn.Tensor[T] // on the device
	y, dx *nn.Tensor[T] // on the host
}

// fromHost returns a network of a table that is given and gives tensors of the host: net itself where the table is the host's, or where it is nil.
func fromHost[T kernels.Float](ops nn.Ops[T], net nn.Layer[T]) nn.Layer[T] {
	if net == nil || nn.OnHost(ops) {
		return net
	}
	return &hosted[T]{net: net, ops: ops}
}

// hostOps returns a table of the host: ops, where it is one.
func hostOps[T kernels.Float](ops nn.Ops[T], run kernels.Runner) nn.Ops[T] {
	if nn.OnHost(ops) {
		return ops
	}
	return nn.NewCPU[T](run)
}

func (h *hosted[T]) Forward(x *nn.Tensor[T]) *nn.Tensor[T] {
	h.x = h.up(h.x, x)
	h.y = h.down(h.y, h.net.Forward(h.x))
	return h.y
}

func (h *hosted[T]) Backward(dy *nn.Tensor[T], want nn.Want) *nn.Tensor[T] {
	h.dy = h.up(h.dy, dy)
	dx := h.net.Backward(h.dy, want)
	if dx == nil {
		return nil
	}
	h.dx = h.down(h.dx, dx)
	return h.dx
}

// up copies a tensor of the host to one on the device, that of the last call where it fits.
func (h *hosted[T]) up(there, here *nn.Tensor[T]) *nn.Tensor[T] {
	if there == nil || !there.SameShape(here) {
		there = nn.TensorIn(h.ops.Alloc(here.Size()), 0, here.Shape()...)
	}
	h.ops.Upload(there, here.Data())
	return there
}

// down copies back.
func (h *hosted[T]) down(here, there *nn.Tensor[T]) *nn.Tensor[T] {
	if here == nil || !here.SameShape(there) {
		here = nn.NewTensor[T](there.Shape()...)
	}
	h.ops.Download(here.Data(), there)
	return here
}

func (h *hosted[T]) Params() []*nn.Param[T]              { return h.net.Params() }
func (h *hosted[T]) OutputShape(in []int) ([]int, error) { return h.net.OutputShape(in) }
func (h *hosted[T]) Share() nn.Layer[T]                  { return &hosted[T]{net: h.net.Share(), ops: h.ops} }
func (h *hosted[T]) String() string                      { return h.net.String() }
func (h *hosted[T]) Parts() []nn.Part[T]                 { return []nn.Part[T]{{Layer: h.net}} }

// onHost returns a tensor on the host, or a copy of it there.
func onHost[T kernels.Float](x *nn.Tensor[T]) *nn.Tensor[T] {
	if x.OnHost() {
		return x
	}
	return nn.TensorOf(x.Values(), x.Shape()...)
}

// tensorIn returns a matrix of zeros in memory of a table.
func tensorIn[T kernels.Float](ops nn.Ops[T], rows, cols int) *nn.Tensor[T] {
	return nn.TensorIn(ops.Alloc(rows*cols), 0, rows, cols)
}

// row returns row i of a tensor of the host of that many rows.
func row[T kernels.Float](t *nn.Tensor[T], i, rows int) []T {
	d := t.Size() / rows
	return t.Data()[i*d : (i+1)*d]
}
