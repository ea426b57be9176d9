package train

import (
	"slices"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A builder makes an objective for rows of that many numbers, images or not, with eps in units of the cost.
type builder func(c Config, eps float64, d DataState, pool *parallel.Pool) (generative.Objective, error)

// builders holds the objectives by the names that --objective takes.
var builders = map[string]builder{"sinkhorn": newSinkhorn}

// NewObjective returns the objective of a config at step 0, for the data that d describes.
func NewObjective(c Config, eps float64, d DataState, pool *parallel.Pool) (generative.Objective, error) {
	build, ok := builders[c.Objective]
	if !ok {
		return nil, c.Validate()
	}
	return build(c, eps, d, pool)
}

func newSinkhorn(c Config, eps float64, d DataState, pool *parallel.Pool) (generative.Objective, error) {
	output := ""
	if d.Height > 0 {
		output = "sigmoid" // pixels are in [0, 1]
	}
	return generative.NewSinkhorn(generative.SinkhornConfig{
		DataDim: d.Dim, LatentDim: c.Latent, Hidden: c.Hidden, Activation: "relu", Output: output,
		Batch: c.Batch, Eps: eps, Steps: c.Iters, Value: sinkhorn.Sharp, Rate: c.Rate, Seed: c.Seed, Runner: pool,
	})
}

// ObjectiveNames returns the names of the objectives, sorted.
func ObjectiveNames() []string {
	var names []string
	for name := range builders {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
