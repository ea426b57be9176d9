package cuda_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// products is what a table makes of normal numbers.
type products[U kernels.Float] struct {
	ops nn.Ops[U]
	rng *rand.Rand
	all []productSums[U]
}

// productSums are sums of that many products each.
type productSums[U kernels.Float] struct {
	name   string
	depth  int
	values []U
}

func (p *products[U]) normal(shape ...int) *nn.Tensor[U] {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]U, n)
	for i := range v {
		v[i] = U(float32(p.rng.NormFloat64()))
	}
	x := nn.TensorIn(p.ops.Alloc(n), 0, shape...)
	p.ops.Upload(x, v)
	return x
}

func (p *products[U]) keep(name string, depth int, x *nn.Tensor[U]) {
	v := make([]U, x.Size())
	p.ops.Download(v, x)
	p.all = append(p.all, productSums[U]{name, depth, v})
}

func (p *products[U]) gemm(m, n, k int, transA, transB bool) {
	a, b, c := p.normal(m, k), p.normal(k, n), p.normal(m, n)
	if transA {
		a = a.Reshape(k, m)
	}
	if transB {
		b = b.Reshape(n, k)
	}
	p.ops.Gemm(transA, transB, -.5, a, b, 1, c)
	p.keep("Gemm", k, c)
}

func (p *products[U]) conv(images, c, h, w, o int, g nn.ConvGeometry) {
	oh, ow := (h+2*g.Padding-g.Kernel)/g.Stride+1, (w+2*g.Padding-g.Kernel)/g.Stride+1
	large, small, weight := p.normal(images, c, h, w), p.normal(images, o, oh, ow), p.normal(o, c, g.Kernel, g.Kernel)
	dweight, y, x := p.normal(weight.Shape()...), p.normal(small.Shape()...), p.normal(large.Shape()...)
	p.ops.ConvWeight(dweight, small, large, g)
	p.keep("ConvWeight", images*oh*ow, dweight)
	p.ops.Conv(y, large, weight, nil, g)
	p.keep("Conv", c*g.Kernel*g.Kernel, y)
	p.ops.ConvTranspose(x, small, weight, nil, g)
	p.keep("ConvTranspose", o*g.Kernel*g.Kernel, x)
}

// productsOf returns matrix products and convolutions in tiles of every kernel, not all of them full, with the depth whole and in parts.
func productsOf[U kernels.Float](ops nn.Ops[U]) []productSums[U] {
	p := &products[U]{ops: ops, rng: rand.New(rand.NewPCG(3, 4))}
	for trans := range 4 {
		p.gemm(70, 90, 300, trans&1 != 0, trans&2 != 0)
	}
	p.gemm(1030, 2060, 40, false, true)
	p.gemm(1290, 1410, 9, true, false)
	p.conv(5, 12, 16, 16, 70, nn.ConvGeometry{Kernel: 4, Stride: 2, Padding: 1})
	p.conv(2, 9, 7, 6, 5, nn.ConvGeometry{Kernel: 3, Stride: 2})
	if long {
		p.conv(257, 8, 16, 16, 65, nn.ConvGeometry{Kernel: 4, Stride: 2, Padding: 1})
	}
	return p.all
}

// Products on tensor cores and without them are those of the host in float64, each to a share of its size, and their sums to that of float32;
// in another order of threads and of blocks they are the same bits.
func TestProducts(t *testing.T) {
	want := productsOf[float64](nn.NewCPU[float64](nil))
	var first []productSums[float32]
	for _, c := range []struct {
		name string
		o    sim.Options
		tf32 bool
		unit float64 // of a product
	}{
		{"three terms", sim.Options{Workers: 2}, false, 0x1p-21},
		{"three terms, backwards", sim.Options{Order: 7}, false, 0x1p-21},
		{"one term", sim.Options{Workers: 2}, true, 0x1p-10},
		{"sm_75", sim.Options{Major: 7, Minor: 5, Workers: 2}, true, 0x1p-24},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops := cuda.NewOps(simulated(t, c.o))
			ops.TF32 = c.tf32
			got := productsOf[float32](ops)
			testProducts(t, got, want, c.unit, c.o.Major == 7)
			if first == nil {
				first = got
			}
			for k := range got {
				if c.o.Order != 0 && !slices.Equal(got[k].values, first[k].values) {
					t.Errorf("%s %d: other bits in another order of threads", got[k].name, k)
				}
			}
		})
	}
}

// testProducts: an element is the sum of depth products of independent normal numbers, so that its error is some root of depth times that of one. Sums
// of float32 add to it: each of the L terms that are added one after the other rounds a partial sum of k terms, of size sqrt(k), by at most 2^-24 of it, 2^-24/sqrt(3) in
// the mean square, together 2^-24 sqrt(L/6) sqrt(L); tensor cores add chunks, of which that is less than 4 units up to a depth of 2^14. Plain kernels cut a depth of 2^14 into 32 parts, joined in turn.
func testProducts(t *testing.T, got []productSums[float32], want []productSums[float64], unit float64, plain bool) {
	t.Helper()
	for k, p := range got {
		var square float64
		bound := 8*math.Sqrt(float64(p.depth))*unit + 0x1p-21*float64(p.depth)
		for i, v := range p.values {
			off := float64(v) - want[k].values[i]
			square += off * off
			if !(math.Abs(off) <= bound) {
				t.Fatalf("%s %d: element %d is %v, want %v within %.2g", p.name, k, i, v, want[k].values[i], bound)
			}
		}
		rounding := 0x1p-22
		if plain {
			chain, parts := float64(p.depth), 1.
			if p.depth >= 1<<14 {
				chain, parts = chain/32, 32
			}
			rounding = 0x1p-24 * (math.Sqrt(chain/6) + math.Sqrt(parts/6))
		}
		rms, most := math.Sqrt(square/float64(len(p.values))), math.Sqrt(float64(p.depth))*(unit+rounding)
		if !(rms <= most) {
			t.Errorf("%s %d: off by %.2g in the mean square, want at most %.2g", p.name, k, rms, most)
		}
		t.Logf("%s %d of depth %d: off by %.2g units of 2^-24 of the root of the depth", p.name, k, p.depth, rms/math.Sqrt(float64(p.depth))*0x1p24)
	}
}
