package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/numtest"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// layerCases is the table behind the tests of all layers. To add a layer, add a row.
func layerCases[T kernels.Float]() []layerCase[T] {
	linear := func(ops Ops[T], in, out int) *Linear[T] {
		l := NewLinear(ops, in, out)
		l.Init(random.New(5, "init"), FanInUniform, FanInUniform)
		return l
	}
	conv := func(ops Ops[T], cfg ConvConfig) *Conv2d[T] {
		l := NewConv2d(ops, cfg)
		l.Init(random.New(5, "init"), FanInUniform, FanInUniform)
		return l
	}
	convT := func(ops Ops[T], cfg ConvConfig) *ConvTranspose2d[T] {
		l := NewConvTranspose2d(ops, cfg)
		l.Init(random.New(5, "init"), FanInUniform, FanInUniform)
		return l
	}
	draw := func(ops Ops[T], v *Tensor[T]) { ops.Upload(v, drawInput[T](9, v.Shape()...).Data()) }
	batchNorm := func(l *BatchNorm[T], training bool) Layer[T] {
		draw(l.ops, l.Weight.Value)
		draw(l.ops, l.Bias.Value)
		draw(l.ops, l.RunningMean)
		draw(l.ops, l.RunningVar)
		l.ops.Mul(l.RunningVar, l.RunningVar, l.RunningVar)
		l.SetTraining(training)
		return l
	}
	spectral := func(ops Ops[T], l Layer[T]) Layer[T] {
		s := NewSpectralNorm(ops, l, random.New(6, "init"))
		s.SetTraining(false)
		return s
	}
	graph := func(ops Ops[T], in []int, nodes ...Node[T]) Layer[T] {
		g, err := NewGraph(ops, in, nodes...)
		if err != nil {
			panic(err)
		}
		return g
	}
	return []layerCase[T]{
		{"Linear", []int{5, 3}, func(ops Ops[T]) Layer[T] { return linear(ops, 3, 4) }},
		{"Linear/one row", []int{1, 3}, func(ops Ops[T]) Layer[T] { return linear(ops, 3, 4) }},
		{"Linear/one column", []int{4, 1}, func(ops Ops[T]) Layer[T] { return linear(ops, 1, 1) }},
		{"Linear/three dimensions", []int{2, 3, 2}, func(ops Ops[T]) Layer[T] { return linear(ops, 2, 5) }},
		{"Linear/vector", []int{3}, func(ops Ops[T]) Layer[T] { return linear(ops, 3, 2) }},
		{"Conv2d", []int{2, 3, 5, 4}, func(ops Ops[T]) Layer[T] { return conv(ops, ConvConfig{In: 3, Out: 2, Kernel: 3, Padding: 1}) }},
		{"Conv2d/stride", []int{3, 2, 7, 6}, func(ops Ops[T]) Layer[T] {
			return conv(ops, ConvConfig{In: 2, Out: 3, Kernel: 4, Stride: 2, Padding: 1, NoBias: true})
		}},
		{"Conv2d/stride over the window", []int{2, 2, 5, 7}, func(ops Ops[T]) Layer[T] {
			return conv(ops, ConvConfig{In: 2, Out: 2, Kernel: 2, Stride: 3})
		}},
		{"Conv2d/one pixel", []int{3, 2, 3, 3}, func(ops Ops[T]) Layer[T] { return conv(ops, ConvConfig{In: 2, Out: 4, Kernel: 3}) }},
		{"ConvTranspose2d", []int{2, 3, 3, 4}, func(ops Ops[T]) Layer[T] {
			return convT(ops, ConvConfig{In: 3, Out: 2, Kernel: 4, Stride: 2, Padding: 1})
		}},
		{"ConvTranspose2d/output padding", []int{2, 2, 2, 3}, func(ops Ops[T]) Layer[T] {
			return convT(ops, ConvConfig{In: 2, Out: 3, Kernel: 3, Stride: 3, Padding: 1, OutputPadding: 2, NoBias: true})
		}},
		{"ConvTranspose2d/one pixel", []int{3, 4, 1, 1}, func(ops Ops[T]) Layer[T] { return convT(ops, ConvConfig{In: 4, Out: 2, Kernel: 3}) }},
		{"ReLU", []int{4, 5}, func(ops Ops[T]) Layer[T] { return NewReLU(ops) }},
		{"LeakyReLU", []int{4, 5}, func(ops Ops[T]) Layer[T] { return NewLeakyReLU(ops, 0.2) }},
		{"Softplus", []int{4, 5}, func(ops Ops[T]) Layer[T] { return NewSoftplus(ops) }},
		{"Tanh", []int{2, 2, 5}, func(ops Ops[T]) Layer[T] { return NewTanh(ops) }},
		{"Sigmoid", []int{4, 5}, func(ops Ops[T]) Layer[T] { return NewSigmoid(ops) }},
		{"ELU", []int{4, 5}, func(ops Ops[T]) Layer[T] { return NewELU(ops, 0.7) }},
		{"GELU", []int{4, 5}, func(ops Ops[T]) Layer[T] { return NewGELU(ops) }},
		{"SiLU", []int{3, 2, 100}, func(ops Ops[T]) Layer[T] { return NewSiLU(ops) }},
		{"Flatten", []int{2, 3, 2, 2}, func(ops Ops[T]) Layer[T] { return NewFlatten[T]() }},
		{"Reshape", []int{2, 12}, func(ops Ops[T]) Layer[T] { return NewReshape[T](3, 2, 2) }},
		{"BatchNorm1d", []int{6, 3}, func(ops Ops[T]) Layer[T] { return batchNorm(NewBatchNorm1d(ops, 3), true) }},
		{"BatchNorm2d", []int{3, 2, 3, 3}, func(ops Ops[T]) Layer[T] { return batchNorm(NewBatchNorm2d(ops, 2), true) }},
		{"BatchNorm2d/eval", []int{3, 2, 3, 2}, func(ops Ops[T]) Layer[T] { return batchNorm(NewBatchNorm2d(ops, 2), false) }},
		{"LayerNorm", []int{3, 2, 5}, func(ops Ops[T]) Layer[T] {
			l := NewLayerNorm(ops, 5)
			draw(ops, l.Weight.Value)
			draw(ops, l.Bias.Value)
			return l
		}},
		{"L2Normalize", []int{4, 5}, func(ops Ops[T]) Layer[T] { return NewL2Normalize(ops) }},
		{"MaxPool2d", []int{1, 2, 4, 4}, func(ops Ops[T]) Layer[T] { return apart(NewMaxPool2d(ops, ConvGeometry{Kernel: 2})) }},
		{"MaxPool2d/overlap", []int{1, 2, 4, 5}, func(ops Ops[T]) Layer[T] {
			return apart(NewMaxPool2d(ops, ConvGeometry{Kernel: 3, Stride: 2, Padding: 1}))
		}},
		{"AvgPool2d", []int{2, 2, 5, 4}, func(ops Ops[T]) Layer[T] { return NewAvgPool2d(ops, ConvGeometry{Kernel: 3, Stride: 2, Padding: 1}) }},
		{"Upsample2d", []int{2, 2, 3, 2}, func(ops Ops[T]) Layer[T] { return NewUpsample2d(ops, 3) }},
		{"SpectralNorm/Linear", []int{5, 3}, func(ops Ops[T]) Layer[T] { return spectral(ops, linear(ops, 3, 4)) }},
		{"SpectralNorm/Conv2d", []int{2, 3, 4, 4}, func(ops Ops[T]) Layer[T] {
			return spectral(ops, conv(ops, ConvConfig{In: 3, Out: 2, Kernel: 3, NoBias: true}))
		}},
		{"Graph", []int{4, 3}, func(ops Ops[T]) Layer[T] {
			return graph(ops, []int{3}, Node[T]{Name: "in", Layer: linear(ops, 3, 5)}, Node[T]{Name: "act", Layer: NewTanh(ops)},
				Node[T]{Name: "block.0", Layer: linear(ops, 5, 5)}, Node[T]{Name: "short", Layer: linear(ops, 3, 5), From: []string{Input}},
				Node[T]{Name: "sum", From: []string{"act", "block.0", "short"}}, Node[T]{Name: "end", Layer: NewSoftplus(ops), From: []string{"sum", "act"}})
		}},
		{"Sequential/tied", []int{4, 3}, func(ops Ops[T]) Layer[T] {
			l := linear(ops, 3, 3)
			return NewSequential[T](NewTanh(ops), Tied(l.Share()), NewTanh(ops), l)
		}},
		{"Sequential", []int{4, 2}, func(ops Ops[T]) Layer[T] {
			return NewSequential[T](NewTanh(ops), linear(ops, 2, 5), NewSoftplus(ops), linear(ops, 5, 3), NewSigmoid(ops))
		}},
		{"Sequential/nested", []int{3, 2}, func(ops Ops[T]) Layer[T] {
			return NewSequential[T](NewSequential[T](linear(ops, 2, 3), NewTanh(ops)), linear(ops, 3, 2))
		}},
	}
}

