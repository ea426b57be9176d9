package opstest

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// fused checks that the operations of [nn.FusedOps] give the bits of those that they stand for.
func (s *suite[T]) fused(t *testing.T) {
	f, ok := s.ops.(nn.FusedOps[T])
	if !ok {
		t.Skip("the table has no nn.FusedOps")
	}
	d, g := newDraw(1), nn.ConvGeometry{Kernel: 4, Stride: 2, Padding: 1}
	const slope, eps = .25, 1e-5
	type tensors = []*nn.Tensor[T]
	equal := func(name string, in []*operand, one, two func(x tensors)) {
		t.Helper()
		call := func(f func(x tensors)) [][]T {
			out, _ := run(t, s.ops, func(_ nn.Ops[T], x tensors, _ args) float64 { f(x); return 0 }, in, args{})
			return out
		}
		got, want := call(one), call(two)
		for k := range in {
			if !bitsEqual(got[k], want[k]) {
				t.Errorf("%s of %v: operand %d has other bits than by its parts", name, shapes(in), k)
			}
		}
	}
	equal("AddRowLeakyReLU", []*operand{d.normal(30, 70).written(), d.normal(70)},
		func(x tensors) { f.AddRowLeakyReLU(x[0], x[1], slope) },
		func(x tensors) { s.ops.AddRow(x[0], x[1]); s.ops.LeakyReLU(x[0], x[0], slope) })
	for _, c := range []convCase{{3, 5, 8, 10, 7, g}, {1, 40, 8, 8, 70, g}, {3, 5, 4, 4, 7, nn.ConvGeometry{Kernel: 4, Stride: 1}}} {
		small, _ := c.small()
		large, weight := []int{c.n, c.c, c.h, c.w}, []int{c.o, c.c, c.g.Kernel, c.g.Kernel}
		equal("ConvLeakyReLU", []*operand{destination(small...), d.normal(large...), d.normal(weight...), d.normal(c.o)},
			func(x tensors) { f.ConvLeakyReLU(x[0], x[1], x[2], x[3], c.g, slope) },
			func(x tensors) { s.ops.Conv(x[0], x[1], x[2], x[3], c.g); s.ops.LeakyReLU(x[0], x[0], slope) })
		equal("ConvTransposeLeakyReLU", []*operand{destination(large...), d.normal(small...), d.normal(weight...), nil},
			func(x tensors) { f.ConvTransposeLeakyReLU(x[0], x[1], x[2], x[3], c.g, slope) },
			func(x tensors) { s.ops.ConvTranspose(x[0], x[1], x[2], x[3], c.g); s.ops.LeakyReLU(x[0], x[0], slope) })
		equal("ConvBackward", []*operand{destination(large...), d.normal(weight...).written(), d.normal(small...), d.normal(large...), d.normal(weight...)},
			func(x tensors) { f.ConvBackward(x[0], x[1], x[2], x[3], x[4], c.g) },
			func(x tensors) {
				s.ops.ConvWeight(x[1], x[2], x[3], c.g)
				s.ops.ConvTranspose(x[0], x[2], x[4], nil, c.g)
			})
		equal("ConvTransposeBackward", []*operand{destination(small...), d.normal(weight...).written(), d.normal(large...), d.normal(small...), d.normal(weight...)},
			func(x tensors) { f.ConvTransposeBackward(x[0], x[1], x[2], x[3], x[4], c.g) },
			func(x tensors) {
				s.ops.ConvWeight(x[1], x[3], x[2], c.g)
				s.ops.Conv(x[0], x[2], x[4], nil, c.g)
			})
	}
	for _, shape := range [][]int{{30, 7}, {5, 7, 6, 5}} {
		x := d.spread(shape...)
		mean, variance := s.momentsOf(t, x)
		in := []*operand{destination(shape...), x, mean, variance, d.normal(7), d.normal(7)}
		equal("ChannelNormalizeLeakyReLU", in,
			func(x tensors) { f.ChannelNormalizeLeakyReLU(x[0], x[1], x[2], x[3], x[4], x[5], eps, slope) },
			func(x tensors) {
				s.ops.ChannelNormalize(x[0], x[1], x[2], x[3], x[4], x[5], eps)
				s.ops.LeakyReLU(x[0], x[0], slope)
			})
		in = []*operand{destination(shape...), d.normal(7).written(), d.normal(7).written(), d.normal(shape...), d.normal(shape...), x, mean, variance, d.normal(7)}
		equal("ChannelNormalizeLeakyReLUBackward", in,
			func(x tensors) {
				f.ChannelNormalizeLeakyReLUBackward(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], eps, true, slope)
			},
			func(x tensors) {
				undone := nn.TensorIn(s.ops.Alloc(x[3].Size()), 0, x[3].Shape()...)
				s.ops.LeakyReLUBackward(undone, x[3], x[4], slope)
				s.ops.ChannelNormalizeBackward(x[0], x[1], x[2], undone, x[5], x[6], x[7], x[8], eps, true)
			})
	}
}

