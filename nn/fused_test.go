package nn

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
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
