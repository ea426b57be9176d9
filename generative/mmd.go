package generative

import (
	"context"

	"github.com/sinkcpu/sinkcpu/kernels"
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
type MMD[T kernels.Float] struct{ mmd discrepancy.MMD[T] }

// NewMMD returns the discrepancy under one of the kernels.
func NewMMD[T kernels.Float](cfg MMDConfig) (*MMD[T], error) {
	k, err := discrepancy.NewKernel(cfg.Kernel, cfg.Bandwidths...)
	if err != nil {
		return nil, err
	}
	return &MMD[T]{discrepancy.MMD[T]{Kernel: k, Unbiased: cfg.Unbiased, Runner: cfg.Runner}}, nil
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
