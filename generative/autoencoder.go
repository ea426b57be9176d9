package generative

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// AutoEncoderConfig holds the settings of [NewAutoEncoder].
type AutoEncoderConfig struct {
	Batch     int     // rows a step
	Optimizer string  // one of [OptimizerNames]
	Rate      float64 // learning rate of encoder and decoder
	HalfLife  float64 // steps in which rates halve; 0 for constant rates
	Seed      uint64
	Runner    kernels.Runner // nil means the pool of the process

	Encoder      string // one of [Encoders]
	EncoderNoise int    // numbers of noise that an implicit encoder takes

	Decoder       string  // one of [Decoders]
	Cost          string  // of a deterministic decoder, one of [ReconstructionCosts]; "" for sqeuclidean
	Variance      float64 // of a Gaussian decoder
	LearnVariance bool    // Variance is where it begins
	FixedModel    bool    // the decoder stays as it is: the encoder alone learns, the infimum over Q for this model

	Penalty string  // one of [LatentPenalties]
	Lambda  float64 // its weight; beta of a variational auto-encoder

	Kernel      string  // of mmd: imq or gaussian; see [discrepancy.NewKernel]
	Eps         float64 // of sinkhorn
	OfMean      bool    // Eps is a multiple of the mean cost between codes and prior at hand
	Iters       int     // of sinkhorn
	Projections int     // of sliced

	Form               string  // of gan, one of [DiscriminatorForms]
	KnownPrior         bool    // the discriminator's logit is net(z) + log p(z), of gan and avb
	DiscriminatorRate  float64 // its learning rate
	DiscriminatorSteps int     // its steps a step, the first on the batch of the step and the others on new ones

	WarmUp     int     // steps in which the weight of the penalty grows from 0 to Lambda
	Pretrain   int     // most steps in which the encoder alone learns to give codes the moments of the prior
	InputNoise float64 // deviation of normal noise, cut at two of them, on what the encoder reads
}

// autoEncoder is the loss of an auto-encoder and its derivative.
type autoEncoder[T kernels.Float] struct {
	cfg       AutoEncoderConfig
	ops       nn.Ops[T]
	prior     prior
	encoder   *encoder[T]
	decoder   nn.Layer[T]
	law       *likelihood[T]
	criterion Criterion[T]      // between codes and draws of the prior; nil: none
	judge     *discriminator[T] // nil: none
	noise     *random.Stream
	step      uint64 // number of the step, by which directions of a sliced distance are drawn

	read           *nn.Tensor[T] // what the encoder reads, where that is not x
	codes          *nn.Tensor[T] // of the last eval
	z, both        *nn.Tensor[T] // draws of the prior; they over codes
	dz, dD         *nn.Tensor[T]
	dMean, dLogvar *nn.Tensor[T]
}

func newAutoEncoder[T kernels.Float](ops nn.Ops[T], p prior, enc, dec, disc nn.Layer[T], dim int, cfg AutoEncoderConfig) (*autoEncoder[T], error) {
	if cfg.Cost == "" {
		cfg.Cost = "sqeuclidean"
	}
	if err := cfg.check(p); err != nil {
		return nil, err
	}
	a := &autoEncoder[T]{cfg: cfg, ops: ops, prior: p, decoder: dec, noise: random.New(cfg.Seed, "noise")}
	var err error
	if a.encoder, err = newEncoder(ops, cfg.Encoder, enc, dim, cfg.EncoderNoise, p); err != nil {
		return nil, err
	}
	if a.law, err = newLikelihood(ops, cfg.Decoder, cfg.Cost, cfg.Variance, cfg.LearnVariance); err != nil {
		return nil, err
	}
	if a.criterion, err = newLatentCriterion[T](cfg, p); err != nil {
		return nil, err
	}
	switch cfg.Penalty {
	case "gan":
		a.judge, err = newDiscriminator(ops, disc, p, cfg.Form, cfg.KnownPrior, 0)
	case "avb":
		a.judge, err = newDiscriminator(ops, disc, p, klForm, cfg.KnownPrior, dim)
	}
	return a, err
}