type layerCase[T kernels.Float] struct {
	name  string
	shape []int // of the input
	make  func(ops Ops[T]) Layer[T]
}

// apart puts before a layer one that adds a constant to each element, which takes those of a window further apart than they differ.
func apart[T kernels.Float](l Layer[T]) Layer[T] { return NewSequential[T](&offsets[T]{}, l) }

// offsets adds 5 (i mod 7) to element i.
type offsets[T kernels.Float] struct {
	Reshape[T]
	out *Tensor[T]
}

func (l *offsets[T]) Forward(x *Tensor[T]) *Tensor[T] {
	l.out = NewTensor[T](x.Shape()...)
	for i, v := range x.Data() {
		l.out.Data()[i] = v + 5*T(i*3%7)
	}
	return l.out
}

func (l *offsets[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.out)
	if want&WantInput == 0 {
		return nil
	}
	dx := NewTensor[T](dy.Shape()...)
	copy(dx.Data(), dy.Data())
	return dx
}

func (l *offsets[T]) OutputShape(in []int) ([]int, error) { return in, nil }
func (l *offsets[T]) Share() Layer[T]                     { return &offsets[T]{} }

// drawInput draws entries of size .1 to 2, away from the kink of the ReLU.
func drawInput[T kernels.Float](seed uint64, shape ...int) *Tensor[T] {
	x, src := NewTensor[T](shape...), random.New(seed, "input")
	for i := range x.Data() {
		v := 0.1 + 1.9*src.Float64()
		if src.Uint64()&1 == 0 {
			v = -v
		}
		x.Data()[i] = T(v)
	}
	return x
}

