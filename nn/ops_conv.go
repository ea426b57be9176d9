package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// ConvOps is the part of [Ops] that convolutions call. Images are [n, channels, height, width]. The large image has c channels, the small
// one o, and a pixel for each place of the window on the large one; the weight is [o, c, kernel, kernel]. Destinations overlap no source.
// Tensors that do not fit panic.
type ConvOps[T kernels.Float] interface {
	// Conv sets the small image y from the large image x; bias is [o], or nil:
	//
	//	y[n,o,i,j] = bias[o] + sum_(c,ki,kj) weight[o,c,ki,kj] x[n, c, i stride + ki - padding, j stride + kj - padding]
	Conv(y, x, weight, bias *Tensor[T], g ConvGeometry)
	// ConvTranspose sets the large image y from the small image x by the transpose of the same matrix; bias is [c], or nil:
	//
	//	y[n,c,u,v] = bias[c] + sum of weight[o,c,ki,kj] x[n,o,i,j] over i stride + ki - padding = u, j stride + kj - padding = v
	ConvTranspose(y, x, weight, bias *Tensor[T], g ConvGeometry)
	// ConvWeight adds the derivative of sum(small Conv(large)) by the weight:
	//
	//	dweight[o,c,ki,kj] += sum_(n,i,j) small[n,o,i,j] large[n, c, i stride + ki - padding, j stride + kj - padding]
	ConvWeight(dweight, small, large *Tensor[T], g ConvGeometry)
	// ChannelSums adds sum_(n,i,j) y[n,c,i,j] to sum[c]. y has two dimensions or more.
	ChannelSums(sum, y *Tensor[T])
}
