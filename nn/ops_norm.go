package nn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// NormOps is the part of [Ops] that normalises. Channels are the second dimension of a tensor [n, c, ...], rows run along the last.
// Sums over many elements are taken in the precision of T over one run of a channel, and in float64 over the runs.
type NormOps[T kernels.Float] interface {
	// ChannelMoments sets mean[c] and variance[c] to the mean of channel c and of the square of the distance from it.
	ChannelMoments(mean, variance, x *Tensor[T])
	// ChannelNormalize sets y = weight[c] (x - mean[c])/sqrt(variance[c] + eps) + bias[c].
	ChannelNormalize(y, x, mean, variance, weight, bias *Tensor[T], eps float64)
	// ChannelNormalizeBackward undoes ChannelNormalize: it sets dx and adds to dweight and dbias, each unless it is nil. Where batch, mean
	// and variance are those of x, and their derivatives count.
	ChannelNormalizeBackward(dx, dweight, dbias, dy, x, mean, variance, weight *Tensor[T], eps float64, batch bool)
	// LayerNorm sets each row of y to weight (x - m)/sqrt(v + eps) + bias, for the row's mean m and its variance v.
	LayerNorm(y, x, weight, bias *Tensor[T], eps float64)
	// LayerNormBackward sets dx and adds to dweight and dbias, each unless it is nil.
	LayerNormBackward(dx, dweight, dbias, dy, x, weight *Tensor[T], eps float64)
	// L2Normalize sets each row of y to x/max(|x|, eps).
	L2Normalize(y, x *Tensor[T], eps float64)
	// L2NormalizeBackward sets dx for the input x.
	L2NormalizeBackward(dx, dy, x *Tensor[T], eps float64)
}

// normArgs are the arguments of normalisations beyond those of every task. x, y, z of the task are x, the output, and dy.
type normArgs[T kernels.Float] struct {
	mean, variance, weight, bias []T
	dweight, dbias               []T
	eps                          float64
	batch                        bool

	activated bool // a LeakyReLU of slope alpha follows, whose output is out in the backward pass
	out       []T
}

// ChannelMoments sets the mean and the variance of each channel.
func (c *CPU[T]) ChannelMoments(mean, variance, x *Tensor[T]) {
	t := c.takeChannels(opChannelMoments, x)
	t.norm.mean, t.norm.variance = c.channelArg(t, mean), c.channelArg(t, variance)
	c.doChannels(t)
	c.release(t)
}

// ChannelNormalize sets y = weight[c] (x - mean[c])/sqrt(variance[c] + eps) + bias[c].
func (c *CPU[T]) ChannelNormalize(y, x, mean, variance, weight, bias *Tensor[T], eps float64) {
	sameSize(y.size, x.size)
	t := c.takeChannels(opChannelNormalize, x)
	t.y = y.Data()
	t.norm = normArgs[T]{mean: c.channelArg(t, mean), variance: c.channelArg(t, variance), weight: c.channelArg(t, weight), bias: c.channelArg(t, bias), eps: eps}
	c.doChannels(t)
	c.release(t)
}

// ChannelNormalizeLeakyReLU is ChannelNormalize, then LeakyReLU of y.
func (c *CPU[T]) ChannelNormalizeLeakyReLU(y, x, mean, variance, weight, bias *Tensor[T], eps float64, slope T) {
	sameSize(y.size, x.size)
	t := c.takeChannels(opChannelNormalize, x)
	t.y, t.alpha = y.Data(), slope
	t.norm = normArgs[T]{mean: c.channelArg(t, mean), variance: c.channelArg(t, variance), weight: c.channelArg(t, weight), bias: c.channelArg(t, bias), eps: eps, activated: true}
	c.doChannels(t)
	c.release(t)
}

// ChannelNormalizeLeakyReLUBackward is LeakyReLUBackward, then ChannelNormalizeBackward.
func (c *CPU[T]) ChannelNormalizeLeakyReLUBackward(dx, dweight, dbias, dy, y, x, mean, variance, weight *Tensor[T], eps float64, batch bool, slope T) {
	if _, place := ChannelSizes(x); place == 1 {
		c.LeakyReLUBackward(dx, dy, y, slope)
		c.ChannelNormalizeBackward(dx, dweight, dbias, dx, x, mean, variance, weight, eps, batch)
		return
	}
	sameSize(y.size, x.size)
	c.normalizeBackward(dx, dweight, dbias, dy, y, x, mean, variance, weight, eps, batch, slope)
}

