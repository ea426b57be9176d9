package nn

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A convCase is a convolution from large [n, c, h, w] to o channels.
type convCase struct {
	n, c, h, w, o int
	g             ConvGeometry
}

// small, large and weight return the shapes of the tensors.
func (c convCase) small() []int  { return []int{c.n, c.o, c.g.places(c.h), c.g.places(c.w)} }
func (c convCase) large() []int  { return []int{c.n, c.c, c.h, c.w} }
func (c convCase) weight() []int { return []int{c.o, c.c, c.g.Kernel, c.g.Kernel} }

// visit calls f for each product of the convolution, with the places of its factors in small, large and weight.
func (c convCase) visit(f func(small, large, weight int)) {
	s, k := c.small(), c.g.Kernel
	for i := range sizeOf(s) {
		n, o, y, x := i/(s[1]*s[2]*s[3]), i/(s[2]*s[3])%s[1], i/s[3]%s[2], i%s[3]
		for w := range c.c * k * k {
			ch, u, v := w/(k*k), y*c.g.Stride+w/k%k-c.g.Padding, x*c.g.Stride+w%k-c.g.Padding
			if u >= 0 && u < c.h && v >= 0 && v < c.w {
				f(i, ((n*c.c+ch)*c.h+u)*c.w+v, o*c.c*k*k+w)
			}
		}
	}
}

// checkConv compares the three operations with the definition, summed in float64. A sum of terms of size 4 at most may be off by the
// rounding of each.
func checkConv[T kernels.Float](t testing.TB, ops Ops[T], c convCase) {
	t.Helper()
	u := math.Ldexp(1, -52)
	if _, single := any(T(0)).(float32); single {
		u = math.Ldexp(1, -23)
	}
	small, large, weight := drawInput[T](1, c.small()...), drawInput[T](2, c.large()...), drawInput[T](3, c.weight()...)
	bias, biasT := drawInput[T](4, c.o), drawInput[T](5, c.c)
	start := drawInput[T](6, c.weight()...)
	type sums struct{ value, size []float64 }
	zero := func(n int) sums { return sums{make([]float64, n), make([]float64, n)} }
	toSmall, toLarge, toWeight := zero(small.Size()), zero(large.Size()), zero(weight.Size())
	add := func(s sums, i int, x, y T) {
		s.value[i] += float64(x) * float64(y)
		s.size[i] += math.Abs(float64(x) * float64(y))
	}
	c.visit(func(s, l, w int) {
		add(toSmall, s, large.Data()[l], weight.Data()[w])
		add(toLarge, l, small.Data()[s], weight.Data()[w])
		add(toWeight, w, small.Data()[s], large.Data()[l])
	})
	check := func(name string, got []T, want sums, offset func(i int) T) {
		t.Helper()
		for i, v := range got {
			b := float64(offset(i))
			if !(math.Abs(float64(v)-want.value[i]-b) <= 4*u*(want.size[i]+math.Abs(b))*math.Sqrt(2+float64(len(got)))) {
				t.Fatalf("%s of %+v: entry %d is %v, want %v", name, c, i, v, want.value[i]+b)
			}
		}
	}
	fresh := func(like *Tensor[T]) *Tensor[T] {
		y := NewTensor[T](like.Shape()...)
		for i := range y.Data() {
			y.Data()[i] = T(math.NaN())
		}
		return y
	}
	none := func(int) T { return 0 }
	place := small.Size() / max(1, c.n*c.o)
	y := fresh(small)
	ops.Conv(y, large, weight, nil, c.g)
	check("Conv", y.Data(), toSmall, none)
	y = fresh(small)
	ops.Conv(y, large, weight, bias, c.g)
	check("Conv with bias", y.Data(), toSmall, func(i int) T { return bias.Data()[i/place%c.o] })
	y = fresh(large)
	ops.ConvTranspose(y, small, weight, nil, c.g)
	check("ConvTranspose", y.Data(), toLarge, none)
	y = fresh(large)
	ops.ConvTranspose(y, small, weight, biasT, c.g)
	check("ConvTranspose with bias", y.Data(), toLarge, func(i int) T { return biasT.Data()[i/(c.h*c.w)%c.c] })
	y = NewTensor[T](c.weight()...)
	ops.Copy(y, start)
	ops.ConvWeight(y, small, large, c.g)
	check("ConvWeight", y.Data(), toWeight, func(i int) T { return start.Data()[i] })
}

