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
	GeneratorSteps int     // steps of the generator a turn; 0 for a model that stays as it is, under a critic that learns
	Clip           float64 // bound of the critic's weights; 0 for none
	Penalty        float64 // weight of the gradient penalty; 0 for none
	Optimizer      string  // one of [OptimizerNames]
	Rate           float64 // learning rate
	Frozen         bool    // the features stay as they are, and the critic takes no step

	// Decoder, where it is not nil, takes features back to points, and Reconstruction is the weight of its error; see [NewAdversarial].
	Decoder        nn.Layer[float32]
	Reconstruction float64
}

// Adversarial learns a model together with the cost by which it is compared, c_phi(x,y) = c(f_phi(x), f_phi(y)):
//
//	n_c times           phi   <- clip(optimiser(phi, -d/dphi criterion(f_phi(x), f_phi(y))), -clip, clip)
//	as often as set     theta <- optimiser(theta, d/dtheta criterion(f_phi(x), f_phi(y)))
//
// each with a new batch of data and new noise. The weights of the critic f_phi are clipped from the start. With a decoder g the critic's
// step is on
//
//	-criterion(f_phi(x), f_phi(y)) + Reconstruction mean |p - g(f_phi(p))|^2          p over the points of both clouds
//
// for phi and for the decoder, whose weights are free, so that the features keep what tells points apart. Penalty, an alternative to clipping
// the weights, adds
//
//	Penalty mean_i (|J(p_i)^T u_i| - 1)^2          p_i = t_i x_i + (1-t_i) y_i, t_i uniform on [0,1], J the Jacobian of f_phi
//	                                               u_i = (f_phi(x_i) - f_phi(y_i))/|f_phi(x_i) - f_phi(y_i)|, taken as a constant
//
// which is how fast the cost |f_phi(x) - f_phi(y)| grows; its derivative by phi is a central difference along J^T u, exact where f_phi is
// linear in between. A third alternative are features of [SpectralNormalised].
//
// Source: Genevay, Peyre and Cuturi 2018, algorithm 1; more steps of the generator than of the critic: Salimans et al. 2018; the decoder: Li et
// al. 2017, MMD GAN; the penalty: Gulrajani et al. 2017.
type Adversarial struct {
	*Fit
	cfg      CriticConfig
	between  nn.Ops[float32] // of points and features: the table of the networks, or one of the host where that compares the clouds
	features nn.Layer[float32]
	critic   *nn.Group[float32]
	decoder  *reconstruction           // nil: none
	penalty  *gradientPenalty[float32] // nil: none

	points   *nn.Tensor[float32] // x over y, of the rows of this rank
	embedded *nn.Tensor[float32] // their features
	df       *nn.Tensor[float32]
	dfx, dfy *nn.Tensor[float32] // of all rows
	dim      int                 // of the features
}

// NewAdversarial returns the objective that teaches fit's model through the features. The ground cost is that of fit's criterion. Features and decoder
// were made by the same table as the model. Where that is a device's, all of a step but its noise and its batch stays there if the criterion is
// a [TableCriterion] that can; under any other criterion points and features go between the networks by the host, which compares the clouds.
func NewAdversarial(fit *Fit, features nn.Layer[float32], cfg CriticConfig) (*Adversarial, error) {
	if cfg.Steps < 1 || cfg.GeneratorSteps < 0 || cfg.GeneratorSteps == 0 && cfg.Frozen {
		return nil, fmt.Errorf("generative: %d steps of the critic and %d of the generator, want positive numbers, or 0 of the generator where the critic learns", cfg.Steps, cfg.GeneratorSteps)
	}
	if !(cfg.Clip >= 0) {
		return nil, fmt.Errorf("generative: weights clipped to %g, want a positive number, or 0 for none", cfg.Clip)
	}
	total := 2 * fit.z.Tensor.Rows()
	out, err := features.OutputShape([]int{total, fit.model.dim})
	if err != nil {
		return nil, err
	}
	opt, err := newOptimizer(fit.ops, cfg.Optimizer, cfg.Rate)
	if err != nil {
		return nil, err
	}
	o := &Adversarial{Fit: fit, cfg: cfg, between: fit.ops, features: features, critic: nn.NewGroup("critic", features.Params(), opt), dim: out[len(out)-1]}
	if fit.there == nil {
		o.between, o.features = hostOps(fit.ops, fit.cfg.Runner), fromHost(fit.ops, features)
		cfg.Decoder = fromHost(fit.ops, cfg.Decoder)
		o.dfx, o.dfy = nn.NewTensor[float32](total/2, o.dim), nn.NewTensor[float32](total/2, o.dim)
	}
	o.points, o.df = tensorIn(o.between, total, fit.model.dim), tensorIn(o.between, total, o.dim)
	if o.penalty, err = newGradientPenalty(fit.ops, o.between, o.features, cfg.Penalty, fit.cfg.Seed, fit.cfg.Runner); err != nil {
		return nil, err
	}
	if cfg.Frozen {
		nn.SetTraining(features, false)
		return o, nil
	}
	if o.decoder, err = newReconstruction(fit.ops, o.between, cfg, o.df.Shape(), o.points.Shape()); err != nil {
		return nil, err
	}
	o.clip()
	return o, nil
}

