package train

import (
	"errors"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
)

func init() {
	for _, name := range autoEncoderNames() {
		kinds["auto-encoder "+name] = func(c *Config) { *c = smallAutoEncoder(name, c) }
	}
	kinds["auto-encoder of images"] = func(c *Config) {
		*c = smallAutoEncoder("pot-gan", c)
		c.Data, c.Model, c.Hidden, c.Decoder, c.Encoder, c.CriticSteps, c.KnownPrior = "glyphs", "dcgan", []int{6, 4}, "bernoulli", "gaussian", 2, true
	}
	kinds["auto-encoder with heuristics"] = func(c *Config) {
		*c = smallAutoEncoder("aae", c)
		c.LearnSigma, c.InputNoise, c.WarmUp, c.Pretrain, c.Encoder, c.Prior = true, .1, 9, 6, "implicit", "uniform"
	}
	for _, name := range []string{"wgan", "wgan-gp"} {
		kinds[name] = func(c *Config) {
			c.Objective, c.Features, c.Constraint, c.Clip = name, []int{8}, map[string]string{"wgan": "clip", "wgan-gp": "penalty"}[name], .01
		}
	}
}

func smallAutoEncoder(objective string, like *Config) Config {
	c := DefaultConfigOf(objective, like.Data)
	c.Steps, c.Batch, c.Iters, c.Hidden, c.Discriminator = like.Steps, like.Batch, like.Iters, like.Hidden, []int{7}
	c.LogEvery, c.SaveEvery, c.SampleEvery, c.EvalEvery = like.LogEvery, like.SaveEvery, like.SampleEvery, like.EvalEvery
	return c
}

