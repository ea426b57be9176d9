package train

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// A ModeCount says how samples of a model lie about the modes of a mixture that made the data.
//
//	near mode k: |x - centre_k| <= 3 sigma
type ModeCount struct {
	Covered int     `json:"covered"` // modes with at least a fifth of their equal share of the samples near them
	Of      int     `json:"of"`
	Near    float64 `json:"near"` // share of the samples near a mode; of the data it is .989
	Samples int     `json:"samples"`
}

const modeSamples = 10000

// sampledModes counts samples of the model, drawn from the stream "modes" of the seed.
func sampledModes(obj generative.Generator, modes *data.Mixture, seed uint64) ModeCount {
	x := make([]float32, 2*modeSamples)
	obj.Sample(x, modeSamples, random.New(seed, "modes").Rand)
	return countModes(x, modeSamples, modes)
}

// countModes counts rows of x.
func countModes(x []float32, rows int, modes *data.Mixture) ModeCount {
	c := ModeCount{Of: len(modes.Centres), Samples: rows}
	count := make([]int, c.Of)
	radius := 3 * modes.Sigma
	for i := range rows {
		for k, centre := range modes.Centres {
			dx, dy := float64(x[2*i])-centre[0], float64(x[2*i+1])-centre[1]
			if dx*dx+dy*dy <= radius*radius {
				count[k]++
				break
			}
		}
	}
	near := 0
	for _, n := range count {
		near += n
		if 5*n*c.Of >= rows {
			c.Covered++
		}
	}
	c.Near = float64(near) / float64(rows)
	return c
}

// String returns "8 of 8 modes, 93.1 % of samples within three sigma of one".
func (c ModeCount) String() string {
	return fmt.Sprintf("%d of %d modes, %.1f %% of samples within three sigma of one", c.Covered, c.Of, 100*c.Near)
}