// Groups returns generator, critic and, if there is one, decoder.
func (o *Adversarial) Groups() []*nn.Group[float32] {
	groups := []*nn.Group[float32]{o.group, o.critic}
	if o.decoder != nil {
		groups = append(groups, o.decoder.group)
	}
	return append(groups, o.oracle().groups()...)
}

// Step takes the critic's steps and then those of the generator. Where report is set, its metrics are those of the criterion at the
// generator's last step, or the critic's where the model stays, the norms of both gradients, the largest weight of the critic, and where
// there are such the penalty, unweighted, and the error of the decoder.
func (o *Adversarial) Step(ctx context.Context, data Batches, report bool) ([]Metric, error) {
	var metrics, ofCritic []Metric
	var fall float64
	for k := 0; k < o.cfg.Steps && !o.cfg.Frozen; k++ {
		var err error
		told := report && k == o.cfg.Steps-1
		known := o.there == nil || told && o.cfg.GeneratorSteps == 0 // the host has the metrics in any case
		if metrics, err = o.compare(ctx, data, true, known); err != nil {
			return nil, err
		}
		if ofCritic, err = o.ascend(lossOf(metrics), told); err != nil {
			return nil, err
		}
	}
	for k := range o.cfg.GeneratorSteps {
		var err error
		last := report && k == o.cfg.GeneratorSteps-1
		if metrics, err = o.compare(ctx, data, false, last); err != nil {
			return nil, err
		}
		dx := o.features.Backward(o.df, nn.WantInput)
		dx = dx.Slice(0, dx.Rows()/2)
		own := dx
		if dx.OnHost() && !o.dx.Tensor.OnHost() {
			copy(o.dx.Host, dx.Data())
			own = o.dx.Push()
		}
		if fall, err = o.descend(dx, own, lossOf(metrics)); err != nil {
			return nil, err
		}
	}
	if !report {
		return nil, nil
	}
	var largest float64
	for _, p := range o.critic.Params {
		for _, v := range p.Value.Values() {
			largest = max(largest, math.Abs(float64(v)))
		}
	}
	metrics = append(metrics, Metric{"grad_norm", fall}, Metric{"critic_max_weight", largest})
	return append(append(metrics, ofCritic...), o.oracle().metrics()...), nil
}

// compare draws new clouds and leaves the derivative by their features in df; that by the features of the data is 0 unless ofData.
func (o *Adversarial) compare(ctx context.Context, data Batches, ofData, report bool) ([]Metric, error) {
	if err := o.oracle().draw(data, o.y); err != nil {
		return nil, err
	}
	x, half := o.generate(), o.points.Rows()/2
	if o.points.OnHost() {
		copy(o.points.Data(), x.Values())
	} else {
		o.between.Copy(o.points.Slice(0, half), x)
	}
	o.between.Upload(o.points.Slice(half, 2*half), o.share.of(o.y).Data())
	o.embedded = o.features.Forward(o.points)
	if o.there == nil {
		return o.compareHere(ctx, ofData, report)
	}
	f, dx, dy := o.embedded.Reshape(2*half, o.dim), o.df.Slice(0, half), o.df.Slice(half, 2*half)
	if !ofData {
		o.between.Zero(dy)
		dy = nil
	}
	return o.there(ctx, f.Slice(0, half), f.Slice(half, 2*half), o.Fit.cfg.Batch, dx, dy, report)
}

