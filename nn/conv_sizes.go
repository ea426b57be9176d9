package nn

import (
	"fmt"
	"math"
)

// ConvGeometry is how a square window moves over an image: its side, the distance of two of its places, and the zeros around the image.
type ConvGeometry struct {
	Kernel, Stride, Padding int
}

// check returns what is wrong with the geometry.
func (g ConvGeometry) check() error {
	if g.Kernel < 1 || g.Stride < 1 || g.Padding < 0 {
		return fmt.Errorf("kernel %d, stride %d, padding %d, want kernel >= 1, stride >= 1, padding >= 0", g.Kernel, g.Stride, g.Padding)
	}
	return nil
}

// places returns the number of places of the window along a side of length n:
//
//	floor((n + 2 Padding - Kernel)/Stride) + 1
//
// or 0 where not even one fits.
func (g ConvGeometry) places(n int) int {
	if n+2*g.Padding < g.Kernel {
		return 0
	}
	return (n+2*g.Padding-g.Kernel)/g.Stride + 1
}

// convSizes is a convolution between a large image [n, c, h, w] and a small one [n, o, oh, ow], which has a pixel for each place of the
// window on the large one. A convolution goes from the large to the small, a transposed convolution from the small to the large.
//
// Where a plane of the large image is read at the places of one element (ki, kj) of the window, its indices are stride apart. Planes are
// therefore taken apart into phases: phase (a, b) holds the pixels (t stride + a - padding, u stride + b - padding), with zeros outside
// the image, so that element (ki, kj) reads whole rows of phase (ki mod stride, kj mod stride), shifted by (ki/stride, kj/stride).
type convSizes struct {
	n, c, h, w int
	o, oh, ow  int
	k, s, p    int

	taps   int // k^2
	depth  int // c k^2, the length of a patch
	place  int // oh ow
	phases int // along a side
	extra  int // rows and columns of a phase beyond those of the small image
	pitch  int // columns of a phase
	step   int // columns of patches from one row of places to the next
	cols   int // oh step

	single  bool // the window covers the image and has one place: the image is the patch
	windows bool // 4 x 4, two places apart, on an image of twice as many rows and columns: package kernels has them
}

// sizesOf returns the sizes of a convolution from a tensor of shape large to one of shape small. It panics when they do not fit.
func sizesOf(g ConvGeometry, large, small, weight []int) convSizes {
	s := g.ConvSizes(large, small, weight)
	z := convSizes{
		n: s.N, c: s.C, h: s.H, w: s.W,
		o: s.O, oh: s.OH, ow: s.OW,
		k: g.Kernel, s: g.Stride, p: g.Padding,
	}
	z.taps = z.k * z.k
	z.depth = z.c * z.taps
	z.place = z.oh * z.ow
	z.phases = min(z.s, z.k)
	z.extra = (z.k - 1) / z.s
	z.pitch = z.ow + z.extra
	z.windows = z.k == 4 && z.s == 2 && z.p == 1 && z.h == 2*z.oh && z.w == 2*z.ow
	z.step = z.ow
	if !z.windows && z.pitch*widest.den <= z.ow*widest.num {
		z.step = z.pitch
	}
	z.cols = z.oh * z.step
	z.single = z.k == z.h && z.k == z.w && z.p == 0
	return z
}

// widest is the greatest ratio of the columns of a phase to those of the places at which patches take rows of a phase whole: element
// (ki, kj) of the window is then a single copy for each image, while the columns between two rows of places stand for nothing. They are
// not read where patches are multiplied from the left, and meet zeros where they are summed over. For places of 7x7 and a window of 4 that
// is 14 % more multiplications; copying row by row took 13 % of the time of a step of DCGAN's generator on a Zen 5.
var widest = struct{ num, den int }{6, 5}

// The blocks of convolutions, functions of the sizes only. A block of patches has convCols columns or a little more, one for each place,
// and convDepth rows, one for each element of the patch: half a MB in float32, which stays in the second level of cache. On a Zen 5 a
// step of DCGAN's generator or discriminator takes 3 to 5 % longer with 128 columns and 1 to 3 % with 512 (BenchmarkModel).
const (
	convCols  = 256
	convDepth = 512
)

// convPanel is the number of columns that the widest kernel of GEMM takes at once.
const convPanel = 32

// rowsPerBlock returns the number of rows of places in a block, whole images where they are small.
func (z *convSizes) rowsPerBlock() int {
	rows := ceilDiv(convCols, z.step)
	if rows >= z.oh {
		rows = z.imagesPerBlock() * z.oh
	}
	return rows
}

// channelsPerBlock returns the number of channels of the large image in a block of that many rows.
func (z *convSizes) channelsPerBlock(depth int) int { return min(z.c, max(1, depth/z.taps)) }

// imagesPerBlock returns the number of whole images that have about convCols columns together, from half of it to half more, so that
// little of the last panel is left empty.
func (z *convSizes) imagesPerBlock() int {
	best, waste := 1, math.Inf(1)
	for k := 1; k <= z.n && (k == 1 || 2*k*z.cols <= 3*convCols); k++ {
		if 2*k*z.cols < convCols && k < z.n {
			continue
		}
		if w := float64(ceilDiv(k*z.cols, convPanel)*convPanel) / float64(k*z.cols); w < waste-.01 {
			best, waste = k, w
		}
	}
	return best
}

// phaseSize returns the elements of one phase over rows rows of the small image.
func (z *convSizes) phaseSize(rows int) int { return (rows + z.extra) * z.pitch }

// span returns the columns u of phase b that lie inside the image, and the image's column of the first.
func (z *convSizes) span(b int) (lo, hi, ix int) {
	lo = max(0, ceilDiv(z.p-b, z.s))
	hi = min(z.pitch, ceilDiv(z.w+z.p-b, z.s))
	return lo, max(lo, hi), lo*z.s + b - z.p
}

// ceilDiv returns a/b rounded up, 0 where a is not positive; b > 0.
func ceilDiv(a, b int) int {
	if a <= 0 {
		return 0
	}
	return (a + b - 1) / b
}
