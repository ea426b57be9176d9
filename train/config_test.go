package train

import (
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/data"
)

func TestDefaultsAreValid(t *testing.T) {
	for _, spec := range []string{"", "glyphs", "mnist:x", "points:x.csv", "nonsense"} {
		if err := DefaultConfig(spec).Validate(); err != nil {
			t.Errorf("%q: %v", spec, err)
		}
	}
	for _, b := range data.Names() {
		c := DefaultConfig(b.Name)
		if err := c.Validate(); err != nil || c.Data != b.Name {
			t.Errorf("%q: %q, %v", b.Name, c.Data, err)
		}
	}
	a, b := DefaultConfig(""), DefaultConfig("")
	a.Hidden[0] = 7
	if b.Hidden[0] == 7 {
		t.Error("two configs share their widths")
	}
}

func TestABadSettingIsNamedWithItsRemedy(t *testing.T) {
	for flag, spoil := range map[string]func(c *Config){
		"--objective x":       func(c *Config) { c.Objective = "x" },
		`--data ""`:           func(c *Config) { c.Data = "" },
		"--steps 0":           func(c *Config) { c.Steps = 0 },
		"--batch 0":           func(c *Config) { c.Batch = 0 },
		"--batch 100000":      func(c *Config) { c.Batch = 100000 },
		"--eps 0":             func(c *Config) { c.Eps.Value = 0 },
		"--eps -1":            func(c *Config) { c.Eps.Value = -1 },
		"--eps NaN":           func(c *Config) { c.Eps.Value = math.NaN() },
		"--eps +Inf*mean":     func(c *Config) { c.Eps = Eps{math.Inf(1), true} },
		"--iters 0":           func(c *Config) { c.Iters = 0 },
		"--lr 0":              func(c *Config) { c.Rate = 0 },
		"--loss x":            func(c *Config) { c.Loss = "x" },
		"--self both":         func(c *Config) { c.Self = "both" },
		"--value dull":        func(c *Config) { c.Value = "dull" },
		"--cost x":            func(c *Config) { c.Cost = "x" },
		"--kernel x":          func(c *Config) { c.Kernel = "x" },
		"--estimate x":        func(c *Config) { c.Estimate = "x" },
		"--bandwidths [1 0]":  func(c *Config) { c.Bandwidths = []float64{1, 0} },
		"--bandwidths []":     func(c *Config) { c.Bandwidths = nil },
		"--batch 1":           func(c *Config) { c.Objective, c.Estimate, c.Batch = "mmd", "unbiased", 1 },
		"--model x":           func(c *Config) { c.Model = "x" },
		"--prior flat":        func(c *Config) { c.Prior = "flat" },
		"--activation sine":   func(c *Config) { c.Activation = "sine" },
		"--components 0":      func(c *Config) { c.Components = 0 },
		"--optimizer x":       func(c *Config) { c.Optimizer = "x" },
		"--lr-half-life -1":   func(c *Config) { c.HalfLife = -1 },
		"--critic x":          func(c *Config) { c.Critic = "x" },
		`--hidden ""`:         func(c *Config) { c.Model, c.Hidden = "dcgan", nil },
		"--features 0":        func(c *Config) { c.Features = []int{0} },
		"--critic-steps 0":    func(c *Config) { c.CriticSteps = 0 },
		"--generator-steps 0": func(c *Config) { c.GeneratorSteps = 0 },
		"--clip NaN":          func(c *Config) { c.Clip = math.NaN() },
		"--critic-lr 0":       func(c *Config) { c.CriticRate = 0 },
		"--lr NaN":            func(c *Config) { c.Rate = math.NaN() },
		"--latent 0":          func(c *Config) { c.Latent = 0 },
		"--hidden 5,0":        func(c *Config) { c.Hidden = []int{5, 0} },
		"--log-every 0":       func(c *Config) { c.LogEvery = 0 },
		"--sample-every -1":   func(c *Config) { c.SampleEvery = -1 },
		"--save-every 0":      func(c *Config) { c.SaveEvery = 0 },
		"--eval-every -2":     func(c *Config) { c.EvalEvery = -2 },
		"--threads -1":        func(c *Config) { c.Threads = -1 },
		"config":              func(c *Config) { c.Schema = 2 },
	} {
		c := DefaultConfig("")
		spoil(&c)
		err := c.Validate()
		var bad *ConfigError
		if !errors.As(err, &bad) || bad.Flag != flag || !strings.Contains(bad.Problem, " ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestConfigGoesThroughJSON(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultConfig("")
		c.Seed = rapid.Uint64().Draw(t, "seed")
		c.Eps = Eps{rapid.Float64Range(1e-300, 1e300).Draw(t, "eps"), rapid.Bool().Draw(t, "of mean")}
		c.Rate = rapid.Float64Range(1e-300, 1e300).Draw(t, "lr")
		c.Hidden = rapid.SliceOf(rapid.IntRange(1, maxWidth)).Draw(t, "hidden")
		f := folder(dir)
		if err := f.writeConfig(c); err != nil {
			t.Fatal(err)
		}
		back, err := LoadConfig(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, back); diff != "" {
			t.Fatal(diff)
		}
		if d := c.difference(back); d != "" {
			t.Fatal(d)
		}
		back.Iters++
		if d := c.difference(back); !strings.HasPrefix(d, "iters is") {
			t.Fatalf("difference %q", d)
		}
	})
}

func TestABadConfigFileIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	for _, text := range []string{"", "{", "[]", `{"batches": 3}`, `{"eps": "x"}`, `{"eps": -1}`, `{"batch": 1.5}`, `{} {}`} {
		writeFile(t, path, text)
		if _, err := ReadConfig(path, DefaultConfig("")); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := LoadConfig(t.TempDir()); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("no config: %v", err)
	}
	writeFile(t, path, `{"batch": 3}`)
	c, err := ReadConfig(path, DefaultConfig(""))
	if want := DefaultConfig(""); err != nil || c.Batch != 3 || c.Eps != want.Eps {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestEpsIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]Eps{
		"1": {1, false}, ".05*mean": {.05, true}, "0.05 * mean": {.05, true}, "1e-3": {1e-3, false},
	} {
		e, err := ParseEps(text)
		if err != nil || e != want {
			t.Errorf("%q: %v, %v", text, e, err)
		}
		if again, err := ParseEps(e.String()); err != nil || again != e {
			t.Errorf("%v read again: %v, %v", e, again, err)
		}
		b, err := json.Marshal(e)
		var back Eps
		if err != nil || json.Unmarshal(b, &back) != nil || back != e {
			t.Errorf("%v through JSON: %s, %v", e, b, back)
		}
	}
	for _, text := range []string{"", "0", "-1", "nan", "inf", "mean", "*mean", "1*median", "1e999", "one"} {
		if e, err := ParseEps(text); err == nil {
			t.Errorf("%q was read as %v", text, e)
		}
	}
}

func TestMeanCostIsThatOfAllPairs(t *testing.T) {
	src := testSource().Train
	for i := range src.Points {
		src.Points[i] += 1000 // an offset costs no accuracy
	}
	var want float64
	for i := range src.N {
		for j := range src.N {
			for k := range src.Dim {
				d := float64(src.Points[i*src.Dim+k]) - float64(src.Points[j*src.Dim+k])
				want += d * d / float64(src.N) / float64(src.N)
			}
		}
	}
	if got := meanSquare(src); !(math.Abs(got-want) <= 1e-11*want) {
		t.Errorf("mean cost %.15g, of all pairs %.15g", got, want)
	}
	c := DefaultConfig("ring8")
	c.Eps = Eps{.5, true}
	if e, err := c.resolveEps(src); err != nil || !(math.Abs(e-want/2) <= 1e-11*want) {
		t.Errorf("eps %g, %v", e, err)
	}
	same, err := data.NewPoints(1, []float32{3, 3, 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.resolveEps(same); err == nil {
		t.Error("a mean cost of 0 was taken")
	}
	c.Features = []int{3}
	if e, err := c.resolveEps(same); err != nil || e != .5 {
		t.Errorf("eps %g of a cost that is learned, %v", e, err)
	}
}

// Costs without a closed form are averaged over rows drawn at random; of the powers of the distance 2 is one.
func TestMeanCostOfOtherCosts(t *testing.T) {
	src := testSource().Train
	exact := meanSquare(src)
	for name, want := range map[string]float64{"sqeuclidean": exact, "halfsqeuclidean": exact / 2, "pow:2": exact} {
		got, err := meanCost(src, name, 1)
		if err != nil || !(math.Abs(got-want) <= 1e-6*want) { // all 500 rows are drawn, so that the average is over all pairs
			t.Errorf("%s: %g, %v, want %g", name, got, err, want)
		}
	}
	line, err := data.NewPoints(1, []float32{0, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"euclidean", "l1"} {
		if got, err := meanCost(line, name, 1); err != nil || !(math.Abs(got-.5) <= 1e-12) {
			t.Errorf("%s between 0 and 1: %g, %v, want .5", name, got, err)
		}
	}
}
