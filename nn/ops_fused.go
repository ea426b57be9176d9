package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// FusedOps is what a table of operations may offer beyond [Ops]: an operation and the activation behind it in one pass over memory, or both
// gradients of a convolution from the same patches. Where it does, [Sequential] calls them for a layer that a [ReLU] or a [LeakyReLU]
// follows. The results are the same bits as those of the two operations.
type FusedOps[T kernels.Float] interface {
	// ConvChannelsLast tells whether the convolution between a large and a small image of these shapes, in any number, is faster where the
	// channels of either are last in memory. Where both convolutions around a stretch of layers say so, [Sequential] lays the images between
	// them in this way.
	ConvChannelsLast(g ConvGeometry, large, small, weight []int) (largeLast, smallLast bool)
	// AddRowLeakyReLU is AddRow, then LeakyReLU of y.
	AddRowLeakyReLU(y, row *Tensor[T], slope T)
	// ConvLeakyReLU is Conv, then LeakyReLU of y.
	ConvLeakyReLU(y, x, weight, bias *Tensor[T], g ConvGeometry, slope T)
	// ConvTransposeLeakyReLU is ConvTranspose, then LeakyReLU of y.
	ConvTransposeLeakyReLU(y, x, weight, bias *Tensor[T], g ConvGeometry, slope T)
	// ConvBackward is ConvWeight, which adds to dweight, and ConvTranspose of dy, which sets dx: what a convolution of x leaves to undo.
	ConvBackward(dx, dweight, dy, x, weight *Tensor[T], g ConvGeometry)
	// ConvTransposeBackward is ConvWeight, which adds to dweight, and Conv of dy, which sets dx.
	ConvTransposeBackward(dx, dweight, dy, x, weight *Tensor[T], g ConvGeometry)
	// ChannelNormalizeLeakyReLU is ChannelNormalize, then LeakyReLU of y.
	ChannelNormalizeLeakyReLU(y, x, mean, variance, weight, bias *Tensor[T], eps float64, slope T)
	// ChannelNormalizeLeakyReLUBackward undoes it, for the output y: LeakyReLUBackward, then ChannelNormalizeBackward. dx is not nil.
	ChannelNormalizeLeakyReLUBackward(dx, dweight, dbias, dy, y, x, mean, variance, weight *Tensor[T], eps float64, batch bool, slope T)
}

// An activatedLayer can apply a [LeakyReLU] to its output while it is at hand.
type activatedLayer[T kernels.Float] interface {
	Layer[T]
	// forwardActivated is Forward, then the activation; false where the table has no such operation.
	forwardActivated(x *Tensor[T], slope T) (*Tensor[T], bool)
	// backwardActivated undoes both; false where the activation is undone by its own layer first.
	backwardActivated(dy *Tensor[T], slope T, want Want) (*Tensor[T], bool)
}

// leaky returns the slope of a layer that is a ReLU or a leaky one, and where it keeps its output.
func leaky[T kernels.Float](l Layer[T]) (slope T, y **Tensor[T], ok bool) {
	switch l := l.(type) {
	case *ReLU[T]:
		return 0, &l.y, true
	case *LeakyReLU[T]:
		return l.Slope, &l.y, true
	}
	return 0, nil, false
}
