package generative

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// SinkhornConfig describes a network learned by the debiased Sinkhorn loss; [NewSinkhorn] says what it means.
type SinkhornConfig struct {
	DataDim    int
	LatentDim  int
	Hidden     []int
	Activation string // of the hidden layers: relu, leaky_relu, softplus, tanh or sigmoid
	Output     string // of the last layer: sigmoid for pixels in [0,1], "" for points
	Batch      int
	Eps        float64 // temperature, in units of the cost |x-y|^2
	Steps      int     // L
	Value      sinkhorn.Value
	Rate       float64 // learning rate of Adam
	Seed       uint64
	Runner     kernels.Runner // nil means the pool of the process
}

// Sinkhorn learns a network g_theta by the loss of Genevay, Peyre and Cuturi (2018, algorithm 1 with a fixed cost):
//
//	z_i uniform on [0,1]^LatentDim,  x_i = g_theta(z_i),  y a batch of data of the same size
//	theta <- Adam(theta, d/dtheta (2 W(x,y) - W(x,x) - W(y,y)))
//
// with W after exactly L steps and its exact derivative; see [Transport].
type Sinkhorn struct{ *Fit }

// NewSinkhorn returns the objective with the network LatentDim -> Hidden... -> DataDim; see [NewMLPModel] for its first weights.
func NewSinkhorn(cfg SinkhornConfig) (*Sinkhorn, error) {
	if cfg.DataDim < 1 || cfg.LatentDim < 1 {
		return nil, fmt.Errorf("generative: data dimension %d, latent dimension %d: want both positive", cfg.DataDim, cfg.LatentDim)
	}
	if cfg.Runner == nil {
		cfg.Runner = parallel.Default()
	}
	ops := nn.NewCPU[float32](cfg.Runner)
	sizes := append(append([]int{cfg.LatentDim}, cfg.Hidden...), cfg.DataDim)
	m, err := NewMLPModel(ops, nn.MLP{Sizes: sizes, Hidden: cfg.Activation, Output: cfg.Output}, "uniform", cfg.Seed)
	if err != nil {
		return nil, err
	}
	c, err := NewTransport[float32](TransportConfig{
		Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: cfg.Value, Eps: cfg.Eps, Steps: cfg.Steps, Runner: cfg.Runner,
	})
	if err != nil {
		return nil, err
	}
	fit, err := NewFit(ops, m, c, FitConfig{Batch: cfg.Batch, Rate: cfg.Rate, Seed: cfg.Seed, Runner: cfg.Runner})
	if err != nil {
		return nil, err
	}
	return &Sinkhorn{fit}, nil
}
