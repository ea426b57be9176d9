package train

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/evaluate"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A builder makes what an objective compares clouds by, with eps in units of the cost.
type builder func(c Config, eps float64, pool kernels.Runner) (generative.Criterion[float32], error)

// builders holds the objectives by the names that --objective takes.
var builders = map[string]builder{"sinkhorn": newTransport, "exact": newExact, "mmd": newMMD, "wgan": newWGAN, "wgan-gp": newWGAN}

// Custom is the objective of a config whose [Options].Objective is made by the caller, not from the config. Settings of objectives and models
// say nothing then.
const Custom = "custom"

// classifier is the objective that learns classes and makes no points.
const classifier = "classifier"

// digits is the classifier of package evaluate whose features are part of the program.
const digits = "digits"

var errCustom error = &ConfigError{Flag: "--objective " + Custom, Problem: "is made by the program that trains it; known to others are " + strings.Join(ObjectiveNames(), ", ")}

// NewObjective returns the objective of a config at step 0, for the data that d describes, images or not.
func NewObjective(c Config, eps float64, d DataState, pool kernels.Runner) (generative.Objective, error) {
	pool = orDefault(pool)
	return newObjective(nn.NewCPU[float32](pool), c, eps, d, pool)
}

// newObjective is NewObjective with the networks on a table of operations.
func newObjective(ops nn.Ops[float32], c Config, eps float64, d DataState, pool kernels.Runner) (generative.Objective, error) {
	switch {
	case c.Objective == Custom:
		return nil, errCustom
	case c.Objective == classifier:
		return newClassifier(ops, c, d)
	case c.autoencodes():
		return newAutoEncoder(ops, c, eps, d, pool)
	}
	criterion, err := newCriterion(c, eps, d, pool)
	if err != nil {
		return nil, err
	}
	model, err := newModel(ops, c, d)
	if err != nil {
		return nil, err
	}
	fit, err := generative.NewFit(ops, model, criterion, generative.FitConfig{
		Batch: c.Batch, Optimizer: c.Optimizer, Rate: c.Rate, HalfLife: c.HalfLife, Seed: c.Seed, Runner: pool,
		Theory: c.isROT() && c.StepRule == "theory",
	})
	if c.isWGAN() {
		c.Features = c.criticOfWGAN()
	}
	if err != nil || !c.comparesFeatures() {
		return fit, err
	}
	features, err := newCritic(ops, c, d)
	if err != nil {
		return nil, err
	}
	cfg := generative.CriticConfig{
		Steps: c.CriticSteps, GeneratorSteps: c.GeneratorSteps, Optimizer: c.Optimizer, Rate: c.CriticRate,
		Reconstruction: c.Reconstruction, Frozen: c.frozen(),
	}
	switch {
	case cfg.Frozen:
	case c.Constraint == "clip":
		cfg.Clip = c.Clip
	case c.Constraint == "penalty":
		cfg.Penalty = c.Penalty
	}
	if c.Reconstruction > 0 {
		if cfg.Decoder, err = newCriticDecoder(ops, c, d); err != nil {
			return nil, err
		}
	}
	return generative.NewAdversarial(fit, features, cfg)
}

func newCriterion(c Config, eps float64, d DataState, pool kernels.Runner) (generative.Criterion[float32], error) {
	if c.isROT() {
		return newROT(c, eps, d, pool)
	}
	build, ok := builders[c.Objective]
	if !ok {
		return nil, c.Validate()
	}
	return build(c, eps, pool)
}

// comparesFeatures reports whether costs are formed between features of the rows.
func (c Config) comparesFeatures() bool { return len(c.Features) > 0 || c.readsClassifier() }

// readsClassifier reports whether the features are those of a classifier.
func (c Config) readsClassifier() bool {
	return c.Critic == digits || slices.Contains(classifierNames, c.Critic)
}

// mixableCosts are the costs between features to which one between rows may be added.
var mixableCosts = []string{"cosine", "sqeuclidean", "halfsqeuclidean"}

// ground returns the cost that is formed between what is compared.
func (c Config) ground() string {
	if c.CostMix > 0 {
		return "sqeuclidean" // see generative.NewMixedFeatures
	}
	return c.Cost
}

// mixed returns the features beside the rows that they are of, where the costs of both are added.
func (c Config) mixed(ops nn.Ops[float32], features nn.Layer[float32], d DataState) (nn.Layer[float32], error) {
	if c.CostMix == 0 {
		return features, nil
	}
	if !(d.MeanSquare > 0) || math.IsInf(d.MeanSquare, 1) {
		return nil, &ConfigError{Flag: fmt.Sprintf("--cost-mix %v", c.CostMix), Problem: fmt.Sprintf("the mean squared distance between rows of the data is %g", d.MeanSquare)}
	}
	return generative.NewMixedFeatures(ops, features, d.Dim, c.Cost, c.CostMix/d.MeanSquare)
}

// frozen reports whether the features stay as they are.
func (c Config) frozen() bool { return c.CriticFile != "" || c.Critic == digits }

