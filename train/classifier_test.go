package train

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/nn"
)

// classifierOptions returns a run of the small classifier on written digits.
func classifierOptions(t testing.TB, dir string, steps, rows, workers int) Options {
	t.Helper()
	c := DefaultConfigOf("classifier", "glyphs")
	c.Model, c.Steps, c.Batch, c.Rate = "classifier-small-28", steps, 20, 2e-3
	c.LogEvery, c.SaveEvery, c.EvalEvery = 3, 5, 4
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	pool := parallel.New(workers)
	t.Cleanup(pool.Close)
	src := &data.Source{Name: "glyphs", Train: data.Glyphs(1, rows), Test: data.Glyphs(2, 200)}
	if err := c.fitsClassifier(src); err != nil {
		t.Fatal(err)
	}
	obj, err := NewObjective(c, 1, shapeOf(src.Train), pool)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Dir: dir, Config: c, Source: src, Eps: 1, Objective: obj, Runner: pool, Distance: meanDistance}
}

// A classifier that was interrupted ends with the bits of one that was not; its run has no pictures of samples, and a file of weights
// that package nn reads.
func TestClassifierResumesBitForBit(t *testing.T) {
	whole, dir := newDir(t), newDir(t)
	mustRun(t, classifierOptions(t, whole, 12, 200, 1))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	first := classifierOptions(t, dir, 12, 200, 3)
	first.Reporter = hook{step: func(step int) {
		if step == 7 {
			cancel()
		}
	}}
	if _, err := Run(ctx, first); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	second := classifierOptions(t, dir, 12, 200, 2)
	second.Resume = true
	mustRun(t, second)
	sameOutcome(t, outcome(t, whole), outcome(t, dir))
	if _, err := os.Stat(folder(whole).samples(12)); err == nil {
		t.Error("a classifier drew samples")
	}

	loaded, _, err := LoadClassifier(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadModel(dir, nil); err == nil || !strings.Contains(err.Error(), "makes no samples") {
		t.Errorf("a classifier as a generator: %v", err)
	}
	ops := nn.NewCPU[float32](nil)
	net, err := nn.NewModel(ops, "classifier-small-28", 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nn.LoadModel(ops, folder(dir).weights(), net); err != nil {
		t.Fatal(err)
	}
	nn.SetTraining(net, false)
	const rows = 3
	x, got := make([]float32, rows*loaded.Dim()), make([]float32, rows*loaded.Classes())
	second.Source.Test.Rows(x, []int{0, 1, 2})
	loaded.Logits(got, x, rows)
	if want := net.Forward(nn.TensorOf(x, rows, 1, 28, 28)).Data(); !slices.Equal(got, want) {
		t.Errorf("logits %v of the run, %v of its weights", got, want)
	}
	last := net.(*nn.Sequential[float32]).Layers()
	features := make([]float32, rows*loaded.FeatureDim())
	loaded.Features(features, x, rows)
	if again := last[len(last)-1].Forward(nn.TensorOf(features, rows, loaded.FeatureDim())).Data(); !slices.Equal(got, again) {
		t.Errorf("logits %v, of the features %v", got, again)
	}
}

// 100 steps on 1000 written digits read nine in ten of others; by chance it would be one.
func TestClassifierLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for some seconds")
	}
	s := mustRun(t, classifierOptions(t, newDir(t), 100, 1000, 2))
	if s.HeldOutRows != 200 || s.HeldOutMetrics[0].Name != "held_out_accuracy" || !(s.HeldOutMetrics[0].Value >= .9) {
		t.Errorf("%d rows, %v", s.HeldOutRows, s.HeldOutMetrics)
	}
	if !strings.Contains(s.Text(), "on 200 held-out rows: accuracy") {
		t.Errorf("%q", s.Text())
	}
}

func TestClassifierRefuses(t *testing.T) {
	for flag, change := range map[string]func(c *Config){
		"--objective classifier": func(c *Config) { c.Data = "ring8" },
		"--model network":        func(c *Config) { c.Model = "network" },
	} {
		c := DefaultConfigOf("classifier", "glyphs")
		change(&c)
		var bad *ConfigError
		if _, err := Prepare(c, nil); !errors.As(err, &bad) || bad.Flag != flag {
			t.Errorf("%s: %v", flag, err)
		}
	}
	c := DefaultConfig("glyphs")
	c.Model = "classifier-28"
	var bad *ConfigError
	if err := c.Validate(); !errors.As(err, &bad) || bad.Flag != "--model classifier-28" {
		t.Errorf("a classifier as a generator: %v", err)
	}
	c = DefaultConfigOf("classifier", "glyphs")
	pixels := make([]uint8, 4*12*12)
	small, err := data.NewImages(12, 12, 1, pixels, []int{0, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.fitsClassifier(&data.Source{Train: small}); err == nil || !strings.Contains(err.Error(), "12 x 12") {
		t.Errorf("other images: %v", err)
	}
	many, err := data.NewImages(28, 28, 1, make([]uint8, 28*28), []int{10})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.fitsClassifier(&data.Source{Train: many}); err == nil || !strings.Contains(err.Error(), "0 to 9") {
		t.Errorf("other classes: %v", err)
	}
}
