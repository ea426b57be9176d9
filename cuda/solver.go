package cuda

import (
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Solver runs the iterations of Sinkhorn's algorithm on a device: a [sinkhorn.Device]. Costs are stored, or those of
// [logsumexp.SqEuclidean], [logsumexp.HalfSqEuclidean], [logsumexp.Euclidean], [logsumexp.Cosine] and [logsumexp.DotProduct] between points,
// which are computed again by every pass. Its methods may be called by several goroutines at once.
type Solver struct {
	// TF32 rounds points to TF32, 11 significant bits, where products are taken on tensor cores: in more than 8 dimensions (64 for
	// [logsumexp.Euclidean], any number for the cosine and the dot product) on devices of compute capability 8.0 and above. Products of rounded points
	// are exact, so that what is solved is the problem between points that are off by at most 2^-12 of themselves. Without it such
	// products are put together from three of TF32 each, to an error of some 2^-22.
	TF32 bool

	d    *device.Device
	info device.Info
}

// NewSolver returns a solver on a device.
func NewSolver(d *device.Device) *Solver { return &Solver{d: d, info: d.Info()} }

// Device returns the device.
func (s *Solver) Device() *device.Device { return s.d }

// Name names the device.
func (s *Solver) Name() string { return s.info.Name }

// Load places a problem on the device. The error is [errors.ErrUnsupported] for a cost that is not one of those of [Solver], of the kind
// [device.ErrMemory] where there is no room.
func (s *Solver) Load(p *sinkhorn.DeviceProblem) (sinkhorn.DeviceFlow, error) {
	c, err := s.choose(p)
	if err != nil {
		return nil, err
	}
	f := &flow{d: s.d, choice: c, unit: 0x1p-24, fresh: true}
	if c.kernel == tensor && s.TF32 {
		f.unit = 0x1p-11
	}
	if err := f.load(p); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// choose returns how a problem is solved.
func (s *Solver) choose(p *sinkhorn.DeviceProblem) (choice, error) {
	if p.N < 1 || p.M < 1 || p.N > maxPoints || p.M > maxPoints || p.Dim > maxDim {
		return choice{}, fmt.Errorf("cuda: %d x %d points in %d dimensions: %w", p.N, p.M, p.Dim, errors.ErrUnsupported)
	}
	if p.Dim == 0 {
		return choice{kernel: stored, beta: 1}, nil
	}
	c := choice{dim: p.Dim, beta: 1}
	near := lowDim // up to here by differences
	switch p.Ground {
	case logsumexp.SqEuclidean:
		c.slope = 2
	case logsumexp.HalfSqEuclidean:
		c.slope, c.beta = 1, .5
	case logsumexp.Euclidean:
		c.finish, c.slope, near = rooted, 1, rootDim
	case logsumexp.Cosine:
		c.finish, c.beta, near = clamped, -1, 0
	case logsumexp.DotProduct:
		c.beta, near = -1, 0
	default:
		return choice{}, fmt.Errorf("cuda: no kernel for the cost %s: %w", p.Ground, errors.ErrUnsupported)
	}
	switch {
	case p.Dim <= min(lowDim, near):
		c.kernel = low
		if c.width = p.Dim; c.width > 4 {
			c.width = lowDim
		}
		c.ld = (c.width + 4) / 4 * 4
		return c, nil
	case p.Dim <= near:
		c.kernel = differences
	default:
		c.kernel = products
		if near > 0 {
			c.beta *= -2
		}
		if _, err := s.d.Function("sinkhorn_resident3_shift"); err == nil && s.info.Major >= 8 {
			c.kernel, c.terms = tensor, 3
			if s.TF32 {
				c.terms = 1
			}
		}
	}
	c.ld = (p.Dim + depth - 1) / depth * depth
	return c, nil
}

// Sizes that the kernels have in common.
const (
	lowDim     = 8       // points in no more dimensions are held in registers
	rootDim    = 64      // up to here roots are taken of sums of squared differences, whose terms do not cancel
	depth      = 16      // coordinates of a step: leading dimensions are multiples of it
	tallest    = 512     // rows of the tallest tile, of which the points of a side fill a multiple
	residentTo = 64      // coordinates up to which rows stay in shared memory
	maxPoints  = 1 << 29 // so that numbers of rows, with those that fill up a tile, are 32-bit
	maxDim     = 1 << 20
)

// A kernel is a way to costs.
type kernel int

const (
	stored      kernel = iota
	low                // squared differences in registers
	differences        // squared differences
	products           // inner products in float32
	tensor             // inner products on tensor cores
)

// What becomes of a sum before it enters an exponent; as enum Finish of the kernels.
const (
	asIs = iota
	clamped
	rooted
)

// A choice is how a problem is solved, a function of its cost, its sizes and what the device is, and so the same on every run. The cost of
// a pair is beta p_ij + norm_i + norm_j for what kernels sum up, or the root of that.
type choice struct {
	kernel  kernel
	terms   int // of a product on tensor cores
	dim, ld int
	width   int // of the kernel of few dimensions
	finish  int
	beta    float64
	slope   float64 // of the cost by the points: slope (x - y), over the distance for a root
}

// alpha returns the factor in exponents of what kernels sum up.
func (c *choice) alpha(kappa float64) float64 {
	if c.finish == rooted {
		return -kappa
	}
	return -kappa * c.beta
}

// norm returns what of the cost belongs to a point.
func (c *choice) norm(x []float32) float64 {
	switch {
	case c.finish == clamped:
		return .5 // of the 1 in 1 - <x,y>
	case c.slope == 0 || c.kernel != products && c.kernel != tensor:
		return 0
	}
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	if c.finish == rooted {
		return s
	}
	return s * c.slope / 2
}

// A grid is how a pass is cut: blocks of the rows, and parts of the columns, which are cut in tiles.
type grid struct {
	blocks, parts, tiles int
	threads, shared      int
}

// A pass has so many blocks that a device with the multiprocessors of an H100 is full for about four turns, of blocks as many at once as the
// registers and the shared memory of their kernel let it have. A part of the columns is at most longest, for the rounding of its sums.
const (
	turns   = 4
	longest = 1 << 14
)

var multiprocessors = 132 // tests lower it, so that the blocks of small problems have many tiles too

// cut cuts n rows, tall in a block, and m columns, wide in a tile, for a kernel of which a multiprocessor runs so many blocks at once.
func cut(n, tall, m, wide, at, threads, shared int) grid {
	g := grid{blocks: (n + tall - 1) / tall, tiles: (m + wide - 1) / wide, threads: threads, shared: shared}
	g.parts = max(turns*multiprocessors*at/g.blocks, (m+longest-1)/longest)
	g.parts = max(1, min(g.parts, g.tiles, mostParts))
	return g
}

const mostParts = 1 << 14 // of a grid, whose second size is limited

// grid returns how a pass over n rows and m columns is cut, and the name of its kernel.
func (c *choice) grid(n, m int, full, along bool) (name string, g grid) {
	mode := "_shift"
	if full {
		mode = "_full"
	}
	switch {
	case c.kernel == stored && along:
		return "sinkhorn_rows" + mode, cut(n, 32, m, 128, 4, 256, 0)
	case c.kernel == stored:
		return "sinkhorn_columns" + mode, cut(n, 512, m, 16, 8, 128, 0)
	case c.kernel == low:
		return fmt.Sprintf("sinkhorn_low%d%s", c.width, mode), cut(n, 512, m, 128, 8, 128, 0)
	case c.kernel == differences:
		return "sinkhorn_points_difference" + mode, cut(n, 128, m, 128, 2, 256, 0)
	case c.kernel == products:
		return "sinkhorn_points_product" + mode, cut(n, 128, m, 128, 2, 256, 0)
	case c.ld > residentTo:
		terms := c.terms
		if full {
			terms = 3 // points in TF32 have nothing beyond, so that three terms are one
		}
		return fmt.Sprintf("sinkhorn_streamed%d%s", terms, mode), cut(n, 128, m, 128, 1, 256, 4*4*128*2*depth)
	case c.terms == 1:
		return "sinkhorn_resident1" + mode, cut(n, 256, m, 64, 2, 256, 4*c.ld*(256+2*64))
	}
	return "sinkhorn_resident3" + mode, cut(n, 128, m, 64, 3, 128, 4*c.ld*(128+2*64))
}

// halves is how many parts of the result a part of a grid leaves.
func (c *choice) halves() int {
	if c.kernel == tensor && c.ld > residentTo {
		return 2
	}
	return 1
}

// roundTF32 rounds to 11 significant bits, half away from zero.
func roundTF32(x float32) float32 {
	return math.Float32frombits((math.Float32bits(x) + 0x1000) &^ 0x1fff)
}