func newClassifier(ops nn.Ops[float32], c Config, d DataState) (*generative.Classifier, error) {
	in := []int{d.Channels, d.Height, d.Width}
	net, err := nn.NewModel(ops, c.Model, c.Seed)
	if err != nil {
		return nil, err
	}
	layers, ok := net.(*nn.Sequential[float32])
	if !ok {
		return nil, c.Validate()
	}
	return generative.NewClassifier(ops, layers, in, generative.ClassifierConfig{
		Batch: c.Batch, Optimizer: c.Optimizer, Rate: c.Rate, HalfLife: c.HalfLife,
	})
}

func newCritic(ops nn.Ops[float32], c Config, d DataState) (nn.Layer[float32], error) {
	features, err := newFeatures(ops, c, d)
	if err != nil {
		return nil, err
	}
	return c.mixed(ops, features, d)
}

func newFeatures(ops nn.Ops[float32], c Config, d DataState) (nn.Layer[float32], error) {
	var net *nn.Sequential[float32]
	var err error
	if c.readsClassifier() {
		return newClassifierFeatures(ops, c, d)
	}
	if last := len(c.Features) - 1; c.Critic == "dcgan" {
		net, err = generative.NewDCGANFeatures(ops, c.Features[:last], c.Features[last], d.image(), c.Seed)
	} else {
		sizes := append([]int{d.Dim}, c.Features...)
		net, err = nn.NewMLP(ops, nn.MLP{Sizes: sizes, Hidden: "leaky_relu"}, random.New(c.Seed, "critic"), nn.XavierUniform(1), nil)
	}
	if err != nil || c.Constraint != "spectral" {
		return net, err
	}
	return generative.SpectralNormalised(ops, net, random.New(c.Seed, "spectral norm")), nil
}

// newClassifierFeatures returns the network of a classifier up to its last layer, on rows.
func newClassifierFeatures(ops nn.Ops[float32], c Config, d DataState) (nn.Layer[float32], error) {
	if c.Critic == digits {
		return evaluate.DigitsFeatures(ops)
	}
	net, err := nn.NewModel(ops, c.Critic, c.Seed)
	if err != nil {
		return nil, err
	}
	layers := net.(*nn.Sequential[float32]).Layers()
	return nn.NewSequential(nn.NewReshape[float32](d.Channels, d.Height, d.Width), nn.NewSequential(layers[:len(layers)-1]...)), nil
}

// newCriticDecoder returns the mirror image of the critic.
func newCriticDecoder(ops nn.Ops[float32], c Config, d DataState) (nn.Layer[float32], error) {
	src, back := random.New(c.Seed, "decoder"), slices.Clone(c.Features)
	slices.Reverse(back)
	if c.Critic == "dcgan" {
		return generative.NewDCGANDecoder(ops, back[0], back[1:], d.image(), src)
	}
	return nn.NewMLP(ops, nn.MLP{Sizes: append(back, d.Dim), Hidden: "leaky_relu", Output: d.output()}, src, nn.XavierUniform(1), nil)
}

func (d DataState) image() generative.ImageShape {
	return generative.ImageShape{Channels: d.Channels, Height: d.Height, Width: d.Width}
}

// output returns the last activation of a network that makes such rows.
func (d DataState) output() string {
	if d.Height > 0 {
		return "sigmoid" // pixels are in [0, 1]
	}
	return ""
}

func newTransport(c Config, eps float64, pool kernels.Runner) (generative.Criterion[float32], error) {
	value := sinkhorn.Sharp
	if c.Value == "entropic" {
		value = sinkhorn.Entropic
	}
	return generative.NewTransport[float32](generative.TransportConfig{
		Loss: c.Loss, Self: c.Self, Cost: c.ground(), Value: value, Eps: eps, OfMean: c.adaptsEps(), Steps: c.Iters, Runner: pool,
		Gradient: c.Gradient, Tol: c.Tol, Reach: c.Reach,
	})
}

func newExact(c Config, _ float64, pool kernels.Runner) (generative.Criterion[float32], error) {
	return generative.NewTransport[float32](generative.TransportConfig{Loss: c.Loss, Self: c.Self, Cost: c.ground(), Exact: true, Runner: pool})
}

func newMMD(c Config, _ float64, pool kernels.Runner) (generative.Criterion[float32], error) {
	return generative.NewMMD[float32](generative.MMDConfig{
		Kernel: c.Kernel, Bandwidths: c.Bandwidths, Unbiased: c.Estimate == "unbiased", Runner: pool,
	})
}

func newModel(ops nn.Ops[float32], c Config, d DataState) (*generative.Model, error) {
	switch c.Model {
	case "dcgan":
		return generative.NewDCGANModel(ops, c.Latent, c.Hidden, d.image(), c.Prior, c.Seed)
	case "ellipsoids":
		return generative.NewEllipsoidsModel(ops, c.Components, d.Dim, c.Seed)
	case "pair":
		return generative.NewPairModel(ops), nil
	case "mixture":
		return generative.NewMixtureModel(ops, c.Components, d.Dim, c.Seed)
	}
	sizes := append(append([]int{c.Latent}, c.Hidden...), d.Dim)
	return generative.NewMLPModel(ops, nn.MLP{Sizes: sizes, Hidden: c.Activation, Output: d.output()}, c.Prior, c.Seed)
}

// ObjectiveNames returns the names of the objectives, sorted.
func ObjectiveNames() []string {
	names := append(append(slices.Collect(maps.Keys(builders)), classifier), append(rotNames, autoEncoderNames()...)...)
	slices.Sort(names)
	return names
}
