package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// What every table of operations checks before it computes, for those who write one: sizes and indices that panic alike on all of them.

// CheckSizes panics unless each tensor that is not nil has n elements.
func CheckSizes[T kernels.Float](n int, tensors ...*Tensor[T]) {
	for _, t := range tensors {
		if t != nil {
			sameSize(n, t.size)
		}
	}
}

func sameSize(n, m int) {
	if n != m {
		panic("nn: tensors differ in size")
	}
}

// GemmSizes returns the sizes of a product C = op(A) op(B): op(A) is m x k, op(B) is k x n. It panics when the matrices do not fit.
func GemmSizes[T kernels.Float](transA, transB bool, a, b, c *Tensor[T]) (m, n, k int) {
	m, k = a.Rows(), a.Cols()
	if transA {
		m, k = k, m
	}
	kb, n := b.Rows(), b.Cols()
	if transB {
		kb, n = n, kb
	}
	if k != kb || c.Rows() != m || c.Cols() != n {
		panic("nn: Gemm: matrices do not fit")
	}
	return m, n, k
}

// CheckColumns panics unless the matrices have as many rows, and cols columns each from at and from on.
func CheckColumns[T kernels.Float](y *Tensor[T], at int, x *Tensor[T], from, cols int) {
	if y.Rows() != x.Rows() || cols < 0 || at < 0 || from < 0 || cols > y.Cols()-at || cols > x.Cols()-from {
		panic("nn: AddColumns: columns do not fit")
	}
}

// ChannelSizes returns the number of channels of a tensor [n, channels, ...] and the elements of one channel of one image. It panics on a
// tensor of one dimension.
func ChannelSizes[T kernels.Float](x *Tensor[T]) (channels, place int) {
	if len(x.shape) < 2 {
		panic("nn: channels of a tensor of one dimension")
	}
	place = 1
	for _, d := range x.shape[2:] {
		place *= d
	}
	return x.shape[1], place
}

// ConvSizes is a convolution or a pooling between large images [N, C, H, W] and small ones [N, O, OH, OW], which have a pixel for each
// place of the window on the large ones.
type ConvSizes struct{ N, C, H, W, O, OH, OW int }

// ConvSizes returns the sizes of a convolution between tensors of these shapes. It panics when they do not fit.
func (g ConvGeometry) ConvSizes(large, small, weight []int) ConvSizes {
	if !g.fits(large, small) || large[0] != small[0] ||
		len(weight) != 4 || weight[0] != small[1] || weight[1] != large[1] || weight[2] != g.Kernel || weight[3] != g.Kernel {
		panic("nn: convolution: tensors do not fit")
	}
	return ConvSizes{large[0], large[1], large[2], large[3], small[1], small[2], small[3]}
}

// PoolSizes returns the sizes of a pooling between tensors of these shapes; C and O are equal. It panics when they do not fit.
func (g ConvGeometry) PoolSizes(large, small []int) ConvSizes {
	if !g.fits(large, small) || large[0]*large[1] != small[0]*small[1] {
		panic("nn: pooling: tensors do not fit")
	}
	return ConvSizes{large[0], large[1], large[2], large[3], large[1], small[2], small[3]}
}

// fits reports whether images of shape small have a pixel for each place of the window on those of shape large.
func (g ConvGeometry) fits(large, small []int) bool {
	return g.check() == nil && len(large) == 4 && len(small) == 4 && small[2] == g.places(large[2]) && small[3] == g.places(large[3])
}

// CheckIndices panics unless each index is an integer from 0 to rows-1.
func CheckIndices[T kernels.Float](index []T, rows int) {
	for i, v := range index {
		if !isIndex(v, rows) {
			panic(fmt.Sprintf("nn: index %v at element %d, want an integer from 0 to %d", v, i, rows-1))
		}
	}
}

// CheckClasses panics unless each class is an integer from 0 to classes-1.
func CheckClasses[T kernels.Float](class []T, classes int) {
	for i, v := range class {
		if !isIndex(v, classes) {
			panic(fmt.Sprintf("nn: CrossEntropy: class %v in row %d, want an integer from 0 to %d", v, i, classes-1))
		}
	}
}

func isIndex[T kernels.Float](v T, n int) bool { return v >= 0 && v < T(n) && v == T(int(v)) }
