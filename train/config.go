package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// schema is the version of config.json and checkpoint.json.
const schema = 1

// The limits of what a run may ask for: far above what is useful, low enough that a mistyped number ends in a sentence rather than in
// the system's refusal of memory.
const (
	maxBatch = 1 << 16
	maxWidth = 1 << 16
	maxSteps = 1<<31 - 1
)

// A Config is everything that defines a run. Two runs of one config on one tier have the same bits.
type Config struct {
	Schema    int     `json:"schema"`
	Objective string  `json:"objective"`
	Data      string  `json:"data"`  // as data.Open takes it
	Seed      uint64  `json:"seed"`  // of all random streams
	Steps     int     `json:"steps"` // may change on resume
	Batch     int     `json:"batch"` // rows a batch
	Eps       Eps     `json:"eps"`   // regularisation
	Iters     int     `json:"iters"` // Sinkhorn iterations a step, L
	Rate      float64 `json:"lr"`    // learning rate of Adam
	Latent    int     `json:"latent"`
	Hidden    []int   `json:"hidden"` // widths of the generator's hidden layers

	LogEvery    int `json:"log_every"`    // steps between lines of metrics.jsonl
	SampleEvery int `json:"sample_every"` // steps between pictures; 0: at the end only
	SaveEvery   int `json:"save_every"`   // steps between checkpoints
	EvalEvery   int `json:"eval_every"`   // steps between held-out measures; 0: at the end only, -1: never

	Threads int `json:"threads"` // workers, 0 for one a processor; may change on resume
}

// defaults holds what a run is unless it is told otherwise, for images and for points of the plane or of other small spaces.
var defaults = struct{ images, points Config }{
	images: Config{
		Schema: schema, Objective: "sinkhorn", Data: "glyphs", Seed: 1,
		Steps: 5000, Batch: 200, Eps: Eps{Value: 1}, Iters: 10, Rate: 1e-3, Latent: 2, Hidden: []int{500, 500},
		LogEvery: 10, SampleEvery: 1000, SaveEvery: 500,
	},
	points: Config{
		Schema: schema, Objective: "sinkhorn", Data: "ring8", Seed: 1,
		Steps: 5000, Batch: 200, Eps: Eps{Value: .01, OfMean: true}, Iters: 50, Rate: 1e-3, Latent: 2, Hidden: []int{128, 128},
		LogEvery: 10, SampleEvery: 1000, SaveEvery: 500,
	},
}

// imageSources begin the names of sources that hold images.
var imageSources = []string{"glyphs", "mnist:", "cifar10:", "images:"}

// DefaultConfig returns the config of a run on that data, as data.Open takes it, of which nothing else is said. Empty data means the
// default source.
func DefaultConfig(data string) Config {
	c := defaults.points
	if data == "" || slices.ContainsFunc(imageSources, func(s string) bool { return strings.HasPrefix(data, s) }) {
		c = defaults.images
	}
	if data != "" {
		c.Data = data
	}
	c.Hidden = slices.Clone(c.Hidden)
	return c
}

// A ConfigError is a setting that no run can have: the flag, what is wrong, and what would be right.
type ConfigError struct {
	Flag    string // with its value, such as "--batch 0"
	Problem string
}

// Error returns flag and problem in one line.
func (e *ConfigError) Error() string { return e.Flag + ": " + e.Problem }

