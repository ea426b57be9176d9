package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Pool2d reduces each window of an image to one pixel, each channel by itself: x is [n, c, h, w], y is [n, c, oh, ow],
// oh = floor((h + 2 Padding - Kernel)/Stride) + 1.
type Pool2d[T kernels.Float] struct {
	geo  ConvGeometry
	mean bool
	ops  Ops[T]
	work *Workspace[T]
	x, y *Tensor[T]
}

// NewMaxPool2d returns the largest pixel of each window, without the padding. The stride is that of the window where it is 0. It panics
// on a geometry out of range, or a padding of more than half the window.
func NewMaxPool2d[T kernels.Float](ops Ops[T], g ConvGeometry) *Pool2d[T] {
	return newPool(ops, g, false)
}

// NewAvgPool2d returns the mean of each window, in which the padding counts as zeros. The stride is that of the window where it is 0. It
// panics on a geometry out of range, or a padding of more than half the window.
func NewAvgPool2d[T kernels.Float](ops Ops[T], g ConvGeometry) *Pool2d[T] {
	return newPool(ops, g, true)
}

func newPool[T kernels.Float](ops Ops[T], g ConvGeometry, mean bool) *Pool2d[T] {
	if g.Stride == 0 {
		g.Stride = g.Kernel
	}
	if err := g.check(); err != nil {
		panic("nn: Pool2d: " + err.Error())
	}
	if g.Padding > g.Kernel/2 {
		panic("nn: Pool2d: padding of more than half the window")
	}
	return &Pool2d[T]{geo: g, mean: mean, ops: ops, work: NewWorkspace(ops)}
}

// Forward returns y [n, c, oh, ow] for x [n, c, h, w].
func (l *Pool2d[T]) Forward(x *Tensor[T]) *Tensor[T] {
	oh, ow, err := l.size(x.shape)
	if err != nil {
		panic(err.Error())
	}
	l.x, l.y = x, l.work.Tensor(convY, x.shape[0], x.shape[1], oh, ow)
	if l.mean {
		l.ops.AvgPool(l.y, x, l.geo)
	} else {
		l.ops.MaxPool(l.y, x, l.geo)
	}
	return l.y
}

// Backward returns dx of the shape of x.
func (l *Pool2d[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(convDX, l.x)
	if l.mean {
		l.ops.AvgPoolBackward(dx, dy, l.geo)
	} else {
		l.ops.MaxPoolBackward(dx, dy, l.x, l.geo)
	}
	return dx
}

// Params returns nothing.
func (l *Pool2d[T]) Params() []*Param[T] { return nil }

// size returns the height and width of the output.
func (l *Pool2d[T]) size(in []int) (oh, ow int, err error) {
	if err := checkImage(l, in, -1); err != nil {
		return 0, 0, err
	}
	oh, ow = l.geo.places(in[2]), l.geo.places(in[3])
	if oh < 1 || ow < 1 {
		return 0, 0, fmt.Errorf("nn: %v: input of shape %v, want images of %d x %d at least", l, in, l.geo.Kernel-2*l.geo.Padding, l.geo.Kernel-2*l.geo.Padding)
	}
	return oh, ow, nil
}

// OutputShape returns [n, c, oh, ow] for [n, c, h, w].
func (l *Pool2d[T]) OutputShape(in []int) ([]int, error) {
	oh, ow, err := l.size(in)
	if err != nil {
		return nil, err
	}
	return []int{in[0], in[1], oh, ow}, nil
}

// Share returns a layer with its own activations.
func (l *Pool2d[T]) Share() Layer[T] { return newPool(l.ops, l.geo, l.mean) }

// String returns "MaxPool2d(kernel, stride s, ...)" or the same of AvgPool2d.
func (l *Pool2d[T]) String() string {
	name := "MaxPool2d"
	if l.mean {
		name = "AvgPool2d"
	}
	s := fmt.Sprintf("%s(%d, stride %d", name, l.geo.Kernel, l.geo.Stride)
	if l.geo.Padding > 0 {
		s += fmt.Sprintf(", padding %d", l.geo.Padding)
	}
	return s + ")"
}

// Upsample2d enlarges images by repeating each pixel Factor times in both directions:
//
//	y[n,c,i,j] = x[n, c, i/Factor, j/Factor]
type Upsample2d[T kernels.Float] struct {
	Factor int

	ops  Ops[T]
	work *Workspace[T]
	x, y *Tensor[T]
}

// NewUpsample2d returns the layer. It panics unless factor is positive.
func NewUpsample2d[T kernels.Float](ops Ops[T], factor int) *Upsample2d[T] {
	if factor < 1 {
		panic("nn: Upsample2d: factor must be positive")
	}
	return &Upsample2d[T]{Factor: factor, ops: ops, work: NewWorkspace(ops)}
}

// Forward returns y [n, c, Factor h, Factor w] for x [n, c, h, w].
func (l *Upsample2d[T]) Forward(x *Tensor[T]) *Tensor[T] {
	if err := checkImage(l, x.shape, -1); err != nil {
		panic(err.Error())
	}
	l.x, l.y = x, l.work.Tensor(convY, x.shape[0], x.shape[1], l.Factor*x.shape[2], l.Factor*x.shape[3])
	l.ops.Upsample(l.y, x, l.Factor)
	return l.y
}

// Backward returns dx of the shape of x.
func (l *Upsample2d[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(convDX, l.x)
	// forward: y[n,c,i,j] = x[n, c, i/Factor, j/Factor]
	l.ops.UpsampleBackward(dx, dy, l.Factor)
	return dx
}

// Params returns nothing.
func (l *Upsample2d[T]) Params() []*Param[T] { return nil }

// OutputShape returns [n, c, Factor h, Factor w] for [n, c, h, w].
func (l *Upsample2d[T]) OutputShape(in []int) ([]int, error) {
	if err := checkImage(l, in, -1); err != nil {
		return nil, err
	}
	return []int{in[0], in[1], l.Factor * in[2], l.Factor * in[3]}, nil
}

// Share returns a layer with its own activations.
func (l *Upsample2d[T]) Share() Layer[T] { return NewUpsample2d(l.ops, l.Factor) }

// String returns "Upsample2d(factor)".
func (l *Upsample2d[T]) String() string { return fmt.Sprintf("Upsample2d(%d)", l.Factor) }
