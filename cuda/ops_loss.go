package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
)

// sum returns scale times the sum of what a kernel leaves of each of its blocks, in float64. 0 without blocks.
func (o *Ops) sum(name string, grid device.Dim, scale float64, args func(partial device.Arg) []device.Arg) float64 {
	if grid.X == 0 {
		o.result()
		return 0
	}
	n := grid.X
	p := o.scratchOf(8 * (n + 1))
	total := p + device.Pointer(8*n)
	o.run(name, grid, args(device.Ptr(p))...)
	o.run("nn_total", device.Dim{X: 1, Y: 1, Z: 1}, device.Ptr(total), device.Ptr(p), device.F64(scale), count(n))
	return o.number(total)
}

// Dot returns sum_i x[i] y[i].
func (o *Ops) Dot(x, y *floats) float64 {
	n := x.Size()
	nn.CheckSizes(n, y)
	o.begin()
	defer o.mu.Unlock()
	return o.sum("nn_dot", blocks(n, summands), 1, func(partial device.Arg) []device.Arg {
		return []device.Arg{partial, o.arg(x), o.arg(y), count(n)}
	})
}

// Squares returns the sum of the squares of all elements of the tensors. It waits for the device once.
func (o *Ops) Squares(x []*floats) float64 {
	parts := 0
	for _, t := range x {
		parts += ceilDiv(t.Size(), summands)
	}
	o.begin()
	defer o.mu.Unlock()
	p := o.scratchOf(8 * (parts + 1))
	at := p
	for _, t := range x {
		n := t.Size()
		o.run("nn_dot", blocks(n, summands), device.Ptr(at), o.arg(t), o.arg(t), count(n))
		at += device.Pointer(8 * ceilDiv(n, summands))
	}
	o.run("nn_total", device.Dim{X: 1, Y: 1, Z: 1}, device.Ptr(at), device.Ptr(p), device.F64(1), count(parts))
	return o.number(at)
}

// loss runs a loss of elements.
func (o *Ops) loss(name string, grad, y, target *floats, sign float32) float64 {
	n := y.Size()
	nn.CheckSizes(n, grad, target)
	o.begin()
	defer o.mu.Unlock()
	scale := 1 / float64(n)
	return o.sum(name, blocks(n, summands), scale, func(partial device.Arg) []device.Arg {
		return []device.Arg{partial, o.arg(grad), o.arg(y), o.arg(target), device.F32(float32(scale)), device.F32(sign), count(n)}
	})
}

// SquaredError returns the mean of (y[i] - target[i])^2.
func (o *Ops) SquaredError(grad, y, target *floats) float64 {
	return o.loss("nn_loss_squared", grad, y, target, 0)
}

// AbsoluteError returns the mean of |y[i] - target[i]|.
func (o *Ops) AbsoluteError(grad, y, target *floats) float64 {
	return o.loss("nn_loss_absolute", grad, y, target, 0)
}

// BinaryCrossEntropy returns the mean of log(1 + e^y[i]) - target[i] y[i].
func (o *Ops) BinaryCrossEntropy(grad, y, target *floats) float64 {
	return o.loss("nn_loss_binary_cross_entropy", grad, y, target, 0)
}

// Hinge returns the mean of max(0, 1 - sign y[i]).
func (o *Ops) Hinge(grad, y *floats, sign float32) float64 {
	return o.loss("nn_loss_hinge", grad, y, y, sign)
}

// CrossEntropy returns the mean of log(sum_j e^y[i,j]) - y[i,class[i]]. It waits for the classes.
func (o *Ops) CrossEntropy(grad, y, class *floats) float64 {
	rows, cols := y.Rows(), y.Cols()
	nn.CheckSizes(rows, class)
	nn.CheckSizes(y.Size(), grad)
	host := make([]float32, rows)
	o.Download(host, class)
	nn.CheckClasses(host, cols)
	o.begin()
	defer o.mu.Unlock()
	scale := 1 / float64(rows)
	return o.sum("nn_cross_entropy", rowGrid(y), scale, func(partial device.Arg) []device.Arg {
		return []device.Arg{partial, o.arg(grad), o.arg(y), o.arg(class), device.F32(float32(scale)), count(cols)}
	})
}

// GaussianKL returns the mean over the rows of sum_j (mean^2 + e^logvar - 1 - logvar)/2.
func (o *Ops) GaussianKL(dmean, dlogvar, mean, logvar *floats) float64 {
	n := mean.Size()
	nn.CheckSizes(n, dmean, dlogvar, logvar)
	o.begin()
	defer o.mu.Unlock()
	scale := 1 / float64(mean.Rows())
	return o.sum("nn_gaussian_kl", blocks(n, summands), scale, func(partial device.Arg) []device.Arg {
		return []device.Arg{partial, o.arg(dmean), o.arg(dlogvar), o.arg(mean), o.arg(logvar), device.F32(float32(scale)), count(n)}
	})
}