// Validate returns a [*ConfigError] for the first setting that no run can have.
func (c Config) Validate() error {
	bad := func(flag string, value any, problem string) error {
		return &ConfigError{Flag: fmt.Sprintf("--%s %v", flag, value), Problem: problem}
	}
	d := DefaultConfig(c.Data)
	switch {
	case c.Schema != schema:
		return &ConfigError{Flag: "config", Problem: fmt.Sprintf("schema %d is not known; this program writes and reads schema %d", c.Schema, schema)}
	case !slices.Contains(ObjectiveNames(), c.Objective):
		return bad("objective", c.Objective, "unknown; known are "+strings.Join(ObjectiveNames(), ", "))
	case c.Data == "":
		return bad("data", `""`, "name a source, such as glyphs")
	case c.Steps < 1 || c.Steps > maxSteps:
		return bad("steps", c.Steps, fmt.Sprintf("want 1 to %d; the default is %d", maxSteps, d.Steps))
	case c.Batch < 1 || c.Batch > maxBatch:
		return bad("batch", c.Batch, fmt.Sprintf("want 1 to %d rows; the default is %d", maxBatch, d.Batch))
	case !(c.Eps.Value > 0) || math.IsInf(c.Eps.Value, 0):
		return bad("eps", c.Eps, fmt.Sprintf("want a positive number, or one times the mean cost, such as 0.05*mean; the default is %v", d.Eps))
	case c.Iters < 1 || c.Iters > 1e6:
		return bad("iters", c.Iters, fmt.Sprintf("want 1 to 1000000 Sinkhorn iterations; the default is %d", d.Iters))
	case !(c.Rate > 0) || math.IsInf(c.Rate, 0):
		return bad("lr", c.Rate, fmt.Sprintf("want a positive learning rate; the default is %v", d.Rate))
	case c.Latent < 1 || c.Latent > maxWidth:
		return bad("latent", c.Latent, fmt.Sprintf("want a dimension from 1 to %d; the default is %d", maxWidth, d.Latent))
	case slices.ContainsFunc(c.Hidden, func(w int) bool { return w < 1 || w > maxWidth }):
		return bad("hidden", joinInts(c.Hidden), fmt.Sprintf("want widths from 1 to %d, separated by commas; the default is %s", maxWidth, joinInts(d.Hidden)))
	case c.LogEvery < 1:
		return bad("log-every", c.LogEvery, fmt.Sprintf("want at least 1; the default is %d", d.LogEvery))
	case c.SampleEvery < 0:
		return bad("sample-every", c.SampleEvery, "want a number of steps, or 0 for one picture at the end")
	case c.SaveEvery < 1:
		return bad("save-every", c.SaveEvery, fmt.Sprintf("want at least 1; the default is %d", d.SaveEvery))
	case c.EvalEvery < -1:
		return bad("eval-every", c.EvalEvery, "want a number of steps, 0 to measure at the end only, or -1 for never")
	case c.Threads < 0:
		return bad("threads", c.Threads, "want a number of workers, or 0 for one a processor")
	}
	return nil
}

// logs, samples, saves and evals report whether a step is on the schedule of that.
func (c Config) logs(step int) bool    { return step == 1 || step%c.LogEvery == 0 }
func (c Config) samples(step int) bool { return c.SampleEvery > 0 && step%c.SampleEvery == 0 }
func (c Config) saves(step int) bool   { return step%c.SaveEvery == 0 }
func (c Config) evals(step int) bool   { return c.EvalEvery > 0 && step%c.EvalEvery == 0 }

// identity returns the config without what may change on resume.
func (c Config) identity() Config {
	c.Steps, c.Threads = 0, 0
	return c
}

// difference names the first setting in which two configs differ, apart from those that may change on resume; "" for none.
func (c Config) difference(d Config) string {
	fields := func(c Config) map[string]json.RawMessage {
		text, err := json.Marshal(c.identity())
		if err != nil {
			return nil
		}
		var m map[string]json.RawMessage
		_ = json.Unmarshal(text, &m)
		return m
	}
	a, b := fields(c), fields(d)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range a {
			if !yield(name) {
				return
			}
		}
	}) {
		if !bytes.Equal(a[name], b[name]) {
			return fmt.Sprintf("%s is %s there and %s here", name, a[name], b[name])
		}
	}
	return ""
}

// ReadConfig reads a config from JSON. What it does not mention is as in base; a name that is no setting is an error.
func ReadConfig(path string, base Config) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	c := base
	c.Hidden = slices.Clone(base.Hidden)
	if err := decodeStrict(text, &c); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// decodeStrict decodes one JSON value, refusing unknown names and anything after it. Errors give the byte.
func decodeStrict(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("byte %d: more than one JSON value", dec.InputOffset())
	}
	return nil
}

func joinInts(v []int) string {
	s := make([]string, len(v))
	for i, n := range v {
		s[i] = fmt.Sprint(n)
	}
	return strings.Join(s, ",")
}
