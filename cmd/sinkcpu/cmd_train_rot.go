package main

import (
	"github.com/spf13/pflag"

	"github.com/sinkcpu/sinkcpu/train"
)

// addROTFlags adds the flags of the objectives rot-gan and rot-gan-debiased.
func addROTFlags(f *pflag.FlagSet, c *train.Config) {
	d := train.DefaultConfigOf("rot-gan", "")
	c.Duals = d.Duals
	f.StringVar(&c.Oracle, "oracle", d.Oracle, "what solves the duals of rot-gan: exact (on the batch, to a certified gap), stochastic, stochastic-data (a potential for each row of the data) or neural (potentials as networks)")
	f.StringVar(&c.Reg, "reg", d.Reg, "regulariser of rot-gan: kl, or l2 with sparse plans; --eps is its weight")
	f.Float64Var(&c.Delta, "delta", d.Delta, "error of the generator's gradient that the oracle may leave; 0 for half the running norm of the gradient")
	f.Float64Var(&c.L0, "l0", d.L0, "bound of the gradients of the costs by the generator's parameters; 0 to measure it")
	f.StringVar(&c.StepRule, "step", d.StepRule, "of rot-gan's generator: optimizer, or theory for gradient steps of 1/L, L = L1 + L0^2/eps as measured")
	f.Float64Var(&c.EpsStart, "eps-start", d.EpsStart, "multiple of --eps at which the lambda of rot-gan begins")
	f.Float64Var(&c.EpsHalf, "eps-half-life", d.EpsHalf, "steps in which lambda halves, until it is --eps")
	f.StringVar(&c.Dual, "dual", d.Dual, "neural potentials: full (of model and data) or semi (of the data; the other is its c-transform on the batch)")
	f.IntSliceVar(&c.Potentials, "potentials", d.Potentials, "widths of the hidden layers of neural potentials")
	f.IntVar(&c.Ascent, "ascent-steps", d.Ascent, "steps of neural potentials for each of the generator")
	f.Float64Var(&c.AscentRate, "ascent-lr", d.AscentRate, "learning rate of neural potentials")
	group(f, "Flags of rot-gan and rot-gan-debiased", rotSettings)
}

// rotSettings are those of the objectives rot-gan and rot-gan-debiased alone.
var rotSettings = map[string]func(dst, flags *train.Config){
	"oracle":        func(dst, flags *train.Config) { dst.Oracle = flags.Oracle },
	"reg":           func(dst, flags *train.Config) { dst.Reg = flags.Reg },
	"delta":         func(dst, flags *train.Config) { dst.Delta = flags.Delta },
	"l0":            func(dst, flags *train.Config) { dst.L0 = flags.L0 },
	"step":          func(dst, flags *train.Config) { dst.StepRule = flags.StepRule },
	"eps-start":     func(dst, flags *train.Config) { dst.EpsStart = flags.EpsStart },
	"eps-half-life": func(dst, flags *train.Config) { dst.EpsHalf = flags.EpsHalf },
	"dual":          func(dst, flags *train.Config) { dst.Dual = flags.Dual },
	"potentials":    func(dst, flags *train.Config) { dst.Potentials = flags.Potentials },
	"ascent-steps":  func(dst, flags *train.Config) { dst.Ascent = flags.Ascent },
	"ascent-lr":     func(dst, flags *train.Config) { dst.AscentRate = flags.AscentRate },
}
