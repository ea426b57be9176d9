package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// moments returns the mean and the variance of values.
func moments[T kernels.Float](values []T) (mean, variance float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		variance += (float64(v) - mean) * (float64(v) - mean) / float64(len(values))
	}
	return mean, variance
}

// ofChannel returns the elements of channel c of x.
func ofChannel[T kernels.Float](x *Tensor[T], c int) []T {
	channels, place := ChannelSizes(x)
	var values []T
	for n := range x.Shape()[0] {
		values = append(values, x.Data()[(n*channels+c)*place:][:place]...)
	}
	return values
}

// In training the output of each channel has mean 0 and variance v/(v+eps), also far from zero; the running moments move by a tenth of
// the way to the batch's mean and unbiased variance.
func TestBatchNormMoments(t *testing.T) {
	ops := NewCPU[float32](nil)
	for _, shape := range [][]int{{50, 3}, {4, 3, 5, 5}, {2, 3, 40, 40}} {
		l := NewBatchNorm1d(ops, 3)
		if len(shape) == 4 {
			l = NewBatchNorm2d(ops, 3)
		}
		x := drawInput[float32](3, shape...)
		for i := range x.Data() {
			x.Data()[i] = 100 + x.Data()[i]
		}
		y := l.Forward(x)
		for c := range 3 {
			mx, vx := moments(ofChannel(x, c))
			my, vy := moments(ofChannel(y, c))
			if !(math.Abs(my) <= 3e-5) || !(math.Abs(vy-vx/(vx+1e-5)) <= 1e-4) {
				t.Errorf("%v: channel %d of the output has mean %g and variance %g", shape, c, my, vy)
			}
			n := float64(x.Size() / 3)
			if got := float64(l.RunningMean.Data()[c]); !(math.Abs(got-mx/10) <= 1e-5) {
				t.Errorf("%v: running mean %g, want %g", shape, got, mx/10)
			}
			if got, want := float64(l.RunningVar.Data()[c]), .9+vx*n/(n-1)/10; !(math.Abs(got-want) <= 1e-4) {
				t.Errorf("%v: running variance %g, want %g", shape, got, want)
			}
		}
	}
}

// Out of training the output of an image does not depend on the others, and nothing that is remembered changes.
func TestBatchNormEval(t *testing.T) {
	l := NewBatchNorm2d(NewCPU[float64](nil), 2)
	for seed := range uint64(3) {
		l.Forward(drawInput[float64](seed, 4, 2, 3, 3))
	}
	SetTraining[float64](l, false)
	was := append(slices.Clone(l.RunningMean.Data()), l.RunningVar.Data()...)
	x := drawInput[float64](9, 4, 2, 3, 3)
	all := slices.Clone(l.Forward(x).Data())
	one := l.Forward(x.Slice(2, 3)).Data()
	if !sameBits(one, all[2*18:3*18]) {
		t.Error("the output of an image depends on the batch")
	}
	if !sameBits(append(slices.Clone(l.RunningMean.Data()), l.RunningVar.Data()...), was) || *l.batches != 3 {
		t.Error("a pass out of training changes the running moments")
	}
	for i, v := range x.Data() {
		c := i / 9 % 2
		want := (v - l.RunningMean.Data()[c]) / math.Sqrt(l.RunningVar.Data()[c]+1e-5)
		if !(math.Abs(all[i]-want) <= 1e-13) {
			t.Fatalf("entry %d is %v, want %v", i, all[i], want)
		}
	}
	SetTraining[float64](l, true)
	wantPanic(t, "one value", "more than one value", func() { l.Forward(NewTensor[float64](1, 2, 1, 1)) })
	if y := l.Forward(NewTensor[float64](2, 2, 3, 3)).Data(); slices.ContainsFunc(y, math.IsNaN) {
		t.Error("a constant batch gives NaN")
	}
}

