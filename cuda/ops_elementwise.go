package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// floats is a tensor of this table.
type floats = nn.Tensor[float32]

// each runs an element-wise kernel on y and, where they are not nil, x and z.
func (o *Ops) each(name string, y, x, z *floats, alpha, beta float32) {
	n := y.Size()
	nn.CheckSizes(n, x, z)
	o.begin()
	defer o.mu.Unlock()
	o.run(name, blocks(n, elements), o.arg(y), o.arg(x), o.arg(z), device.F32(alpha), device.F32(beta), count(n))
}

// Copy sets dst[i] = src[i].
func (o *Ops) Copy(dst, src *floats) { o.each("nn_copy", dst, src, nil, 0, 0) }

// Zero sets x[i] = 0.
func (o *Ops) Zero(x *floats) { o.each("nn_zero", x, nil, nil, 0, 0) }

// Scale sets x[i] = alpha x[i].
func (o *Ops) Scale(x *floats, alpha float32) { o.each("nn_scale", x, nil, nil, alpha, 0) }

// Axpy sets y[i] = y[i] + alpha x[i].
func (o *Ops) Axpy(y *floats, alpha float32, x *floats) { o.each("nn_axpy", y, x, nil, alpha, 0) }

// Mul sets y[i] = x[i] z[i].
func (o *Ops) Mul(y, x, z *floats) { o.each("nn_mul", y, x, z, 0, 0) }

// Clamp sets x[i] to lo where it is below and to hi where it is above.
func (o *Ops) Clamp(x *floats, lo, hi float32) { o.each("nn_clamp", x, nil, nil, lo, hi) }

// LeakyReLU sets y[i] = x[i] where x[i] > 0, else slope x[i].
func (o *Ops) LeakyReLU(y, x *floats, slope float32) { o.each("nn_leaky_relu", y, x, nil, slope, 0) }

// LeakyReLUBackward sets dx[i] = dy[i] where y[i] > 0, else slope dy[i].
func (o *Ops) LeakyReLUBackward(dx, dy, y *floats, slope float32) {
	o.each("nn_leaky_relu_backward", dx, dy, y, slope, 0)
}

// Softplus sets y[i] = log(1 + e^x[i]).
func (o *Ops) Softplus(y, x *floats) { o.each("nn_softplus", y, x, nil, 0, 0) }

// SoftplusBackward sets dx[i] = dy[i] (1 - e^-y[i]).
func (o *Ops) SoftplusBackward(dx, dy, y *floats) { o.each("nn_softplus_backward", dx, dy, y, 0, 0) }

// Sigmoid sets y[i] = 1/(1 + e^-x[i]).
func (o *Ops) Sigmoid(y, x *floats) { o.each("nn_sigmoid", y, x, nil, 0, 0) }

// SigmoidBackward sets dx[i] = dy[i] y[i] (1 - y[i]).
func (o *Ops) SigmoidBackward(dx, dy, y *floats) { o.each("nn_sigmoid_backward", dx, dy, y, 0, 0) }

// Tanh sets y[i] = tanh(x[i]).
func (o *Ops) Tanh(y, x *floats) { o.each("nn_tanh", y, x, nil, 0, 0) }

// TanhBackward sets dx[i] = dy[i] (1 - y[i]^2).
func (o *Ops) TanhBackward(dx, dy, y *floats) { o.each("nn_tanh_backward", dx, dy, y, 0, 0) }

// ELU sets y[i] = x[i] where x[i] > 0, else alpha (e^x[i] - 1).
func (o *Ops) ELU(y, x *floats, alpha float32) { o.each("nn_elu", y, x, nil, alpha, 0) }

// ELUBackward sets dx[i] = dy[i] where y[i] > 0, else dy[i] (y[i] + alpha).
func (o *Ops) ELUBackward(dx, dy, y *floats, alpha float32) {
	o.each("nn_elu_backward", dx, dy, y, alpha, 0)
}

// GELU sets y[i] = x[i] Phi(x[i]).
func (o *Ops) GELU(y, x *floats) { o.each("nn_gelu", y, x, nil, 0, 0) }

// GELUBackward sets dx[i] = dy[i] (Phi(x[i]) + x[i] phi(x[i])).
func (o *Ops) GELUBackward(dx, dy, x *floats) { o.each("nn_gelu_backward", dx, dy, x, 0, 0) }

