package generative

import (
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/nn"
)

// reconstruction is a decoder that takes features back to points.
type reconstruction struct {
	net    nn.Layer[float32]
	group  *nn.Group[float32]
	ops    nn.Ops[float32]
	weight float64
	error  *nn.Tensor[float32] // decoded points less the points
}

// newReconstruction returns the decoder of a critic from features to points of these shapes, which are of the table between; nil where it has
// none. The optimiser is of ops.
func newReconstruction(ops, between nn.Ops[float32], cfg CriticConfig, features, points []int) (*reconstruction, error) {
	if cfg.Decoder == nil {
		if cfg.Reconstruction != 0 {
			return nil, fmt.Errorf("generative: weight %g of a reconstruction without a decoder", cfg.Reconstruction)
		}
		return nil, nil
	}
	if !(cfg.Reconstruction > 0) || math.IsInf(cfg.Reconstruction, 1) {
		return nil, fmt.Errorf("generative: weight %g of the reconstruction, want a positive number", cfg.Reconstruction)
	}
	out, err := cfg.Decoder.OutputShape(features)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(out, points) {
		return nil, fmt.Errorf("generative: a decoder to %v, want %v", out, points)
	}
	opt, err := newOptimizer(ops, cfg.Optimizer, cfg.Rate)
	if err != nil {
		return nil, err
	}
	return &reconstruction{
		net: cfg.Decoder, group: nn.NewGroup("decoder", cfg.Decoder.Params(), opt), ops: between, weight: cfg.Reconstruction,
		error: tensorIn(between, points[0], points[1]),
	}, nil
}

// add returns the mean of |p - g(f)|^2 over the points p and their features f, the last output of that network. It adds weight times its
// derivative to df, and leaves that of the decoder's parameters in their gradients. The points are this rank's of s, the mean that of all.
func (r *reconstruction) add(df *nn.Tensor[float32], features, points *nn.Tensor[float32], s *share) float64 {
	r.group.ZeroGrad()
	// forward: error = g(f) - p, lost = <error, error>/rows
	r.ops.Copy(r.error, r.net.Forward(features))
	r.ops.Axpy(r.error, -1, points)
	sums := []float64{r.ops.Dot(r.error, r.error), float64(points.Rows())}
	s.join(sums)
	rows := sums[1]
	lost := sums[0] / rows
	r.ops.Scale(r.error, float32(2*r.weight/rows))
	r.ops.Axpy(df, 1, r.net.Backward(r.error, nn.WantAll))
	return lost
}