// ChannelNormalizeBackward undoes ChannelNormalize.
func (c *CPU[T]) ChannelNormalizeBackward(dx, dweight, dbias, dy, x, mean, variance, weight *Tensor[T], eps float64, batch bool) {
	c.normalizeBackward(dx, dweight, dbias, dy, nil, x, mean, variance, weight, eps, batch, 0)
}

// normalizeBackward undoes the activation too where its output y is not nil.
func (c *CPU[T]) normalizeBackward(dx, dweight, dbias, dy, y, x, mean, variance, weight *Tensor[T], eps float64, batch bool, slope T) {
	sameSize(dy.size, x.size)
	t := c.takeChannels(opChannelNormalizeBackward, x)
	t.z = dy.Data()
	if dx != nil {
		sameSize(dx.size, x.size)
		t.y = dx.Data()
	}
	t.norm = normArgs[T]{mean: c.channelArg(t, mean), variance: c.channelArg(t, variance), weight: c.channelArg(t, weight), eps: eps, batch: batch}
	t.norm.dweight, t.norm.dbias = c.channelArg(t, dweight), c.channelArg(t, dbias)
	if y != nil {
		t.norm.activated, t.norm.out, t.alpha = true, y.Data(), slope
	}
	c.doChannels(t)
	c.release(t)
}

// takeChannels returns a task over x, seen as [n, rows, cols]: where channels are last, each pixel is an image of its own.
func (c *CPU[T]) takeChannels(op opcode, x *Tensor[T]) *task[T] {
	channels, place := ChannelSizes(x)
	t := c.take(op)
	t.x, t.n, t.rows, t.cols = x.Data(), x.shape[0], channels, place
	if x.channelsLast {
		t.n, t.cols = t.n*place, 1
	}
	return t
}

// channelArg returns the elements of a tensor that has one for each channel, nil for nil.
func (c *CPU[T]) channelArg(t *task[T], v *Tensor[T]) []T {
	if v == nil {
		return nil
	}
	sameSize(v.size, t.rows)
	return v.Data()
}

// channel returns where the run of channel c of image n begins and ends.
func (t *task[T]) channel(n, c int) (lo, hi int) {
	lo = (n*t.rows + c) * t.cols
	return lo, lo + t.cols
}

// scale is the factor of channel c.
func (a *normArgs[T]) scale(c int) T {
	return T(float64(a.weight[c]) / math.Sqrt(float64(a.variance[c])+a.eps))
}

// undo adds to the gradients of channel c, for sum = sum dy and product = sum dy (x - mean), and returns the coefficients of its dx.
func (t *task[T]) undo(c int, sum, product float64) (scale, slope, offset T) {
	a := &t.norm
	r := 1 / math.Sqrt(float64(a.variance[c])+a.eps)
	if a.dweight != nil {
		a.dweight[c] += T(product * r)
		a.dbias[c] += T(sum)
	}
	full := float64(a.weight[c]) * r
	if count := float64(t.n * t.cols); a.batch {
		slope, offset = T(-full*r*r*product/count), T(-full*sum/count)
	}
	return T(full), slope, offset
}

// LayerNorm normalises rows.
func (c *CPU[T]) LayerNorm(y, x, weight, bias *Tensor[T], eps float64) {
	t := c.takeRows(opLayerNorm, y, x, eps)
	sameSize(weight.size, t.cols)
	sameSize(bias.size, t.cols)
	t.norm.weight, t.norm.bias = weight.Data(), bias.Data()
	c.do(t, rowBlocks(t.rows, t.cols))
	c.release(t)
}

// LayerNormBackward undoes LayerNorm: a partial sum of dweight and dbias for each block of rows, then the blocks in order.
func (c *CPU[T]) LayerNormBackward(dx, dweight, dbias, dy, x, weight *Tensor[T], eps float64) {
	sameSize(dy.size, x.size)
	sameSize(weight.size, x.Cols())
	t := c.takeRows(opLayerNormBackward, dx, x, eps)
	t.z, t.norm.weight = dy.Data(), weight.Data()
	blocks := rowBlocks(t.rows, t.cols)
	t.w = t.scratchOf(2 * blocks * t.cols)
	c.do(t, blocks)
	if dweight != nil {
		sameSize(dweight.size, t.cols)
		sameSize(dbias.size, t.cols)
		for k := range blocks {
			kernels.Axpy(dweight.Data(), 1, t.w[2*k*t.cols:][:t.cols])
			kernels.Axpy(dbias.Data(), 1, t.w[(2*k+1)*t.cols:][:t.cols])
		}
	}
	c.release(t)
}

