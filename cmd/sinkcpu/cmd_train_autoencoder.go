package main

import (
	"github.com/spf13/pflag"

	"github.com/sinkcpu/sinkcpu/train"
)

// addAutoEncoderFlags adds the flags of the auto-encoders.
func addAutoEncoderFlags(f *pflag.FlagSet, c *train.Config) {
	d := train.DefaultConfigOf("ae", "")
	c.AutoEncoder = d.AutoEncoder
	f.StringVar(&c.Encoder, "encoder", d.Encoder, "of auto-encoders: deterministic, gaussian or implicit (reads noise beside the row)")
	f.IntVar(&c.EncoderNoise, "encoder-noise", d.EncoderNoise, "numbers of noise that an implicit encoder reads")
	f.StringVar(&c.Decoder, "decoder", d.Decoder, "of auto-encoders: deterministic (costs --cost), gaussian or bernoulli (cost their negative log-likelihood)")
	f.Float64Var(&c.Sigma, "sigma", d.Sigma, "deviation of a Gaussian decoder")
	f.BoolVar(&c.LearnSigma, "learn-sigma", d.LearnSigma, "learn the deviation of a Gaussian decoder, from --sigma on")
	f.Float64Var(&c.Lambda, "lambda", d.Lambda, "weight of the latent penalty beside the cost of a row, which is a sum; beta of a vae")
	f.IntVar(&c.WarmUp, "lambda-warmup", d.WarmUp, "steps in which --lambda grows from 0")
	f.IntVar(&c.Projections, "projections", d.Projections, "directions of the sliced distance of swae")
	f.IntSliceVar(&c.Discriminator, "discriminator", d.Discriminator, "widths of the hidden layers of a discriminator of codes (pot-gan, aae, avb); --critic-lr and --critic-steps are its")
	f.StringVar(&c.GAN, "gan", d.GAN, "what the encoder minimises against a discriminator: nonsaturating (-log D) or saturating (log(1-D))")
	f.BoolVar(&c.KnownPrior, "known-prior", d.KnownPrior, "add the logarithm of the prior's density to the discriminator's logit")
	f.BoolVar(&c.Contrast, "contrast", d.Contrast, "let the discriminator of avb tell codes from a normal law that is learned for each row, not from the prior (adaptive contrast)")
	f.IntVar(&c.Pretrain, "pretrain", d.Pretrain, "most steps in which the encoder alone learns to give codes the moments of the prior")
	f.Float64Var(&c.InputNoise, "input-noise", d.InputNoise, "deviation of noise on what the encoder reads")
	group(f, "Flags of auto-encoders", autoEncoderSettings)
}

// autoEncoderSettings are those of auto-encoders alone.
var autoEncoderSettings = map[string]func(dst, flags *train.Config){
	"encoder":       func(dst, flags *train.Config) { dst.Encoder = flags.Encoder },
	"encoder-noise": func(dst, flags *train.Config) { dst.EncoderNoise = flags.EncoderNoise },
	"decoder":       func(dst, flags *train.Config) { dst.Decoder = flags.Decoder },
	"sigma":         func(dst, flags *train.Config) { dst.Sigma = flags.Sigma },
	"learn-sigma":   func(dst, flags *train.Config) { dst.LearnSigma = flags.LearnSigma },
	"lambda":        func(dst, flags *train.Config) { dst.Lambda = flags.Lambda },
	"lambda-warmup": func(dst, flags *train.Config) { dst.WarmUp = flags.WarmUp },
	"projections":   func(dst, flags *train.Config) { dst.Projections = flags.Projections },
	"discriminator": func(dst, flags *train.Config) { dst.Discriminator = flags.Discriminator },
	"gan":           func(dst, flags *train.Config) { dst.GAN = flags.GAN },
	"known-prior":   func(dst, flags *train.Config) { dst.KnownPrior = flags.KnownPrior },
	"contrast":      func(dst, flags *train.Config) { dst.Contrast = flags.Contrast },
	"pretrain":      func(dst, flags *train.Config) { dst.Pretrain = flags.Pretrain },
	"input-noise":   func(dst, flags *train.Config) { dst.InputNoise = flags.InputNoise },
}
