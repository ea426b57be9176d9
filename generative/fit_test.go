package generative_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// gaussian is data of the plane around (2, -1).
type gaussian struct{ *random.Stream }

func (g gaussian) Next(dst []float32, rows int) {
	random.Normal(g.Stream, dst[:rows*2], 0, .5)
	for i := range rows {
		dst[2*i] += 2
		dst[2*i+1]--
	}
}

// settings are those of a network learned by the debiased loss.
type settings struct {
	latent, hidden int
	activation     string
	fit            generative.FitConfig
	loss           generative.TransportConfig
}

func config() settings {
	return settings{
		latent: 2, hidden: 32, activation: "relu", fit: generative.FitConfig{Batch: 64, Rate: .003, Seed: 1},
		loss: generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: .1, Steps: 20},
	}
}

func (s settings) build() (*generative.Fit, error) {
	ops := nn.NewCPU[float32](s.fit.Runner)
	m, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{s.latent, s.hidden, 2}, Hidden: s.activation}, "uniform", s.fit.Seed)
	if err != nil {
		return nil, err
	}
	c, err := generative.NewTransport[float32](s.loss)
	if err != nil {
		return nil, err
	}
	return generative.NewFit(ops, m, c, s.fit)
}

func newSinkhorn(t *testing.T, s settings) *generative.Fit {
	t.Helper()
	o, err := s.build()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func steps(t *testing.T, o *generative.Fit, data generative.Batches, n int) []generative.Metric {
	t.Helper()
	var last []generative.Metric
	for i := range n {
		m, err := o.Step(context.Background(), data, i == n-1)
		if err != nil {
			t.Fatal(err)
		}
		last = m
	}
	return last
}

// TestLearnsAGaussian: samples take on mean and variance of the data.
func TestLearnsAGaussian(t *testing.T) {
	cfg := config()
	cfg.fit.Batch = 256 // the mean of a batch is off by .5/16, a third of the tolerance below
	o := newSinkhorn(t, cfg)
	first := steps(t, o, gaussian{random.New(1, "data")}, 1)
	last := steps(t, o, gaussian{random.New(2, "data")}, 600)
	if !(last[0].Value < .1*first[0].Value) {
		t.Errorf("the loss went from %g to %g", first[0].Value, last[0].Value)
	}
	const n = 2000
	x := make([]float32, n*2)
	o.Sample(x, n, random.New(3, "noise").Rand)
	for k, want := range []float64{2, -1} {
		var mean, variance float64
		for i := range n {
			mean += float64(x[2*i+k]) / n
		}
		for i := range n {
			variance += (float64(x[2*i+k]) - mean) * (float64(x[2*i+k]) - mean) / n
		}
		if !(math.Abs(mean-want) < .1) || !(math.Abs(variance-.25) < .1) {
			t.Errorf("coordinate %d has mean %.3g and variance %.3g, want %g and .25", k, mean, variance, want)
		}
	}
}

func parameters(o *generative.Fit) []float32 {
	var all []float32
	for _, g := range o.Groups() {
		for _, p := range g.Params {
			all = append(all, p.Value.Data()...)
		}
	}
	return all
}

// TestSameBits: on any number of workers, and whether or not metrics are asked for.
func TestSameBits(t *testing.T) {
	var first []float32
	for _, workers := range []int{1, 2, 5} {
		cfg := config()
		pool := parallel.New(workers)
		defer pool.Close()
		cfg.fit.Runner = kernels.Runner(pool)
		cfg.loss.Runner = cfg.fit.Runner
		o := newSinkhorn(t, cfg)
		data := gaussian{random.New(1, "data")}
		for i := range 10 {
			if _, err := o.Step(context.Background(), data, i%workers == 0); err != nil {
				t.Fatal(err)
			}
		}
		if got := parameters(o); first == nil {
			first = got
		} else if !slices.Equal(got, first) {
			t.Errorf("%d workers give other parameters than one", workers)
		}
	}
}

// TestStateContinues: a state carried to a new objective continues its noise.
func TestStateContinues(t *testing.T) {
	a, b := newSinkhorn(t, config()), newSinkhorn(t, config())
	steps(t, a, gaussian{random.New(1, "data")}, 3)
	state, err := a.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(state); err != nil {
		t.Fatal(err)
	}
	for i, p := range a.Groups()[0].Params {
		copy(b.Groups()[0].Params[i].Value.Data(), p.Value.Data())
	}
	if err := b.Groups()[0].Opt.Restore(b.Groups()[0].Params, a.Groups()[0].Opt.State()); err != nil {
		t.Fatal(err)
	}
	steps(t, a, gaussian{random.New(5, "data")}, 3)
	steps(t, b, gaussian{random.New(5, "data")}, 3)
	if !slices.Equal(parameters(a), parameters(b)) {
		t.Error("the restored objective took other steps")
	}
	other := config()
	other.hidden = 31
	if err := newSinkhorn(t, other).Restore(state); err == nil {
		t.Error("the state of another model was taken")
	}
}

// broken is data with a number that is not finite.
type broken struct{}

func (broken) Next(dst []float32, rows int) {
	clear(dst)
	dst[3] = float32(math.NaN())
}

func TestNotFinite(t *testing.T) {
	o := newSinkhorn(t, config())
	before := parameters(o)
	for _, report := range []bool{false, true} {
		if _, err := o.Step(context.Background(), broken{}, report); !errors.Is(err, generative.ErrNotFinite) {
			t.Errorf("report %v: error %v", report, err)
		}
	}
	if !slices.Equal(parameters(o), before) {
		t.Error("the parameters changed")
	}
}

func TestBadConfigs(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"eps":        func(c *settings) { c.loss.Eps = 0 },
		"batch":      func(c *settings) { c.fit.Batch = 0 },
		"steps":      func(c *settings) { c.loss.Steps = 0 },
		"activation": func(c *settings) { c.activation = "sine" },
		"rate":       func(c *settings) { c.fit.Rate = -1 },
		"latent":     func(c *settings) { c.latent = 0 },
	} {
		cfg := config()
		change(&cfg)
		if _, err := cfg.build(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestStepAllocatesNothing: after the first, a step takes nothing anew, whatever the iterations.
func TestStepAllocatesNothing(t *testing.T) {
	for _, steps := range []int{5, 50} {
		s := config()
		s.loss.Steps, s.loss.Runner, s.fit.Runner = steps, parallel.New(1), parallel.New(1)
		o, data := newSinkhorn(t, s), gaussian{random.New(1, "data")}
		step := func() {
			if _, err := o.Step(context.Background(), data, false); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if n := testing.AllocsPerRun(20, step); n != 0 {
			t.Errorf("%d iterations: %v allocations a step", steps, n)
		}
	}
}
