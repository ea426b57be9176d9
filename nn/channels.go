package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// ChannelSums adds sum_(n,i,j) y[n,c,i,j] to sum[c]: a task a channel, in the precision of T within an image and in float64 over the
// images.
func (c *CPU[T]) ChannelSums(sum, y *Tensor[T]) {
	channels, place := ChannelSizes(y)
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
