package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A channelSum is a sum over the channels of a tensor, seen as [images, channels, place]: its images are cut into parts.
type channelSum struct{ images, channels, place, parts int }

const (
	columnsOfBlock = 32 // channels that a block sums where the place is a single element
	maxSumParts    = 64
)

// sumOf returns the cut of a sum.
func sumOf(images, channels, place int) channelSum {
	each := max(1, summands/max(1, place)) // images of a part
	if place == 1 {
		each = summands / columnsOfBlock
	}
	return channelSum{images, channels, place, max(1, min(maxSumParts, ceilDiv(images, each)))}
}

func channelSumOf(x *floats) channelSum {
	channels, place := nn.ChannelSizes(x)
	return sumOf(x.Shape()[0], channels, place)
}

func (s channelSum) grid() device.Dim {
	d := device.Dim{X: s.channels, Y: s.parts, Z: 1}
	if s.place == 1 {
		d.X = ceilDiv(s.channels, columnsOfBlock)
	}
	return d
}

// bytes is the size of two partial sums in float64 of each channel and part, and of numbers in float32 behind them.
func (s channelSum) bytes() int { return 16 * s.channels * s.parts }

func (s channelSum) each() device.Dim { return blocks(s.channels, threads) }

// args returns the arguments of a kernel that end with the sizes.
func (s channelSum) args(first ...device.Arg) []device.Arg {
	return append(first, count(s.images), count(s.channels), count(s.place))
}

// ColumnSums adds sum_i y[i,j] to sum[j].
func (o *Ops) ColumnSums(sum, y *floats) {
	nn.CheckSizes(y.Cols(), sum)
	o.sums(sumOf(y.Rows(), y.Cols(), 1), sum, y)
}

// ChannelSums adds sum_(n,i,j) y[n,c,i,j] to sum[c].
func (o *Ops) ChannelSums(sum, y *floats) {
	s := channelSumOf(y)
	nn.CheckSizes(s.channels, sum)
	o.sums(s, sum, y)
}

func (o *Ops) sums(s channelSum, sum, y *floats) {
	o.begin()
	defer o.mu.Unlock()
	partial := device.Ptr(o.scratchOf(s.bytes()))
	o.run("nn_sum", s.grid(), s.args(partial, o.arg(y))...)
	o.run("nn_add_sums", s.each(), o.arg(sum), device.Ptr(0), partial, count(s.parts), count(s.channels))
}

// ChannelMoments sets the mean and the variance of each channel, the second from distances to the first.
func (o *Ops) ChannelMoments(mean, variance, x *floats) {
	s := channelSumOf(x)
	nn.CheckSizes(s.channels, mean, variance)
	o.begin()
	defer o.mu.Unlock()
	partial, number := device.Ptr(o.scratchOf(s.bytes())), device.F64(float64(s.images*s.place))
	o.run("nn_sum", s.grid(), s.args(partial, o.arg(x))...)
	o.run("nn_mean", s.each(), o.arg(mean), partial, number, count(s.parts), count(s.channels))
	o.run("nn_squares", s.grid(), s.args(partial, o.arg(x), o.arg(mean))...)
	o.run("nn_mean", s.each(), o.arg(variance), partial, number, count(s.parts), count(s.channels))
}

// ChannelNormalize sets y = weight[c] (x - mean[c])/sqrt(variance[c] + eps) + bias[c].
func (o *Ops) ChannelNormalize(y, x, mean, variance, weight, bias *floats, eps float64) {
	o.ChannelNormalizeLeakyReLU(y, x, mean, variance, weight, bias, eps, 1)
}

// ChannelNormalizeLeakyReLU is ChannelNormalize, then LeakyReLU of y.
func (o *Ops) ChannelNormalizeLeakyReLU(y, x, mean, variance, weight, bias *floats, eps float64, slope float32) {
	n := x.Size()
	nn.CheckSizes(n, y)
	channels, place := nn.ChannelSizes(x)
	nn.CheckSizes(channels, mean, variance, weight, bias)
	o.begin()
	defer o.mu.Unlock()
	o.run("nn_normalize", blocks(n, elements), o.arg(y), o.arg(x), o.arg(mean), o.arg(variance), o.arg(weight), o.arg(bias),
		device.F64(eps), device.F32(slope), count(channels), count(place), count(n))
}

// ChannelNormalizeBackward undoes ChannelNormalize.
func (o *Ops) ChannelNormalizeBackward(dx, dweight, dbias, dy, x, mean, variance, weight *floats, eps float64, batch bool) {
	o.normalizeBackward(dx, dweight, dbias, dy, nil, x, mean, variance, weight, eps, batch, 1)
}