// L2Normalize normalises rows by their length.
func (c *CPU[T]) L2Normalize(y, x *Tensor[T], eps float64) {
	t := c.takeRows(opL2Normalize, y, x, eps)
	c.do(t, rowBlocks(t.rows, t.cols))
	c.release(t)
}

// L2NormalizeBackward undoes L2Normalize.
func (c *CPU[T]) L2NormalizeBackward(dx, dy, x *Tensor[T], eps float64) {
	sameSize(dy.size, x.size)
	t := c.takeRows(opL2NormalizeBackward, dx, x, eps)
	t.z = dy.Data()
	c.do(t, rowBlocks(t.rows, t.cols))
	c.release(t)
}

// takeRows returns a task over the rows of x, with y of the same size as its destination unless it is nil.
func (c *CPU[T]) takeRows(op opcode, y, x *Tensor[T], eps float64) *task[T] {
	t := c.take(op)
	t.x, t.rows, t.cols, t.norm.eps = x.Data(), x.Rows(), x.Cols(), eps
	if y != nil {
		sameSize(y.size, x.size)
		t.y = y.Data()
	}
	return t
}

// normalizeRows runs block i of an operation on rows.
func (t *task[T]) normalizeRows(i int) {
	if t.op == opLayerNormBackward {
		clear(t.w[2*i*t.cols:][:2*t.cols])
	}
	for r := i * t.rows / t.blocks; r < (i+1)*t.rows/t.blocks; r++ {
		lo, hi := r*t.cols, (r+1)*t.cols
		x := t.x[lo:hi]
		switch t.op {
		case opLayerNorm:
			t.layerNorm(t.y[lo:hi], x)
		case opLayerNormBackward:
			sums := t.w[2*i*t.cols:]
			t.layerNormBackward(lo, sums[:t.cols], sums[t.cols:][:t.cols])
		case opL2Normalize:
			_, inv := lengthOf(x, t.norm.eps)
			for k, v := range x {
				t.y[lo+k] = v * inv
			}
		case opL2NormalizeBackward:
			t.l2NormalizeBackward(lo)
		}
	}
}

// rowMoments returns the mean of a row and 1/sqrt(variance + eps).
func rowMoments[T kernels.Float](x []T, eps float64) (mean T, inv float64) {
	n := float64(len(x))
	mean = T(float64(kernels.Sum(x)) / n)
	return mean, 1 / math.Sqrt(float64(kernels.SquaredDeviations(x, mean))/n+eps)
}

func (t *task[T]) layerNorm(y, x []T) {
	mean, inv := rowMoments(x, t.norm.eps)
	kernels.NormalizeRow(y, x, mean, T(inv), t.norm.weight, t.norm.bias)
}

// layerNormBackward undoes layerNorm for the row from element lo on. With h = (x - mean) r and g = weight dy,
//
//	dbias += dy;  dweight += dy h;  dx = r (g - sum(g)/n - h sum(g h)/n)
func (t *task[T]) layerNormBackward(lo int, dweight, dbias []T) {
	x, dy := t.x[lo:][:t.cols], t.z[lo:][:t.cols]
	mean, inv := rowMoments(x, t.norm.eps)
	r := T(inv)
	var sum, product float64
	for k, d := range dy {
		h := (x[k] - mean) * r
		dbias[k] += d
		dweight[k] += d * h
		g := float64(t.norm.weight[k]) * float64(d)
		sum, product = sum+g, product+g*float64(h)
	}
	if t.y == nil {
		return
	}
	dx, n := t.y[lo:][:t.cols], float64(t.cols)
	s, p := T(sum/n), T(product/n)
	for k, d := range dy {
		dx[k] = r * (t.norm.weight[k]*d - s - (x[k]-mean)*r*p)
	}
}

// lengthOf returns the length of a row, at least eps, and its inverse.
func lengthOf[T kernels.Float](x []T, eps float64) (length float64, inv T) {
	length = max(math.Sqrt(float64(kernels.Dot(x, x))), eps)
	return length, T(1 / length)
}

// l2NormalizeBackward undoes y = x/length for the row from element lo on: dx = (dy - y (y dy))/length, and dy/eps where eps is the length.
func (t *task[T]) l2NormalizeBackward(lo int) {
	x, dy, dx := t.x[lo:][:t.cols], t.z[lo:][:t.cols], t.y[lo:][:t.cols]
	length, inv := lengthOf(x, t.norm.eps)
	along := T(float64(kernels.Dot(x, dy)) / length / length)
	if length == t.norm.eps {
		along = 0
	}
	for k, d := range dy {
		dx[k] = (d - x[k]*along) * inv
	}
}
