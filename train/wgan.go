package train

import (
	"slices"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// isWGAN reports whether a critic of one number is the objective.
func (c Config) isWGAN() bool { return c.Objective == "wgan" || c.Objective == "wgan-gp" }

// setWGAN sets the defaults of the objectives wgan and wgan-gp, those of their papers but for the sizes: RMSProp at 5e-5 and weights clipped
// at .01, and Adam at 1e-4 with a penalty of 10; five steps of the critic for one of the generator.
func (c *Config) setWGAN() {
	c.Features, c.CriticSteps, c.Batch, c.Prior = []int{500, 500}, 5, 64, "normal"
	c.Optimizer, c.Rate, c.CriticRate, c.Constraint, c.Clip, c.HalfLife = "rmsprop", 5e-5, 5e-5, "clip", .01, 0
	if c.Objective == "wgan-gp" {
		c.Optimizer, c.Rate, c.CriticRate, c.Constraint, c.Penalty = "adam", 1e-4, 1e-4, "penalty", 10
	}
}

// criticOfWGAN returns the widths or channels of the critic with the one number at its end.
func (c Config) criticOfWGAN() []int { return append(slices.Clone(c.Features), 1) }

// criticHalvings returns how often the critic's convolutions halve an image.
func (c Config) criticHalvings() int {
	if c.isWGAN() {
		return len(c.Features)
	}
	return len(c.Features) - 1
}

func newWGAN(Config, float64, kernels.Runner) (generative.Criterion[float32], error) {
	return generative.MeanDifference[float32]{}, nil
}
