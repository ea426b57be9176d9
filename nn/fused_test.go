package nn

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A layer and its activation in one operation give the bits of the two, forward and backward, in training and out of it.
func TestFusedActivations(t *testing.T) {
	t.Run("float32", testFused[float32])
	t.Run("float64", testFused[float64])
}

func testFused[T float32 | float64](t *testing.T) {
	pool := parallel.New(3)
	defer pool.Close()
	ops := NewCPU[T](pool)
	image := []int{5, 3, 8, 8}
	for name, c := range map[string]struct {
		in   []int
		make func(b *builder[T]) Layer[T]
	}{
		"Linear": {[]int{70, 9}, func(b *builder[T]) Layer[T] { return b.linear(9, 333) }},
		"Conv2d": {image, func(b *builder[T]) Layer[T] {
			return b.conv(ConvConfig{In: 3, Out: 6, Kernel: 4, Stride: 2, Padding: 1})
		}},
		"Conv2d, one place": {image, func(b *builder[T]) Layer[T] { return b.conv(ConvConfig{In: 3, Out: 6, Kernel: 8}) }},
		"Conv2d, no bias":   {image, func(b *builder[T]) Layer[T] { return b.conv(ConvConfig{In: 3, Out: 6, Kernel: 3, NoBias: true}) }},
		"Conv2d, large":     {[]int{2, 3, 40, 40}, func(b *builder[T]) Layer[T] { return b.conv(ConvConfig{In: 3, Out: 6, Kernel: 5}) }},
		"ConvTranspose2d": {image, func(b *builder[T]) Layer[T] {
			return b.convTranspose(ConvConfig{In: 3, Out: 6, Kernel: 4, Stride: 2, Padding: 1})
		}},
		"Conv2d, Winograd": {[]int{3, 16, 8, 8}, func(b *builder[T]) Layer[T] {
			return b.conv(ConvConfig{In: 16, Out: 18, Kernel: 4, Stride: 2, Padding: 1})
		}},
		"ConvTranspose2d, Winograd": {[]int{5, 17, 7, 7}, func(b *builder[T]) Layer[T] {
			return b.convTranspose(ConvConfig{In: 17, Out: 16, Kernel: 4, Stride: 2, Padding: 1})
		}},
		"ConvTranspose2d, first": {[]int{5, 3, 1, 1}, func(b *builder[T]) Layer[T] { return b.convTranspose(ConvConfig{In: 3, Out: 6, Kernel: 4}) }},
		"BatchNorm2d":            {image, func(b *builder[T]) Layer[T] { return b.batchNorm(3) }},
		"BatchNorm1d":            {[]int{5, 3}, func(b *builder[T]) Layer[T] { return NewBatchNorm1d(ops, 3) }},
	} {
		for _, slope := range []float64{0, .2} {
			act := func() Layer[T] {
				if slope == 0 {
					return NewReLU(ops)
				}
				return NewLeakyReLU(ops, slope)
			}
			build := func() (Layer[T], Layer[T]) {
				b := &builder[T]{ops: ops, src: random.New(1, "init"), weight: Normal(0, 1), norm: Normal(1, .5)}
				return c.make(b), act()
			}
			l1, a1 := build()
			l2, a2 := build()
			net := NewSequential(l1, a1)
			if !net.pairs[0].fits {
				t.Fatalf("%s is not fused", name)
			}
			for _, training := range []bool{true, false, true} {
				SetTraining[T](net, training)
				SetTraining(l2, training)
				x := drawInput[T](2, c.in...)
				got, want := net.Forward(x), a2.Forward(l2.Forward(x))
				if !net.pairs[0].active || !sameBits(got.Data(), want.Data()) {
					t.Errorf("%s, slope %v: another output", name, slope)
				}
				dy := drawNormal(3, got)
				for _, want := range []Want{WantAll, WantParams, WantInput} {
					dx, dx2 := net.Backward(dy, want), l2.Backward(a2.Backward(dy, WantInput), want)
					if want&WantInput != 0 && !sameBits(dx.Data(), dx2.Data()) {
						t.Errorf("%s, slope %v: another gradient of the input", name, slope)
					}
				}
				for i, p := range l1.Params() {
					if !sameBits(p.Grad.Data(), l2.Params()[i].Grad.Data()) {
						t.Errorf("%s, slope %v: another gradient of %s", name, slope, p.Name)
					}
				}
			}
		}
	}
}

// Both gradients of a convolution at once are those of the two operations, bit for bit.
func TestConvBackward(t *testing.T) { both(t, testConvBackward[float32], testConvBackward[float64]) }

func testConvBackward[T kernels.Float](t *testing.T) {
	ops := NewCPU[T](nil)
	for _, c := range []convCase{
		{3, 4, 9, 8, 5, ConvGeometry{3, 1, 1}},
		{40, 16, 14, 14, 17, ConvGeometry{4, 2, 1}},
		{40, 17, 16, 8, 16, ConvGeometry{4, 2, 1}},
		{0, 16, 14, 14, 16, ConvGeometry{4, 2, 1}},
	} {
		small, large, weight := drawInput[T](1, c.small()...), drawInput[T](2, c.large()...), drawInput[T](3, c.weight()...)
		for name, run := range map[string]struct {
			dx              *Tensor[T]
			apart, together func(dx, dweight *Tensor[T])
		}{
			"ConvBackward": {large, func(dx, dweight *Tensor[T]) {
				ops.ConvWeight(dweight, small, large, c.g)
				ops.ConvTranspose(dx, small, weight, nil, c.g)
			}, func(dx, dweight *Tensor[T]) { ops.ConvBackward(dx, dweight, small, large, weight, c.g) }},
			"ConvTransposeBackward": {small, func(dx, dweight *Tensor[T]) {
				ops.ConvWeight(dweight, small, large, c.g)
				ops.Conv(dx, large, weight, nil, c.g)
			}, func(dx, dweight *Tensor[T]) { ops.ConvTransposeBackward(dx, dweight, large, small, weight, c.g) }},
		} {
			dx, want := NewTensor[T](run.dx.Shape()...), NewTensor[T](run.dx.Shape()...)
			dweight, wantWeight := drawInput[T](4, c.weight()...), drawInput[T](4, c.weight()...)
			run.apart(want, wantWeight)
			run.together(dx, dweight)
			if !sameBits(dx.Data(), want.Data()) {
				t.Errorf("%s of %+v: another gradient of the image", name, c)
			}
			if !sameBits(dweight.Data(), wantWeight.Data()) {
				t.Errorf("%s of %+v: another gradient of the weight", name, c)
			}
		}
	}
}
