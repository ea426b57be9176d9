package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// Batch normalisation of rows: of a matrix, or of the pixels of images whose channels are last. A task takes a block of neighbouring rows,
// run by run.

const (
	columnRun   = 8 << 10 // elements of a run: its rows are summed in the precision of T, and stay in the first level of cache
	columnTasks = 64      // at most; each has sums of its own
)

// runRows returns the number of rows of a run.
func (t *task[T]) runRows() int { return max(8, columnRun/t.rows) }

// columnBlocks returns the number of tasks that rows are cut into.
func (t *task[T]) columnBlocks() int { return max(1, min(columnTasks, ceilDiv(t.n, t.runRows()))) }

// doColumns runs all tasks of an operation on rows.
func (c *CPU[T]) doColumns(t *task[T], op opcode) {
	t.op = op
	c.do(t, t.columnBlocks())
}

// columnSpace makes room for the coefficients of all channels, for two sums of each channel and block, and for two sums of each channel
// and a run of rows in each block.
func (t *task[T]) columnSpace() {
	blocks := t.columnBlocks()
	t.sums = sumsOf(t.sums, 2*blocks*t.rows)
	t.w = t.scratchOf((coefficients + blocks*(2+t.runRows())) * t.rows)
}

// coefficient returns number k of all channels.
func (t *task[T]) coefficient(k int) []T { return t.w[k*t.rows:][:t.rows] }

// columnScratch returns two vectors of the channels, and a run of rows, of block i.
func (t *task[T]) columnScratch(i int) (a, b, run []T) {
	s := t.w[(coefficients+i*(2+t.runRows()))*t.rows:]
	return s[:t.rows], s[t.rows:][:t.rows], s[2*t.rows:][:t.runRows()*t.rows]
}

// columnSums returns the two sums of each channel in block i.
func (t *task[T]) columnSums(i int) (a, b []float64) {
	s := t.sums[2*i*t.rows:]
	return s[:t.rows], s[t.rows:][:t.rows]
}

// eachRun runs f for the runs of block i, from an element on.
func (t *task[T]) eachRun(i int, f func(at, rows int)) {
	for r, end, run := i*t.n/t.blocks, (i+1)*t.n/t.blocks, t.runRows(); r < end; r += run {
		f(r*t.rows, min(run, end-r))
	}
}

// columnMoments joins the moments of the blocks. Source: Chan, Golub and LeVeque 1979.
func (c *CPU[T]) columnMoments(t *task[T]) {
	t.columnSpace()
	c.doColumns(t, opChannelMoments)
	for ch := range t.rows {
		var m summary
		for i := range t.blocks {
			mean, squares := t.columnSums(i)
			m.join(summary{float64((i+1)*t.n/t.blocks - i*t.n/t.blocks), mean[ch], squares[ch]})
		}
		t.norm.mean[ch], t.norm.variance[ch] = T(m.mean), T(m.squares/m.count)
	}
}

// columnBlockMoments leaves the mean of each channel of a block and the sum of the squared distances from it.
func (t *task[T]) columnBlockMoments(i int) {
	mean, squares := t.columnSums(i)
	clear(mean)
	clear(squares)
	sum, square, _ := t.columnScratch(i)
	count := 0.
	t.eachRun(i, func(at, rows int) {
		x := t.x[at:][:rows*t.rows]
		clear(sum)
		kernels.ColumnSums(sum, x, t.rows, rows)
		kernels.Scale(sum, 1/T(rows))
		clear(square)
		kernels.ColumnSquaredDeviations(square, x, t.rows, rows, sum)
		own := float64(rows)
		part := own / (count + own)
		for c, v := range sum {
			d := float64(v) - mean[c]
			mean[c] += d * part
			squares[c] += float64(square[c]) + d*d*count*part
		}
		count += own
	})
}

// columnNormalize sets the scales of the channels and normalises all blocks.
func (c *CPU[T]) columnNormalize(t *task[T]) {
	t.columnSpace()
	for ch, scale := 0, t.coefficient(0); ch < t.rows; ch++ {
		scale[ch] = t.norm.scale(ch)
	}
	c.doColumns(t, opChannelNormalize)
}

