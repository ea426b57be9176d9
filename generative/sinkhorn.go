package generative

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// SinkhornConfig describes a generator learned by the debiased Sinkhorn loss; [NewSinkhorn] says what it means.
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

// Sinkhorn learns a generator g_theta by the loss of Genevay, Peyre and Cuturi (2018, algorithm 1 with a fixed cost):
//
//	z_i uniform on [0,1]^LatentDim,  x_i = g_theta(z_i),  y a batch of data of the same size
//	theta <- Adam(theta, d/dtheta (2 W(x,y) - W(x,x) - W(y,y)))
//
// with W after exactly L steps and its exact derivative; see [sinkhorn.Loss].
type Sinkhorn struct {
	cfg   SinkhornConfig
	net   *nn.Sequential[float32]
	group *nn.Group[float32]
	ops   nn.Ops[float32]
	loss  sinkhorn.Loss[float32]
	noise *random.Stream

	z, y, grad *nn.Tensor[float32]
	decoder    nn.Layer[float32] // the same weights with activations of its own, so that a picture disturbs no step
}

// NewSinkhorn returns the objective with the generator LatentDim -> Hidden... -> DataDim, weights drawn by Xavier's uniform law and
// biases 0, from the stream "init" of the seed; noise comes from the stream "noise".
func NewSinkhorn(cfg SinkhornConfig) (*Sinkhorn, error) {
	if cfg.DataDim < 1 || cfg.LatentDim < 1 || cfg.Batch < 1 || cfg.Steps < 1 {
		return nil, fmt.Errorf("generative: data dimension %d, latent dimension %d, batch %d, iterations %d: want all positive",
			cfg.DataDim, cfg.LatentDim, cfg.Batch, cfg.Steps)
	}
	if !(cfg.Eps > 0) || math.IsInf(cfg.Eps, 1) {
		return nil, fmt.Errorf("generative: eps %g, want a positive number", cfg.Eps)
	}
	if cfg.Runner == nil {
		cfg.Runner = parallel.Default()
	}
	o := &Sinkhorn{cfg: cfg, ops: nn.NewCPU[float32](cfg.Runner), noise: random.New(cfg.Seed, "noise")}
	var err error
	sizes := append(append([]int{cfg.LatentDim}, cfg.Hidden...), cfg.DataDim)
	mlp := nn.MLP{Sizes: sizes, Hidden: cfg.Activation, Output: cfg.Output}
	if o.net, err = nn.NewMLP(o.ops, mlp, random.New(cfg.Seed, "init"), nn.XavierUniform(1), nil); err != nil {
		return nil, err
	}
	o.decoder = o.net.Share()
	adam, err := nn.NewAdam(o.ops, nn.DefaultAdam(cfg.Rate))
	if err != nil {
		return nil, err
	}
	o.group = nn.NewGroup("generator", o.net.Params(), adam)
	o.loss = sinkhorn.Loss[float32]{
		Solver: sinkhorn.Solver[float32]{Eps: cfg.Eps, Runner: cfg.Runner}, Steps: cfg.Steps, Value: cfg.Value,
	}
	o.z = nn.NewTensor[float32](cfg.Batch, cfg.LatentDim)
	o.y = nn.NewTensor[float32](cfg.Batch, cfg.DataDim)
	o.grad = nn.NewTensor[float32](cfg.Batch, cfg.DataDim)
	return o, nil
}

// Groups returns the generator.
func (o *Sinkhorn) Groups() []*nn.Group[float32] { return []*nn.Group[float32]{o.group} }

// Step takes one step of Adam. Where report is set, its metrics are the loss, the term W(x,y), the L1 error of its plan's rows after L
// steps, and the norm of the gradient.
func (o *Sinkhorn) Step(ctx context.Context, data Batches, report bool) ([]Metric, error) {
	data.Next(o.y.Data(), o.cfg.Batch)
	random.Uniform(o.noise, o.z.Data(), 0, 1)
	x := o.net.Forward(o.z)
	v, err := o.loss.Eval(ctx, x.Data(), o.y.Data(), o.cfg.Batch, o.cfg.Batch, o.cfg.DataDim, o.grad.Data(), report)
	if err != nil {
		return nil, err
	}
	o.group.ZeroGrad()
	o.net.Backward(o.grad, nn.WantParams)
	norm := nn.GradNorm(o.ops, o.group.Params)
	if bad := v.Loss + norm; math.IsNaN(bad) || math.IsInf(bad, 0) {
		return nil, fmt.Errorf("%w: loss %g, gradient norm %g; try a smaller --lr, or a larger --eps", ErrNotFinite, v.Loss, norm)
	}
	o.group.Step()
	if !report {
		return nil, nil
	}
	return []Metric{{"loss", v.Loss}, {"w_xy", value(v.XY, o.cfg.Value)}, {"marginal_error", v.XY.MarginalError}, {"grad_norm", norm}}, nil
}

func value(v sinkhorn.Values, which sinkhorn.Value) float64 {
	if which == sinkhorn.Sharp {
		return v.Sharp
	}
	return v.Entropic
}

// Sample decodes points uniform on the latent cube.
func (o *Sinkhorn) Sample(dst []float32, rows int, noise *random.Stream) {
	z := make([]float32, rows*o.cfg.LatentDim)
	random.Uniform(noise, z, 0, 1)
	o.Decode(dst, z, rows)
}

// LatentDim returns the dimension of the latent space.
func (o *Sinkhorn) LatentDim() int { return o.cfg.LatentDim }

// LatentPoint copies u: the prior is uniform on the cube.
func (o *Sinkhorn) LatentPoint(dst, u []float32) { copy(dst, u) }

// Decode applies the generator to rows of z, a batch at a time.
func (o *Sinkhorn) Decode(dst, z []float32, rows int) {
	l, d := o.cfg.LatentDim, o.cfg.DataDim
	for lo := 0; lo < rows; lo += decodeRows {
		hi := min(lo+decodeRows, rows)
		x := o.decoder.Forward(nn.TensorOf(z[lo*l:hi*l], hi-lo, l))
		copy(dst[lo*d:hi*d], x.Data())
	}
}

// decodeRows bounds the activations that decoding holds.
const decodeRows = 256

// State returns the state of the noise.
func (o *Sinkhorn) State() (map[string][]byte, error) {
	noise, err := o.noise.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"noise": noise, "model": o.shape()}, nil
}

// Restore sets the state of the noise. A state of another model is refused.
func (o *Sinkhorn) Restore(state map[string][]byte) error {
	if string(state["model"]) != string(o.shape()) {
		return errors.New("generative: the state belongs to a generator of other sizes")
	}
	return o.noise.UnmarshalBinary(state["noise"])
}

// shape identifies the sizes of the model.
func (o *Sinkhorn) shape() []byte {
	var b []byte
	for _, n := range append([]int{o.cfg.LatentDim, o.cfg.DataDim}, o.cfg.Hidden...) {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}
