package train

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// AutoEncoder holds the settings of the auto-encoders; see [generative.AutoEncoderConfig]. Their objectives also take model, latent, prior, hidden
// and activation (of the decoder; the encoder is its mirror image), cost, kernel, eps and iters (of the latent penalty), and critic_steps and
// critic_lr (of the discriminator).
type AutoEncoder struct {
	Encoder       string  `json:"encoder"`       // deterministic, gaussian or implicit
	EncoderNoise  int     `json:"encoder_noise"` // numbers of noise that an implicit encoder takes
	Decoder       string  `json:"decoder"`       // deterministic, gaussian or bernoulli
	Sigma         float64 `json:"sigma"`         // deviation of a Gaussian decoder
	LearnSigma    bool    `json:"learn_sigma"`   // sigma is where it begins
	Lambda        float64 `json:"lambda"`        // weight of the latent penalty; beta of a vae
	WarmUp        int     `json:"lambda_warmup"` // steps in which it grows from 0
	Projections   int     `json:"projections"`   // of the sliced distance
	Discriminator []int   `json:"discriminator"` // widths of its hidden layers
	GAN           string  `json:"gan"`           // nonsaturating or saturating
	KnownPrior    bool    `json:"known_prior"`   // the discriminator adds log p(z) to its logit
	Contrast      bool    `json:"contrast"`      // the discriminator of avb tells codes from a normal law that is learned for each row
	Pretrain      int     `json:"pretrain"`      // most steps of the encoder alone, on the moments of its codes
	InputNoise    float64 `json:"input_noise"`   // deviation of noise on what the encoder reads
}

// penalties holds the latent penalties by the names of the objectives.
var penalties = map[string]string{
	"ae": "none", "vae": "kl", "wae-mmd": "mmd", "sae": "sinkhorn", "swae": "sliced", "wae-w2": "gaussian-w2", "pot-gan": "gan", "aae": "gan", "avb": "avb",
}

func autoEncoderNames() []string { return slices.Collect(maps.Keys(penalties)) }

// autoencodes reports whether the objective is an auto-encoder.
func (c Config) autoencodes() bool { return penalties[c.Objective] != "" }

// setAutoEncoder sets the defaults of an auto-encoder. Costs are sums over a row, unscaled: lambda 10 of the papers' code, where |x-g|^2 counts .05,
// is 200 here. An aae has a Gaussian decoder of sigma with lambda 1, which is a pot-gan with lambda 2 sigma^2.
func (c *Config) setAutoEncoder() {
	points := c.Data != "glyphs" && !slices.ContainsFunc(imageSources, func(s string) bool { return strings.HasPrefix(c.Data, s) })
	c.AutoEncoder = AutoEncoder{
		Encoder: "deterministic", EncoderNoise: 16, Decoder: "deterministic", Sigma: .2, Lambda: 10, Projections: 100,
		Discriminator: []int{256, 256, 256}, GAN: "nonsaturating",
	}
	c.Batch, c.Latent, c.Prior, c.Rate, c.HalfLife, c.CriticRate = 100, 8, "normal", 1e-3, 4000, 5e-4
	c.Steps, c.Kernel, c.Eps, c.Iters = 12000, "imq", Eps{Value: .1, OfMean: true}, 20
	if points {
		c.Latent, c.Sigma, c.Lambda, c.Steps = 2, .05, 1, 5000
	}
	switch c.Objective {
	case "vae":
		c.Encoder, c.Decoder, c.Lambda = "gaussian", "bernoulli", 1
	case "avb":
		c.Encoder, c.Decoder, c.Lambda, c.Discriminator, c.Contrast = "implicit", "bernoulli", 1, []int{500, 500}, true
	case "aae":
		c.Decoder, c.Lambda = "gaussian", 1
	case "sae":
		c.Prior = "sphere"
	}
	if points && c.Decoder == "bernoulli" {
		c.Decoder = "gaussian"
	}
}