func (cfg AutoEncoderConfig) check(p prior) error {
	finite := func(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }
	switch {
	case cfg.Batch < 1:
		return fmt.Errorf("generative: batch %d, want a positive number", cfg.Batch)
	case !finite(cfg.HalfLife):
		return fmt.Errorf("generative: half-life %g of the rate, want a number of steps >= 0", cfg.HalfLife)
	case !finite(cfg.Lambda):
		return fmt.Errorf("generative: weight %g of the latent penalty, want a number >= 0", cfg.Lambda)
	case !finite(cfg.InputNoise):
		return fmt.Errorf("generative: deviation %g of the noise on inputs, want a number >= 0", cfg.InputNoise)
	case cfg.Penalty == "kl" && (cfg.Encoder != "gaussian" || p.name != "normal"):
		return fmt.Errorf("generative: the penalty kl of a %s encoder under the prior %s; want a gaussian one under the prior normal", cfg.Encoder, p.name)
	case cfg.Penalty == "avb" && cfg.Encoder == "deterministic":
		return fmt.Errorf("generative: the penalty avb of a deterministic encoder is infinite; want a gaussian or an implicit one")
	case (cfg.Penalty == "avb" || cfg.Penalty == "gan") && cfg.DiscriminatorSteps < 1:
		return fmt.Errorf("generative: %d steps of the discriminator, want a positive number", cfg.DiscriminatorSteps)
	case cfg.Penalty == "mmd" && cfg.Batch < 2:
		return fmt.Errorf("generative: batch %d, the unbiased estimate of mmd needs at least 2 rows", cfg.Batch)
	case cfg.WarmUp < 0 || cfg.Pretrain < 0:
		return fmt.Errorf("generative: %d steps of warm-up and %d of pre-training, want none negative", cfg.WarmUp, cfg.Pretrain)
	}
	return nil
}

// terms are the parts of a loss.
type terms struct {
	reconstruction float64   // mean cost of a row
	penalty        float64   // without its weight
	kl             float64   // in closed form, of a Gaussian encoder under the penalty avb; NaN where there is none
	active         int       // coordinates with a KL of more than activeKL, of the penalty kl
	spread         []float64 // deviation of each coordinate of the codes in the batch over that of the prior
}

// activeKL is the mean KL(Q(Z_j|X), P) in nats below which a coordinate says nothing.
const activeKL = .01

// encode returns the codes of x, by the encoder in training.
func (a *autoEncoder[T]) encode(x *nn.Tensor[T]) *nn.Tensor[T] {
	if a.cfg.InputNoise > 0 {
		if a.read == nil || !a.read.SameShape(x) {
			a.read = nn.NewTensor[T](x.Shape()...)
		}
		random.Normal(a.noise, a.read.Data(), 0, a.cfg.InputNoise)
		a.ops.Clamp(a.read, T(-2*a.cfg.InputNoise), T(2*a.cfg.InputNoise))
		a.ops.Axpy(a.read, 1, x)
		x = a.read
	}
	return a.encoder.forward(x, a.noise.Rand)
}

// eval returns the terms of the loss on the rows x, and adds the derivative of
//
//	reconstruction + weight penalty
//
// to the gradients of encoder, decoder and law.
func (a *autoEncoder[T]) eval(ctx context.Context, x *nn.Tensor[T], weight float64, report bool) (t terms, err error) {
	z := a.encode(x)
	a.codes = z
	g := a.decoder.Forward(z)
	var dg *nn.Tensor[T]
	t.reconstruction, dg = a.law.eval(g, x)
	a.dz = sized(a.dz, z.Rows(), z.Cols())
	a.ops.Copy(a.dz, a.decoder.Backward(dg, nn.WantAll))
	var dMean, dLogvar *nn.Tensor[T]
	switch {
	case a.criterion != nil:
		t.penalty, err = a.compare(ctx, z, weight, report)
	case a.judge != nil:
		a.judge.contrast.look(x)
		t.penalty = a.judge.judge(x, z, weight, a.dz)
	case a.cfg.Penalty == "kl":
		dMean, dLogvar = sized(a.dMean, z.Rows(), z.Cols()), sized(a.dLogvar, z.Rows(), z.Cols())
		a.dMean, a.dLogvar = dMean, dLogvar
		t.penalty = a.ops.GaussianKL(dMean, dLogvar, a.encoder.mean, a.encoder.logvar)
		a.ops.Scale(dMean, T(weight))
		a.ops.Scale(dLogvar, T(weight))
	}
	if err != nil {
		return t, err
	}
	if report {
		t.active, t.spread, t.kl = a.active(), a.spread(z), a.gaussianKL()
	}
	a.encoder.backward(a.dz, dMean, dLogvar)
	return t, nil
}