// ChannelNormalizeLeakyReLUBackward is LeakyReLUBackward, then ChannelNormalizeBackward.
func (o *Ops) ChannelNormalizeLeakyReLUBackward(dx, dweight, dbias, dy, y, x, mean, variance, weight *floats, eps float64, batch bool, slope float32) {
	o.normalizeBackward(dx, dweight, dbias, dy, y, x, mean, variance, weight, eps, batch, slope)
}

// normalizeBackward undoes the activation too where its output y is not nil. Only what is wanted is read: the sums over the channels serve
// the gradients of the parameters, and that of the input where the moments are those of the batch.
func (o *Ops) normalizeBackward(dx, dweight, dbias, dy, y, x, mean, variance, weight *floats, eps float64, batch bool, slope float32) {
	n := x.Size()
	nn.CheckSizes(n, dx, dy, y)
	s := channelSumOf(x)
	nn.CheckSizes(s.channels, mean, variance, weight, dweight, dbias)
	o.begin()
	defer o.mu.Unlock()
	p := o.scratchOf(s.bytes() + 12*s.channels)
	partial, coefficients := device.Ptr(p), device.Ptr(p+device.Pointer(s.bytes()))
	parts := 0
	if batch || dweight != nil || dbias != nil {
		o.run("nn_products", s.grid(), s.args(partial, o.arg(dy), o.arg(x), o.arg(mean), o.arg(y), device.F32(slope))...)
		parts = s.parts
	}
	ofBatch := 0
	if batch {
		ofBatch = 1
	}
	o.run("nn_undo", s.each(), coefficients, o.arg(dweight), o.arg(dbias), partial, o.arg(variance), o.arg(weight), device.F64(eps),
		device.F64(float64(s.images*s.place)), count(ofBatch), count(parts), count(s.channels))
	if dx != nil {
		o.run("nn_normalize_backward", blocks(n, elements), o.arg(dx), o.arg(dy), o.arg(x), o.arg(mean), o.arg(y), coefficients,
			device.F32(slope), count(s.channels), count(s.place), count(n))
	}
}

// rowGrid is the grid of kernels of which a block has a row.
func rowGrid(x *floats) device.Dim {
	if x.Size() == 0 {
		return device.Dim{}
	}
	return device.Dim{X: x.Rows(), Y: 1, Z: 1}
}

// LayerNorm normalises rows.
func (o *Ops) LayerNorm(y, x, weight, bias *floats, eps float64) {
	nn.CheckSizes(x.Size(), y)
	nn.CheckSizes(x.Cols(), weight, bias)
	o.begin()
	defer o.mu.Unlock()
	o.run("nn_layer_norm", rowGrid(x), o.arg(y), o.arg(x), o.arg(weight), o.arg(bias), device.F64(eps), count(x.Cols()))
}

// LayerNormBackward undoes LayerNorm.
func (o *Ops) LayerNormBackward(dx, dweight, dbias, dy, x, weight *floats, eps float64) {
	nn.CheckSizes(x.Size(), dx, dy)
	nn.CheckSizes(x.Cols(), weight, dweight, dbias)
	o.begin()
	defer o.mu.Unlock()
	s := sumOf(x.Rows(), x.Cols(), 1)
	p := o.scratchOf(s.bytes() + 8*s.images)
	partial, moments := device.Ptr(p), device.Ptr(p+device.Pointer(s.bytes()))
	o.run("nn_layer_norm_backward", rowGrid(x), o.arg(dx), moments, o.arg(dy), o.arg(x), o.arg(weight), device.F64(eps), count(s.channels))
	if dweight != nil || dbias != nil {
		o.run("nn_row_products", s.grid(), partial, o.arg(dy), o.arg(x), moments, count(s.images), count(s.channels))
		o.run("nn_add_sums", s.each(), o.arg(dweight), o.arg(dbias), partial, count(s.parts), count(s.channels))
	}
}

// L2Normalize normalises rows by their length.
func (o *Ops) L2Normalize(y, x *floats, eps float64) {
	nn.CheckSizes(x.Size(), y)
	o.begin()
	defer o.mu.Unlock()
	o.run("nn_l2_normalize", rowGrid(x), o.arg(y), o.arg(x), device.F64(eps), count(x.Cols()))
}

// L2NormalizeBackward undoes L2Normalize.
func (o *Ops) L2NormalizeBackward(dx, dy, x *floats, eps float64) {
	nn.CheckSizes(x.Size(), dx, dy)
	o.begin()
	defer o.mu.Unlock()
	o.run("nn_l2_normalize_backward", rowGrid(x), o.arg(dx), o.arg(dy), o.arg(x), device.F64(eps), count(x.Cols()))
}