// drawNormal draws a normal tensor of the shape of x.
func drawNormal[T kernels.Float](seed uint64, x *Tensor[T]) *Tensor[T] {
	dy := NewTensor[T](x.Shape()...)
	random.Normal(random.New(seed, "cotangent"), dy.Data(), 0, 1)
	return dy
}

func both(t *testing.T, f32, f64 func(t *testing.T)) {
	t.Run("float32", f32)
	t.Run("float64", f64)
}

func TestLayerGradients(t *testing.T) {
	both(t, testLayerGradients[float32], testLayerGradients[float64])
}

func testLayerGradients[T kernels.Float](t *testing.T) {
	for _, c := range layerCases[T]() {
		for seed := range uint64(5) {
			l, x := c.make(NewCPU[T](nil)), drawInput[T](seed, c.shape...)
			err := numtest.Grad(seed, func() []T { return l.Forward(x).Data() }, func(w []T) []numtest.Leaf[T] {
				for _, p := range l.Params() {
					clear(p.Grad.Data())
				}
				y := l.Forward(x)
				dx := l.Backward(TensorOf(w, y.Shape()...), WantAll)
				leaves := []numtest.Leaf[T]{{Name: "input", Value: x.Data(), Grad: dx.Data()}}
				for _, p := range l.Params() {
					leaves = append(leaves, numtest.Leaf[T]{Name: p.Name, Value: p.Value.Data(), Grad: p.Grad.Data()})
				}
				return leaves
			})
			if err != nil {
				t.Errorf("%s, seed %d: %v", c.name, seed, err)
			}
		}
	}
}