func (t *task[T]) columnBlockNormalize(i int) {
	scale := t.coefficient(0)
	t.eachRun(i, func(at, rows int) {
		y := t.y[at:][:rows*t.rows]
		kernels.NormalizeColumns(y, t.rows, t.x[at:], t.rows, rows, scale, t.norm.mean, t.norm.bias)
		if t.norm.activated {
			kernels.LeakyReLU(y, y, t.alpha)
		}
	})
}

// columnBackward undoes columnNormalize, as planesBackward does for planes.
func (c *CPU[T]) columnBackward(t *task[T]) {
	t.columnSpace()
	sums := t.norm.batch || t.norm.dweight != nil
	if sums {
		c.doColumns(t, opChannelProducts)
	}
	scale, slope, offset := t.coefficient(0), t.coefficient(1), t.coefficient(2)
	for ch := range t.rows {
		var sum, product float64
		for i := 0; sums && i < t.blocks; i++ {
			a, b := t.columnSums(i)
			sum, product = sum+a[ch], product+b[ch]
		}
		scale[ch], slope[ch], offset[ch] = t.undo(ch, sum, product)
	}
	if t.y != nil {
		c.doColumns(t, opChannelNormalizeBackward)
	}
}

// columnBlockProducts leaves sum dy and sum dy (x - mean) of each channel of a block.
func (t *task[T]) columnBlockProducts(i int) {
	sums, products := t.columnSums(i)
	clear(sums)
	clear(products)
	sum, product, run := t.columnScratch(i)
	t.eachRun(i, func(at, rows int) {
		dy := t.z[at:][:rows*t.rows]
		if t.norm.activated {
			kernels.LeakyReLUBackward(run[:len(dy)], dy, t.norm.out[at:][:len(dy)], t.alpha)
			dy = run
		}
		clear(sum)
		clear(product)
		kernels.ColumnDeviationProducts(sum, product, dy, t.rows, t.x[at:], t.rows, rows, t.norm.mean)
		for c, v := range sum {
			sums[c], products[c] = sums[c]+float64(v), products[c]+float64(product[c])
		}
	})
}

// columnBlockBackward sets dx of a block.
func (t *task[T]) columnBlockBackward(i int) {
	scale, slope, offset := t.coefficient(0), t.coefficient(1), t.coefficient(2)
	t.eachRun(i, func(at, rows int) {
		dx, dy := t.y[at:][:rows*t.rows], t.z[at:][:rows*t.rows]
		if t.norm.activated {
			kernels.LeakyReLUBackward(dx, dy, t.norm.out[at:][:len(dy)], t.alpha)
			dy = dx
		}
		kernels.NormalizeColumnsBackward(dx, t.rows, dy, t.rows, t.x[at:], t.rows, rows, scale, slope, t.norm.mean, offset)
	})
}

// doChannels runs a task over channels.
func (c *CPU[T]) doChannels(t *task[T]) {
	columns := t.cols == 1
	switch {
	case t.op == opChannelMoments && columns:
		c.columnMoments(t)
	case t.op == opChannelMoments:
		c.planeMoments(t)
	case t.op == opChannelNormalize && columns:
		c.columnNormalize(t)
	case t.op == opChannelNormalize:
		c.doPlanes(t, t.op)
	case columns:
		c.columnBackward(t)
	default:
		c.planesBackward(t)
	}
}

// channels runs task i of an operation on channels.
func (t *task[T]) channels(i int) {
	columns := t.cols == 1
	switch {
	case t.op == opChannelMoments && columns:
		t.columnBlockMoments(i)
	case t.op == opChannelMoments:
		t.blockMoments(i)
	case t.op == opChannelNormalize && columns:
		t.columnBlockNormalize(i)
	case t.op == opChannelNormalize:
		t.planesNormalize(i)
	case t.op == opChannelProducts && columns:
		t.columnBlockProducts(i)
	case t.op == opChannelProducts:
		t.blockProducts(i)
	case columns:
		t.columnBlockBackward(i)
	default:
		t.blockBackward(i)
	}
}

// sumsOf returns buf, or a longer slice, of length n.
func sumsOf(buf []float64, n int) []float64 {
	if cap(buf) < n {
		return make([]float64, n)
	}
	return buf[:n]
}
