package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// chunk is the number of elements of an element-wise task: a few microseconds of work, and operands that fit the first levels of cache.
const chunk = 16 << 10

// maxRowBlocks bounds the partial sums of ColumnSums.
const maxRowBlocks = 64

// rowBlocks returns the number of blocks into which the rows of a matrix are cut.
func rowBlocks(rows, cols int) int {
	perBlock := max(1, chunk/max(1, cols))
	return min(maxRowBlocks, (rows+perBlock-1)/perBlock)
}

// An opcode says what a task does.
type opcode int

const (
	opCopy opcode = iota
	opZero
	opScale
	opAxpy
	opDot
	opAddRow
	opAddRowLeakyReLU
	opColumnSums
	opChannelSums
	opLeakyReLU
	opLeakyReLUBackward
	opSoftplus
	opSoftplusBackward
	opSigmoid
	opSigmoidBackward
	opTanh
	opTanhBackward
	opAdam
	opMul
	opClamp
	opELU
	opELUBackward
	opGELU
	opGELUBackward
	opSiLU
	opSiLUBackward
	opChannelMoments
	opChannelNormalize
	opChannelProducts
	opChannelNormalizeBackward
	opLayerNorm
	opLayerNormBackward
	opL2Normalize
	opL2NormalizeBackward
	opMaxPool
	opMaxPoolBackward
	opAvgPool
	opAvgPoolBackward
	opUpsample
	opUpsampleBackward
	opSquaredError
	opAbsoluteError
	opBinaryCrossEntropy
	opHinge
	opCrossEntropy
	opGaussianKL
	opRMSProp
)

// A task is one operation on its way through the runner. Tasks are reused, because a closure a call would be garbage in every step.
type task[T kernels.Float] struct {
	op         opcode
	n          int // elements, of element-wise operations
	rows, cols int // of operations on rows
	y, x, z, w []T
	alpha      T
	adam       kernels.AdamStep[T]
	norm       normArgs[T]
	pool       poolArgs
	rmsprop    RMSPropStep[T]
	hi         T // of Clamp, whose lower bound is alpha; the sign of Hinge

	blocks  int
	scratch []T
	sums    []float64   // of the blocks of a loss
	body    func(i int) // the method block, bound once
}

// take returns a task, new or used.
func (c *CPU[T]) take(op opcode) *task[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		t := c.free[n-1]
		c.free = c.free[:n-1]
		t.op = op
		return t
	}
	t := &task[T]{op: op}
	t.body = t.block
	return t
}

// release gives a task back, without its references.
func (c *CPU[T]) release(t *task[T]) {
	*t = task[T]{scratch: t.scratch, sums: t.sums, body: t.body}
	c.mu.Lock()
	c.free = append(c.free, t)
	c.mu.Unlock()
}

// do runs all blocks of a task.
func (c *CPU[T]) do(t *task[T], blocks int) {
	t.blocks = blocks
	if c.run == nil || blocks < 2 {
		for i := range blocks {
			t.block(i)
		}
		return
	}
	c.run.For(blocks, t.body)
}

// scratchOf returns n elements that last as long as the task.
func (t *task[T]) scratchOf(n int) []T {
	if cap(t.scratch) < n {
		t.scratch = make([]T, n)
	}
	return t.scratch[:n]
}

// block runs block i of the task.
func (t *task[T]) block(i int) {
	switch t.op {
	case opAddRow:
		r := i * t.rows / t.blocks
		kernels.AddRow(t.y[r*t.cols:], t.cols, (i+1)*t.rows/t.blocks-r, t.x)
	case opAddRowLeakyReLU:
		lo, hi := i*t.rows/t.blocks, (i+1)*t.rows/t.blocks
		kernels.AddRowLeakyReLU(t.y[lo*t.cols:], t.cols, hi-lo, t.x, t.alpha)
	case opColumnSums:
		partial := t.y[i*t.cols:][:t.cols]
		clear(partial)
		r := i * t.rows / t.blocks
		kernels.ColumnSums(partial, t.x[r*t.cols:], t.cols, (i+1)*t.rows/t.blocks-r)
	case opChannelSums:
		t.y[i] += T(t.channelSum(i))
	case opDot:
		lo, hi := i*chunk, min((i+1)*chunk, t.n)
		t.y[i] = kernels.Dot(t.x[lo:hi], t.z[lo:hi])
	case opChannelMoments, opChannelNormalize, opChannelProducts, opChannelNormalizeBackward:
		t.channels(i)
	case opLayerNorm, opLayerNormBackward, opL2Normalize, opL2NormalizeBackward:
		t.normalizeRows(i)
	case opMaxPool, opMaxPoolBackward, opAvgPool, opAvgPoolBackward, opUpsample, opUpsampleBackward:
		t.poolPlanes(i*t.planes()/t.blocks, (i+1)*t.planes()/t.blocks)
	case opSquaredError, opAbsoluteError, opBinaryCrossEntropy, opHinge, opCrossEntropy, opGaussianKL:
		t.lossBlock(i)
	default:
		t.elements(i*chunk, min((i+1)*chunk, t.n))
	}
}

// elements runs an element-wise operation on elements lo to hi-1.
func (t *task[T]) elements(lo, hi int) {
	y := t.y[lo:hi]
	switch t.op {
	case opZero:
		clear(y)
		return
	case opScale:
		kernels.Scale(y, t.alpha)
		return
	case opClamp:
		kernels.Clamp(y, y, t.alpha, t.hi)
		return
	}
	x := t.x[lo:hi]
	switch t.op {
	case opCopy:
		copy(y, x)
	case opAxpy:
		kernels.Axpy(y, t.alpha, x)
	case opLeakyReLU:
		kernels.LeakyReLU(y, x, t.alpha)
	case opLeakyReLUBackward:
		kernels.LeakyReLUBackward(y, x, t.z[lo:hi], t.alpha)
	case opSoftplus:
		kernels.Softplus(y, x)
	case opSoftplusBackward:
		kernels.SoftplusBackward(y, x, t.z[lo:hi])
	case opSigmoid:
		kernels.Sigmoid(y, x)
	case opSigmoidBackward:
		kernels.SigmoidBackward(y, x, t.z[lo:hi])
	case opTanh:
		kernels.Tanh(y, x)
	case opTanhBackward:
		kernels.TanhBackward(y, x, t.z[lo:hi])
	case opMul:
		for i, v := range t.z[lo:hi] {
			y[i] = x[i] * v
		}
	case opELU:
		elu(y, x, t.alpha)
	case opELUBackward:
		eluBackward(y, x, t.z[lo:hi], t.alpha)
	case opGELU:
		gelu(y, x)
	case opGELUBackward:
		geluBackward(y, x, t.z[lo:hi])
	case opSiLU:
		silu(y, x, t.stepOf(lo))
	case opSiLUBackward:
		siluBackward(y, x, t.z[lo:hi], t.stepOf(lo))
	case opRMSProp:
		var u []T
		if t.w != nil {
			u = t.w[lo:hi]
		}
		kernels.RMSProp(y, x, t.z[lo:hi], u, &t.rmsprop)
	case opAdam:
		kernels.Adam(y, x, t.z[lo:hi], t.w[lo:hi], &t.adam)
	}
}