// In float32 and in float64 a layer computes the same, to the rounding of float32: 64 units of the largest entry covers chains of two
// linear layers of width 5 with some margin, and is 4e-6.
func TestLayerPrecisions(t *testing.T) {
	cases64 := layerCases[float64]()
	for i, c := range layerCases[float32]() {
		l32, l64 := c.make(NewCPU[float32](nil)), cases64[i].make(NewCPU[float64](nil))
		x32 := drawInput[float32](1, c.shape...)
		x64 := widen(x32)
		for k, p := range l32.Params() {
			copy(l64.Params()[k].Value.Data(), widen(p.Value).Data())
		}
		for k, b := range Buffers(l32) {
			if b.Value != nil {
				copy(Buffers(l64)[k].Value.Data(), widen(b.Value).Data())
			}
		}
		y32, y64 := l32.Forward(x32), l64.Forward(x64)
		dy := drawNormal[float32](2, y32)
		dx32, dx64 := l32.Backward(dy, WantAll), l64.Backward(widen(dy), WantAll)
		checkRounding(t, c.name+": output", y32, y64)
		checkRounding(t, c.name+": dx", dx32, dx64)
		for k, p := range l32.Params() {
			checkRounding(t, c.name+": "+p.Name, p.Grad, l64.Params()[k].Grad)
		}
	}
}

func checkRounding(t *testing.T, name string, got *Tensor[float32], want *Tensor[float64]) {
	t.Helper()
	var err, scale float64
	for i, v := range want.Data() {
		err, scale = max(err, math.Abs(float64(got.Data()[i])-v)), max(scale, math.Abs(v))
	}
	if tol := 64 * math.Ldexp(1, -24) * scale; !(err <= tol) || !(tol > 0) {
		t.Errorf("%s: error %g, tolerance %g", name, err, tol)
	}
}

func widen(x *Tensor[float32]) *Tensor[float64] {
	y := NewTensor[float64](x.Shape()...)
	for i, v := range x.Data() {
		y.Data()[i] = float64(v)
	}
	return y
}

// Gradients of parameters add, gradients of inputs are overwritten, inputs stay as they are, and each Want computes its own half.
func TestLayerAccumulation(t *testing.T) {
	for _, c := range layerCases[float64]() {
		l, x := c.make(NewCPU[float64](nil)), drawInput[float64](1, c.shape...)
		xWas := append([]float64(nil), x.Data()...)
		dy := drawNormal[float64](2, l.Forward(x))
		dyWas := append([]float64(nil), dy.Data()...)
		dx := append([]float64(nil), l.Backward(dy, WantAll).Data()...)
		var once [][]float64
		for _, p := range l.Params() {
			once = append(once, append([]float64(nil), p.Grad.Data()...))
		}

		if got := l.Backward(dy, WantInput); !sameBits(got.Data(), dx) {
			t.Errorf("%s: a second dx is %v, want %v", c.name, got.Data(), dx)
		}
		for i, p := range l.Params() {
			if !sameBits(p.Grad.Data(), once[i]) {
				t.Errorf("%s: WantInput changes the gradient of %s", c.name, p.Name)
			}
		}
		if got := l.Backward(dy, WantParams); got != nil {
			t.Errorf("%s: WantParams returns %v", c.name, got)
		}
		for i, p := range l.Params() {
			for k, v := range once[i] {
				if got := p.Grad.Data()[k]; !(math.Abs(got-2*v) <= 1e-14*(1+math.Abs(v))) {
					t.Errorf("%s: %s[%d] is %v after two passes, %v after one", c.name, p.Name, k, got, v)
				}
			}
		}
		if !sameBits(x.Data(), xWas) || !sameBits(dy.Data(), dyWas) {
			t.Errorf("%s: changes its input or the gradient it is given", c.name)
		}
	}
}

