package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// kinds are configs of every objective, model and option that has a state or an order of its own.
var kinds = map[string]func(c *Config){
	"sinkhorn":    func(c *Config) { c.Self, c.Prior = "same", "uniform" },
	"independent": func(c *Config) { c.Self, c.Prior = "independent", "normal" },
	"otgan":       func(c *Config) { c.Loss, c.Value, c.Cost = "otgan", "entropic", "cosine" },
	"plain":       func(c *Config) { c.Loss, c.Cost, c.Activation = "plain", "l1", "softplus" },
	"envelope":    func(c *Config) { c.Gradient, c.Loss, c.Cost = "envelope", "otgan", "cosine" },
	"implicit":    func(c *Config) { c.Gradient, c.Iters, c.Eps = "implicit", 2000, Eps{.3, true} },
	"reach":       func(c *Config) { c.Value, c.Reach = "entropic", 2 },
	"exact":       func(c *Config) { c.Objective = "exact" },
	"rmsprop":     func(c *Config) { c.Optimizer, c.HalfLife = "rmsprop", 5 },
	"mmd":         func(c *Config) { c.Objective, c.Kernel, c.Estimate = "mmd", "energy", "unbiased" },
	"ellipsoids":  func(c *Config) { c.Model, c.Components = "ellipsoids", 2 },
	"mixture":     func(c *Config) { c.Model, c.Components = "mixture", 8 },
	"learned": func(c *Config) {
		c.Features, c.Cost, c.CriticSteps, c.GeneratorSteps, c.Optimizer = []int{8, 3}, "euclidean", 2, 3, "rmsprop"
	},
	"dcgan": func(c *Config) { c.Data, c.Model, c.Hidden = "glyphs", "dcgan", []int{6, 4} },
	"learned dcgan": func(c *Config) {
		c.Data, c.Model, c.Hidden, c.Critic, c.Features, c.Eps = "glyphs", "dcgan", []int{4}, "dcgan", []int{3, 5}, Eps{.1, true}
	},
	"learned with a decoder": func(c *Config) { c.Features, c.Reconstruction, c.Constraint = []int{8, 3}, .5, "spectral" },
	"learned with a penalty": func(c *Config) { c.Features, c.Constraint, c.Cost = []int{8, 3}, "penalty", "euclidean" },
	"learned dcgan with a decoder": func(c *Config) {
		c.Data, c.Model, c.Hidden, c.Critic, c.Features, c.Eps = "glyphs", "dcgan", []int{4}, "dcgan", []int{3, 5}, Eps{.1, true}
		c.Reconstruction, c.Constraint = .1, "spectral"
	},
	"learned mmd": func(c *Config) { c.Objective, c.Features = "mmd", []int{4} },
}

func kindConfig(change func(c *Config)) Config {
	c := DefaultConfig("ring8")
	c.Steps, c.Batch, c.Iters, c.Hidden = 12, 16, 4, []int{9}
	c.LogEvery, c.SaveEvery, c.SampleEvery, c.EvalEvery = 3, 5, 0, -1
	change(&c)
	return c
}

// prepared returns the run of a config, on that number of workers.
func prepared(t testing.TB, dir string, c Config, workers int) Options {
	t.Helper()
	pool := parallel.New(workers)
	t.Cleanup(pool.Close)
	if c.Data != "glyphs" {
		o, err := Prepare(c, pool)
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = dir
		return o
	}
	src := smallImages()
	obj, err := NewObjective(c, .1, shapeOf(src.Train), pool)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Dir: dir, Config: c, Source: src, Eps: .1, Objective: obj, Runner: pool}
}

// smallImages are 40 images of 8 x 12 pixels in two channels.
func smallImages() *data.Source {
	pixels := make([]uint8, 40*8*12*2)
	rng := random.New(1, "pixels")
	for i := range pixels {
		pixels[i] = uint8(rng.IntN(256))
	}
	d, err := data.NewImages(8, 12, 2, pixels, nil)
	if err != nil {
		panic(err)
	}
	return &data.Source{Name: "noise", Train: d}
}

