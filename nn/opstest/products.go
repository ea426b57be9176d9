package opstest

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

func gemm[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.Gemm(a.transA, a.transB, U(a.alpha), x[0], x[1], U(a.beta), x[2])
	return 0
}

// gemm checks products: random sizes, sizes beyond the cuts of tables, factors of 0 and what must not be read then.
func (s *suite[T]) gemm(t *testing.T) {
	op := operation[T]{"Gemm", gemm[T], gemm[float64]}
	one := func(t failer, d draw, m, n, k int, a args) {
		x, y := d.normal(m, k), d.normal(k, n)
		if a.transA {
			x.shape = []int{k, m}
		}
		if a.transB {
			y.shape = []int{n, k}
		}
		c := d.normal(m, n).written()
		if a.beta == 0 {
			c = destination(m, n)
		}
		s.linear(t, op, []*operand{x, y, c}, a, k+2)
	}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(50, 140))
		factor := rapid.SampledFrom([]float64{0, 1, -.5})
		a := args{alpha: factor.Draw(t, "alpha"), beta: factor.Draw(t, "beta"), transA: rapid.Bool().Draw(t, "transA"), transB: rapid.Bool().Draw(t, "transB")}
		one(t, newDraw(rapid.Uint64().Draw(t, "seed")), size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k"), a)
	})
	for i, c := range []struct{ m, n, k int }{{10, 20, 3000}, {1, 1, 5000}, {70, 1, 900}, {1290, 1410, 9}} {
		for _, trans := range []bool{false, true} {
			one(t, newDraw(uint64(i)), c.m, c.n, c.k, args{alpha: -.5, beta: 1, transA: trans, transB: !trans})
			one(t, newDraw(uint64(i)), c.m, c.n, c.k, args{alpha: 1, transA: trans, transB: trans})
		}
	}
	nan := newDraw(1).normal(4, 5)
	nan.values[7] = math.NaN()
	s.check(t, op, []*operand{nan, newDraw(2).normal(5, 3), destination(4, 3)}, args{alpha: 1}, s.of(64, 8))
	s.check(t, op, []*operand{nan, newDraw(2).normal(5, 3), newDraw(3).normal(4, 3).written()}, args{beta: .5}, s.of(1, 0))
}

func conv[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.Conv(x[0], x[1], x[2], x[3], a.g)
	return 0
}
func convTranspose[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.ConvTranspose(x[0], x[1], x[2], x[3], a.g)
	return 0
}
func convWeight[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.ConvWeight(x[0], x[1], x[2], a.g)
	return 0
}

// A convCase is a convolution from large [n, c, h, w] to o channels.
type convCase struct {
	n, c, h, w, o int
	g             nn.ConvGeometry
}

// small returns the shape of the small image, false where the window does not fit.
func (c convCase) small() ([]int, bool) {
	oh, ow := c.h+2*c.g.Padding-c.g.Kernel, c.w+2*c.g.Padding-c.g.Kernel
	return []int{c.n, c.o, oh/c.g.Stride + 1, ow/c.g.Stride + 1}, oh >= 0 && ow >= 0
}

// checkConv checks the three operations of a convolution, with and without bias.
func (s *suite[T]) checkConv(t failer, d draw, c convCase) {
	small, _ := c.small()
	large, weight := []int{c.n, c.c, c.h, c.w}, []int{c.o, c.c, c.g.Kernel, c.g.Kernel}
	patch, a := c.g.Kernel*c.g.Kernel, args{g: c.g}
	toSmall := operation[T]{"Conv", conv[T], conv[float64]}
	s.linear(t, toSmall, []*operand{destination(small...), d.normal(large...), d.normal(weight...), d.normal(c.o)}, a, c.c*patch+1)
	s.linear(t, toSmall, []*operand{destination(small...), d.normal(large...), d.normal(weight...), nil}, a, c.c*patch)
	toLarge := operation[T]{"ConvTranspose", convTranspose[T], convTranspose[float64]}
	s.linear(t, toLarge, []*operand{destination(large...), d.normal(small...), d.normal(weight...), d.normal(c.c)}, a, c.o*patch+1)
	s.linear(t, toLarge, []*operand{destination(large...), d.normal(small...), d.normal(weight...), nil}, a, c.o*patch)
	toWeight := operation[T]{"ConvWeight", convWeight[T], convWeight[float64]}
	s.linear(t, toWeight, []*operand{d.normal(weight...).written(), d.normal(small...), d.normal(large...)}, a, c.n*small[2]*small[3]+1)
}

// conv checks convolutions: random ones, those of DCGAN, and sizes beyond the cuts of tables.
func (s *suite[T]) conv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := convCase{
			n: rapid.IntRange(0, 3).Draw(t, "n"), c: rapid.IntRange(1, 4).Draw(t, "c"), o: rapid.IntRange(1, 5).Draw(t, "o"),
			h: rapid.IntRange(1, 12).Draw(t, "h"), w: rapid.IntRange(1, 12).Draw(t, "w"),
			g: nn.ConvGeometry{Kernel: rapid.IntRange(1, 5).Draw(t, "kernel"), Stride: rapid.IntRange(1, 4).Draw(t, "stride"), Padding: rapid.IntRange(0, 3).Draw(t, "padding")},
		}
		if _, fits := c.small(); fits {
			s.checkConv(t, newDraw(rapid.Uint64().Draw(t, "seed")), c)
		}
	})
	for i, c := range []convCase{
		{2, 6, 7, 7, 9, nn.ConvGeometry{Kernel: 7, Stride: 1}},
		{5, 3, 1, 1, 6, nn.ConvGeometry{Kernel: 1, Stride: 1}},
		{2, 2, 1, 1, 3, nn.ConvGeometry{Kernel: 3, Stride: 2, Padding: 1}},
		{3, 40, 8, 8, 70, nn.ConvGeometry{Kernel: 4, Stride: 2, Padding: 1}},
		{9, 1, 28, 28, 8, nn.ConvGeometry{Kernel: 4, Stride: 2, Padding: 1}},
		{1, 2, 40, 30, 3, nn.ConvGeometry{Kernel: 5, Stride: 1, Padding: 2}},
	} {
		s.checkConv(t, newDraw(uint64(i)), c)
	}
	if !testing.Short() {
		s.checkConv(t, newDraw(1), convCase{33, 3, 16, 16, 130, nn.ConvGeometry{Kernel: 1, Stride: 1}})
		s.checkConv(t, newDraw(2), convCase{8, 130, 32, 32, 2, nn.ConvGeometry{Kernel: 2, Stride: 2}})
		s.checkConv(t, newDraw(3), convCase{1, 1030, 4, 4, 130, nn.ConvGeometry{Kernel: 3, Stride: 1, Padding: 1}})
	}
	nan := newDraw(4).normal(1, 1, 4, 4)
	nan.values[5] = math.NaN()
	s.check(t, operation[T]{"Conv", conv[T], conv[float64]}, []*operand{destination(1, 1, 2, 2), nan, newDraw(5).normal(1, 1, 3, 3), nil},
		args{g: nn.ConvGeometry{Kernel: 3, Stride: 1}}, s.of(64, 8))
}
