package nn

import (
	"sync"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// CPU is the table of operations on the host: package kernels, its work cut over a runner. It may be used from several goroutines at
// once on disjoint destinations.
//
// Work is cut by sizes only, and partial sums are added in a fixed order, so the results are the same bits for any runner.
type CPU[T kernels.Float] struct {
	run kernels.Runner

	mu    sync.Mutex
	free  []*task[T]
	convs []*convJob[T]

	winograds []*winogradJob[T]
}

var (
	_ Ops[float32] = (*CPU[float32])(nil)
	_ Ops[float64] = (*CPU[float64])(nil)

	_ FusedOps[float32] = (*CPU[float32])(nil)
	_ FusedOps[float64] = (*CPU[float64])(nil)
)

// NewCPU returns the table of the host over a runner, such as a worker pool; nil computes in the calling goroutine.
func NewCPU[T kernels.Float](run kernels.Runner) *CPU[T] { return &CPU[T]{run: run} }

// Alloc returns a storage of n zeros.
func (c *CPU[T]) Alloc(n int) Storage[T] { return Host[T](make([]T, n)) }

// Upload copies src into dst.
func (c *CPU[T]) Upload(dst *Tensor[T], src []T) {
	sameSize(dst.size, len(src))
	copy(dst.Data(), src)
}

// Download copies src into dst, wherever src is.
func (c *CPU[T]) Download(dst []T, src *Tensor[T]) {
	sameSize(len(dst), src.size)
	copy(dst, src.Values())
}

// Gemm sets C = alpha op(A) op(B) + beta C.
func (c *CPU[T]) Gemm(transA, transB bool, alpha T, a, b *Tensor[T], beta T, y *Tensor[T]) {
	m, n, k := GemmSizes(transA, transB, a, b, y)
	kernels.Gemm(c.run, transA, transB, m, n, k, alpha, a.Data(), a.Cols(), b.Data(), b.Cols(), beta, y.Data(), n)
}

// AddRow adds row[j] to each y[i,j].
func (c *CPU[T]) AddRow(y, row *Tensor[T]) {
	sameSize(y.Cols(), row.size)
	t := c.take(opAddRow)
	t.y, t.x = y.Data(), row.Data()
	t.rows, t.cols = y.Rows(), y.Cols()
	c.do(t, rowBlocks(t.rows, t.cols))
	c.release(t)
}

// AddRowLeakyReLU is AddRow, then LeakyReLU of y.
func (c *CPU[T]) AddRowLeakyReLU(y, row *Tensor[T], slope T) {
	sameSize(y.Cols(), row.size)
	t := c.take(opAddRowLeakyReLU)
	t.y, t.x, t.alpha = y.Data(), row.Data(), slope
	t.rows, t.cols = y.Rows(), y.Cols()
	c.do(t, rowBlocks(t.rows, t.cols))
	c.release(t)
}

// ColumnSums adds sum_i y[i,j] to sum[j]: a partial sum for each block of rows, then the blocks in order.
func (c *CPU[T]) ColumnSums(sum, y *Tensor[T]) {
	sameSize(y.Cols(), sum.size)
	c.columnSums(sum, y, y.Rows(), y.Cols())
}

// columnSums is ColumnSums for y as a matrix of that size.
func (c *CPU[T]) columnSums(sum, y *Tensor[T], rows, cols int) {
	t := c.take(opColumnSums)
	t.x, t.rows, t.cols = y.Data(), rows, cols
	blocks := rowBlocks(t.rows, t.cols)
	t.y = t.scratchOf(blocks * t.cols)
	c.do(t, blocks)
	for k := range blocks {
		kernels.Axpy(sum.Data(), 1, t.y[k*t.cols:][:t.cols])
	}
	c.release(t)
}

// Copy sets dst[i] = src[i].
func (c *CPU[T]) Copy(dst, src *Tensor[T]) { c.each(opCopy, dst, src, nil, 0) }

// Zero sets x[i] = 0.
func (c *CPU[T]) Zero(x *Tensor[T]) { c.each(opZero, x, nil, nil, 0) }

// Scale sets x[i] = alpha x[i].
func (c *CPU[T]) Scale(x *Tensor[T], alpha T) { c.each(opScale, x, nil, nil, alpha) }

// Axpy sets y[i] = y[i] + alpha x[i].
func (c *CPU[T]) Axpy(y *Tensor[T], alpha T, x *Tensor[T]) { c.each(opAxpy, y, x, nil, alpha) }

// Dot returns sum_i x[i] y[i], in the precision of T within a chunk and in float64 over the chunks.
func (c *CPU[T]) Dot(x, y *Tensor[T]) float64 {
	sameSize(x.size, y.size)
	t := c.take(opDot)
	t.x, t.z = x.Data(), y.Data()
	t.n = x.size
	chunks := (t.n + chunk - 1) / chunk
	t.y = t.scratchOf(chunks)
	c.do(t, chunks)
	var sum float64
	for _, v := range t.y {
		sum += float64(v)
	}
	c.release(t)
	return sum
}

// LeakyReLU sets y[i] = x[i] where x[i] > 0, else slope x[i].
func (c *CPU[T]) LeakyReLU(y, x *Tensor[T], slope T) { c.each(opLeakyReLU, y, x, nil, slope) }

// LeakyReLUBackward sets dx[i] = dy[i] where y[i] > 0, else slope dy[i].
func (c *CPU[T]) LeakyReLUBackward(dx, dy, y *Tensor[T], slope T) {
	c.each(opLeakyReLUBackward, dx, dy, y, slope)
}

// Softplus sets y[i] = log(1 + e^x[i]).
func (c *CPU[T]) Softplus(y, x *Tensor[T]) { c.each(opSoftplus, y, x, nil, 0) }

// SoftplusBackward sets dx[i] = dy[i] (1 - e^-y[i]).
func (c *CPU[T]) SoftplusBackward(dx, dy, y *Tensor[T]) { c.each(opSoftplusBackward, dx, dy, y, 0) }

// Sigmoid sets y[i] = 1/(1 + e^-x[i]).
func (c *CPU[T]) Sigmoid(y, x *Tensor[T]) { c.each(opSigmoid, y, x, nil, 0) }

// SigmoidBackward sets dx[i] = dy[i] y[i] (1 - y[i]).
func (c *CPU[T]) SigmoidBackward(dx, dy, y *Tensor[T]) { c.each(opSigmoidBackward, dx, dy, y, 0) }

// Tanh sets y[i] = tanh(x[i]).
func (c *CPU[T]) Tanh(y, x *Tensor[T]) { c.each(opTanh, y, x, nil, 0) }

// TanhBackward sets dx[i] = dy[i] (1 - y[i]^2).
func (c *CPU[T]) TanhBackward(dx, dy, y *Tensor[T]) { c.each(opTanhBackward, dx, dy, y, 0) }

// Adam updates p, m and v with the gradient grad.
func (c *CPU[T]) Adam(p, grad, m, v *Tensor[T], step *kernels.AdamStep[T]) {
	CheckSizes(p.size, grad, m, v)
	t := c.take(opAdam)
	t.n = p.size
	t.y, t.x, t.z, t.w, t.adam = p.Data(), grad.Data(), m.Data(), v.Data(), *step
	c.do(t, (t.n+chunk-1)/chunk)
	c.release(t)
}

// each runs an element-wise operation on y and, where they are not nil, x and z.
func (c *CPU[T]) each(op opcode, y, x, z *Tensor[T], alpha T) {
	t := c.take(op)
	t.n, t.y, t.alpha = y.size, y.Data(), alpha
	if x != nil {
		sameSize(y.size, x.size)
		t.x = x.Data()
	}
	if z != nil {
		sameSize(y.size, z.size)
		t.z = z.Data()
	}
	if op == opSiLU || op == opSiLUBackward {
		t.w = t.scratchOf(ceilDiv(t.n, chunk) * activationStep)
	}
	c.do(t, (t.n+chunk-1)/chunk)
	c.release(t)
}