// A layer and its share have two batches in flight and add to the same gradients.
func TestLayerShare(t *testing.T) {
	for _, c := range layerCases[float64]() {
		ops := NewCPU[float64](nil)
		l, alone := c.make(ops), c.make(ops)
		twin := l.Share()
		xa, xb := drawInput[float64](1, c.shape...), drawInput[float64](2, c.shape...)
		dy := drawNormal[float64](3, alone.Forward(xa))

		dxa := append([]float64(nil), alone.Backward(dy, WantAll).Data()...)
		alone.Forward(xb)
		dxb := append([]float64(nil), alone.Backward(dy, WantAll).Data()...)

		y := l.Forward(xa)
		yWas := append([]float64(nil), y.Data()...)
		twin.Forward(xb)
		if !sameBits(y.Data(), yWas) {
			t.Errorf("%s: the share's output overwrites the layer's", c.name)
		}
		if !sameBits(l.Backward(dy, WantAll).Data(), dxa) || !sameBits(twin.Backward(dy, WantAll).Data(), dxb) {
			t.Errorf("%s: two batches in flight disturb each other", c.name)
		}
		for i, p := range l.Params() {
			if !sameBits(p.Grad.Data(), alone.Params()[i].Grad.Data()) || twin.Params()[i].Grad != p.Grad {
				t.Errorf("%s: shared gradients of %s differ", c.name, p.Name)
			}
		}
		if twin.String() != l.String() {
			t.Errorf("%s: the share is %v, not %v", c.name, twin, l)
		}
	}
}

func TestLayerOutputShape(t *testing.T) {
	for _, c := range layerCases[float64]() {
		l := c.make(NewCPU[float64](nil))
		got, err := l.OutputShape(c.shape)
		if want := l.Forward(drawInput[float64](1, c.shape...)); err != nil || !want.SameShape(TensorOf(make([]float64, want.Size()), got...)) {
			t.Errorf("%s: OutputShape %v, %v; Forward gives %v", c.name, got, err, want)
		}
	}
	ops := NewCPU[float64](nil)
	net := NewSequential[float64](NewLinear(ops, 2, 3), NewReLU(ops), NewLinear(ops, 4, 1))
	_, err := net.OutputShape([]int{7, 2})
	if want := "layer 2: nn: Linear(4, 1): input of shape [7 3], want last dimension 4"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestLayerPanics(t *testing.T) {
	ops := NewCPU[float64](nil)
	wide := func() *Tensor[float64] { return NewTensor[float64](4, 9) }
	for _, c := range layerCases[float64]() {
		l := c.make(ops)
		wantPanic(t, c.name+": Backward first", "Backward without Forward", func() { l.Backward(wide(), WantAll) })
		l.Forward(drawInput[float64](1, c.shape...))
		wantPanic(t, c.name+": wrong gradient", "nn: ", func() { l.Backward(wide(), WantAll) })
	}
	wantPanic(t, "wrong input", "nn: Linear(3, 2): input of shape [4 9], want last dimension 3", func() { NewLinear(ops, 3, 2).Forward(wide()) })
	wantPanic(t, "no input", "nn: Linear", func() { NewLinear(ops, 0, 2) })
	wantPanic(t, "negative slope", "nn: LeakyReLU", func() { NewLeakyReLU(ops, -1) })
	wantPanic(t, "NaN slope", "nn: LeakyReLU", func() { NewLeakyReLU(ops, math.NaN()) })
}

// wantPanic checks that f panics with a message that holds text.
func wantPanic(t *testing.T, name, text string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if msg, _ := recover().(string); !strings.Contains(msg, text) || !strings.HasPrefix(msg, "nn: ") {
			t.Errorf("%s: panic %q, want one with %q", name, msg, text)
		}
	}()
	f()
}

