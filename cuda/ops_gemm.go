package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A tiling is how a product of m x n sums of some depth is cut: tiles of the kernel's size for a block each, and the depth into parts whose
// sums are added by another kernel.
type tiling struct {
	kernel  string // behind the name of its family
	threads int    // of a block
	tiles   int
	parts   int
}

// A tile is what a block of a kernel computes.
type tile struct {
	kernel        string
	height, width int
	threads       int
	enough        int // of them in one launch fill a large device
}

// Tiles are large where there are enough of them. The depth is cut where there are few tiles, into parts of at least partDepth.
const (
	partDepth = 128
	maxParts  = 32
)

var (
	plainLarge  = tile{"plain_large", 128, 128, 256, 128}
	plainSmall  = tile{"plain_small", 64, 64, 256, 256}
	tensorLarge = tile{"tensor_large", 64, 128, 128, 256}
	tensorSmall = tile{"tensor_small", 64, 64, 128, 256}
)

// tensorDepth is the depth from which on products are those of tensor cores. In units of 2^-24, three terms of TF32 are off by up to 8 of a
// product, and the sums of a chunk, rounded towards zero, by 12 of its magnitudes, whatever the depth: from here on that is below the bound
// of a plain sum, which is the depth. Below it the memory of C binds.
const tensorDepth = 32

// tilingOf returns the cut, a function of the sizes and the capability of the device only; times is the number of such products in one
// launch.
func (o *Ops) tilingOf(m, n, depth, times int) tiling {
	large, small := plainLarge, plainSmall
	if o.tensors && depth >= tensorDepth {
		large, small = tensorLarge, tensorSmall
	}
	cut := func(k tile) tiling {
		return tiling{k.kernel, k.threads, ceilDiv(m, k.height) * ceilDiv(n, k.width), 1}
	}
	if t := cut(large); t.tiles*times >= large.enough {
		return t
	}
	t := cut(small)
	if blocks := t.tiles * times; blocks > 0 {
		t.parts = max(1, min(small.enough/blocks, depth/partDepth, maxParts))
	}
	return t
}

// allTerms are those of TF32 that make a product as good as in float32.
const allTerms = 3

// terms returns how many terms of TF32 a product of layers has.
func (o *Ops) terms() int {
	if o.TF32 {
		return 1
	}
	return allTerms
}

// product launches the product of a family of kernels, times of them at once.
func (o *Ops) product(family string, t tiling, times int, args ...device.Arg) {
	o.productOf(o.terms(), family, t, times, args...)
}

func (o *Ops) productOf(terms int, family string, t tiling, times int, args ...device.Arg) {
	o.launch(family+t.kernel, device.Dim{X: t.tiles, Y: times, Z: t.parts}, t.threads, append(args, count(terms))...)
}

// partial returns memory for the parts of a result of n numbers, null where there is one part.
func (o *Ops) partial(t tiling, n int) device.Pointer {
	if t.parts == 1 {
		return 0
	}
	return o.scratchOf(4 * t.parts * n)
}

// Gemm sets C = alpha op(A) op(B) + beta C.
func (o *Ops) Gemm(transA, transB bool, alpha float32, a, b *floats, beta float32, c *floats) {
	m, n, depth := nn.GemmSizes(transA, transB, a, b, c)
	switch {
	case depth > 0 && alpha != 0:
	case beta == 0:
		o.Zero(c)
		return
	default:
		o.Scale(c, beta)
		return
	}
	o.begin()
	defer o.mu.Unlock()
	o.multiply(transA, transB, m, n, depth, alpha, o.arg(a), o.arg(b), beta, o.arg(c))
}

// multiply is Gemm for matrices without gaps between their rows; depth > 0.
func (o *Ops) multiply(transA, transB bool, m, n, depth int, alpha float32, a, b device.Arg, beta float32, c device.Arg) {
	o.multiplyOf(o.terms(), transA, transB, m, n, depth, alpha, a, b, beta, c)
}

func (o *Ops) multiplyOf(terms int, transA, transB bool, m, n, depth int, alpha float32, a, b device.Arg, beta float32, c device.Arg) {
	aSide, aDepth := depth, 1
	if transA {
		aSide, aDepth = 1, m
	}
	bSide, bDepth := 1, n
	if transB {
		bSide, bDepth = depth, 1
	}
	t := o.tilingOf(m, n, depth, 1)
	partial := o.partial(t, m*n)
	o.productOf(terms, "gemm_", t, 1, c, device.Ptr(partial), a, b, device.F32(alpha), device.F32(beta), count(m), count(n), count(depth),
		count(aSide), count(aDepth), count(bSide), count(bDepth))
	o.join(t, c, partial, alpha, beta, m*n)
}

// join adds the parts of a product.
func (o *Ops) join(t tiling, c device.Arg, partial device.Pointer, alpha, beta float32, n int) {
	if t.parts > 1 {
		o.run("gemm_join", blocks(n, threads), c, device.Ptr(partial), device.F32(alpha), device.F32(beta), count(t.parts), count(n))
	}
}
