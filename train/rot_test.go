package train

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/evaluate"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

func TestROTSettings(t *testing.T) {
	for flag, spoil := range map[string]func(c *Config){
		"--oracle x": func(c *Config) { c.Oracle = "x" }, "--reg x": func(c *Config) { c.Reg = "x" }, "--step x": func(c *Config) { c.StepRule = "x" },
		"--delta -1": func(c *Config) { c.Delta = -1 }, "--l0 NaN": func(c *Config) { c.L0 = math.NaN() },
		"--ascent-steps 0": func(c *Config) { c.Ascent = 0 }, "--ascent-lr 0": func(c *Config) { c.AscentRate = 0 },
		"--eps-start 0.5": func(c *Config) { c.EpsStart = .5 }, "--eps-half-life 0": func(c *Config) { c.EpsStart, c.EpsHalf = 2, 0 },
		"--dual x":       func(c *Config) { c.Dual = "x" },
		"--cost-mix 1":   func(c *Config) { c.CostMix = 1 },
		"--cost-mix -1":  func(c *Config) { c.CostMix = -1 },
		"--potentials 0": func(c *Config) { c.Potentials = []int{0} },
		"--step theory":  func(c *Config) { c.StepRule, c.Features = "theory", []int{4} },
	} {
		c := DefaultConfigOf("rot-gan", "ring8")
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		var bad *ConfigError
		if err := c.Validate(); !errors.As(err, &bad) || bad.Flag != flag {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// A lambda that float32 does not carry is refused before anything is written, and what works is named.
func TestSmallLambdaIsRefused(t *testing.T) {
	c := DefaultConfigOf("rot-gan", "ring8")
	c.Eps = Eps{Value: 1e-6}
	var bad *ConfigError
	if _, err := Prepare(c, nil); !errors.As(err, &bad) || !strings.Contains(bad.Problem, "smallest that works") {
		t.Errorf("%v", err)
	}
	c.Eps = Eps{Value: 1e-3}
	if _, err := Prepare(c, nil); err != nil {
		t.Error(err)
	}
}

// A run whose oracle remembers potentials goes on with the same bits after it was broken off.
func TestOracleResumes(t *testing.T) {
	for _, q := range []struct {
		oracle, dual string
		groups       int // the generator and three duals
	}{{"neural", "full", 4}, {"neural", "semi", 4}, {"stochastic-data", "full", 1}} {
		t.Run(q.oracle+" "+q.dual, func(t *testing.T) { oracleResumes(t, q.oracle, q.dual, q.groups) })
	}
}

func oracleResumes(t *testing.T, kind, dual string, groups int) {
	c := DefaultConfigOf("rot-gan-debiased", "ring8")
	c.Oracle, c.Batch, c.Steps, c.SaveEvery, c.LogEvery, c.EvalEvery = kind, 16, 6, 3, 1, -1
	c.Hidden, c.Potentials, c.Ascent = []int{8}, []int{8}, 2
	c.Dual, c.EpsStart, c.EpsHalf, c.Iters = dual, 8, 2, 3
	whole, broken := t.TempDir()+"/whole", t.TempDir()+"/broken"
	runTo := func(dir string, steps int, resume bool) {
		t.Helper()
		c := c
		c.Steps = steps
		o, err := Prepare(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.Dir, o.Resume = dir, resume
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	runTo(whole, 6, false)
	runTo(broken, 3, false)
	runTo(broken, 6, true)
	a, _, err := loadObjective(whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := loadObjective(broken, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Groups()) != groups {
		t.Fatalf("%d groups, want %d", len(a.Groups()), groups)
	}
	for k, g := range a.Groups() {
		for i, p := range g.Params {
			q := b.Groups()[k].Params[i]
			for j, v := range p.Value.Data() {
				if v != q.Value.Data()[j] {
					t.Fatalf("%s.%s[%d]: %g and %g", g.Name, p.Name, j, v, q.Value.Data()[j])
				}
			}
		}
	}
}

// Features of a classifier are read from its checkpoint and stay as they are.
func TestFeaturesOfAClassifier(t *testing.T) {
	k := DefaultConfigOf("classifier", "glyphs")
	k.Model, k.Steps, k.Batch, k.EvalEvery = "classifier-small-28", 1, 4, -1
	dir := t.TempDir() + "/classes"
	o, err := Prepare(k, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = dir
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	classes, _, err := LoadClassifier(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := classes.Groups()[0].Params
	var c Config
	for _, objective := range []string{"rot-gan-debiased", "wae-mmd"} {
		c = DefaultConfigOf(objective, "glyphs")
		c.Critic, c.CriticFile, c.Cost, c.Eps = "classifier-small-28", folder(dir).tensors(), "cosine", Eps{Value: .1}
		c.Steps, c.Batch, c.Hidden, c.EvalEvery = 2, 8, []int{8}, -1
		if o, err = Prepare(c, nil); err != nil {
			t.Fatal(err)
		}
		o.Dir = t.TempDir() + "/run"
		s, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if s.Steps != 2 || !(s.Loss > 0) {
			t.Errorf("%+v", s)
		}
		groups := o.Objective.Groups()
		got := groups[slices.IndexFunc(groups, func(g *nn.Group[float32]) bool { return g.Name == "critic" })].Params
		if len(got) == 0 || len(got) >= len(want) {
			t.Fatalf("%s: %d parameters of features from %d", objective, len(got), len(want))
		}
		for i, p := range got {
			for j, v := range p.Value.Data() {
				if v != want[i].Value.Data()[j] {
					t.Fatalf("%s: %s[%d] is %g, the classifier has %g", objective, p.Name, j, v, want[i].Value.Data()[j])
				}
			}
		}
		c.Steps = 3
		again, err := Prepare(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Dir, again.Resume = o.Dir, true
		mustRun(t, again)
	}
	c.CriticFile = ""
	if err := c.Validate(); err == nil {
		t.Error("features without a file are taken")
	}
}

// A cost that mixes rows with features keeps the mean between rows in its checkpoint, and resumes.
func TestMixedCost(t *testing.T) {
	c := DefaultConfigOf("rot-gan-debiased", "glyphs")
	c.Critic, c.Cost, c.Eps, c.CostMix = "digits", "cosine", Eps{Value: .1, OfMean: true}, .5
	c.Steps, c.Batch, c.Hidden, c.EvalEvery = 2, 8, []int{8}, -1
	o, err := Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = t.TempDir() + "/run"
	mustRun(t, o)
	_, k, err := LoadModel(o.Dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := meanSquare(o.Source.Train); k.Data.MeanSquare != want {
		t.Errorf("mean squared distance %g, want %g", k.Data.MeanSquare, want)
	}
	c.Steps = 3
	again, err := Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Dir, again.Resume = o.Dir, true
	mustRun(t, again)
	for flag, spoil := range map[string]func(c *Config){
		"cost": func(c *Config) { c.Cost = "l1" }, "objective": func(c *Config) { c.Objective = "mmd" },
		"features": func(c *Config) { c.Critic = "mlp" }, "weight": func(c *Config) { c.CostMix = math.Inf(1) },
	} {
		bad := c
		spoil(&bad)
		if bad.Validate() == nil {
			t.Errorf("%s: a mix that cannot be is taken", flag)
		}
	}
}

// The features of digits need no file, and do not learn.
func TestFeaturesOfDigits(t *testing.T) {
	c := DefaultConfigOf("rot-gan-debiased", "glyphs")
	c.Critic, c.Cost, c.Eps = "digits", "cosine", Eps{Value: .1, OfMean: true}
	c.Steps, c.Batch, c.Hidden, c.EvalEvery = 2, 8, []int{8}, -1
	o, err := Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	net, err := evaluate.Digits(nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = t.TempDir() + "/run"
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	got, want := o.Objective.Groups()[1].Params, net.Features().Params()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d parameters, want %d", len(got), len(want))
	}
	for i, p := range got {
		if !slices.Equal(p.Value.Data(), want[i].Value.Data()) {
			t.Errorf("%s is not that of digits", p.Name)
		}
	}
	x := make([]float32, 3*net.Dim())
	random.Uniform(random.New(1, "test"), x, 0, 1)
	features, logits := make([]float32, 3*net.FeatureDim()), make([]float32, 3*net.Classes())
	if err := net.Read(features, logits, x, 3); err != nil {
		t.Fatal(err)
	}
	if y := net.Features().Forward(nn.TensorOf(x, 3, net.Dim())); !slices.Equal(y.Data(), features) {
		t.Error("other features than those that are read")
	}
	if _, _, err := LoadModel(o.Dir, nil); err != nil {
		t.Error(err)
	}
	c.CriticFile = "x"
	if err := c.Validate(); err == nil {
		t.Error("a file for digits is taken")
	}
	c = DefaultConfigOf("rot-gan-debiased", "ring8")
	c.Critic = "digits"
	var bad *ConfigError
	if _, err := Prepare(c, nil); !errors.As(err, &bad) {
		t.Errorf("points of the plane are read as digits: %v", err)
	}
}

// An oracle that falls short says so once to whoever watches, and in each line of the metrics what it reached; training goes on.
func TestAnOracleThatFallsShortSaysSoOnce(t *testing.T) {
	c := DefaultConfigOf("rot-gan", "ring8")
	c.Iters, c.Delta, c.L0, c.Eps, c.Steps, c.Batch, c.LogEvery, c.EvalEvery = 2, 1e-3, 10, Eps{Value: .001, OfMean: true}, 5, 32, 1, -1
	o, err := Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	notes := &noted{}
	o.Dir, o.Reporter = t.TempDir()+"/run", notes
	s, err := Run(t.Context(), o)
	if err != nil || s.Steps != 5 {
		t.Fatalf("%+v, %v", s, err)
	}
	told := 0
	for _, text := range notes.texts {
		if strings.Contains(text, "does not reach its accuracy") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times: %q", told, notes.texts)
	}
	text, err := os.ReadFile(filepath.Join(o.Dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 5 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		var m map[string]float64
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m["oracle_reached"] != 0 || !(m["delta"] > c.Delta) || !(m["gap"] > 0) {
			t.Errorf("%s", line)
		}
	}
}

type noted struct {
	silent
	texts []string
}

func (n *noted) Note(text string) { n.texts = append(n.texts, text) }
