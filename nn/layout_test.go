package nn

import (
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A network whose images lie channels last between its convolutions computes what its layers do one by one.
func TestChannelsLast(t *testing.T) { both(t, testChannelsLast[float32], testChannelsLast[float64]) }

func testChannelsLast[T kernels.Float](t *testing.T) {
	pool := parallel.New(3)
	defer pool.Close()
	ops := NewCPU[T](pool)
	tol := 1e-10
	if _, single := any(T(0)).(float32); single {
		tol = 2e-4
	}
	for name, c := range map[string]struct {
		in   []int
		last []bool // whether the output of each layer is
		make func(b *builder[T]) []Layer[T]
	}{
		"generator": {[]int{6, 5, 1, 1}, []bool{true, true, true, true, true, true, true, false, false}, func(b *builder[T]) []Layer[T] {
			return []Layer[T]{
				b.convTranspose(ConvConfig{In: 5, Out: 18, Kernel: 7}), NewLeakyReLU(ops, .3), b.batchNorm(18),
				b.convTranspose(ConvConfig{In: 18, Out: 17, Kernel: 4, Stride: 2, Padding: 1}), NewLeakyReLU(ops, .2), b.batchNorm(17), NewSiLU(ops),
				b.convTranspose(ConvConfig{In: 17, Out: 2, Kernel: 4, Stride: 2, Padding: 1}), NewSigmoid(ops),
			}
		}},
		"discriminator": {[]int{3, 2, 24, 40}, []bool{true, true, true, true, true, false, false, false}, func(b *builder[T]) []Layer[T] {
			return []Layer[T]{
				b.conv(ConvConfig{In: 2, Out: 16, Kernel: 4, Stride: 2, Padding: 1}), NewLeakyReLU(ops, .2),
				b.conv(ConvConfig{In: 16, Out: 20, Kernel: 4, Stride: 2, Padding: 1, NoBias: true}), b.batchNorm(20), NewLeakyReLU(ops, .1),
				b.conv(ConvConfig{In: 20, Out: 16, Kernel: 4, Stride: 2, Padding: 1}), NewLeakyReLU(ops, .2),
				NewFlatten[T](),
			}
		}},
		"last covers the image": {[]int{4, 3, 16, 16}, []bool{true, true, true, true, true, false, false}, func(b *builder[T]) []Layer[T] {
			return []Layer[T]{
				b.conv(ConvConfig{In: 3, Out: 6, Kernel: 5, Stride: 2, Padding: 2, NoBias: true}), b.batchNorm(6), NewTanh(ops), NewELU(ops, 1), NewSoftplus(ops),
				b.conv(ConvConfig{In: 6, Out: 3, Kernel: 8}), NewFlatten[T](),
			}
		}},
	} {
		build := func() []Layer[T] {
			return c.make(&builder[T]{ops: ops, src: random.New(1, "init"), weight: Normal(0, .2), norm: Normal(1, .5)})
		}
		net, layers := NewSequential(build()...), build()
		for _, training := range []bool{true, false} {
			SetTraining[T](net, training)
			x := drawInput[T](2, c.in...)
			got, want := net.Forward(x), x
			if !slices.Equal(net.last, c.last) {
				t.Fatalf("%s: channels last are %v, want %v", name, net.last, c.last)
			}
			for _, l := range layers {
				SetTraining(l, training)
				want = l.Forward(want)
			}
			dy := drawNormal(3, got)
			dx, wantDX := net.Backward(dy, WantAll), dy
			for _, l := range slices.Backward(layers) {
				wantDX = l.Backward(wantDX, WantAll)
			}
			wantNear(t, name+": output", got.Data(), want.Data(), tol)
			wantNear(t, name+": gradient of the input", dx.Data(), wantDX.Data(), tol)
			for i, p := range NewSequential(layers...).Params() {
				wantNear(t, name+": gradient of "+p.Name, net.Params()[i].Grad.Data(), p.Grad.Data(), tol)
			}
		}
	}
}

// wantNear compares to a tolerance relative to the largest number that is wanted.
func wantNear[T kernels.Float](t *testing.T, name string, got, want []T, tol float64) {
	t.Helper()
	largest := 0.
	for _, v := range want {
		largest = max(largest, float64(max(v, -v)))
	}
	for i, v := range want {
		if d := float64(got[i] - v); !(max(d, -d) <= tol*largest) {
			t.Fatalf("%s: element %d is %v, want %v", name, i, got[i], v)
		}
	}
}
