package opstest

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

func channelMoments[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	o.ChannelMoments(x[0], x[1], x[2])
	return 0
}
func channelNormalize[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.ChannelNormalize(x[0], x[1], x[2], x[3], x[4], x[5], a.eps)
	return 0
}
func channelNormalizeBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.ChannelNormalizeBackward(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], a.eps, a.batch)
	return 0
}
func layerNorm[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.LayerNorm(x[0], x[1], x[2], x[3], a.eps)
	return 0
}
func layerNormBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.LayerNormBackward(x[0], x[1], x[2], x[3], x[4], x[5], a.eps)
	return 0
}
func l2Normalize[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.L2Normalize(x[0], x[1], a.eps)
	return 0
}
func l2NormalizeBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.L2NormalizeBackward(x[0], x[1], x[2], a.eps)
	return 0
}

// momentsOf returns the mean and the variance of each channel of x, rounded to T.
func (s *suite[T]) momentsOf(t failer, x *operand) (mean, variance *operand) {
	c := x.shape[1]
	mean, variance = destination(c), destination(c)
	out, _ := run(t, nn.Ops[float64](s.host), channelMoments[float64], []*operand{mean, variance, x}, args{})
	return &operand{mean.shape, out[0], false}, &operand{variance.shape, out[1], false}
}

// norm checks normalisations. Their inputs vary by about 1, so that what is divided by is no small difference: values lose a few roundings,
// and sums over n elements as many as the square root of n in the bounds here, which are those of random errors four times over.
func (s *suite[T]) norm(t *testing.T) {
	moments := operation[T]{"ChannelMoments", channelMoments[T], channelMoments[float64]}
	normalize := operation[T]{"ChannelNormalize", channelNormalize[T], channelNormalize[float64]}
	backward := operation[T]{"ChannelNormalizeBackward", channelNormalizeBackward[T], channelNormalizeBackward[float64]}
	channels := func(t failer, d draw, shape ...int) {
		x, dy := d.spread(shape...), d.normal(shape...)
		for i := range x.values {
			x.values[i] = float64(T(x.values[i]))
		}
		c, n := shape[1], float64(product(shape)/shape[1])
		a := args{eps: 1e-5}
		s.check(t, moments, []*operand{destination(c), destination(c), x}, a, s.of(16+4*math.Sqrt(n), 2))
		mean, variance := s.momentsOf(t, x)
		weight, bias := d.normal(c), d.normal(c)
		s.check(t, normalize, []*operand{destination(shape...), x, mean, variance, weight, bias}, a, s.of(64, 8))
		for _, a.batch = range []bool{false, true} {
			size := s.of(64+16*math.Sqrt(n), 16)
			s.check(t, backward, []*operand{destination(shape...), d.normal(c).written(), d.normal(c).written(), dy, x, mean, variance, weight}, a, size)
			s.check(t, backward, []*operand{destination(shape...), nil, nil, dy, x, mean, variance, weight}, a, size)
			s.check(t, backward, []*operand{nil, d.normal(c).written(), d.normal(c).written(), dy, x, mean, variance, weight}, a, size)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		shape := []int{rapid.IntRange(4, 60).Draw(t, "n"), rapid.IntRange(1, 70).Draw(t, "c")}
		if rapid.Bool().Draw(t, "images") {
			shape = append(shape, rapid.IntRange(1, 7).Draw(t, "h"), rapid.IntRange(1, 7).Draw(t, "w"))
		}
		channels(t, newDraw(rapid.Uint64().Draw(t, "seed")), shape...)
	})
	channels(t, newDraw(1), 3000, 3)
	channels(t, newDraw(2), 70, 3, 9, 11)
	channels(t, newDraw(3), 2, 3, 70, 50)

	layer := operation[T]{"LayerNorm", layerNorm[T], layerNorm[float64]}
	layerBackward := operation[T]{"LayerNormBackward", layerNormBackward[T], layerNormBackward[float64]}
	l2 := operation[T]{"L2Normalize", l2Normalize[T], l2Normalize[float64]}
	l2Backward := operation[T]{"L2NormalizeBackward", l2NormalizeBackward[T], l2NormalizeBackward[float64]}
	rows := func(t failer, d draw, n, cols int) {
		x, dy, a := d.spread(n, cols), d.normal(n, cols), args{eps: 1e-5}
		weight, bias := d.normal(cols), d.normal(cols)
		size := s.of(64+16*math.Sqrt(float64(n*cols)), 16)
		s.check(t, layer, []*operand{destination(n, cols), x, weight, bias}, a, size)
		s.check(t, layerBackward, []*operand{destination(n, cols), d.normal(cols).written(), d.normal(cols).written(), dy, x, weight}, a, size)
		s.check(t, layerBackward, []*operand{destination(n, cols), nil, nil, dy, x, weight}, a, size)
		s.check(t, l2, []*operand{destination(n, cols), x}, a, size)
		s.check(t, l2Backward, []*operand{destination(n, cols), dy, x}, a, size)
	}
	rapid.Check(t, func(t *rapid.T) {
		rows(t, newDraw(rapid.Uint64().Draw(t, "seed")), rapid.IntRange(0, 40).Draw(t, "rows"), rapid.IntRange(4, 300).Draw(t, "cols"))
	})
	rows(t, newDraw(1), 3, 3001)
	rows(t, newDraw(2), 300, 5)
	zero := &operand{shape: []int{2, 3}, values: []float64{0, 0, 0, 3, 0, 4}} // a row shorter than eps
	s.check(t, l2, []*operand{destination(2, 3), zero}, args{eps: .5}, s.of(8, 1))
	s.check(t, l2Backward, []*operand{destination(2, 3), newDraw(3).normal(2, 3), zero}, args{eps: .5}, s.of(32, 4))
}

