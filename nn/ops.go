package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Ops is the table of operations that layers and optimisers call. Another device is another table.
//
// Destinations come first. A destination may be the same tensor as a source of the same size in element-wise operations, and overlaps no
// source elsewhere. Element-wise operations ask for equal sizes, matrix operations for fitting [Tensor.Rows] and [Tensor.Cols]; else they
// panic. Tensors live where the table computes: in storages of its Alloc.
//
// A table may compute later than it is called, so the methods return no errors. When a device fails, the table does nothing from then on,
// and panics with a [*Fault] where a number has to come back to the host: in Download, Dot, the losses, Gather, ScatterAdd, and where the
// elements of a tensor are read ([Tensor.Values]). So no wrong number leaves it. [CatchFault] turns the panic into an error.
type Ops[T kernels.Float] interface {
	// Alloc returns a storage of n zeros.
	Alloc(n int) Storage[T]
	// Upload copies src from the host into dst.
	Upload(dst *Tensor[T], src []T)
	// Download copies src into dst on the host.
	Download(dst []T, src *Tensor[T])

	// Gemm sets C = alpha op(A) op(B) + beta C, where op transposes or not. With beta = 0, C is not read.
	Gemm(transA, transB bool, alpha T, a, b *Tensor[T], beta T, c *Tensor[T])
	// AddRow adds row[j] to each y[i,j].
	AddRow(y, row *Tensor[T])
	// ColumnSums adds sum_i y[i,j] to sum[j].
	ColumnSums(sum, y *Tensor[T])

	ConvOps[T]
	ActivationOps[T]
	NormOps[T]
	PoolOps[T]
	LossOps[T]

	// Copy sets dst[i] = src[i].
	Copy(dst, src *Tensor[T])
	// Zero sets x[i] = 0.
	Zero(x *Tensor[T])
	// Scale sets x[i] = alpha x[i].
	Scale(x *Tensor[T], alpha T)
	// Axpy sets y[i] = y[i] + alpha x[i].
	Axpy(y *Tensor[T], alpha T, x *Tensor[T])
	// Mul sets y[i] = x[i] z[i].
	Mul(y, x, z *Tensor[T])
	// Clamp sets x[i] to lo where it is below and to hi where it is above; NaN stays. lo <= hi.
	Clamp(x *Tensor[T], lo, hi T)
	// Dot returns sum_i x[i] y[i].
	Dot(x, y *Tensor[T]) float64

	// LeakyReLU sets y[i] = x[i] where x[i] > 0, else slope x[i].
	LeakyReLU(y, x *Tensor[T], slope T)
	// LeakyReLUBackward sets dx[i] = dy[i] where the output y[i] > 0, else slope dy[i]; slope >= 0.
	LeakyReLUBackward(dx, dy, y *Tensor[T], slope T)
	// Softplus sets y[i] = log(1 + e^x[i]).
	Softplus(y, x *Tensor[T])
	// SoftplusBackward sets dx[i] = dy[i] (1 - e^-y[i]), for the output y.
	SoftplusBackward(dx, dy, y *Tensor[T])
	// Sigmoid sets y[i] = 1/(1 + e^-x[i]).
	Sigmoid(y, x *Tensor[T])
	// SigmoidBackward sets dx[i] = dy[i] y[i] (1 - y[i]), for the output y.
	SigmoidBackward(dx, dy, y *Tensor[T])
	// Tanh sets y[i] = tanh(x[i]).
	Tanh(y, x *Tensor[T])
	// TanhBackward sets dx[i] = dy[i] (1 - y[i]^2), for the output y.
	TanhBackward(dx, dy, y *Tensor[T])

	// Gather sets row i of y to row index[i] of the table, where index[i] is an integer from 0. It panics on any other index.
	Gather(y, table, index *Tensor[T])
	// ScatterAdd adds row i of y to row index[i] of the table, in the order of i.
	ScatterAdd(table, y, index *Tensor[T])

	// AddColumns sets y[i, at+j] = beta y[i, at+j] + alpha x[i, from+j] for j < cols, in matrices of as many rows. With beta = 0, y is not read.
	AddColumns(y *Tensor[T], at int, beta T, x *Tensor[T], from, cols int, alpha T)

	// Adam updates the parameters p and the moments m, v with the gradient grad, as [kernels.Adam] does.
	Adam(p, grad, m, v *Tensor[T], step *kernels.AdamStep[T])
	// RMSProp updates the parameters p, the moment v and, unless it is nil, the momentum u, as [RMSProp] says.
	RMSProp(p, grad, v, u *Tensor[T], step *RMSPropStep[T])
}