// compareHere compares the features of all ranks on the host.
func (o *Adversarial) compareHere(ctx context.Context, ofData, report bool) ([]Metric, error) {
	x, y, err := o.gathered()
	if err != nil {
		return nil, err
	}
	dx, dy := o.dfx.Data(), o.dfy.Data()
	clear(dy)
	if !ofData {
		dy = nil
	}
	metrics, err := o.criterion.Eval(ctx, x, y, o.Fit.cfg.Batch, o.dim, dx, dy, report)
	cut := copy(o.df.Data(), o.share.of(o.dfx).Data())
	copy(o.df.Data()[cut:], o.share.of(o.dfy).Data())
	return metrics, err
}

// gathered returns the features of the model's points and of the data, of all ranks.
func (o *Adversarial) gathered() (x, y []float32, err error) {
	half := o.points.Rows() / 2
	if x, err = o.share.gather(o.embedded.Slice(0, half)); err != nil {
		return nil, nil, err
	}
	y, err = o.share.gather(o.embedded.Slice(half, 2*half))
	return x, y, err
}

// ascend takes the critic's step uphill, and the decoder's, and returns their metrics; those that nothing else needs only where report is set.
func (o *Adversarial) ascend(loss float64, report bool) ([]Metric, error) {
	o.critic.ZeroGrad()
	o.between.Scale(o.df, -1)
	var lost float64
	if o.decoder != nil {
		lost = o.decoder.add(o.df, o.embedded, o.points, &o.share)
	}
	o.features.Backward(o.df, nn.WantParams)
	var steep float64
	if o.penalty != nil {
		steep = o.penalty.add(o.points, o.embedded, &o.share, report)
	}
	if err := o.share.sum(o.critic.Params); err != nil {
		return nil, err
	}
	if o.decoder != nil {
		if err := o.share.sum(o.decoder.group.Params); err != nil {
			return nil, err
		}
	}
	norm := nn.GradNorm(o.ops, o.critic.Params)
	if err := checkFinite(o.ops, o.critic, loss+lost+steep, norm); err != nil {
		return nil, err
	}
	metrics := []Metric{{"critic_grad_norm", norm}}
	if o.penalty != nil {
		metrics = append(metrics, Metric{"gradient_penalty", steep})
	}
	rate := o.cfg.Rate * decay(o.done, o.Fit.cfg.HalfLife)
	o.critic.Opt.SetRate(rate)
	o.critic.Step()
	o.clip()
	if o.decoder != nil {
		o.decoder.group.Opt.SetRate(rate)
		o.decoder.group.Step()
		metrics = append(metrics, Metric{"reconstruction", lost})
	}
	return metrics, nil
}

// clip bounds the critic's weights.
func (o *Adversarial) clip() {
	if o.cfg.Clip > 0 {
		nn.ClipWeights(o.ops, o.critic.Params, o.cfg.Clip)
	}
}

// State is that of [Fit], the buffers of critic and decoder, and the noise of the penalty.
func (o *Adversarial) State() (map[string][]byte, error) {
	state, err := o.Fit.State()
	if err != nil {
		return nil, err
	}
	if o.decoder != nil {
		if err := saveBuffers(state, "decoder.", o.decoder.net); err != nil {
			return nil, err
		}
	}
	if o.penalty != nil {
		if state["penalty"], err = o.penalty.noise.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	return state, saveBuffers(state, "critic.", o.features)
}

// Restore sets what State returned.
func (o *Adversarial) Restore(state map[string][]byte) error {
	if err := restoreBuffers(state, "critic.", o.features); err != nil {
		return err
	}
	if o.decoder != nil {
		if err := restoreBuffers(state, "decoder.", o.decoder.net); err != nil {
			return err
		}
	}
	if o.penalty != nil {
		if err := o.penalty.noise.UnmarshalBinary(state["penalty"]); err != nil {
			return err
		}
	}
	return o.Fit.Restore(state)
}