// compare returns the criterion between codes and as many draws of the prior, and adds weight times its derivative to dz.
func (a *autoEncoder[T]) compare(ctx context.Context, z *nn.Tensor[T], weight float64, report bool) (float64, error) {
	n, d := z.Rows(), z.Cols()
	a.z, a.dD = sized(a.z, n, d), sized(a.dD, n, d)
	drawPrior(a.prior, a.noise.Rand, a.z.Data())
	if s, ok := a.criterion.(*slicedCriterion[T]); ok {
		s.Draw = a.step
	}
	m, err := a.criterion.Eval(ctx, z.Data(), a.z.Data(), n, d, a.dD.Data(), nil, report)
	if err != nil {
		return 0, err
	}
	a.ops.Axpy(a.dz, T(weight), a.dD)
	return m[0].Value, nil
}

// match adds the derivative of W_2^2 between normal laws with the moments of codes and prior to the gradient of the encoder, and returns it.
func (a *autoEncoder[T]) match(ctx context.Context, x *nn.Tensor[T]) (float64, error) {
	z := a.encode(x)
	a.dz = sized(a.dz, z.Rows(), z.Cols())
	m, err := gaussianW2[T]{a.prior.mean(), a.prior.variance()}.Eval(ctx, z.Data(), nil, z.Rows(), z.Cols(), a.dz.Data(), nil, true)
	if err != nil {
		return 0, err
	}
	a.encoder.backward(a.dz, nil, nil)
	return m[0].Value, nil
}

// discriminate adds the derivative of the discriminator's loss to its gradients; see [discriminator.learn]. The codes are the last ones, and a contrast
// has looked at x.
func (a *autoEncoder[T]) discriminate(x, codes *nn.Tensor[T]) (value, accuracy float64) {
	a.both = beside(a.both, a.prior, a.noise.Rand, codes)
	if c := a.judge.contrast; c != nil {
		c.draw(a.noise.Rand, a.both.Data()[:codes.Size()])
	}
	return a.judge.learn(x, a.both)
}

// gaussianKL returns what the penalty avb estimates where it has a closed form, else NaN.
func (a *autoEncoder[T]) gaussianKL() float64 {
	if a.cfg.Penalty != "avb" || a.encoder.kind != "gaussian" || a.prior.name != "normal" {
		return math.NaN()
	}
	n, d := a.encoder.mean.Rows(), a.encoder.latent
	a.dMean, a.dLogvar = sized(a.dMean, n, d), sized(a.dLogvar, n, d)
	return a.ops.GaussianKL(a.dMean, a.dLogvar, a.encoder.mean, a.encoder.logvar)
}

// active counts the coordinates that the penalty kl has not switched off.
func (a *autoEncoder[T]) active() (count int) {
	if a.cfg.Penalty != "kl" {
		return 0
	}
	n, d := a.encoder.mean.Rows(), a.encoder.latent
	for j := range d {
		var sum float64
		for k := j; k < n*d; k += d {
			m, v := float64(a.encoder.mean.Data()[k]), float64(a.encoder.logvar.Data()[k])
			sum += (m*m + math.Exp(v) - 1 - v) / 2
		}
		if sum/float64(n) > activeKL {
			count++
		}
	}
	return count
}

// spread returns the deviations of the codes over that of the prior.
func (a *autoEncoder[T]) spread(z *nn.Tensor[T]) []float64 {
	n, d := z.Rows(), z.Cols()
	widths := make([]float64, d)
	for j := range d {
		var sum, square float64
		for k := j; k < n*d; k += d {
			sum += float64(z.Data()[k])
		}
		for k := j; k < n*d; k += d {
			v := float64(z.Data()[k]) - sum/float64(n)
			square += v * v
		}
		widths[j] = math.Sqrt(square / float64(n) / a.prior.variance())
	}
	return widths
}
