package generative

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/nn"
)

// CriticConfig holds the settings of a learned cost; see [NewAdversarial].
type CriticConfig struct {
	Steps          int     // n_c, steps of the critic before each turn of the generator
	GeneratorSteps int     // steps of the generator a turn
	Clip           float64 // bound of the critic's weights; 0 for none
	Optimizer      string  // adam or rmsprop
	Rate           float64 // learning rate
}

// Adversarial learns a model together with the cost by which it is compared, c_phi(x,y) = c(f_phi(x), f_phi(y)):
//
//	n_c times           phi   <- clip(optimiser(phi, -d/dphi criterion(f_phi(x), f_phi(y))), -clip, clip)
//	as often as set     theta <- optimiser(theta, d/dtheta criterion(f_phi(x), f_phi(y)))
//
// each with a new batch of data and new noise. The weights of the critic f_phi are clipped from the start. Source: Genevay, Peyre and Cuturi
// 2018, algorithm 1; more steps of the generator than of the critic: Salimans et al. 2018.
type Adversarial struct {
	*Fit
	cfg      CriticConfig
	features nn.Layer[float32]
	critic   *nn.Group[float32]

	points *nn.Tensor[float32] // x over y
	df     *nn.Tensor[float32]
	dim    int // of the features
}

// NewAdversarial returns the objective that teaches fit's model through the features. The ground cost is that of fit's criterion.
func NewAdversarial(fit *Fit, features nn.Layer[float32], cfg CriticConfig) (*Adversarial, error) {
	if cfg.Steps < 1 || cfg.GeneratorSteps < 1 {
		return nil, fmt.Errorf("generative: %d steps of the critic and %d of the generator, want both positive", cfg.Steps, cfg.GeneratorSteps)
	}
	if !(cfg.Clip >= 0) {
		return nil, fmt.Errorf("generative: weights clipped to %g, want a positive number, or 0 for none", cfg.Clip)
	}
	total := 2 * fit.z.Rows()
	out, err := features.OutputShape([]int{total, fit.model.dim})
	if err != nil {
		return nil, err
	}
	opt, err := newOptimizer(fit.ops, cfg.Optimizer, cfg.Rate)
	if err != nil {
		return nil, err
	}
	o := &Adversarial{Fit: fit, cfg: cfg, features: features, critic: nn.NewGroup("critic", features.Params(), opt)}
	o.points = nn.NewTensor[float32](total, fit.model.dim)
	o.dim = out[len(out)-1]
	o.df = nn.NewTensor[float32](total, o.dim)
	o.clip()
	return o, nil
}

// Groups returns generator and critic.
func (o *Adversarial) Groups() []*nn.Group[float32] { return []*nn.Group[float32]{o.group, o.critic} }

// Step takes the critic's steps and then those of the generator. Where report is set, its metrics are those of the criterion at the
// generator's last step, the norms of both gradients, and the largest weight of the critic.
func (o *Adversarial) Step(ctx context.Context, data Batches, report bool) ([]Metric, error) {
	var rise, fall float64
	for range o.cfg.Steps {
		loss, err := o.compare(ctx, data, true, true)
		if err != nil {
			return nil, err
		}
		if rise, err = o.ascend(loss[0].Value); err != nil {
			return nil, err
		}
	}
	var metrics []Metric
	for k := range o.cfg.GeneratorSteps {
		var err error
		last := report && k == o.cfg.GeneratorSteps-1
		if metrics, err = o.compare(ctx, data, false, last); err != nil {
			return nil, err
		}
		half := o.points.Rows() / 2
		dx := o.features.Backward(o.df, nn.WantInput).Slice(0, half)
		if fall, err = o.descend(dx, metrics[0].Value); err != nil {
			return nil, err
		}
	}
	if !report {
		return nil, nil
	}
	var largest float64
	for _, p := range o.critic.Params {
		for _, v := range p.Value.Data() {
			largest = max(largest, math.Abs(float64(v)))
		}
	}
	return append(metrics, Metric{"grad_norm", fall}, Metric{"critic_grad_norm", rise}, Metric{"critic_max_weight", largest}), nil
}

// compare draws new clouds and leaves the derivative by their features in df; that by the features of the data is 0 unless ofData.
func (o *Adversarial) compare(ctx context.Context, data Batches, ofData, report bool) ([]Metric, error) {
	half := o.points.Rows() / 2
	data.Next(o.points.Data()[half*o.model.dim:], half)
	copy(o.points.Data(), o.generate().Data())
	f := o.features.Forward(o.points).Data()
	cut := half * o.dim
	df := o.df.Data()
	dy := df[cut:]
	if !ofData {
		clear(dy)
		dy = nil
	}
	return o.criterion.Eval(ctx, f[:cut], f[cut:], o.Fit.cfg.Batch, o.dim, df[:cut], dy, report)
}

// ascend takes the critic's step uphill and returns the norm of its gradient.
func (o *Adversarial) ascend(loss float64) (float64, error) {
	o.critic.ZeroGrad()
	o.ops.Scale(o.df, -1)
	o.features.Backward(o.df, nn.WantParams)
	norm := nn.GradNorm(o.ops, o.critic.Params)
	if err := checkFinite(o.ops, o.critic, loss, norm); err != nil {
		return 0, err
	}
	o.critic.Opt.SetRate(o.cfg.Rate * decay(o.done, o.Fit.cfg.HalfLife))
	o.critic.Step()
	o.clip()
	return norm, nil
}

// clip bounds the critic's weights.
func (o *Adversarial) clip() {
	if o.cfg.Clip == 0 {
		return
	}
	c := float32(o.cfg.Clip)
	for _, p := range o.critic.Params {
		w := p.Value.Data()
		for i, v := range w {
			w[i] = max(-c, min(c, v))
		}
	}
}

// State is that of [Fit] and the buffers of the critic.
func (o *Adversarial) State() (map[string][]byte, error) {
	state, err := o.Fit.State()
	if err != nil {
		return nil, err
	}
	return state, saveBuffers(state, "critic.", o.features)
}

// Restore sets what State returned.
func (o *Adversarial) Restore(state map[string][]byte) error {
	if err := restoreBuffers(state, "critic.", o.features); err != nil {
		return err
	}
	return o.Fit.Restore(state)
}
