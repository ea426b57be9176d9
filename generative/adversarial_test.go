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

func TestBadCritics(t *testing.T) {
	for name, cfg := range map[string]generative.CriticConfig{
		"steps":     {GeneratorSteps: 1, Rate: 1},
		"generator": {Steps: 1, Rate: 1},
		"clip":      {Steps: 1, GeneratorSteps: 1, Rate: 1, Clip: math.NaN()},
		"rate":      {Steps: 1, GeneratorSteps: 1},
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
