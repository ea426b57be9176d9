package generative

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
)

// MMDConfig describes a maximum mean discrepancy; see [NewMMD].
type MMDConfig struct {
	Kernel     string    // gaussian, imq or energy; see [discrepancy.NewKernel]
	Bandwidths []float64 // of gaussian and imq; nil for 1, 2, 4, 8, 16
	Unbiased   bool
	Runner     kernels.Runner
}

// MMDKernels are the names that [MMDConfig] takes.
var MMDKernels = discrepancy.KernelNames

// DefaultBandwidths are those of MMD-GAN (Li et al. 2017).
var DefaultBandwidths = discrepancy.DefaultBandwidths

// MMD is the squared maximum mean discrepancy between a cloud of a model and one of data; see [discrepancy.MMD].
type MMD[T kernels.Float] struct {
	mmd discrepancy.MMD[T]
	cfg MMDConfig
}

// NewMMD returns the discrepancy under one of the kernels.
func NewMMD[T kernels.Float](cfg MMDConfig) (*MMD[T], error) {
	k, err := discrepancy.NewKernel(cfg.Kernel, cfg.Bandwidths...)
	if err != nil {
		return nil, err
	}
	if len(cfg.Bandwidths) == 0 {
		cfg.Bandwidths = DefaultBandwidths
	}
	return &MMD[T]{discrepancy.MMD[T]{Kernel: k, Unbiased: cfg.Unbiased, Runner: cfg.Runner}, cfg}, nil
}

// Clouds returns 1.
func (k *MMD[T]) Clouds() int { return 1 }

// Eval returns the discrepancy. Without report the term of the data alone is left out where dy is nil.
func (k *MMD[T]) Eval(_ context.Context, x, y []T, n, d int, dx, dy []T, report bool) ([]Metric, error) {
	loss, err := k.mmd.Eval(x, y, n, n, d, dx, dy, report)
	if err != nil {
		return nil, err
	}
	return []Metric{{"loss", loss}}, nil
}

// On returns the discrepancy on a table that has the operations of [clouds.Ops], for up to [clouds.MaxBandwidths] bandwidths.
func (k *MMD[T]) On(ops nn.Ops[T]) Comparison[T] {
	table, ok := ops.(clouds.Ops[T])
	if !ok || len(k.cfg.Bandwidths) > clouds.MaxBandwidths {
		return nil
	}
	mmd := clouds.NewMMD(table, k.cfg.Kernel, k.cfg.Bandwidths, k.cfg.Unbiased)
	return func(_ context.Context, x, y *nn.Tensor[T], n int, dx, dy *nn.Tensor[T], report bool) ([]Metric, error) {
		if k.cfg.Unbiased && n < 2 {
			return nil, fmt.Errorf("generative: the unbiased estimate of %d points, want at least 2", n)
		}
		for _, d := range []*nn.Tensor[T]{dx, dy} {
			if d != nil {
				table.Zero(d)
			}
		}
		loss := mmd.Eval(x, y, dx, dy, report)
		if !report {
			return nil, nil
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, fmt.Errorf("%w: the discrepancy is %g", ErrNotFinite, loss)
		}
		return []Metric{{"loss", loss}}, nil
	}
}