// squares: the sum over tensors of several sizes, one of them empty, is that of the sums of each.
func (s *suite[T]) squares(t *testing.T) {
	all, ok := s.ops.(nn.SquaresOps[T])
	if !ok {
		t.Skip("the table has no nn.SquaresOps")
	}
	if got := all.Squares(nil); got != 0 {
		t.Errorf("%v of no tensors", got)
	}
	var want float64
	var tensors []*nn.Tensor[T]
	for k, size := range []int{1, 0, 5000, 300, 17} {
		x := &operand{shape: []int{size}, values: make([]float64, size)}
		for i := range x.values {
			x.values[i] = math.Sin(float64(k + i))
		}
		at := place(s.ops, x)
		tensors = append(tensors, at)
		want += s.ops.Dot(at, at)
	}
	got := all.Squares(tensors)
	if !(math.Abs(got-want) <= 16*s.u*want) || all.Squares(tensors) != got {
		t.Errorf("%v, and %v, want %v", got, all.Squares(tensors), want)
	}
}

// panics checks that what does not fit panics.
func (s *suite[T]) panics(t *testing.T) {
	make := func(shape ...int) *nn.Tensor[T] { return nn.TensorIn(s.ops.Alloc(product(shape)), 0, shape...) }
	at := func(values ...T) *nn.Tensor[T] {
		x := make(len(values))
		s.ops.Upload(x, values)
		return x
	}
	six, four, table, o := make(2, 3), make(4), make(5, 3), s.ops
	image, weight, g := make(1, 2, 5, 5), make(3, 2, 3, 3), nn.ConvGeometry{Kernel: 3, Stride: 1}
	for name, call := range map[string]func(){
		"Upload":          func() { o.Upload(six, []T{1, 2}) },
		"Download":        func() { o.Download([]T{1, 2}, six) },
		"Copy":            func() { o.Copy(six, four) },
		"Mul":             func() { o.Mul(six, six, four) },
		"Axpy":            func() { o.Axpy(six, 1, four) },
		"Dot":             func() { o.Dot(six, four) },
		"TanhBackward":    func() { o.TanhBackward(six, four, six) },
		"Gemm":            func() { o.Gemm(false, false, 1, six, six, 0, six) },
		"Gemm, result":    func() { o.Gemm(false, true, 1, six, six, 0, six) },
		"AddRow":          func() { o.AddRow(six, four) },
		"AddColumns":      func() { o.AddColumns(six, 2, 1, six, 0, 2, 1) },
		"AddColumns, x":   func() { o.AddColumns(six, 0, 1, table, 0, 2, 1) },
		"ColumnSums":      func() { o.ColumnSums(four, six) },
		"ChannelSums":     func() { o.ChannelSums(four, four) },
		"Conv":            func() { o.Conv(make(1, 3, 4, 4), image, weight, nil, g) },
		"Conv, bias":      func() { o.Conv(make(1, 3, 3, 3), image, weight, four, g) },
		"Conv, stride":    func() { o.Conv(make(1, 3, 3, 3), image, weight, nil, nn.ConvGeometry{Kernel: 3}) },
		"ConvTranspose":   func() { o.ConvTranspose(image, make(1, 3, 3, 2), weight, nil, g) },
		"ConvWeight":      func() { o.ConvWeight(weight, make(2, 3, 3, 3), image, g) },
		"MaxPool":         func() { o.MaxPool(make(1, 2, 3, 4), image, g) },
		"MaxPoolBackward": func() { o.MaxPoolBackward(image, make(1, 2, 3, 3), six, g) },
		"Upsample":        func() { o.Upsample(image, make(1, 2, 2, 3), 2) },
		"ChannelMoments":  func() { o.ChannelMoments(four, four, six) },
		"LayerNorm":       func() { o.LayerNorm(six, six, four, four, 1e-5) },
		"L2Normalize":     func() { o.L2Normalize(six, four, 1e-5) },
		"SquaredError":    func() { o.SquaredError(nil, six, four) },
		"CrossEntropy":    func() { o.CrossEntropy(nil, six, at(0, 1, 2)) },
		"class 3 of 3":    func() { o.CrossEntropy(nil, six, at(0, 3)) },
		"class -1":        func() { o.CrossEntropy(nil, six, at(-1, 0)) },
		"class NaN":       func() { o.CrossEntropy(nil, six, at(nan[T](), 0)) },
		"index 5 of 5":    func() { o.Gather(six, table, at(0, 5)) },
		"index -1":        func() { o.ScatterAdd(table, six, at(0, -1)) },
		"index .5":        func() { o.Gather(six, table, at(.5, 0)) },
		"index NaN":       func() { o.Gather(six, table, at(0, nan[T]())) },
		"Gather":          func() { o.Gather(six, table, four) },
		"Adam":            func() { o.Adam(six, six, six, four, &kernels.AdamStep[T]{}) },
		"RMSProp":         func() { o.RMSProp(six, six, six, four, &nn.RMSPropStep[T]{}) },
	} {
		func() {
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("%s of what does not fit does not panic", name)
				} else if _, fault := v.(*nn.Fault); fault {
					t.Errorf("%s: %v", name, v)
				}
			}()
			call()
		}()
	}
	if got := o.Dot(six, six); got != 0 {
		t.Errorf("after all panics Dot of zeros is %v", got)
	}
}

func nan[T kernels.Float]() T { var zero T; return zero / zero }