func maxPool[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.MaxPool(x[0], x[1], a.g)
	return 0
}
func maxPoolBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.MaxPoolBackward(x[0], x[1], x[2], a.g)
	return 0
}
func avgPool[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.AvgPool(x[0], x[1], a.g)
	return 0
}
func avgPoolBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.AvgPoolBackward(x[0], x[1], a.g)
	return 0
}
func upsample[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.Upsample(x[0], x[1], a.factor)
	return 0
}
func upsampleBackward[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	o.UpsampleBackward(x[0], x[1], a.factor)
	return 0
}

// pool checks changes of size, on images with equal pixels among others.
func (s *suite[T]) pool(t *testing.T) {
	largest := operation[T]{"MaxPool", maxPool[T], maxPool[float64]}
	largestBackward := operation[T]{"MaxPoolBackward", maxPoolBackward[T], maxPoolBackward[float64]}
	mean := operation[T]{"AvgPool", avgPool[T], avgPool[float64]}
	meanBackward := operation[T]{"AvgPoolBackward", avgPoolBackward[T], avgPoolBackward[float64]}
	up := operation[T]{"Upsample", upsample[T], upsample[float64]}
	upBackward := operation[T]{"UpsampleBackward", upsampleBackward[T], upsampleBackward[float64]}
	rapid.Check(t, func(t *rapid.T) {
		kernel := rapid.IntRange(1, 4).Draw(t, "kernel")
		c := convCase{
			n: rapid.IntRange(0, 3).Draw(t, "n"), c: rapid.IntRange(1, 3).Draw(t, "c"),
			h: rapid.IntRange(kernel, 13).Draw(t, "h"), w: rapid.IntRange(kernel, 13).Draw(t, "w"),
			g: nn.ConvGeometry{Kernel: kernel, Stride: rapid.IntRange(1, 3).Draw(t, "stride"), Padding: rapid.IntRange(0, kernel/2).Draw(t, "padding")},
		}
		c.o = c.c
		small, _ := c.small()
		large, a, d := []int{c.n, c.c, c.h, c.w}, args{g: c.g, factor: kernel}, newDraw(rapid.Uint64().Draw(t, "seed"))
		taps := kernel * kernel
		for _, x := range []*operand{d.normal(large...), d.integers(-2, 3, large...)} {
			s.check(t, largest, []*operand{destination(small...), x}, a, s.of(0, 0))
			s.check(t, largestBackward, []*operand{destination(large...), d.normal(small...), x}, a, s.of(float64(taps), 8))
		}
		s.linear(t, mean, []*operand{destination(small...), d.normal(large...)}, a, taps)
		s.linear(t, meanBackward, []*operand{destination(large...), d.normal(small...)}, a, taps)
		high := []int{c.n, c.c, c.h * kernel, c.w * kernel}
		s.check(t, up, []*operand{destination(high...), d.normal(large...)}, a, s.of(0, 0))
		s.linear(t, upBackward, []*operand{destination(large...), d.normal(high...)}, a, taps)
	})
	nan := newDraw(4).normal(1, 1, 6, 6)
	nan.values[8] = math.NaN()
	s.check(t, largest, []*operand{destination(1, 1, 4, 4), nan}, args{g: nn.ConvGeometry{Kernel: 3, Stride: 1}}, s.of(0, 0))
	s.check(t, largest, []*operand{destination(1, 1, 3, 3), nan}, args{g: nn.ConvGeometry{Kernel: 2, Stride: 2}}, s.of(0, 0))
}