// Convolutions against their definition: blocks of whole images, of parts of an image, and of some channels; windows with and without
// gaps; one pixel; no image.
func TestConv(t *testing.T) { both(t, testConv[float32], testConv[float64]) }

func testConv[T kernels.Float](t *testing.T) {
	ops := NewCPU[T](nil)
	for _, c := range []convCase{
		{2, 3, 5, 4, 2, ConvGeometry{3, 1, 1}},
		{9, 2, 14, 14, 5, ConvGeometry{4, 2, 1}},
		{40, 3, 2, 2, 4, ConvGeometry{2, 1, 0}},
		{3, 70, 9, 8, 3, ConvGeometry{3, 1, 1}},
		{1, 2, 40, 30, 3, ConvGeometry{5, 1, 2}},
		{2, 2, 33, 41, 2, ConvGeometry{4, 2, 1}},
		{2, 30, 7, 7, 9, ConvGeometry{7, 1, 0}},
		{5, 3, 4, 4, 6, ConvGeometry{4, 2, 0}},
		{5, 3, 4, 5, 6, ConvGeometry{4, 1, 0}},
		{30, 3, 14, 13, 6, ConvGeometry{4, 2, 1}},
		{3, 3, 25, 26, 6, ConvGeometry{3, 1, 1}},
		{2, 3, 11, 8, 2, ConvGeometry{2, 3, 1}},
		{2, 3, 6, 5, 4, ConvGeometry{1, 1, 0}},
		{2, 2, 1, 1, 3, ConvGeometry{3, 2, 1}},
		{2, 1, 9, 2, 1, ConvGeometry{3, 4, 3}},
		{0, 2, 4, 4, 2, ConvGeometry{3, 1, 1}},
		{30, 17, 14, 14, 18, ConvGeometry{4, 2, 1}},
		{14, 16, 8, 8, 21, ConvGeometry{4, 2, 1}},
		{3, 19, 8, 30, 16, ConvGeometry{4, 2, 1}},
		{7, 16, 10, 22, 16, ConvGeometry{4, 2, 1}},
		{14, 16, 2, 2, 16, ConvGeometry{4, 2, 1}},
		{3, 16, 12, 6, 17, ConvGeometry{4, 2, 1}},
		{2, 18, 4, 18, 16, ConvGeometry{4, 2, 1}},
		{300, 2, 3, 3, 2, ConvGeometry{3, 1, 0}},
	} {
		checkConv(t, ops, c)
	}
}

func TestConvRandom(t *testing.T) {
	ops := NewCPU[float64](nil)
	rapid.Check(t, func(r *rapid.T) {
		draw := func(lo, hi int, name string) int { return rapid.IntRange(lo, hi).Draw(r, name) }
		g := ConvGeometry{draw(1, 5, "kernel"), draw(1, 4, "stride"), draw(0, 3, "padding")}
		side := func(name string) int { return max(1, g.Kernel-2*g.Padding) + draw(0, 12, name) }
		checkConv(t, ops, convCase{draw(1, 4, "n"), draw(1, 4, "c"), side("h"), side("w"), draw(1, 4, "o"), g})
	})
}

// The bits of a convolution do not depend on the workers, where it is cut into several tasks in each direction.
func TestConvWorkers(t *testing.T) {
	for _, c := range []convCase{
		{40, 70, 8, 8, 12, ConvGeometry{4, 2, 1}},
		{40, 70, 8, 8, 20, ConvGeometry{4, 2, 1}},
		{40, 20, 14, 14, 18, ConvGeometry{4, 2, 1}},
		{30, 1, 28, 28, 6, ConvGeometry{5, 1, 0}},
		{30, 40, 7, 7, 9, ConvGeometry{7, 1, 0}},
	} {
		run := func(r kernels.Runner) []float32 {
			ops := NewCPU[float32](r)
			small, large, weight := drawInput[float32](1, c.small()...), drawInput[float32](2, c.large()...), drawInput[float32](3, c.weight()...)
			y, x, w := NewTensor[float32](c.small()...), NewTensor[float32](c.large()...), NewTensor[float32](c.weight()...)
			sums := NewTensor[float32](c.o)
			for range 2 {
				ops.Conv(y, large, weight, nil, c.g)
				ops.ConvTranspose(x, small, weight, nil, c.g)
				ops.ConvWeight(w, small, large, c.g)
				ops.ChannelSums(sums, small)
			}
			return append(append(append(y.Data(), x.Data()...), w.Data()...), sums.Data()...)
		}
		want := run(nil)
		for _, workers := range []int{1, 2, 5} {
			pool := parallel.New(workers)
			if !sameBits(run(pool), want) {
				t.Errorf("%+v: other bits with %d workers", c, workers)
			}
			pool.Close()
		}
	}
}

