package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Batch normalisation of a matrix: each channel is a column, so that a task takes a block of neighbouring ones, row by row.

const (
	columnBlock = 64 // channels of a task
	columnRun   = 64 // rows that are summed in the precision of T
	columnParts = 4  // vectors of scratch for a channel
)

// doChannels runs a task over channels.
func (c *CPU[T]) doChannels(t *task[T]) {
	if t.cols != 1 {
		switch t.op {
		case opChannelMoments:
			c.planeMoments(t)
		case opChannelNormalize:
			c.doPlanes(t, t.op)
		default:
			c.planesBackward(t)
		}
		return
	}
	t.w = t.scratchOf(columnParts * t.rows)
	t.sums = sumsOf(t.sums, 2*t.rows)
	c.do(t, ceilDiv(t.rows, columnBlock))
}

// channels runs task i of an operation on channels.
func (t *task[T]) channels(i int) {
	lo, hi := t.columnBlock(i)
	images := t.cols != 1
	switch {
	case images && t.op == opChannelMoments:
		t.blockMoments(i)
	case images && t.op == opChannelNormalize:
		t.planesNormalize(i)
	case images && t.op == opChannelProducts:
		t.blockProducts(i)
	case images:
		t.blockBackward(i)
	case t.op == opChannelMoments:
		t.columnMoments(lo, hi)
	case t.op == opChannelNormalize:
		t.columnNormalize(lo, hi)
	default:
		t.columnNormalizeBackward(lo, hi)
	}
}

// sumsOf returns buf, or a longer slice, of length n.
func sumsOf(buf []float64, n int) []float64 {
	if cap(buf) < n {
		return make([]float64, n)
	}
	return buf[:n]
}

// columnBlock returns the channels of task i.
func (t *task[T]) columnBlock(i int) (lo, hi int) {
	return i * columnBlock, min((i+1)*columnBlock, t.rows)
}

// part returns vector k of the scratch, and sum vector k of the sums, of channels lo to hi-1.
func (t *task[T]) part(k, lo, hi int) []T      { return t.w[k*t.rows:][lo:hi] }
func (t *task[T]) sum(k, lo, hi int) []float64 { return t.sums[k*t.rows:][lo:hi] }

// eachRun runs f for the runs of rows, on the storage of x from the first channel on, and adds the sums that it leaves in parts 0 to
// count-1, which it finds cleared.
func (t *task[T]) eachRun(lo, hi, count int, f func(at, rows int)) {
	for k := range count {
		clear(t.sum(k, lo, hi))
	}
	for n := 0; n < t.n; n += columnRun {
		for k := range count {
			clear(t.part(k, lo, hi))
		}
		f(n*t.rows+lo, min(columnRun, t.n-n))
		for k := range count {
			sums := t.sum(k, lo, hi)
			for c, v := range t.part(k, lo, hi) {
				sums[c] += float64(v)
			}
		}
	}
}

func (t *task[T]) columnMoments(lo, hi int) {
	mean, sums := t.norm.mean[lo:hi], t.sum(0, lo, hi)
	t.eachRun(lo, hi, 1, func(at, rows int) { kernels.ColumnSums(t.part(0, lo, hi), t.x[at:], t.rows, rows) })
	for c, v := range sums {
		mean[c] = T(v / float64(t.n))
	}
	t.eachRun(lo, hi, 1, func(at, rows int) { kernels.ColumnSquaredDeviations(t.part(0, lo, hi), t.x[at:], t.rows, rows, mean) })
	for c, v := range sums {
		t.norm.variance[lo+c] = T(v / float64(t.n))
	}
}

func (t *task[T]) columnNormalize(lo, hi int) {
	scale := t.part(0, lo, hi)
	for c := range scale {
		scale[c] = t.norm.scale(lo + c)
	}
	kernels.NormalizeColumns(t.y[lo:], t.rows, t.x[lo:], t.rows, t.n, scale, t.norm.mean[lo:hi], t.norm.bias[lo:hi])
}

func (t *task[T]) columnNormalizeBackward(lo, hi int) {
	mean := t.norm.mean[lo:hi]
	if t.norm.batch || t.norm.dweight != nil {
		t.eachRun(lo, hi, 2, func(at, rows int) {
			kernels.ColumnDeviationProducts(t.part(0, lo, hi), t.part(1, lo, hi), t.z[at:], t.rows, t.x[at:], t.rows, rows, mean)
		})
	}
	scale, slope, offset := t.part(1, lo, hi), t.part(2, lo, hi), t.part(3, lo, hi)
	for c := range scale {
		scale[c], slope[c], offset[c] = t.undo(lo+c, t.sum(0, lo, hi)[c], t.sum(1, lo, hi)[c])
	}
	if t.y != nil {
		kernels.NormalizeColumnsBackward(t.y[lo:], t.rows, t.z[lo:], t.rows, t.x[lo:], t.rows, t.n, scale, slope, mean, offset)
	}
}
