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

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// processor is the name of no device.
const processor = "cpu"

// schema is the version of config.json and checkpoint.json.
const schema = 1

// The limits of what a run may ask for: far above what is useful, low enough that a mistyped number ends in a sentence rather than in
// the system's refusal of memory.
const (
	maxBatch = 1 << 16
	maxWidth = 1 << 16
	maxSteps = 1<<31 - 1
)

// What some settings may be.
var (
	valueNames      = []string{"sharp", "entropic"}
	estimateNames   = []string{"biased", "unbiased"}
	activationNames = []string{"relu", "leaky_relu", "softplus", "tanh", "sigmoid"}
	modelNames      = []string{"network", "dcgan", "ellipsoids", "mixture", "pair"}
	classifierNames = []string{"classifier-28", "classifier-small-28"}
	criticNames     = []string{"mlp", "dcgan", digits, "classifier-28", "classifier-small-28"}
	constraintNames = []string{"clip", "penalty", "spectral"}
)

// A Config is everything that defines a run. Two runs of one config on one tier and one device have the same bits.
type Config struct {
	Schema    int    `json:"schema"`
	Objective string `json:"objective"`
	Data      string `json:"data"`  // as data.Open takes it
	Seed      uint64 `json:"seed"`  // of all random streams
	Steps     int    `json:"steps"` // may change on resume
	Batch     int    `json:"batch"` // rows a batch

	// The objective sinkhorn; exact takes loss, self and cost of it.
	Loss  string `json:"loss"`  // see generative.NewTransport
	Self  string `json:"self"`  // what self terms compare: same or independent
	Value string `json:"value"` // sharp or entropic
	Cost  string `json:"cost"`  // between rows, or between their features
	Eps   Eps    `json:"eps"`   // regularisation
	Iters int    `json:"iters"` // Sinkhorn iterations a step, L

	Gradient string  `json:"gradient"` // unrolled, envelope or implicit; see generative.NewTransport
	Tol      float64 `json:"tol"`      // error of the marginals for the gradients envelope and implicit
	Reach    float64 `json:"reach"`    // rho of unbalanced problems; 0 for exact marginals

	// The objective mmd.
	Kernel     string    `json:"kernel"`     // see generative.NewMMD
	Bandwidths []float64 `json:"bandwidths"` // of that kernel
	Estimate   string    `json:"estimate"`   // biased or unbiased

	// The model.
	Model      string `json:"model"`      // network, dcgan, ellipsoids, mixture or pair; of the objective classifier a network of package nn
	Latent     int    `json:"latent"`     // dimension of the network's latent points
	Prior      string `json:"prior"`      // of those points: uniform, normal or sphere
	Hidden     []int  `json:"hidden"`     // widths of the network's hidden layers, channels of the dcgan's
	Activation string `json:"activation"` // of those layers
	Components int    `json:"components"` // ellipsoids, or Gaussians of the mixture

	// How it is learned.
	Optimizer string  `json:"optimizer"`    // of model and critic
	Rate      float64 `json:"lr"`           // learning rate
	HalfLife  float64 `json:"lr_half_life"` // steps in which the learning rates halve; 0 for constant rates

	// The learned cost.
	Critic         string  `json:"critic"`          // mlp, dcgan, or the network of a classifier up to its last layer, of which digits is part of the program
	Features       []int   `json:"features"`        // widths or channels of the critic's layers; none for a fixed cost
	CriticSteps    int     `json:"critic_steps"`    // before each turn of the generator
	GeneratorSteps int     `json:"generator_steps"` // a turn
	Constraint     string  `json:"constraint"`      // on the critic: clip, penalty or spectral
	Clip           float64 `json:"clip"`            // bound of the critic's weights under clip; 0 for none
	Penalty        float64 `json:"penalty"`         // weight of the gradient penalty under penalty
	Reconstruction float64 `json:"reconstruction"`  // weight of a decoder's error in the critic's loss; 0 for no decoder
	CriticFile     string  `json:"critic_file"`     // of frozen features; none for features that are learned
	CriticRate     float64 `json:"critic_lr"`       // learning rate of the critic
	CostMix        float64 `json:"cost_mix"`        // weight of |x-y|^2 between rows, over its mean, beside the cost between features; 0 for none

	AutoEncoder
	Duals

	LogEvery    int `json:"log_every"`    // steps between lines of metrics.jsonl
	SampleEvery int `json:"sample_every"` // steps between pictures; 0: at the end only
	SaveEvery   int `json:"save_every"`   // steps between checkpoints
	EvalEvery   int `json:"eval_every"`   // steps between held-out measures; 0: at the end only, -1: never

	Threads int    `json:"threads"`          // workers, 0 for one a processor; may change on resume
	Device  string `json:"device,omitempty"` // that was asked for: cpu, auto, or one as devices.Open takes it; empty is cpu; may change on resume
}