// SiLU sets y[i] = x[i]/(1 + e^-x[i]).
func (o *Ops) SiLU(y, x *floats) { o.each("nn_silu", y, x, nil, 0, 0) }

// SiLUBackward sets dx[i] = dy[i] s (1 + x[i] (1 - s)), s = 1/(1 + e^-x[i]).
func (o *Ops) SiLUBackward(dx, dy, x *floats) { o.each("nn_silu_backward", dx, dy, x, 0, 0) }

// AddRow adds row[j] to each y[i,j].
func (o *Ops) AddRow(y, row *floats) { o.AddRowLeakyReLU(y, row, 1) }

// AddRowLeakyReLU is AddRow, then LeakyReLU of y.
func (o *Ops) AddRowLeakyReLU(y, row *floats, slope float32) {
	nn.CheckSizes(y.Cols(), row)
	o.begin()
	defer o.mu.Unlock()
	n := y.Size()
	o.run("nn_add_row", blocks(n, elements), o.arg(y), o.arg(row), device.F32(slope), count(y.Cols()), count(n))
}

// Gather sets row i of y to row index[i] of the table. It waits for the indices.
func (o *Ops) Gather(y, table, index *floats) {
	o.checkIndices(y, table, index)
	o.begin()
	defer o.mu.Unlock()
	n := y.Size()
	o.run("nn_gather", blocks(n, elements), o.arg(y), o.arg(table), o.arg(index), count(table.Cols()), count(n))
}

// scatterLanes is the number of threads that share the rows of a table's column.
const scatterLanes = 64

// ScatterAdd adds row i of y to row index[i] of the table. It waits for the indices.
func (o *Ops) ScatterAdd(table, y, index *floats) {
	o.checkIndices(y, table, index)
	if y.Size() == 0 {
		return
	}
	o.begin()
	defer o.mu.Unlock()
	grid := blocks(table.Cols(), threads)
	grid.Y = min(scatterLanes, table.Rows())
	o.run("nn_scatter_add", grid, o.arg(table), o.arg(y), o.arg(index), count(table.Cols()), count(index.Size()))
}

func (o *Ops) checkIndices(y, table, index *floats) {
	nn.CheckSizes(index.Size()*table.Cols(), y)
	host := make([]float32, index.Size())
	o.Download(host, index)
	nn.CheckIndices(host, table.Rows())
}

// AddColumns sets y[i, at+j] = beta y[i, at+j] + alpha x[i, from+j] for j < cols.
func (o *Ops) AddColumns(y *floats, at int, beta float32, x *floats, from, cols int, alpha float32) {
	nn.CheckColumns(y, at, x, from, cols)
	n := y.Rows() * cols
	o.begin()
	defer o.mu.Unlock()
	o.run("nn_add_columns", blocks(n, elements), o.arg(y), o.arg(x), device.F32(beta), device.F32(alpha), count(y.Cols()), count(at), count(x.Cols()),
		count(from), count(cols), count(n))
}

// Adam updates p, m and v with the gradient grad.
func (o *Ops) Adam(p, grad, m, v *floats, step *kernels.AdamStep[float32]) {
	n := p.Size()
	nn.CheckSizes(n, grad, m, v)
	o.begin()
	defer o.mu.Unlock()
	o.run("nn_adam", blocks(n, elements), o.arg(p), o.arg(grad), o.arg(m), o.arg(v), device.F32(step.Beta1), device.F32(step.Beta2),
		device.F32(step.StepSize), device.F32(step.InvSqrtBias2), device.F32(step.Eps), device.F32(step.WeightDecay), count(n))
}

// RMSProp updates p, v and, unless it is nil, the momentum u.
func (o *Ops) RMSProp(p, grad, v, u *floats, step *nn.RMSPropStep[float32]) {
	n := p.Size()
	nn.CheckSizes(n, grad, v, u)
	o.begin()
	defer o.mu.Unlock()
	o.run("nn_rmsprop", blocks(n, elements), o.arg(p), o.arg(grad), o.arg(v), o.arg(u), device.F32(step.Rate), device.F32(step.Decay),
		device.F32(step.Eps), device.F32(step.Momentum), device.F32(step.WeightDecay), count(n))
}