func TestABadSettingOfAnAutoEncoderIsNamed(t *testing.T) {
	for flag, spoil := range map[string]func(c *Config){
		"--encoder x":             func(c *Config) { c.Encoder = "x" },
		"--encoder deterministic": func(c *Config) { c.Encoder = "deterministic" },
		"--encoder implicit":      func(c *Config) { c.Objective, c.Encoder, c.Model, c.Hidden = "avb", "implicit", "dcgan", []int{4} },
		"--decoder x":             func(c *Config) { c.Decoder = "x" },
		"--decoder deterministic": func(c *Config) { c.Objective, c.Decoder = "aae", "deterministic" },
		"--cost dot":              func(c *Config) { c.Cost = "dot" },
		"--critic classifier-28": func(c *Config) {
			c.Critic, c.CriticFile, c.Decoder = "classifier-28", "x", "gaussian"
		},
		"--gan x":            func(c *Config) { c.GAN = "x" },
		"--prior sphere":     func(c *Config) { c.Prior = "sphere" },
		"--model mixture":    func(c *Config) { c.Model = "mixture" },
		"--sigma 0":          func(c *Config) { c.Sigma = 0 },
		"--lambda -1":        func(c *Config) { c.Lambda = -1 },
		"--lambda-warmup -1": func(c *Config) { c.WarmUp = -1 },
		"--pretrain -1":      func(c *Config) { c.Pretrain = -1 },
		"--input-noise -1":   func(c *Config) { c.InputNoise = -1 },
		"--encoder-noise 0":  func(c *Config) { c.EncoderNoise = 0 },
		"--projections 0":    func(c *Config) { c.Projections = 0 },
		"--discriminator 0":  func(c *Config) { c.Discriminator = []int{0} },
		"--features 3":       func(c *Config) { c.Features = []int{3} },
		"--batch 1":          func(c *Config) { c.Objective, c.Batch = "wae-mmd", 1 },
	} {
		c := DefaultConfigOf("vae", "")
		spoil(&c)
		var bad *ConfigError
		if err := c.Validate(); !errors.As(err, &bad) || bad.Flag != flag || !strings.Contains(bad.Problem, " ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	for _, name := range autoEncoderNames() {
		for _, data := range []string{"", "ring8", "mnist:x"} {
			if err := DefaultConfigOf(name, data).Validate(); err != nil {
				t.Errorf("%s on %q: %v", name, data, err)
			}
		}
	}
}

// TestHeuristicsChangeWhatIsLogged: each of them shows in a metric.
func TestHeuristicsChangeWhatIsLogged(t *testing.T) {
	last := func(change func(c *Config)) map[string]float64 {
		c := smallAutoEncoder("aae", &Config{Data: "ring8", Steps: 8, Batch: 16, Iters: 4, Hidden: []int{9}, LogEvery: 1, SaveEvery: 100, EvalEvery: -1})
		change(&c)
		dir := newDir(t)
		mustRun(t, prepared(t, dir, c, 1))
		lines, err := readMetrics(folder(dir).metrics())
		if err != nil {
			t.Fatal(err)
		}
		return lines[len(lines)-1]
	}
	plain := last(func(*Config) {})
	for metric, change := range map[string]func(c *Config){
		"lambda":              func(c *Config) { c.WarmUp = 100 },
		"pretraining_loss":    func(c *Config) { c.Pretrain = 100 },
		"decoder_variance":    func(c *Config) { c.LearnSigma = true },
		"discriminator_value": func(c *Config) { c.KnownPrior = true },
		"reconstruction":      func(c *Config) { c.InputNoise = .1 },
		"grad_norm":           func(c *Config) { c.HalfLife = 2 },
	} {
		if got := last(change)[metric]; got == plain[metric] {
			t.Errorf("%s stays %g", metric, got)
		}
	}
}

// TestCollapsesAreNoticed: each kind is told with its step, kept through a resume and part of the summary.
func TestCollapsesAreNoticed(t *testing.T) {
	for kind, change := range map[string]func(c *Config){
		"posterior collapse": func(c *Config) { *c = smallAutoEncoder("vae", c); c.Lambda, c.Rate = 1e4, .01 },
		"variance to zero": func(c *Config) {
			*c = smallAutoEncoder("ae", c)
			c.Decoder, c.Sigma, c.LearnSigma, c.Lambda, c.Rate = "gaussian", 9e-4, true, 0, 1e-6
		},
		"codes collapse": func(c *Config) { *c = smallAutoEncoder("wae-w2", c); c.Lambda, c.Latent, c.Rate = 0, 64, 1e-9 },
		"discriminator wins": func(c *Config) {
			*c = smallAutoEncoder("pot-gan", c)
			c.Lambda, c.CriticRate, c.CriticSteps, c.Latent = 0, .003, 5, 32
		},
	} {
		t.Run(kind, func(t *testing.T) {
			c := Config{Data: "ring8", Steps: 600, Batch: 64, Iters: 4, Hidden: []int{16}, LogEvery: 10, SaveEvery: 100, EvalEvery: -1}
			change(&c)
			c.HalfLife = 0
			var told []string
			o := prepared(t, newDir(t), c, 1)
			if kind == "codes collapse" { // an encoder that says nothing
				for _, p := range o.Objective.Groups()[0].Params {
					clear(p.Value.Data())
				}
			}
			o.Reporter = notes{text: &told}
			s := mustRun(t, o)
			if len(s.Notices) == 0 || s.Notices[0].Kind != kind || s.Notices[0].Step < 100 || s.Notices[0].Step%10 != 0 {
				t.Fatalf("notices %+v", s.Notices)
			}
			if kind == "posterior collapse" { // all codes say the same, and so do all samples
				if len(s.Notices) != 2 || s.Notices[1].Kind != modeCollapse {
					t.Errorf("notices %+v, want one of the modes too", s.Notices)
				}
			} else if len(s.Notices) > 1 {
				t.Errorf("notices %+v, want one", s.Notices)
			}
			if len(told) == 0 || !strings.HasPrefix(told[0], "step ") || !strings.Contains(s.Text(), s.Notices[0].Text) {
				t.Errorf("told %q", told)
			}
			back, _, err := LoadModel(s.Dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if kept := back.(generative.Noticer).Notices(); len(kept) != 1 || kept[0] != s.Notices[0] {
				t.Errorf("kept %+v", kept)
			}
		})
	}
}

// TestCodesAreMeasured at the end of a run and on its schedule, with the same numbers when it resumes.
func TestCodesAreMeasured(t *testing.T) {
	c := smallAutoEncoder("wae-mmd", &Config{Data: "ring8", Steps: 300, Batch: 64, Iters: 4, Hidden: []int{32}, LogEvery: 50, SaveEvery: 100, EvalEvery: 100})
	dir := newDir(t)
	s := mustRun(t, prepared(t, dir, c, 1))
	if s.HeldOutRows != codeRows || len(s.HeldOutMetrics) != 2 || s.HeldOutMetrics[0].Name != "held_out_squared_error" {
		t.Fatalf("%d rows, %+v", s.HeldOutRows, s.HeldOutMetrics)
	}
	lines, err := readMetrics(folder(dir).metrics())
	if err != nil {
		t.Fatal(err)
	}
	var lost, apart []float64
	for _, l := range lines {
		if v, ok := l["held_out_squared_error"]; ok {
			lost, apart = append(lost, v), append(apart, l["held_out_latent_mmd"])
		}
	}
	if len(lost) != 3 || lost[2] != s.HeldOutMetrics[0].Value || !(lost[2] < lost[0]) || !(apart[2] < apart[0]) {
		t.Errorf("squared errors %g, discrepancies %g", lost, apart)
	}
}