func squaredError[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	return o.SquaredError(x[0], x[1], x[2])
}
func absoluteError[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	return o.AbsoluteError(x[0], x[1], x[2])
}
func binaryCrossEntropy[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	return o.BinaryCrossEntropy(x[0], x[1], x[2])
}
func hinge[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], a args) float64 {
	return o.Hinge(x[0], x[1], U(a.alpha))
}
func crossEntropy[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	return o.CrossEntropy(x[0], x[1], x[2])
}
func gaussianKL[U kernels.Float](o nn.Ops[U], x []*nn.Tensor[U], _ args) float64 {
	return o.GaussianKL(x[0], x[1], x[2], x[3])
}

// loss checks losses, with and without gradient, and their gradient in the place of the output.
func (s *suite[T]) loss(t *testing.T) {
	losses := []operation[T]{
		{"SquaredError", squaredError[T], squaredError[float64]},
		{"AbsoluteError", absoluteError[T], absoluteError[float64]},
		{"BinaryCrossEntropy", binaryCrossEntropy[T], binaryCrossEntropy[float64]},
		{"Hinge", hinge[T], hinge[float64]},
		{"CrossEntropy", crossEntropy[T], crossEntropy[float64]},
	}
	one := func(t failer, d draw, rows, cols int) {
		for _, l := range losses {
			y, target, terms := d.uniform(-6, 6, rows, cols), d.uniform(0, 1, rows, cols), rows*cols
			if l.name == "CrossEntropy" {
				target, terms = d.integers(0, cols, rows), rows
			}
			limit := func(k, i int, want float64) float64 {
				if k < 0 {
					return 64 * s.u * (math.Abs(want) + 8)
				}
				return 64 * s.u * 8 / float64(max(1, terms))
			}
			for _, a := range []args{{alpha: 1}, {alpha: -1}} {
				s.check(t, l, []*operand{destination(rows, cols), y, target}, a, limit)
				s.check(t, l, []*operand{nil, y, target}, a, limit)
				plain, _ := run(t, s.ops, l.got, []*operand{destination(rows, cols), y, target}, a)
				onto, _ := run(t, s.ops, func(o nn.Ops[T], x []*nn.Tensor[T], a args) float64 {
					return l.got(o, []*nn.Tensor[T]{x[0], x[0], x[1]}, a)
				}, []*operand{{y.shape, y.values, true}, target}, a)
				if !bitsEqual(plain[0], onto[0]) {
					t.Fatalf("%s of %v with its gradient in the place of the output: other bits", l.name, y.shape)
				}
			}
		}
		kl := operation[T]{"GaussianKL", gaussianKL[T], gaussianKL[float64]}
		mean, logvar := d.normal(rows, cols), d.uniform(-4, 2, rows, cols)
		size := func(k, i int, want float64) float64 {
			if k < 0 {
				return 64 * s.u * (math.Abs(want) + 8)
			}
			return 64 * s.u * 8 / float64(max(1, rows))
		}
		s.check(t, kl, []*operand{destination(rows, cols), destination(rows, cols), mean, logvar}, args{}, size)
		s.check(t, kl, []*operand{nil, nil, mean, logvar}, args{}, size)
	}
	rapid.Check(t, func(t *rapid.T) {
		one(t, newDraw(rapid.Uint64().Draw(t, "seed")), rapid.IntRange(1, 40).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols"))
	})
	one(t, newDraw(1), 3, 5003)
	one(t, newDraw(2), 500, 30)
	for _, l := range losses {
		y, target := newDraw(3).normal(2, 3), newDraw(4).uniform(0, 1, 2, 3)
		if l.name == "CrossEntropy" {
			target = newDraw(4).integers(0, 3, 2)
		}
		y.values[2] = math.NaN()
		s.check(t, l, []*operand{destination(2, 3), y, target}, args{alpha: 1}, s.of(64, 8))
		s.check(t, l, []*operand{destination(0, 3), {shape: []int{0, 3}}, {shape: []int{0}}}, args{alpha: 1}, s.of(0, 0))
	}
}