// The bits of normalisations, activations and pooling do not depend on the workers.
func TestLayerWorkers(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape []int
		make  func(ops Ops[float32]) Layer[float32]
	}{
		{"BatchNorm2d", []int{40, 7, 20, 20}, func(ops Ops[float32]) Layer[float32] { return NewBatchNorm2d(ops, 7) }},
		{"BatchNorm1d", []int{300, 70}, func(ops Ops[float32]) Layer[float32] { return NewBatchNorm1d(ops, 70) }},
		{"LayerNorm", []int{500, 300}, func(ops Ops[float32]) Layer[float32] { return NewLayerNorm(ops, 300) }},
		{"L2Normalize", []int{500, 300}, func(ops Ops[float32]) Layer[float32] { return NewL2Normalize(ops) }},
		{"GELU", []int{500, 300}, func(ops Ops[float32]) Layer[float32] { return NewGELU(ops) }},
		{"MaxPool2d", []int{40, 7, 30, 30}, func(ops Ops[float32]) Layer[float32] { return NewMaxPool2d(ops, ConvGeometry{Kernel: 2}) }},
		{"Upsample2d", []int{40, 7, 15, 15}, func(ops Ops[float32]) Layer[float32] { return NewUpsample2d(ops, 2) }},
		{"Dropout", []int{500, 300}, func(ops Ops[float32]) Layer[float32] { return NewDropout(ops, .3, random.New(1, "dropout")) }},
	} {
		run := func(r kernels.Runner) []float32 {
			l := c.make(NewCPU[float32](r))
			y := l.Forward(drawInput[float32](1, c.shape...))
			all := append(slices.Clone(y.Data()), l.Backward(drawNormal(2, y), WantAll).Data()...)
			for _, p := range l.Params() {
				all = append(all, p.Grad.Data()...)
			}
			return all
		}
		want := run(nil)
		for _, workers := range []int{1, 2, 5} {
			pool := parallel.New(workers)
			if !sameBits(run(pool), want) {
				t.Errorf("%s: other bits with %d workers", c.name, workers)
			}
			pool.Close()
		}
	}
}

// Each row of the output has length one; a row of zeros stays, and its gradient is finite.
func TestL2NormalizeLengths(t *testing.T) {
	l := NewL2Normalize(NewCPU[float64](nil))
	x := drawInput[float64](1, 5, 7)
	clear(x.Data()[14:21])
	y := l.Forward(x)
	for i := range 5 {
		var sum float64
		for _, v := range y.Data()[7*i:][:7] {
			sum += v * v
		}
		if want := min(1, math.Abs(float64(i-2))); !(math.Abs(sum-want) <= 1e-14) {
			t.Errorf("row %d has length %v, want %v", i, math.Sqrt(sum), want)
		}
	}
	for i, v := range l.Backward(drawNormal(2, y), WantInput).Data() {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("dx[%d] = %v", i, v)
		}
	}
}

// A fraction p is dropped, the mean is kept, the gradient has the same mask, a new pass a new one, and out of training x passes.
func TestDropout(t *testing.T) {
	ops := NewCPU[float64](nil)
	for _, p := range []float64{0, .1, .5, .9} {
		l := NewDropout(ops, p, random.New(1, "dropout"))
		x := NewTensor[float64](100, 1001)
		for i := range x.Data() {
			x.Data()[i] = 1
		}
		y := l.Forward(x)
		dropped := 0
		for i, v := range y.Data() {
			switch {
			case v == 0:
				dropped++
			case !(math.Abs(v-1/(1-p)) <= 1e-15*16):
				t.Fatalf("p %v: entry %d is %v", p, i, v)
			}
		}
		n := float64(x.Size())
		if !(math.Abs(float64(dropped)-p*n) <= 5*math.Sqrt(p*(1-p)*n)) {
			t.Errorf("p %v: %d of %v dropped", p, dropped, n)
		}
		was := slices.Clone(y.Data())
		if !sameBits(l.Backward(x, WantInput).Data(), was) {
			t.Errorf("p %v: the gradient has another mask", p)
		}
		if again := l.Forward(x).Data(); p > 0 && sameBits(again, was) {
			t.Errorf("p %v: the same mask twice", p)
		}
		SetTraining[float64](l, false)
		if !sameBits(l.Forward(x).Data(), x.Data()) || !sameBits(l.Backward(x, WantInput).Data(), x.Data()) {
			t.Errorf("p %v: drops out of training", p)
		}
	}
	for _, p := range []float64{-.1, 1, math.NaN()} {
		wantPanic(t, "probability", "nn: Dropout", func() { NewDropout(ops, p, random.New(1, "dropout")) })
	}
}

// The saved state of a stream gives the masks that followed.
func TestDropoutState(t *testing.T) {
	ops := NewCPU[float32](nil)
	l := NewDropout(ops, .5, random.New(1, "dropout"))
	x := drawInput[float32](1, 9, 9)
	l.Forward(x)
	state, err := Buffers[float32](l)[0].Stream.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(l.Forward(x).Data())
	other := NewDropout(ops, .5, random.New(2, "other"))
	if err := Buffers[float32](other)[0].Stream.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	if !sameBits(other.Forward(x).Data(), want) {
		t.Error("another mask after a restore")
	}
}