// TestEveryKindResumesBitForBit, on other numbers of workers, and its model can be loaded.
func TestEveryKindResumesBitForBit(t *testing.T) {
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) {
			c := kindConfig(change)
			whole, dir := newDir(t), newDir(t)
			o := prepared(t, whole, c, 1)
			mustRun(t, o)

			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			first := prepared(t, dir, c, 3)
			first.Reporter = hook{step: func(step int) {
				if step == 7 {
					cancel()
				}
			}}
			if _, err := Run(ctx, first); !errors.Is(err, ErrInterrupted) {
				t.Fatal(err)
			}
			second := prepared(t, dir, c, 2)
			second.Resume = true
			mustRun(t, second)
			sameOutcome(t, outcome(t, whole), outcome(t, dir))

			model, _, err := LoadModel(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, want := make([]float32, 3*o.Source.Train.Dim), make([]float32, 3*o.Source.Train.Dim)
			model.Sample(got, 3, random.New(1, "x").Rand)
			o.Objective.(generative.Generator).Sample(want, 3, random.New(1, "x").Rand)
			if !slices.Equal(got, want) {
				t.Errorf("the loaded model makes %v, the trained one %v", got, want)
			}
		})
	}
}

// TestFrozenFeaturesStay: those of a run's checkpoint serve another run, which leaves them as they are; a file of the network alone does too,
// and one of another network is refused.
func TestFrozenFeaturesStay(t *testing.T) {
	c := kindConfig(kinds["learned"])
	made := newDir(t)
	first := prepared(t, made, c, 1)
	mustRun(t, first)
	trained := first.Objective.Groups()[1].Params
	alone := filepath.Join(t.TempDir(), "features.safetensors")
	net, err := newCritic(nn.NewCPU[float32](nil), c, DataState{Dim: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range net.Params() {
		copy(p.Value.Data(), trained[i].Value.Data())
	}
	if err := nn.SaveModel(nn.NewCPU[float32](nil), alone, net, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder(made).tensors(), alone} {
		c := c
		c.CriticFile, c.Seed, c.Clip = path, 2, 1e-9
		dir := newDir(t)
		o := prepared(t, dir, c, 1)
		mustRun(t, o)
		for i, p := range o.Objective.Groups()[1].Params {
			if !slices.Equal(p.Value.Data(), trained[i].Value.Data()) {
				t.Errorf("%s of %s has changed", p.Name, path)
			}
		}
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadModel(dir, nil); err != nil {
			t.Errorf("the model needs the file of the features: %v", err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		c.Features = []int{7, 3}
		if _, err := Prepare(c, nil); err == nil || !strings.Contains(err.Error(), "[8 2]") {
			t.Errorf("features of other sizes: %v", err)
		}
	}
}

func TestConvolutionsNeedImages(t *testing.T) {
	for flag, c := range map[string]Config{
		"--model dcgan":  kindConfig(func(c *Config) { c.Model = "dcgan" }),
		"--critic dcgan": kindConfig(func(c *Config) { c.Critic, c.Features = "dcgan", []int{3, 3} }),
	} {
		var bad *ConfigError
		if _, err := Prepare(c, nil); !errors.As(err, &bad) || bad.Flag != flag {
			t.Errorf("%s on points: %v", flag, err)
		}
	}
	c := kindConfig(kinds["dcgan"])
	c.Hidden = []int{8, 8, 8} // 12 pixels cannot be halved three times
	if err := c.fits(smallImages().Train); err == nil {
		t.Error("12 pixels were halved three times")
	}
}

// TestModesAreCounted: of a mixture that is the data's, all modes are covered, by 98.9 % of the samples; of one centre only one is.
func TestModesAreCounted(t *testing.T) {
	modes := data.Ring8Modes()
	c := kindConfig(kinds["mixture"])
	o := prepared(t, newDir(t), c, 1)
	params := o.Objective.Groups()[0].Params
	for k, centre := range modes.Centres {
		copy(params[0].Value.Data()[2*k:], []float32{float32(centre[0]), float32(centre[1])})
		s := float32(modes.Sigma)
		copy(params[1].Value.Data()[4*k:], []float32{s, 0, 0, s})
	}
	got := sampledModes(o.Objective.(generative.Generator), &modes, 1)
	// 1 - exp(-9/2) within four standard errors of 10,000 samples
	if got.Covered != 8 || got.Of != 8 || !(got.Near >= .9889-.0042 && got.Near <= .9889+.0042) {
		t.Errorf("of the data itself: %v", got)
	}
	for k := range modes.Centres {
		copy(params[0].Value.Data()[2*k:], []float32{1, 0})
	}
	if got := sampledModes(o.Objective.(generative.Generator), &modes, 1); got.Covered != 1 {
		t.Errorf("of one mode: %v", got)
	}
}