// validate returns a [*ConfigError] for the first setting that no run of an auto-encoder can have.
func (a AutoEncoder) validate(c Config) error {
	bad := func(flag string, value any, problem string) error {
		return &ConfigError{Flag: fmt.Sprintf("--%s %v", flag, value), Problem: problem}
	}
	for _, v := range []struct {
		flag, value string
		names       []string
	}{
		{"encoder", a.Encoder, generative.Encoders}, {"decoder", a.Decoder, generative.Decoders},
		{"gan", a.GAN, generative.DiscriminatorForms}, {"cost", c.Cost, generative.ReconstructionCosts},
	} {
		if !slices.Contains(v.names, v.value) {
			return bad(v.flag, v.value, "unknown to an auto-encoder; known are "+strings.Join(v.names, ", "))
		}
	}
	finite := func(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }
	narrow := func(w int) bool { return w < 1 || w > maxWidth }
	switch {
	case c.Model != "network" && c.Model != "dcgan":
		return bad("model", c.Model, "an auto-encoder needs network or dcgan")
	case a.Encoder == "implicit" && c.Model == "dcgan":
		return bad("encoder", a.Encoder, "reads its noise beside the row, which convolutions cannot; use --model network")
	case c.Objective == "vae" && a.Encoder != "gaussian":
		return bad("encoder", a.Encoder, "a vae needs gaussian: its KL has a closed form there; for an implicit encoder use --objective avb")
	case c.Objective == "vae" && c.Prior != "normal":
		return bad("prior", c.Prior, "a vae needs normal: its KL has a closed form there")
	case c.Objective == "avb" && a.Encoder == "deterministic":
		return bad("encoder", a.Encoder, "has an infinite KL; avb needs gaussian or implicit")
	case c.Objective == "aae" && a.Decoder == "deterministic":
		return bad("decoder", a.Decoder, "an aae has a likelihood; use gaussian or bernoulli, or --objective pot-gan")
	case a.EncoderNoise < 1 || a.EncoderNoise > maxWidth:
		return bad("encoder-noise", a.EncoderNoise, fmt.Sprintf("want 1 to %d numbers", maxWidth))
	case !(a.Sigma > 0) || math.IsInf(a.Sigma, 1):
		return bad("sigma", a.Sigma, "want a positive deviation")
	case !finite(a.Lambda):
		return bad("lambda", a.Lambda, "want a weight >= 0")
	case a.Contrast && (c.Objective != "avb" || c.Prior != "normal" || c.Model == "dcgan"):
		return bad("contrast", a.Contrast, "is of avb under the prior normal, with --model network; else --contrast=false")
	case a.WarmUp < 0:
		return bad("lambda-warmup", a.WarmUp, "want a number of steps, or 0 for none")
	case a.Pretrain < 0:
		return bad("pretrain", a.Pretrain, "want a number of steps, or 0 for none")
	case !finite(a.InputNoise):
		return bad("input-noise", a.InputNoise, "want a deviation >= 0")
	case a.Projections < 1 || a.Projections > maxWidth:
		return bad("projections", a.Projections, fmt.Sprintf("want 1 to %d directions", maxWidth))
	case slices.ContainsFunc(a.Discriminator, narrow):
		return bad("discriminator", joinInts(a.Discriminator), fmt.Sprintf("want widths from 1 to %d, separated by commas", maxWidth))
	case c.Objective == "wae-mmd" && c.Batch < 2:
		return bad("batch", c.Batch, "the unbiased estimate needs at least 2 rows")
	case len(c.Features) > 0:
		return bad("features", joinInts(c.Features), "an auto-encoder has no learned cost; --discriminator is its own, and --critic classifier-28 has features that stay")
	case c.readsClassifier() && a.Decoder != "deterministic":
		return bad("critic", c.Critic, "takes costs between features, of --decoder deterministic")
	}
	return nil
}

func newAutoEncoder(ops nn.Ops[float32], c Config, eps float64, d DataState, pool kernels.Runner) (generative.Objective, error) {
	model, err := newModel(ops, c, d)
	if err != nil {
		return nil, err
	}
	enc, err := newEncoder(ops, c, d)
	if err != nil {
		return nil, err
	}
	var judge nn.Layer[float32]
	if p := penalties[c.Objective]; p == "gan" || p == "avb" {
		in := c.Latent
		if p == "avb" {
			in += d.Dim
		}
		if judge, err = perceptron(ops, c.Seed, "discriminator", "leaky_relu", in, c.Discriminator, 1); err != nil {
			return nil, err
		}
	}
	o, err := generative.NewAutoEncoder(ops, model, enc, judge, generative.AutoEncoderConfig{
		Batch: c.Batch, Optimizer: c.Optimizer, Rate: c.Rate, HalfLife: c.HalfLife, Seed: c.Seed, Runner: pool,
		Encoder: c.Encoder, EncoderNoise: c.EncoderNoise,
		Decoder: c.Decoder, Cost: c.Cost, Variance: c.Sigma * c.Sigma, LearnVariance: c.LearnSigma,
		Penalty: penalties[c.Objective], Lambda: c.Lambda, Kernel: c.Kernel, Eps: eps, OfMean: c.Eps.OfMean, Iters: c.Iters, Projections: c.Projections,
		Form: c.GAN, KnownPrior: c.KnownPrior, DiscriminatorRate: c.CriticRate, DiscriminatorSteps: c.CriticSteps,
		WarmUp: c.WarmUp, Pretrain: c.Pretrain, InputNoise: c.InputNoise,
	})
	if err == nil && c.readsClassifier() {
		var f nn.Layer[float32]
		if f, err = newClassifierFeatures(ops, c, d); err == nil {
			err = o.SetFeatures(f)
		}
	}
	if err != nil || !c.Contrast {
		return o, err
	}
	law, err := perceptron(ops, c.Seed, "contrast", c.Activation, d.Dim, mirrored(c.Hidden), 2*c.Latent)
	if err != nil {
		return nil, err
	}
	return o, o.SetContrast(law)
}

// newEncoder returns the mirror image of the model.
func newEncoder(ops nn.Ops[float32], c Config, d DataState) (nn.Layer[float32], error) {
	back := mirrored(c.Hidden)
	in, out := d.Dim, c.Latent
	switch c.Encoder {
	case "gaussian":
		out *= 2
	case "implicit":
		in += c.EncoderNoise
	}
	if c.Model == "dcgan" {
		return generative.NewDCGANEncoder(ops, back, out, d.image(), random.New(c.Seed, "encoder"))
	}
	return perceptron(ops, c.Seed, "encoder", c.Activation, in, back, out)
}

func mirrored(widths []int) []int {
	back := slices.Clone(widths)
	slices.Reverse(back)
	return back
}

// perceptron returns a network with weights from the stream of that name.
func perceptron(ops nn.Ops[float32], seed uint64, name, activation string, in int, hidden []int, out int) (nn.Layer[float32], error) {
	sizes := append(append([]int{in}, hidden...), out)
	return nn.NewMLP(ops, nn.MLP{Sizes: sizes, Hidden: activation}, random.New(seed, name), nn.XavierUniform(1), nil)
}
