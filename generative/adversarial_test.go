package generative_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// constant is a batch that is always the same.
type constant []float32

func (c constant) Next(dst []float32, rows int) {
	if len(c) != len(dst) {
		panic("batch of another size")
	}
	copy(dst, c)
}

// pointModel is a model of the plane whose image is its centre, whatever the noise.
func pointModel(t testing.TB, rate float64) *generative.Fit {
	m, err := generative.NewMixtureModel(cpu, 1, 2, 1)
	o := fit(t, m, err, transport32(t, 1, 5), generative.FitConfig{Batch: 4, Rate: rate, Seed: 1})
	set(t, o, "centre", .3, -.2)
	set(t, o, "matrix", 0, 0, 0, 0)
	return o
}

func critic(t testing.TB, o *generative.Fit, l nn.Layer[float32], cfg generative.CriticConfig) *generative.Adversarial {
	t.Helper()
	a, err := generative.NewAdversarial(o, l, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func step(t testing.TB, o generative.Objective, data generative.Batches) map[string]float64 {
	t.Helper()
	metrics, err := o.Step(context.Background(), data, true)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, m := range metrics {
		values[m.Name] = m.Value
	}
	return values
}

var square = constant{1, 0, 0, 1, -1, .5, 2, 2}

// TestLinearFeatures: under features x -> s x with s^2 = 1/2 the squared cost is halved, and so are loss and gradient of the generator at
// half the temperature.
func TestLinearFeatures(t *testing.T) {
	s := float32(math.Sqrt(.5))
	l := nn.NewLinear(cpu, 2, 2)
	copy(l.Weight.Value.Data(), []float32{0, s, -s, 0})
	m, err := generative.NewMixtureModel(cpu, 1, 2, 1)
	o := fit(t, m, err, transport32(t, .5, 5), generative.FitConfig{Batch: 4, Rate: 1e-30, Seed: 1})
	set(t, o, "centre", .3, -.2)
	set(t, o, "matrix", 0, 0, 0, 0)
	learned := critic(t, o, l, generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Rate: 1e-30})
	fixed := pointModel(t, 1e-30)
	a, b := step(t, learned, square), step(t, fixed, square)
	if !(math.Abs(a["loss"]-b["loss"]/2) <= 1e-5*b["loss"]) {
		t.Errorf("loss %g, want half of %g", a["loss"], b["loss"])
	}
	for k, want := range fixed.Groups()[0].Params[0].Grad.Data() {
		if got := learned.Groups()[0].Params[0].Grad.Data()[k]; !(math.Abs(float64(got-want/2)) <= 1e-5) {
			t.Errorf("coordinate %d of the gradient: %g, want half of %g", k, got, want)
		}
	}
}

func features(t testing.TB, sizes ...int) nn.Layer[float32] {
	t.Helper()
	l, err := nn.NewMLP(cpu, nn.MLP{Sizes: sizes, Hidden: "leaky_relu"}, random.New(1, "critic"), nn.XavierUniform(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestCriticClimbs: with a model that stands still each step of the critic raises the loss, within its bound.
func TestCriticClimbs(t *testing.T) {
	a := critic(t, pointModel(t, 1e-30), features(t, 2, 8, 3), generative.CriticConfig{
		Steps: 3, GeneratorSteps: 1, Rate: 1e-3, Clip: .5, Optimizer: "rmsprop",
	})
	last := math.Inf(-1)
	for range 30 {
		m := step(t, a, square)
		if !(m["loss"] > last) {
			t.Fatalf("the loss went from %g to %g", last, m["loss"])
		}
		last = m["loss"]
		if !(m["critic_max_weight"] <= .5) {
			t.Fatalf("a weight of the critic is %g", m["critic_max_weight"])
		}
	}
}

// TestCriticIsClipped: every weight, from the start.
func TestCriticIsClipped(t *testing.T) {
	l := features(t, 2, 8, 3)
	l.Params()[1].Value.Data()[0] = -7
	a := critic(t, pointModel(t, .01), l, generative.CriticConfig{Steps: 2, GeneratorSteps: 3, Rate: 5, Clip: .01})
	for k := range 5 {
		for _, p := range a.Groups()[1].Params {
			if v := p.Value.Data(); !(slices.Max(v) <= .01 && slices.Min(v) >= -.01) {
				t.Fatalf("after step %d %s has weights from %g to %g", k, p.Name, slices.Min(v), slices.Max(v))
			}
		}
		step(t, a, square)
	}
}

// TestStepsOfBoth: a step has as many of critic and generator as it is told.
func TestStepsOfBoth(t *testing.T) {
	a := critic(t, pointModel(t, .01), features(t, 2, 3), generative.CriticConfig{Steps: 2, GeneratorSteps: 3, Rate: .01})
	for range 4 {
		step(t, a, square)
	}
	if g, c := a.Groups()[0].Opt.State().Step, a.Groups()[1].Opt.State().Step; g != 12 || c != 8 {
		t.Errorf("%d steps of the generator and %d of the critic, want 12 and 8", g, c)
	}
}

// linear returns the layer x -> w x of the plane.
func linear(w ...float32) *nn.Linear[float32] {
	l := nn.NewLinear(cpu, 2, 2)
	copy(l.Weight.Value.Data(), w)
	return l
}

// TestDecoderGradient: for a linear decoder D of linear features A, the error mean |p - D A p|^2 has the derivatives
//
//	by D  2 mean (D A p - p) (A p)^T          by A  2 mean D^T (D A p - p) p^T
//
// The derivative by A is taken from two weights of the error, beside that of the loss.
func TestDecoderGradient(t *testing.T) {
	a, d := []float32{.7, .2, -.4, 1.1}, []float32{.9, -.3, .5, .6}
	grads := func(weight float64) (byA, byD []float32, lost float64) {
		l := linear(a...)
		o := critic(t, pointModel(t, 1e-30), l, generative.CriticConfig{
			Steps: 1, GeneratorSteps: 1, Rate: 1e-30, Decoder: linear(d...), Reconstruction: weight,
		})
		m := step(t, o, square)
		return l.Weight.Grad.Data(), o.Groups()[2].Params[0].Grad.Data(), m["reconstruction"]
	}
	points := append([]float32{.3, -.2, .3, -.2, .3, -.2, .3, -.2}, square...)
	var wantA, wantD [4]float64
	var want float64
	for i := 0; i < len(points); i += 2 {
		p := [2]float64{float64(points[i]), float64(points[i+1])}
		mul := func(w []float32, x [2]float64) [2]float64 {
			return [2]float64{float64(w[0])*x[0] + float64(w[1])*x[1], float64(w[2])*x[0] + float64(w[3])*x[1]}
		}
		f := mul(a, p)
		e := mul(d, f)
		e[0], e[1] = e[0]-p[0], e[1]-p[1]
		back := mul([]float32{d[0], d[2], d[1], d[3]}, e)
		want += (e[0]*e[0] + e[1]*e[1]) / 8
		for r := range 2 {
			for c := range 2 {
				wantD[2*r+c] += 2 * e[r] * f[c] / 8
				wantA[2*r+c] += 2 * back[r] * p[c] / 8
			}
		}
	}
	a1, d1, lost := grads(1)
	a3, _, _ := grads(3)
	if !(math.Abs(lost-want) <= 1e-5*want) {
		t.Errorf("error of the decoder %g, want %g", lost, want)
	}
	for k := range wantA {
		if got := float64(a3[k]-a1[k]) / 2; !(math.Abs(got-wantA[k]) <= 1e-5) {
			t.Errorf("element %d of the derivative by the features: %g, want %g", k, got, wantA[k])
		}
		if got := float64(d1[k]); !(math.Abs(got-wantD[k]) <= 1e-5) {
			t.Errorf("element %d of the derivative by the decoder: %g, want %g", k, got, wantD[k])
		}
	}
}

// TestPenaltyDrawsTheSlopeToOne: features that begin with the slopes 3 and 1/4 are taken to slopes near 1 where the loss says little.
func TestPenaltyDrawsTheSlopeToOne(t *testing.T) {
	for _, slope := range []float32{3, .25} {
		l := linear(slope, 0, 0, slope)
		o := critic(t, pointModel(t, 1e-30), l, generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Rate: .01, Penalty: 1e4})
		first, last := step(t, o, square)["gradient_penalty"], 0.
		for range 500 {
			last = step(t, o, square)["gradient_penalty"]
		}
		if want := float64((slope - 1) * (slope - 1)); !(math.Abs(first-want) <= 1e-3*want) {
			t.Errorf("penalty %g of the slope %g, want %g", first, slope, want)
		}
		if !(last <= 1e-2) {
			t.Errorf("the penalty went from %g to %g", first, last)
		}
	}
}

// TestSpectralNormBoundsTheSlope: |f(x) - f(y)| <= |x - y| for features of normalised layers, however large their weights are.
func TestSpectralNormBoundsTheSlope(t *testing.T) {
	net, err := nn.NewMLP(cpu, nn.MLP{Sizes: []int{5, 16, 7, 3}, Hidden: "leaky_relu"}, random.New(1, "critic"), nn.XavierUniform(40), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := generative.SpectralNormalised(cpu, net, random.New(2, "spectral"))
	x := nn.NewTensor[float32](64, 5)
	random.Normal(random.New(3, "points"), x.Data(), 0, 1)
	for range 100 { // of the power iteration
		f.Forward(x)
	}
	y := f.Forward(x).Data()
	var steepest float64
	for i := range 64 {
		for j := range i {
			var dx, dy float64
			for k := range 5 {
				dx += math.Pow(float64(x.Data()[5*i+k]-x.Data()[5*j+k]), 2)
			}
			for k := range 3 {
				dy += math.Pow(float64(y[3*i+k]-y[3*j+k]), 2)
			}
			steepest = max(steepest, math.Sqrt(dy/dx))
		}
	}
	if !(steepest <= 1.001) {
		t.Errorf("slope %g", steepest)
	}
	if !(steepest >= .2) {
		t.Errorf("slope %g: the layers are divided by more than their norm", steepest)
	}
}

func TestBadCritics(t *testing.T) {
	for name, cfg := range map[string]generative.CriticConfig{
		"steps":     {GeneratorSteps: 1, Rate: 1},
		"generator": {Steps: 1, GeneratorSteps: -1, Rate: 1},
		"clip":      {Steps: 1, GeneratorSteps: 1, Rate: 1, Clip: math.NaN()},
		"rate":      {Steps: 1, GeneratorSteps: 1},
		"penalty":   {Steps: 1, GeneratorSteps: 1, Rate: 1, Penalty: -1},
		"weight":    {Steps: 1, GeneratorSteps: 1, Rate: 1, Reconstruction: 1},
		"no weight": {Steps: 1, GeneratorSteps: 1, Rate: 1, Decoder: features(t, 3, 2)},
		"decoder":   {Steps: 1, GeneratorSteps: 1, Rate: 1, Decoder: features(t, 3, 3), Reconstruction: 1},
		"optimizer": {Steps: 1, GeneratorSteps: 1, Rate: 1, Optimizer: "x"},
	} {
		if _, err := generative.NewAdversarial(pointModel(t, 1), features(t, 2, 3), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := generative.NewAdversarial(pointModel(t, 1), features(t, 3, 3), generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Rate: 1}); err == nil {
		t.Error("features of points of another dimension were taken")
	}
}
