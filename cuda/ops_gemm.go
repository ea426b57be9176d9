package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A tiling is how a product of m x n sums of some depth is cut: tiles of side x side for a block each, and the depth into parts whose sums
// are added by another kernel.
type tiling struct {
	size  string // of the kernel
	tiles int
	parts int
}

// Tiles are large where there are enough of them to fill a large device. The depth is cut where there are few tiles, into parts of at least
// partDepth.
const (
	largeSide, smallSide = 128, 64

	enoughTiles = 128
	partDepth   = 128
	maxParts    = 32
)

// tilingOf returns the cut, a function of the sizes only; times is the number of such products in one launch.
func tilingOf(m, n, depth, times int) tiling {
	of := func(side int) int { return ceilDiv(m, side) * ceilDiv(n, side) }
	if t := of(largeSide); t*times >= enoughTiles {
		return tiling{"large", t, 1}
	}
	t := tiling{"small", of(smallSide), 1}
	if blocks := t.tiles * times; blocks > 0 {
		t.parts = max(1, min(2*enoughTiles/blocks, depth/partDepth, maxParts))
	}
	return t
}

// grid returns the grid of the product.
func (t tiling) grid(times int) device.Dim {
	return device.Dim{X: t.tiles, Y: times, Z: t.parts}
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
	aSide, aDepth := depth, 1
	if transA {
		aSide, aDepth = 1, m
	}
	bSide, bDepth := 1, n
	if transB {
		bSide, bDepth = depth, 1
	}
	t := tilingOf(m, n, depth, 1)
	partial := o.partial(t, m*n)
	o.run("gemm_"+t.size, t.grid(1), c, device.Ptr(partial), a, b, device.F32(alpha), device.F32(beta), count(m), count(n), count(depth),
		count(aSide), count(aDepth), count(bSide), count(bDepth))
	o.join(t, c, partial, alpha, beta, m*n)
}

// join adds the parts of a product.
func (o *Ops) join(t tiling, c device.Arg, partial device.Pointer, alpha, beta float32, n int) {
	if t.parts > 1 {
		o.run("gemm_join", blocks(n, threads), c, device.Ptr(partial), device.F32(alpha), device.F32(beta), count(t.parts), count(n))
	}
}