// defaults holds what a run is unless it is told otherwise, for images and for points of the plane or of other small spaces.
//
// Images: on the glyphs, 6000 steps give a held-out measure of 15.0 at lr .003 and of 20.8 at lr .001, with a uniform prior. On MNIST, 6000
// steps give, at seed 1 and with the standard errors of the measure,
//
//	prior    self terms              measure
//	normal   same batch of 200       19.7 +- .4      as here; rate halved every 2000 steps 20.6 +- .4
//	uniform  same batch of 200       23.9 +- .4      rate halved every 2000 steps 26.3 +- .4
//	normal   two batches of 100      25.9 +- .7      as many samples seen
//	uniform  two batches of 100      24.9 +- .3      as many samples seen
//	uniform  two batches of 200      24.3 +- .4      twice as many samples seen, rate halved every 2000 steps
//
// Points, on grid25 at seed 1, modes found and share of samples within three sigma of one: as here 25 and .82, with 5000 steps of 300
// and the rate halved every 800 25 and .78. A uniform prior on [0,1]^2:
// 2 and .12, for a network whose biases begin at 0 bends the unit square only about its corner. Three hidden layers: 25 and .39 with
// batches of 200; batches of 300 with self terms on the same batch: 25 and .57. On ring8 8 and .84, with self terms on the same batch and
// a uniform prior 8 and .60.
//
// Learned costs on ring8 (features 64,8; 1500 steps): weights clipped at .01 give 1 mode and .07, at .1 7 and .69, or 8 and .92 with the
// Euclidean cost at .05 of its mean.
var defaults = func() (d struct{ images, points Config }) {
	common := Config{
		Schema: schema, Objective: "sinkhorn", Seed: 1, Batch: 200,
		Loss: "sinkhorn", Self: "same", Value: "sharp", Cost: "sqeuclidean", Gradient: "unrolled", Tol: 1e-3,
		Kernel: "gaussian", Bandwidths: generative.DefaultBandwidths, Estimate: "biased",
		Model: "network", Latent: 2, Prior: "uniform", Activation: "relu", Components: 3,
		Optimizer: "adam", Rate: 3e-3, CriticSteps: 1, GeneratorSteps: 1, Constraint: "clip", Clip: .1, Penalty: 10, CriticRate: 1e-3, Features: []int{}, Critic: "mlp",
		LogEvery: 10, SampleEvery: 1000, SaveEvery: 500, Device: processor,
	}
	d.images, d.points = common, common
	d.images.Data, d.images.Steps, d.images.Eps, d.images.Iters, d.images.Hidden = "glyphs", 8000, Eps{Value: 1}, 10, []int{500, 500}
	d.images.Prior = "normal"
	d.points.Data, d.points.Steps, d.points.Batch = "ring8", 6000, 400
	d.points.Eps, d.points.Iters, d.points.Self = Eps{Value: .01, OfMean: true}, 20, "independent"
	d.points.Hidden, d.points.Prior = []int{128, 128, 128, 128}, "normal"
	d.points.Rate, d.points.HalfLife = .01, 900
	return d
}()

// imageSources begin the names of sources that hold images.
var imageSources = []string{"glyphs", "mnist:", "cifar10:", "images:"}

// DefaultConfig returns the config of a run on that data, as data.Open takes it, of which nothing else is said. Empty data means the
// default source.
func DefaultConfig(data string) Config { return DefaultConfigOf("", data) }

// DefaultConfigOf is DefaultConfig for an objective; "" means the default one.
func DefaultConfigOf(objective, data string) Config {
	c := defaults.points
	if data == "" || slices.ContainsFunc(imageSources, func(s string) bool { return strings.HasPrefix(data, s) }) {
		c = defaults.images
	}
	if data != "" {
		c.Data = data
	}
	if objective != "" {
		c.Objective = objective
	}
	switch {
	case objective == classifier:
		c.setClassifier()
	case c.autoencodes():
		c.setAutoEncoder()
	case c.isROT():
		c.setROT()
	case c.isWGAN():
		c.setWGAN()
	}
	return c.clone()
}

// setClassifier sets the defaults of the objective classifier: six epochs of MNIST's 60,000 images, after which classifier-28 reads
// 99.15 % of the 10,000 test images at seed 1.
func (c *Config) setClassifier() {
	c.Model, c.Steps, c.Batch = classifierNames[0], 3600, 100
	c.Rate, c.HalfLife = 1e-3, 600
	c.SampleEvery, c.SaveEvery, c.EvalEvery = 0, 300, 600
}