func TestConvRefuses(t *testing.T) {
	ops := NewCPU[float64](nil)
	for _, cfg := range []ConvConfig{
		{Out: 1, Kernel: 1}, {In: 1, Kernel: 1}, {In: 1, Out: 1}, {In: 1, Out: 1, Kernel: 1, Padding: -1}, {In: 1, Out: 1, Kernel: 1, Stride: -1, OutputPadding: 3},
		{In: 1, Out: 1, Kernel: 3, Stride: 2, OutputPadding: 2}, {In: 1, Out: 1, Kernel: 3, OutputPadding: -1},
	} {
		wantPanic(t, fmt.Sprint(cfg), "nn: Conv2d: ", func() { NewConv2d(ops, cfg) })
		wantPanic(t, fmt.Sprint(cfg), "nn: ConvTranspose2d: ", func() { NewConvTranspose2d(ops, cfg) })
	}
	wantPanic(t, "output padding", "want none", func() { NewConv2d(ops, ConvConfig{In: 1, Out: 1, Kernel: 3, Stride: 2, OutputPadding: 1}) })
	conv, up := NewConv2d(ops, ConvConfig{In: 3, Out: 4, Kernel: 5, Padding: 1}), NewConvTranspose2d(ops, ConvConfig{In: 3, Out: 4, Kernel: 2, Padding: 2})
	for _, c := range []struct {
		l    Layer[float64]
		in   []int
		want string
	}{
		{conv, []int{2, 2, 8, 8}, "nn: Conv2d(3, 4, kernel 5, padding 1): input of shape [2 2 8 8], want [batch 3 height width]"},
		{conv, []int{2, 192}, "nn: Conv2d(3, 4, kernel 5, padding 1): input of shape [2 192], want [batch 3 height width]"},
		{conv, []int{2, 3, 8, 2}, "nn: Conv2d(3, 4, kernel 5, padding 1): input of shape [2 3 8 2], want images of 3 x 3 at least"},
		{up, []int{2, 3, 2, 8}, "nn: ConvTranspose2d(3, 4, kernel 2, padding 2): input of shape [2 3 2 8] gives images of -1 x 5, want at least 1 x 1"},
	} {
		if _, err := c.l.OutputShape(c.in); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
		wantPanic(t, c.want, c.want, func() { c.l.Forward(NewTensor[float64](c.in...)) })
	}
}

// BenchmarkConv is the three directions of a layer of DCGAN and one of LeNet.
func BenchmarkConv(b *testing.B) {
	for _, c := range []struct {
		name string
		convCase
	}{
		{"dcgan 14x14", convCase{64, 64, 14, 14, 128, ConvGeometry{4, 2, 1}}},
		{"dcgan 28x28", convCase{64, 1, 28, 28, 64, ConvGeometry{4, 2, 1}}},
		{"lenet 28x28", convCase{100, 1, 28, 28, 20, ConvGeometry{5, 1, 0}}},
		{"lenet 12x12", convCase{100, 20, 12, 12, 50, ConvGeometry{5, 1, 0}}},
		{"resnet 16x16", convCase{64, 64, 16, 16, 64, ConvGeometry{3, 1, 1}}},
	} {
		small, large, weight := drawInput[float32](1, c.small()...), drawInput[float32](2, c.large()...), drawInput[float32](3, c.weight()...)
		y, x, w := NewTensor[float32](c.small()...), NewTensor[float32](c.large()...), NewTensor[float32](c.weight()...)
		flops := 2 * float64(small.Size()) * float64(c.c*c.g.Kernel*c.g.Kernel)
		for _, r := range []struct {
			name string
			run  kernels.Runner
		}{{"1", nil}, {"all", parallel.Default()}} {
			ops := NewCPU[float32](r.run)
			for _, op := range []struct {
				name string
				f    func()
			}{
				{"Conv", func() { ops.Conv(y, large, weight, nil, c.g) }},
				{"ConvTranspose", func() { ops.ConvTranspose(x, small, weight, nil, c.g) }},
				{"ConvWeight", func() { ops.ConvWeight(w, small, large, c.g) }},
			} {
				b.Run(fmt.Sprintf("layer=%s/op=%s/workers=%s", c.name, op.name, r.name), func(b *testing.B) {
					op.f()
					b.ReportAllocs()
					for b.Loop() {
						op.f()
					}
					b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
