package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// channelsOf returns the number of channels of a tensor [n, c, ...] and the elements of one channel of one image.
func channelsOf(shape []int) (channels, place int) {
	if len(shape) < 2 {
		panic("nn: channels of a tensor of one dimension")
	}
	place = 1
	for _, d := range shape[2:] {
		place *= d
	}
	return shape[1], place
}

// ChannelSums adds sum_(n,i,j) y[n,c,i,j] to sum[c]: a task a channel, in the precision of T within an image and in float64 over the
// images.
func (c *CPU[T]) ChannelSums(sum, y *Tensor[T]) {
	channels, place := channelsOf(y.shape)
	sameSize(sum.size, channels)
	if place == 1 || y.channelsLast {
		c.columnSums(sum, y, y.shape[0]*place, channels)
		return
	}
	t := c.take(opChannelSums)
	t.y, t.x, t.n, t.rows, t.cols = sum.Data(), y.Data(), y.shape[0], channels, place
	c.do(t, channels)
	c.release(t)
}

// channelSum returns the sum of channel c of x, which is [n, rows, cols].
func (t *task[T]) channelSum(c int) float64 {
	var sum float64
	for n := range t.n {
		sum += float64(kernels.Sum(t.x[(n*t.rows+c)*t.cols:][:t.cols]))
	}
	return sum
}