// The rows of the table come out, and gradients go to the rows that were used, once for each use.
func TestEmbedding(t *testing.T) {
	ops := NewCPU[float64](nil)
	l := NewEmbedding(ops, 5, 3)
	l.Init(random.New(1, "init"), func(src Source, _, _ int) float64 { return src.NormFloat64() })
	x := TensorOf([]float64{4, 0, 2, 4}, 2, 2)
	y := l.Forward(x)
	if out, err := l.OutputShape(x.Shape()); err != nil || !slices.Equal(out, y.Shape()) || !slices.Equal(out, []int{2, 2, 3}) {
		t.Fatalf("output of shape %v, OutputShape %v, %v", y, out, err)
	}
	dy := drawNormal(2, y)
	if dx := l.Backward(dy, WantAll); !sameBits(dx.Data(), make([]float64, 4)) || !dx.SameShape(x) {
		t.Errorf("dx is %v", dx.Data())
	}
	for row := range 5 {
		for k := range 3 {
			var want float64
			for i, c := range x.Data() {
				if int(c) == row {
					want += dy.Data()[3*i+k]
					if y.Data()[3*i+k] != l.Weight.Value.Data()[3*row+k] {
						t.Errorf("class %d gives another row", row)
					}
				}
			}
			if got := l.Weight.Grad.Data()[3*row+k]; got != want {
				t.Errorf("gradient of row %d is %v, want %v", row, got, want)
			}
		}
	}
	for _, bad := range []float64{-1, 5, 1.5, math.NaN(), math.Inf(1)} {
		wantPanic(t, "index", "nn: index", func() { l.Forward(TensorOf([]float64{0, bad}, 2)) })
	}
}

// After many passes the weight has spectral norm one: the largest singular value of a diagonal matrix is its largest entry.
func TestSpectralNorm(t *testing.T) {
	ops := NewCPU[float64](nil)
	inner := NewLinear(ops, 4, 3)
	copy(inner.Weight.Value.Data(), []float64{2, 0, 0, 0, 0, -7, 0, 0, 0, 0, 1, 0})
	l := NewSpectralNorm[float64](ops, inner, random.New(1, "init"))
	x := drawInput[float64](1, 2, 4)
	for range 20 {
		l.Forward(x)
	}
	want := []float64{2. / 7, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1. / 7, 0}
	for i, v := range l.scaled.Value.Data() {
		if !(math.Abs(v-want[i]) <= 1e-12) {
			t.Errorf("weight %v, want %v", l.scaled.Value.Data(), want)
			break
		}
	}
	var names []string
	for _, p := range l.Params() {
		names = append(names, p.Name)
	}
	for _, b := range Buffers[float64](l) {
		names = append(names, b.Name)
	}
	if got := strings.Join(names, " "); got != "weight_orig bias weight_u weight_v" {
		t.Errorf("names %s", got)
	}
	wantPanic(t, "no weight", "want Linear or Conv2d", func() { NewSpectralNorm[float64](ops, NewTanh(ops), random.New(1, "init")) })
}

// Pooling against its definition, on windows that overlap, leave gaps and reach over the edge; NaN is the largest.
func TestPool(t *testing.T) {
	ops := NewCPU[float64](nil)
	for _, g := range []ConvGeometry{{2, 2, 0}, {3, 1, 1}, {3, 2, 1}, {2, 3, 0}, {2, 2, 1}} {
		x := drawInput[float64](1, 2, 3, 9, 8)
		x.Data()[5] = math.NaN()
		biggest, mean := NewMaxPool2d(ops, g), NewAvgPool2d(ops, g)
		y, z := biggest.Forward(x), mean.Forward(x)
		oh, ow := y.Shape()[2], y.Shape()[3]
		for i := range y.Size() {
			plane, r, c := i/(oh*ow), i/ow%oh, i%ow
			most, sum := math.Inf(-1), 0.
			for u := r*g.Stride - g.Padding; u < r*g.Stride-g.Padding+g.Kernel; u++ {
				for v := c*g.Stride - g.Padding; v < c*g.Stride-g.Padding+g.Kernel; v++ {
					if u >= 0 && u < 9 && v >= 0 && v < 8 {
						most, sum = max(most, x.Data()[plane*72+u*8+v]), sum+x.Data()[plane*72+u*8+v]
					}
				}
			}
			sum /= float64(g.Kernel * g.Kernel)
			if !sameBits(y.Data()[i:i+1], []float64{most}) && !(math.IsNaN(most) && math.IsNaN(y.Data()[i])) {
				t.Errorf("%v: largest %d is %v, want %v", g, i, y.Data()[i], most)
			}
			if !(math.Abs(z.Data()[i]-sum) <= 1e-14) && !math.IsNaN(sum) {
				t.Errorf("%v: mean %d is %v, want %v", g, i, z.Data()[i], sum)
			}
		}
	}
	wantPanic(t, "padding", "half the window", func() { NewMaxPool2d(ops, ConvGeometry{Kernel: 3, Padding: 2}) })
	wantPanic(t, "no window", "nn: Pool2d", func() { NewAvgPool2d(ops, ConvGeometry{}) })
	if _, err := NewMaxPool2d(ops, ConvGeometry{Kernel: 5}).OutputShape([]int{1, 2, 4, 9}); err == nil || !strings.Contains(err.Error(), "MaxPool2d(5, stride 5): input of shape [1 2 4 9]") {
		t.Errorf("error %v", err)
	}
}