// Sequential goes down no further than what is wanted depends on.
func TestSequentialStopsEarly(t *testing.T) {
	ops := NewCPU[float64](nil)
	counts := &counting{Layer: NewTanh(ops)}
	net := NewSequential[float64](counts, NewLinear(ops, 2, 3), NewTanh(ops))
	dy := drawNormal[float64](1, net.Forward(drawInput[float64](1, 4, 2)))
	net.Backward(dy, WantParams)
	if counts.calls != 0 {
		t.Error("WantParams goes below the lowest layer with parameters")
	}
	net.Backward(dy, WantInput)
	if counts.calls != 1 {
		t.Error("WantInput does not reach the first layer")
	}
	empty := NewSequential[float64]()
	if x := drawInput[float64](1, 2, 2); empty.Forward(x) != x || empty.Backward(x, WantInput) != x || empty.Backward(x, WantParams) != nil {
		t.Error("the empty network is not the identity")
	}
}

type counting struct {
	Layer[float64]
	calls int
}

func (c *counting) Backward(dy *Tensor[float64], want Want) *Tensor[float64] {
	c.calls++
	return c.Layer.Backward(dy, want)
}

// sameBits reports whether two slices are equal, the sign of zero and NaN included.
func sameBits[T kernels.Float](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i, v := range a {
		if math.Float64bits(float64(v)) != math.Float64bits(float64(b[i])) {
			return false
		}
	}
	return true
}

// After the first passes, no layer allocates, also for a smaller batch.
func TestLayerAllocation(t *testing.T) {
	for _, c := range layerCases[float32]() {
		if strings.HasPrefix(c.name, "MaxPool2d") || len(c.shape) < 2 || c.name == "Linear/three dimensions" || c.name == "Linear/one row" {
			continue // behind a layer made for tests, without a batch, or of a shape that WithCols copies
		}
		l, x := c.make(NewCPU[float32](nil)), drawInput[float32](1, c.shape...)
		small := x.Slice(0, c.shape[0]-1)
		dy := drawNormal(2, l.Forward(x))
		dySmall := dy.Slice(0, c.shape[0]-1)
		if n := testing.AllocsPerRun(20, func() {
			l.Forward(x)
			l.Backward(dy, WantAll)
			l.Forward(small)
			l.Backward(dySmall, WantAll)
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// After the first steps, a step allocates nothing, also for a smaller batch.
func TestNoAllocation(t *testing.T) { both(t, testNoAllocation[float32], testNoAllocation[float64]) }

func testNoAllocation[T kernels.Float](t *testing.T) {
	ops := NewCPU[T](nil)
	net, err := NewMLP(ops, MLP{Sizes: []int{2, 40, 40, 60}, Hidden: "leaky_relu", Output: "sigmoid"}, random.New(1, "init"), HeNormal(0.2), nil)
	if err != nil {
		t.Fatal(err)
	}
	adam, err := NewAdam(ops, DefaultAdam(1e-3))
	if err != nil {
		t.Fatal(err)
	}
	sgd, err := NewSGD(ops, SGDConfig{Rate: 1e-3, Momentum: 0.9, WeightDecay: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	for _, opt := range []Optimizer[T]{adam, sgd} {
		g := NewGroup("net", net.Params(), opt)
		x := drawInput[T](1, 64, 2)
		small := x.Slice(0, 10)
		dy := drawNormal(2, net.Forward(x))
		dySmall := dy.Slice(0, 10)
		step := func(x, dy *Tensor[T]) {
			g.ZeroGrad()
			net.Forward(x)
			net.Backward(dy, WantAll)
			GradNorm[T](ops, g.Params)
			g.Step()
		}
		if n := testing.AllocsPerRun(20, func() { step(x, dy); step(small, dySmall) }); n != 0 {
			t.Errorf("%T: %v allocations in a step", opt, n)
		}
	}
}
