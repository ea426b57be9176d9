package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A conv is the sizes of a convolution and its window.
type conv struct {
	nn.ConvSizes
	nn.ConvGeometry
}

func convOf(g nn.ConvGeometry, large, small, weight *floats) conv {
	return conv{g.ConvSizes(large.Shape(), small.Shape(), weight.Shape()), g}
}

// patch is the elements that the window shows.
func (z *conv) patch() int { return z.C * z.Kernel * z.Kernel }

// whole reports whether the window shows the whole image at its only place: the image is the patch, and products need no window.
func (z *conv) whole() bool { return z.Kernel == z.H && z.Kernel == z.W && z.Padding == 0 }

// args returns the arguments of a kernel that end with the sizes.
func (z *conv) args(first ...device.Arg) []device.Arg {
	return append(first, count(z.N), count(z.C), count(z.H), count(z.W), count(z.O), count(z.OH), count(z.OW), count(z.Kernel), count(z.Stride), count(z.Padding))
}

// ConvChannelsLast tells that no convolution is faster with channels last: planes are contiguous for neighbouring threads.
func (o *Ops) ConvChannelsLast(nn.ConvGeometry, []int, []int, []int) (largeLast, smallLast bool) {
	return false, false
}

// Conv sets the small image y from the large one.
func (o *Ops) Conv(y, x, weight, bias *floats, g nn.ConvGeometry) {
	o.ConvLeakyReLU(y, x, weight, bias, g, 1)
}

// ConvLeakyReLU is Conv, then LeakyReLU of y.
func (o *Ops) ConvLeakyReLU(y, x, weight, bias *floats, g nn.ConvGeometry, slope float32) {
	z := convOf(g, x, y, weight)
	nn.CheckSizes(z.O, bias)
	o.begin()
	defer o.mu.Unlock()
	place := z.OH * z.OW
	if z.whole() && z.patch() > 0 {
		o.multiply(false, true, z.N, z.O, z.patch(), 1, o.arg(x), o.arg(weight), 0, o.arg(y))
		o.finish(tiling{parts: 1}, y, o.arg(y), bias, slope, z.O, place)
		return
	}
	t := o.tilingOf(z.O, z.N*place, z.patch(), 1)
	partial := device.Ptr(o.partial(t, y.Size()))
	o.product("conv_", t, 1, z.args(o.arg(y), partial, o.arg(x), o.arg(weight), o.arg(bias), device.F32(slope))...)
	if t.parts > 1 {
		o.finish(t, y, partial, bias, slope, z.O, place)
	}
}

// finish sets y to the sum of the parts, the bias of each channel and the activation.
func (o *Ops) finish(t tiling, y *floats, parts device.Arg, bias *floats, slope float32, channels, place int) {
	n := y.Size()
	o.run("conv_join", blocks(n, threads), o.arg(y), parts, o.arg(bias), device.F32(slope), count(channels), count(place), count(t.parts), count(n))
}

// ConvTranspose sets the large image y from the small one.
func (o *Ops) ConvTranspose(y, x, weight, bias *floats, g nn.ConvGeometry) {
	o.ConvTransposeLeakyReLU(y, x, weight, bias, g, 1)
}

// ConvTransposeLeakyReLU is ConvTranspose, then LeakyReLU of y.
func (o *Ops) ConvTransposeLeakyReLU(y, x, weight, bias *floats, g nn.ConvGeometry, slope float32) {
	z := convOf(g, y, x, weight)
	nn.CheckSizes(z.C, bias)
	o.begin()
	defer o.mu.Unlock()
	if z.whole() && z.O > 0 {
		o.multiply(false, false, z.N, z.patch(), z.O, 1, o.arg(x), o.arg(weight), 0, o.arg(y))
		o.finish(tiling{parts: 1}, y, o.arg(y), bias, slope, z.C, z.H*z.W)
		return
	}
	// A product for each phase of the stride: the taps of one are about stride apart.
	phases, side := z.Stride*z.Stride, ceilDiv(z.Kernel, z.Stride)
	t := o.tilingOf(z.C, z.N*ceilDiv(z.H, z.Stride)*ceilDiv(z.W, z.Stride), z.O*side*side, phases)
	partial := device.Ptr(o.partial(t, y.Size()))
	o.product("conv_transpose_", t, phases, z.args(o.arg(y), partial, o.arg(x), o.arg(weight), o.arg(bias), device.F32(slope))...)
	if t.parts > 1 {
		o.finish(t, y, partial, bias, slope, z.C, z.H*z.W)
	}
}

// ConvWeight adds the derivative of sum(small Conv(large)) by the weight.
func (o *Ops) ConvWeight(dweight, small, large *floats, g nn.ConvGeometry) {
	z := convOf(g, large, small, dweight)
	depth := z.N * z.OH * z.OW
	if depth == 0 {
		return
	}
	o.begin()
	defer o.mu.Unlock()
	if z.whole() {
		o.multiply(true, false, z.O, z.patch(), z.N, 1, o.arg(small), o.arg(large), 1, o.arg(dweight))
		return
	}
	n := dweight.Size()
	t := o.tilingOf(z.O, z.patch(), depth, 1)
	partial := o.partial(t, n)
	o.product("conv_weight_", t, 1, z.args(o.arg(dweight), device.Ptr(partial), o.arg(small), o.arg(large))...)
	o.join(t, o.arg(dweight), partial, 1, 1, n)
}

// ConvBackward is ConvWeight, which adds to dweight, and ConvTranspose of dy, which sets dx.
func (o *Ops) ConvBackward(dx, dweight, dy, x, weight *floats, g nn.ConvGeometry) {
	o.ConvWeight(dweight, dy, x, g)
	o.ConvTranspose(dx, dy, weight, nil, g)
}

// ConvTransposeBackward is ConvWeight, which adds to dweight, and Conv of dy, which sets dx.
func (o *Ops) ConvTransposeBackward(dx, dweight, dy, x, weight *floats, g nn.ConvGeometry) {
	o.ConvWeight(dweight, x, dy, g)
	o.Conv(dx, dy, weight, nil, g)
}
