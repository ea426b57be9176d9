package train

import (
	"errors"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
)

// TestPresets: every preset is a valid config, has a line to say what it is, and makes an objective for its data.
func TestPresets(t *testing.T) {
	shapes := map[string]DataState{
		"mnist": {Rows: 1, Dim: 784, Height: 28, Width: 28, Channels: 1, MeanSquare: 100}, "cifar10": {Rows: 1, Dim: 3072, Height: 32, Width: 32, Channels: 3},
	}
	shapes["iris"] = DataState{Rows: 1, Dim: 3}
	for _, b := range data.Names() {
		shapes[b.Name] = DataState{Rows: 1, Dim: 2}
	}
	shapes["pair"] = DataState{Rows: 2, Dim: 1}
	all := Presets()
	if len(all) < 8 {
		t.Errorf("%d presets", len(all))
	}
	for _, p := range all {
		if p.About == "" || strings.Contains(p.About, "\n") {
			t.Errorf("%s: about %q", p.Name, p.About)
		}
		c, err := PresetConfig(p.Name, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		kind, _, _ := strings.Cut(c.Data, ":")
		obj, err := NewObjective(c, 1, shapes[kind], nil)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if _, learned := obj.(*generative.Adversarial); learned != (c.comparesFeatures() || c.isWGAN()) {
			t.Errorf("%s: %T", p.Name, obj)
		}
		other, err := PresetConfig(p.Name, "elsewhere:x")
		if err != nil || other.Data != "elsewhere:x" || other.Batch != c.Batch {
			t.Errorf("%s on other data: %+v, %v", p.Name, other, err)
		}
	}
	var bad *ConfigError
	if _, err := PresetConfig("x", ""); !errors.As(err, &bad) || !strings.Contains(bad.Problem, "mnist-2d") {
		t.Errorf("an unknown preset: %v", err)
	}
}

// TestAuthorsSettings are those that the authors of the paper released.
func TestAuthorsSettings(t *testing.T) {
	c, err := PresetConfig("authors-cifar", "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Cost != "l1" || c.Clip != .01 || c.Optimizer != "rmsprop" || c.Rate != 5e-5 || c.CriticRate != 5e-5 || c.CriticSteps != 1 ||
		c.GeneratorSteps != 1 || c.Latent != 100 || c.Prior != "normal" || c.Value != "sharp" || c.Self != "same" || c.Loss != "sinkhorn" {
		t.Errorf("%+v", c)
	}
	if c, err = PresetConfig("authors-mnist", ""); err != nil {
		t.Fatal(err)
	}
	if c.Loss != "plain" || c.Eps != (Eps{1, false}) || c.Iters != 50 || c.Batch != 300 || c.Rate != .005 || c.Activation != "softplus" ||
		c.Steps != 70*60000/300 {
		t.Errorf("%+v", c)
	}
}
