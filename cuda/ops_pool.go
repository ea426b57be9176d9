package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
)

// pool runs a kernel whose destination is y, from x and, where it is not nil, the large image z.
func (o *Ops) pool(name string, y, x, z, large, small *floats, scale float32, g nn.ConvGeometry) {
	s := g.PoolSizes(large.Shape(), small.Shape())
	nn.CheckSizes(large.Size(), z)
	n := y.Size()
	o.begin()
	defer o.mu.Unlock()
	o.run(name, blocks(n, threads), o.arg(y), o.arg(x), o.arg(z), device.F32(scale), count(g.Kernel), count(g.Stride), count(g.Padding),
		count(s.H), count(s.W), count(s.OH), count(s.OW), count(n))
}

// MaxPool sets the largest of each window.
func (o *Ops) MaxPool(y, x *floats, g nn.ConvGeometry) {
	o.pool("nn_max_pool", y, x, nil, x, y, 1, g)
}

// MaxPoolBackward undoes MaxPool.
func (o *Ops) MaxPoolBackward(dx, dy, x *floats, g nn.ConvGeometry) {
	o.pool("nn_max_pool_backward", dx, dy, x, dx, dy, 1, g)
}

// AvgPool sets the mean of each window.
func (o *Ops) AvgPool(y, x *floats, g nn.ConvGeometry) {
	o.pool("nn_sum_pool", y, x, nil, x, y, 1/float32(g.Kernel*g.Kernel), g)
}

// AvgPoolBackward undoes AvgPool.
func (o *Ops) AvgPoolBackward(dx, dy *floats, g nn.ConvGeometry) {
	o.pool("nn_spread", dx, dy, nil, dx, dy, 1/float32(g.Kernel*g.Kernel), g)
}

// Upsample repeats each pixel.
func (o *Ops) Upsample(y, x *floats, factor int) {
	o.pool("nn_spread", y, x, nil, y, x, 1, nn.ConvGeometry{Kernel: factor, Stride: factor})
}

// UpsampleBackward undoes Upsample.
func (o *Ops) UpsampleBackward(dx, dy *floats, factor int) {
	o.pool("nn_sum_pool", dx, dy, nil, dy, dx, 1, nn.ConvGeometry{Kernel: factor, Stride: factor})
}
