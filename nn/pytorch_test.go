package nn

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
)

// steps is the number of updates in testdata/reference.py.
const steps = 20

// A reference is testdata/pytorch.safetensors.
type reference struct {
	t *testing.T
	f *safetensors.File
}

func openReference(t *testing.T) reference {
	f, err := safetensors.Read(filepath.Join("testdata", "pytorch.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return reference{t, f}
}

// tensor returns a copy of a tensor.
func (r reference) tensor(name string) *Tensor[float64] {
	r.t.Helper()
	v, ok := r.f.Tensor(name)
	if !ok {
		r.t.Fatalf("no tensor %q", name)
	}
	shape := v.Shape
	if len(shape) == 0 {
		shape = []int{1}
	}
	return TensorOf(slices.Clone(v.Data.([]float64)), shape...)
}

// state returns the tensors below a name as a file of their own.
func (r reference) state(prefix string) *safetensors.File {
	f := &safetensors.File{}
	for _, v := range r.f.Tensors {
		if name, ok := strings.CutPrefix(v.Name, prefix); ok {
			v.Name = name
			f.Tensors = append(f.Tensors, v)
		}
	}
	return f
}

// near compares with a reference to 1e-10 of its size: 20 updates in float64 that differ by the order of sums only.
func (r reference) near(what string, got []float64, name string) {
	r.t.Helper()
	want := r.tensor(name).Data()
	scale := 1.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	if len(got) != len(want) {
		r.t.Errorf("%s: %d numbers, PyTorch has %d", what, len(got), len(want))
		return
	}
	for i, v := range want {
		if !(math.Abs(got[i]-v) <= 1e-10*scale) {
			r.t.Errorf("%s: number %d is %v, PyTorch has %v", what, i, got[i], v)
			return
		}
	}
}

// Every layer, step for step over 20 updates: the losses, the gradient of the input, and the state with its buffers, by PyTorch's names.
func TestPyTorchLayers(t *testing.T) {
	ops := NewCPU[float64](nil)
	conv := func(c ConvConfig) Layer[float64] { return NewConv2d(ops, c) }
	convT := func(c ConvConfig) Layer[float64] { return NewConvTranspose2d(ops, c) }
	eval := func(l Layer[float64]) Layer[float64] { SetTraining(l, false); return l }
	spectral := func(l Layer[float64]) Layer[float64] { return NewSpectralNorm(ops, l, random.New(1, "init")) }
	residual, err := NewGraph(ops, []int{2, 4, 4},
		Node[float64]{Name: "conv1", Layer: conv(ConvConfig{In: 2, Out: 3, Kernel: 3, Padding: 1, NoBias: true})},
		Node[float64]{Name: "bn1", Layer: NewBatchNorm2d(ops, 3)}, Node[float64]{Name: "relu", Layer: NewReLU(ops)},
		Node[float64]{Name: "conv2", Layer: conv(ConvConfig{In: 3, Out: 2, Kernel: 3, Padding: 1})},
		Node[float64]{Name: "end", Layer: NewReLU(ops), From: []string{"conv2", Input}})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]Layer[float64]{
		"Linear":                         NewLinear(ops, 5, 4),
		"Conv2d":                         conv(ConvConfig{In: 3, Out: 4, Kernel: 3, Stride: 2, Padding: 1}),
		"Conv2d no bias":                 conv(ConvConfig{In: 2, Out: 3, Kernel: 5, NoBias: true}),
		"ConvTranspose2d":                convT(ConvConfig{In: 3, Out: 2, Kernel: 4, Stride: 2, Padding: 1}),
		"ConvTranspose2d output padding": convT(ConvConfig{In: 2, Out: 3, Kernel: 3, Stride: 2, Padding: 1, OutputPadding: 1, NoBias: true}),
		"BatchNorm1d":                    NewBatchNorm1d(ops, 4),
		"BatchNorm2d":                    NewBatchNorm2d(ops, 3),
		"BatchNorm2d eval":               eval(NewBatchNorm2d(ops, 3)),
		"LayerNorm":                      NewLayerNorm(ops, 6),
		"Embedding":                      NewEmbedding(ops, 5, 3),
		"ReLU":                           NewReLU(ops),
		"LeakyReLU":                      NewLeakyReLU(ops, 0.2),
		"ELU":                            NewELU(ops, 0.7),
		"GELU":                           NewGELU(ops),
		"SiLU":                           NewSiLU(ops),
		"Tanh":                           NewTanh(ops),
		"Sigmoid":                        NewSigmoid(ops),
		"Softplus":                       NewSoftplus(ops),
		"Flatten":                        NewFlatten[float64](),
		"MaxPool2d":                      NewMaxPool2d(ops, ConvGeometry{Kernel: 3, Stride: 2, Padding: 1}),
		"AvgPool2d":                      NewAvgPool2d(ops, ConvGeometry{Kernel: 3, Stride: 2, Padding: 1}),
		"Upsample2d":                     NewUpsample2d(ops, 2),
		"L2Normalize":                    NewL2Normalize(ops),
		"SpectralNorm":                   spectral(NewLinear(ops, 5, 4)),
		"SpectralNorm Conv2d":            spectral(conv(ConvConfig{In: 2, Out: 3, Kernel: 3})),
		"Graph":                          residual,
		"Sequential": NewSequential(conv(ConvConfig{In: 1, Out: 3, Kernel: 3}), NewBatchNorm2d(ops, 3), NewReLU(ops),
			NewMaxPool2d(ops, ConvGeometry{Kernel: 2}), NewFlatten[float64](), NewLinear(ops, 12, 4), NewTanh(ops)),
	}
	for name, l := range cases {
		t.Run(name, func(t *testing.T) { checkAgainstPyTorch(openReference(t), ops, name, l) })
	}
}

func checkAgainstPyTorch(r reference, ops Ops[float64], name string, l Layer[float64]) {
	if name != "Graph" && name != "Sequential" {
		l = NewSequential(l)
	}
	if err := setModel(ops, l, r.state(name+"/init/")); err != nil {
		r.t.Fatal(err)
	}
	x, w := r.tensor(name+"/x"), r.tensor(name+"/w")
	sgd, err := NewSGD(ops, SGDConfig{Rate: 0.01})
	if err != nil {
		r.t.Fatal(err)
	}
	g := NewGroup("net", l.Params(), sgd)
	var losses []float64
	var dx *Tensor[float64]
	xt := NewTensor[float64](x.Shape()...)
	for t := range steps {
		copy(xt.Data(), x.Data())
		if name != "Embedding" {
			ops.Scale(xt, 1+float64(t)/steps)
		}
		losses = append(losses, ops.Dot(l.Forward(xt), w))
		g.ZeroGrad()
		dx = l.Backward(w, WantAll)
		g.Step()
	}
	r.near("losses", losses, name+"/losses")
	if name != "Embedding" {
		r.near("dx", dx.Data(), name+"/dx")
	}
	for _, p := range l.Params() {
		r.near(p.Name, p.Value.Data(), name+"/final/"+p.Name)
	}
	for _, b := range Buffers(l) {
		if b.Value != nil {
			r.near(b.Name, b.Value.Data(), name+"/final/"+b.Name)
			continue
		}
		if v, _ := r.f.Tensor(name + "/final/" + b.Name); !slices.Equal(v.Data.([]int64), []int64{*b.Count}) {
			r.t.Errorf("%s is %d, PyTorch has %v", b.Name, *b.Count, v.Data)
		}
	}
}

// Every loss over 20 steps of descent by its gradient.
func TestPyTorchLosses(t *testing.T) {
	ops := NewCPU[float64](nil)
	r := openReference(t)
	target, probability, classes := r.tensor("loss/target"), r.tensor("loss/probability"), r.tensor("loss/classes")
	for name, f := range map[string]func(v, dv []*Tensor[float64]) float64{
		"SquaredError":       func(v, dv []*Tensor[float64]) float64 { return ops.SquaredError(dv[0], v[0], target) },
		"AbsoluteError":      func(v, dv []*Tensor[float64]) float64 { return ops.AbsoluteError(dv[0], v[0], target) },
		"BinaryCrossEntropy": func(v, dv []*Tensor[float64]) float64 { return ops.BinaryCrossEntropy(dv[0], v[0], probability) },
		"CrossEntropy":       func(v, dv []*Tensor[float64]) float64 { return ops.CrossEntropy(dv[0], v[0], classes) },
		"GaussianKL":         func(v, dv []*Tensor[float64]) float64 { return ops.GaussianKL(dv[0], dv[1], v[0], v[1]) },
		"Hinge real":         func(v, dv []*Tensor[float64]) float64 { return ops.Hinge(dv[0], v[0], 1) },
		"Hinge fake":         func(v, dv []*Tensor[float64]) float64 { return ops.Hinge(dv[0], v[0], -1) },
	} {
		var v, dv []*Tensor[float64]
		for _, first := range r.state("loss/" + name + "/init/").Tensors {
			v = append(v, r.tensor("loss/"+name+"/init/"+first.Name))
			dv = append(dv, NewTensor[float64](first.Shape...))
		}
		var losses []float64
		for range steps {
			losses = append(losses, f(v, dv))
			for i := range v {
				ops.Axpy(v[i], -0.5, dv[i])
			}
		}
		r.near(name+": losses", losses, "loss/"+name+"/losses")
		for i := range v {
			r.near(name, v[i].Data(), "loss/"+name+"/final/"+string(rune('0'+i)))
		}
	}
}

// Every optimiser, clipping and schedule over 20 steps.
func TestPyTorchOptimizers(t *testing.T) {
	ops := NewCPU[float64](nil)
	r := openReference(t)
	c, b := r.tensor("optimiser/c"), r.tensor("optimiser/b")
	sgd := func(cfg SGDConfig) Optimizer[float64] { return mustSGD(t, ops, cfg) }
	rms := func(cfg RMSPropConfig) Optimizer[float64] {
		o, err := NewRMSProp(ops, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	type params = []*Param[float64]
	for name, o := range map[string]struct {
		opt      Optimizer[float64]
		clip     func(p params)
		schedule Schedule
	}{
		"SGD":              {opt: sgd(SGDConfig{Rate: .1, WeightDecay: .1})},
		"SGD momentum":     {opt: sgd(SGDConfig{Rate: .1, Momentum: .9, WeightDecay: .1})},
		"SGD Nesterov":     {opt: sgd(SGDConfig{Rate: .1, Momentum: .9, Nesterov: true, WeightDecay: .1})},
		"RMSProp":          {opt: rms(RMSPropConfig{Rate: .05, Decay: .99, Eps: 1e-8, WeightDecay: .1})},
		"RMSProp momentum": {opt: rms(RMSPropConfig{Rate: .05, Decay: .9, Eps: 1e-3, Momentum: .5})},
		"Adam":             {opt: mustAdam(t, ops, DefaultAdam(.1))},
		"AdamW":            {opt: mustAdam(t, ops, AdamConfig{Rate: .1, Beta1: .5, Beta2: .99, Eps: 1e-8, WeightDecay: .3})},
		"clip norm":        {opt: sgd(SGDConfig{Rate: .1}), clip: func(p params) { ClipGradNorm(ops, p, .5) }},
		"clip value":       {opt: sgd(SGDConfig{Rate: .1}), clip: func(p params) { ClipGradValue(ops, p, .3) }},
		"step":             {opt: sgd(SGDConfig{Rate: .1}), schedule: Schedule{Kind: "step", Rate: .1, Every: 5, Factor: .5}},
		"cosine":           {opt: sgd(SGDConfig{Rate: .1}), schedule: Schedule{Kind: "cosine", Rate: .1, Steps: steps, Final: .01}},
	} {
		p := &Param[float64]{Name: "p", Value: r.tensor("optimiser/" + name + "/init"), Grad: NewTensor[float64](3, 4)}
		var losses []float64
		for step := range steps {
			var loss float64
			for i, v := range p.Value.Data() {
				ci, bi := c.Data()[i], b.Data()[i]*math.Cos(float64(step))
				loss += ci*v*v/2 + bi*v
				p.Grad.Data()[i] = ci*v + bi
			}
			losses = append(losses, loss)
			if o.clip != nil {
				o.clip(params{p})
			}
			if o.schedule.Kind != "" {
				o.opt.SetRate(o.schedule.At(int64(step)))
			}
			o.opt.Step(params{p})
		}
		r.near(name+": losses", losses, "optimiser/"+name+"/losses")
		r.near(name, p.Value.Data(), "optimiser/"+name+"/final")
	}
}