// clone returns a config that shares no slice.
func (c Config) clone() Config {
	c.Hidden, c.Features, c.Bandwidths = slices.Clone(c.Hidden), slices.Clone(c.Features), slices.Clone(c.Bandwidths)
	c.Discriminator, c.Potentials = slices.Clone(c.Discriminator), slices.Clone(c.Potentials)
	return c
}

// A ConfigError is a setting that no run can have: the flag, what is wrong, and what would be right.
type ConfigError struct {
	Flag    string // with its value, such as "--batch 0"
	Problem string
	Err     error // that [errors.Is] finds, such as [ErrNotEmpty]; nil for none
}

// Error returns flag and problem in one line.
func (e *ConfigError) Error() string { return e.Flag + ": " + e.Problem }

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }

func (c Config) validateObjective(oneOf func(flag, value string, names []string) error) error {
	if c.Objective == Custom {
		return nil
	}
	return oneOf("objective", c.Objective, ObjectiveNames())
}

// Validate returns a [*ConfigError] for the first setting that no run can have.
func (c Config) Validate() error {
	bad := func(flag string, value any, problem string) error {
		return &ConfigError{Flag: fmt.Sprintf("--%s %v", flag, value), Problem: problem}
	}
	oneOf := func(flag, value string, names []string) error {
		if slices.Contains(names, value) {
			return nil
		}
		return bad(flag, value, "unknown; known are "+strings.Join(names, ", "))
	}
	d, models := DefaultConfigOf(c.Objective, c.Data), modelNames
	if c.Objective == classifier {
		models = classifierNames
	}
	if c.Schema != schema {
		return &ConfigError{Flag: "config", Problem: fmt.Sprintf("schema %d is not known; this program writes and reads schema %d", c.Schema, schema)}
	}
	for _, err := range []error{
		c.validateObjective(oneOf),
		oneOf("loss", c.Loss, generative.TransportLosses),
		oneOf("self", c.Self, generative.TransportSelves),
		oneOf("value", c.Value, valueNames),
		oneOf("gradient", c.Gradient, generative.TransportGradients),
		oneOf("kernel", c.Kernel, generative.MMDKernels),
		oneOf("estimate", c.Estimate, estimateNames),
		oneOf("model", c.Model, models),
		oneOf("critic", c.Critic, criticNames),
		oneOf("constraint", c.Constraint, constraintNames),
		oneOf("prior", c.Prior, generative.Priors),
		oneOf("activation", c.Activation, activationNames),
		oneOf("optimizer", c.Optimizer, generative.OptimizerNames),
	} {
		if err != nil {
			return err
		}
	}
	if c.autoencodes() {
		if err := c.AutoEncoder.validate(c); err != nil {
			return err
		}
	}
	if c.isROT() {
		if err := c.Duals.validate(c); err != nil {
			return err
		}
	}
	if _, err := logsumexp.ParseGround(c.Cost); err != nil {
		return bad("cost", c.Cost, "want one of "+strings.Join(logsumexp.GroundNames, ", "))
	}
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
	narrow := func(widths []int) bool {
		return !slices.ContainsFunc(widths, func(w int) bool { return w < 1 || w > maxWidth })
	}
	switch {
	case c.Data == "":
		return bad("data", `""`, "name a source, such as glyphs")
	case c.Steps < 1 || c.Steps > maxSteps:
		return bad("steps", c.Steps, fmt.Sprintf("want 1 to %d; the default is %d", maxSteps, d.Steps))
	case c.Batch < 1 || c.Batch > maxBatch:
		return bad("batch", c.Batch, fmt.Sprintf("want 1 to %d rows; the default is %d", maxBatch, d.Batch))
	case c.Objective == "mmd" && c.Estimate == "unbiased" && c.Batch < 2:
		return bad("batch", c.Batch, "the unbiased estimate needs at least 2 rows")
	case !positive(c.Eps.Value):
		return bad("eps", c.Eps, fmt.Sprintf("want a positive number, or one times the mean cost, such as 0.05*mean; the default is %v", d.Eps))
	case c.Iters < 1 || c.Iters > 1e6:
		return bad("iters", c.Iters, fmt.Sprintf("want 1 to 1000000 Sinkhorn iterations; the default is %d", d.Iters))
	case !positive(c.Tol):
		return bad("tol", c.Tol, "want a positive L1 error of the marginals, such as 0.001")
	case !(c.Reach >= 0) || math.IsInf(c.Reach, 1):
		return bad("reach", c.Reach, "want a positive number in units of the cost, or 0 for exact marginals")
	case c.Reach > 0 && c.Objective == "sinkhorn" && c.Value == "sharp":
		return bad("reach", c.Reach, "needs --value entropic: the sharp value falls as mass is left out")
	case slices.ContainsFunc(c.Bandwidths, func(s float64) bool { return !positive(s) }) || len(c.Bandwidths) == 0:
		return bad("bandwidths", c.Bandwidths, "want positive numbers, separated by commas")
	case !positive(c.Rate):
		return bad("lr", c.Rate, fmt.Sprintf("want a positive learning rate; the default is %v", d.Rate))
	case !positive(c.CriticRate):
		return bad("critic-lr", c.CriticRate, fmt.Sprintf("want a positive learning rate; the default is %v", d.CriticRate))
	case !(c.HalfLife >= 0) || math.IsInf(c.HalfLife, 0):
		return bad("lr-half-life", c.HalfLife, "want a number of steps, or 0 for a constant rate")
	case c.Latent < 1 || c.Latent > maxWidth:
		return bad("latent", c.Latent, fmt.Sprintf("want a dimension from 1 to %d; the default is %d", maxWidth, d.Latent))
	case c.Components < 1 || c.Components > maxWidth:
		return bad("components", c.Components, fmt.Sprintf("want 1 to %d; the default is %d", maxWidth, d.Components))
	case !narrow(c.Hidden):
		return bad("hidden", joinInts(c.Hidden), fmt.Sprintf("want widths from 1 to %d, separated by commas; the default is %s", maxWidth, joinInts(d.Hidden)))
	case c.Model == "dcgan" && len(c.Hidden) == 0:
		return bad("hidden", `""`, "the dcgan needs channels, such as 128,64")
	case !narrow(c.Features):
		return bad("features", joinInts(c.Features), fmt.Sprintf("want widths from 1 to %d, separated by commas, or none", maxWidth))
	case c.CriticSteps < 1:
		return bad("critic-steps", c.CriticSteps, "want at least 1")
	case c.GeneratorSteps < 1:
		return bad("generator-steps", c.GeneratorSteps, "want at least 1")
	case !(c.Clip >= 0):
		return bad("clip", c.Clip, "want a positive number, or 0 for none")
	case !positive(c.Penalty):
		return bad("penalty", c.Penalty, "want a positive weight; --constraint says whether there is a penalty")
	case c.CriticFile != "" && c.Critic == digits:
		return bad("critic-file", c.CriticFile, "--critic digits is part of the program")
	case c.CriticFile == "" && c.readsClassifier() && !c.frozen():
		return bad("critic", c.Critic, "--critic-file must name the checkpoint of a run of --objective classifier")
	case c.CriticFile != "" && !c.comparesFeatures():
		return bad("critic-file", c.CriticFile, "--features must say what network the file holds")
	case c.frozen() && (c.Constraint == "spectral" || c.Reconstruction > 0):
		return bad("critic", c.Critic, "frozen features take neither --constraint spectral nor --reconstruction")
	case !(c.CostMix >= 0) || math.IsInf(c.CostMix, 1):
		return bad("cost-mix", c.CostMix, "want a positive weight of the squared distance between rows, or 0 for none")
	case c.CostMix > 0 && !(c.comparesFeatures() && (c.Objective == "sinkhorn" || c.Objective == "exact" || c.isROT())):
		return bad("cost-mix", c.CostMix, "adds to a cost between features, of the objectives sinkhorn, exact and rot-gan: give --critic digits, --critic-file or --features")
	case c.CostMix > 0 && !slices.Contains(mixableCosts, c.Cost):
		return bad("cost-mix", c.CostMix, "mixes with --cost "+strings.Join(mixableCosts, ", ")+" only")
	case c.CostMix > 0 && (c.Constraint == "penalty" && !c.frozen() || c.Reconstruction > 0):
		return bad("cost-mix", c.CostMix, "takes neither --constraint penalty nor --reconstruction, which are of features alone")
	case !(c.Reconstruction >= 0) || math.IsInf(c.Reconstruction, 1):
		return bad("reconstruction", c.Reconstruction, "want a positive weight, or 0 for no decoder")
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
	c.Steps, c.Threads, c.Device = 0, 0, ""
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
	c := base.clone()
	if err := decodeStrict(text, &c); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// decodeStrict decodes one JSON value, refusing unknown names and anything after it. Errors give the byte.
func decodeStrict(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var mistyped *json.UnmarshalTypeError
	switch err := dec.Decode(v); {
	case errors.As(err, &mistyped) && mistyped.Field == "":
		return fmt.Errorf("byte %d: a %s, where the settings of a run are an object in braces", dec.InputOffset(), mistyped.Value)
	case errors.As(err, &mistyped):
		return fmt.Errorf("byte %d: %q is a %s, which this setting cannot be", dec.InputOffset(), mistyped.Field, mistyped.Value)
	case errors.Is(err, io.EOF):
		return errors.New("the file is empty; the settings of a run are an object in braces")
	case err != nil:
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
