package generative

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/nn"
)

// AutoEncoder learns an encoder Q(Z|X) and a model G together:
//
//	x a batch of data,  z~ from Q_phi(Z|x)
//	theta, phi <- optimiser(theta, phi, d/d(theta, phi) of the mean of c(x, G_theta(z~)) + Lambda D(Q_Z, P_Z))
//	gamma      <- optimiser(gamma, -d/dgamma of E_P log D(z) + E_Q log(1 - D(z~)))                           where D is by a discriminator
//
// c and D are those of [Decoders] and [LatentPenalties]. With sqeuclidean costs and a discriminator it is penalised optimal transport (Bousquet
// et al. 2017), and its loss is 2 v times that of an adversarial auto-encoder with a Gaussian decoder of variance v, less a constant, where
// Lambda is 2 v of that one's weight. Wasserstein auto-encoders are Tolstikhin et al. 2018.
type AutoEncoder struct {
	cfg   AutoEncoderConfig
	model *Model
	core  *autoEncoder[float32]
	ops   nn.Ops[float32]
	done  uint64 // steps

	encoder, decoder, discriminator, contrast, features *nn.Group[float32] // the last three are nil where there are none

	x          *nn.Tensor[float32]
	reader     *encoder[float32] // the same parameters out of training
	pretrained bool
	watch      watch
}

// matchedMoments is the share of the prior's own spread E|z - E z|^2 that W_2^2 between the moments must fall below for pre-training to end.
const matchedMoments = .01

// adversaryBeta1 is Adam's decay of the first moment where there is a discriminator, that of Tolstikhin et al. 2018.
const adversaryBeta1 = .5

// NewAutoEncoder returns the objective at step 0; noise comes from the stream "noise" of the seed. model must be a network. encoder maps rows of
// the data, and after them the noise of an implicit encoder, to codes, or to means and log-variances. discriminator maps codes, in the penalty avb
// rows and after them codes, to one number; it is nil where the penalty has none. A Bernoulli decoder needs a model that ends in a sigmoid. All
// networks were made by the same table ops. Where that is a device's, they and their optimisers compute there; noise, the cost of
// reconstructions and what is formed of codes are the host's.
func NewAutoEncoder(ops nn.Ops[float32], model *Model, enc, discriminator nn.Layer[float32], cfg AutoEncoderConfig) (*AutoEncoder, error) {
	if model.prior.name == "" {
		return nil, fmt.Errorf("generative: an auto-encoder of a %s, want a network on one of %s", model.kind, strings.Join(Priors, ", "))
	}
	net := model.net
	if cfg.Decoder == "bernoulli" {
		var err error
		if net, err = withoutSigmoid(net); err != nil {
			return nil, err
		}
	}
	needs := cfg.Penalty == "gan" || cfg.Penalty == "avb"
	if needs != (discriminator != nil) {
		return nil, fmt.Errorf("generative: penalty %s with discriminator %v", cfg.Penalty, discriminator)
	}
	core, err := newAutoEncoder(hostOps(ops, cfg.Runner), model.prior, fromHost(ops, enc), fromHost(ops, net), fromHost(ops, discriminator), model.dim, cfg)
	if err != nil {
		return nil, err
	}
	core.law.place(ops)
	o := &AutoEncoder{cfg: core.cfg, model: model, core: core, ops: ops, x: nn.NewTensor[float32](cfg.Batch, model.dim), reader: core.encoder.share()}
	group := func(name string, params []*nn.Param[float32], rate float64) *nn.Group[float32] {
		opt, e := newOptimizer(ops, cfg.Optimizer, rate)
		if needs && (cfg.Optimizer == "adam" || cfg.Optimizer == "") {
			opt, e = nn.NewAdam(ops, adversaryAdam(rate))
		}
		err = errors.Join(err, e)
		return nn.NewGroup(name, params, opt)
	}
	params := slices.Clone(model.Params())
	if core.law.learned {
		params = append(params, core.law.logvar)
	}
	o.encoder, o.decoder = group("encoder", enc.Params(), cfg.Rate), group("decoder", params, cfg.Rate)
	if needs {
		o.discriminator = group("discriminator", discriminator.Params(), cfg.DiscriminatorRate)
	}
	return o, err
}

func adversaryAdam(rate float64) nn.AdamConfig {
	c := nn.DefaultAdam(rate)
	c.Beta1 = adversaryBeta1
	return c
}

// withoutSigmoid returns the layers of a network without the sigmoid near its end. The parameters are shared.
func withoutSigmoid(net nn.Layer[float32]) (nn.Layer[float32], error) {
	s, ok := net.(*nn.Sequential[float32])
	if ok {
		layers := s.Layers()
		for i := len(layers) - 1; i >= 0 && len(layers[i].Params()) == 0; i-- {
			if _, is := layers[i].(*nn.Sigmoid[float32]); is {
				return nn.NewSequential(slices.Delete(slices.Clone(layers), i, i+1)...), nil
			}
		}
	}
	return nil, errors.New("generative: a Bernoulli decoder needs a network that ends in a sigmoid, such as one that makes pixels")
}

// Groups returns encoder, decoder and, if there are such, discriminator, contrast and features.
func (o *AutoEncoder) Groups() []*nn.Group[float32] {
	groups := []*nn.Group[float32]{o.encoder, o.decoder}
	if o.discriminator != nil {
		groups = append(groups, o.discriminator)
	}
	if o.contrast != nil {
		groups = append(groups, o.contrast)
	}
	if o.features != nil {
		groups = append(groups, o.features)
	}
	return groups
}

// SetFeatures takes the cost of reconstructions between features of rows, c(f(x), f(G(z))), for a network f that stays as it is. It is for a
// new objective and a deterministic decoder. The group of f is called critic.
func (o *AutoEncoder) SetFeatures(f nn.Layer[float32]) error {
	if o.cfg.Decoder != "deterministic" || o.done > 0 {
		return errors.New("generative: features are of a new objective with a deterministic decoder")
	}
	out, err := f.OutputShape([]int{1, o.model.dim})
	if err != nil {
		return err
	}
	if len(out) != 2 {
		return fmt.Errorf("generative: features of shape %v, want a row of numbers", out)
	}
	nn.SetTraining(f, false)
	opt, err := newOptimizer(o.ops, "adam", o.cfg.Rate)
	if err != nil {
		return err
	}
	o.core.law.features, o.features = fromHost(o.ops, f), nn.NewGroup("critic", f.Params(), opt)
	return nil
}

// weight returns that of the penalty in the next step.
func (o *AutoEncoder) weight() float64 {
	if o.done+1 < uint64(o.cfg.WarmUp) {
		return o.cfg.Lambda * float64(o.done+1) / float64(o.cfg.WarmUp)
	}
	return o.cfg.Lambda
}

// Step takes one step of encoder and decoder, and then the steps of a discriminator. Where report is set, its metrics are the loss, its parts,
// the norm of the gradient, and where there are such the weight in its warm-up, the active coordinates, the variance of the
// decoder, and value and accuracy of the discriminator. In pre-training the only ones are its loss and the norm of the gradient.
func (o *AutoEncoder) Step(ctx context.Context, data Batches, report bool) ([]Metric, error) {
	data.Next(o.x.Data(), o.cfg.Batch)
	o.encoder.ZeroGrad()
	o.decoder.ZeroGrad()
	if !o.pretrained && o.done < uint64(o.cfg.Pretrain) {
		return o.pretrain(ctx, report)
	}
	weight := o.weight()
	o.core.step = o.done
	t, err := o.core.eval(ctx, o.x, weight, report)
	if err != nil {
		return nil, err
	}
	loss := t.reconstruction + weight*t.penalty
	norm := nn.GradNorm(o.ops, o.encoder.Params)
	normDecoder := nn.GradNorm(o.ops, o.decoder.Params)
	if err := errors.Join(checkFinite(o.ops, o.encoder, loss, norm), checkFinite(o.ops, o.decoder, loss, normDecoder)); err != nil {
		return nil, err
	}
	decayed := decay(o.done, o.cfg.HalfLife)
	for _, g := range []*nn.Group[float32]{o.encoder, o.decoder} {
		if g == o.decoder && o.cfg.FixedModel {
			continue
		}
		g.Opt.SetRate(o.cfg.Rate * decayed)
		g.Step()
	}
	o.core.law.clamp()
	value, accuracy, err := o.teach(data, decayed)
	if err != nil {
		return nil, err
	}
	o.done++
	if !report {
		return nil, nil
	}
	metrics := []Metric{{"loss", loss}, {"reconstruction", t.reconstruction}, {"grad_norm", math.Hypot(norm, normDecoder)}}
	if o.cfg.Penalty != "none" {
		metrics = append(metrics, Metric{"latent_penalty", t.penalty})
	}
	if !math.IsNaN(t.kl) {
		metrics = append(metrics, Metric{"closed_form_kl", t.kl})
	}
	if o.cfg.WarmUp > 0 {
		metrics = append(metrics, Metric{"lambda", weight})
	}
	if o.cfg.Penalty == "kl" {
		metrics = append(metrics, Metric{"active_latents", float64(t.active)})
	}
	if o.core.law.learned {
		metrics = append(metrics, Metric{"decoder_variance", o.core.law.variance()})
	}
	if o.discriminator != nil {
		metrics = append(metrics, Metric{"discriminator_value", value}, Metric{"discriminator_accuracy", accuracy})
	}
	metrics = append(metrics, Metric{"smallest_code_spread", slices.Min(t.spread)})
	o.notice(t, accuracy)
	return metrics, nil
}

// pretrain takes a step of the encoder alone.
func (o *AutoEncoder) pretrain(ctx context.Context, report bool) ([]Metric, error) {
	loss, err := o.core.match(ctx, o.x)
	if err != nil {
		return nil, err
	}
	norm := nn.GradNorm(o.ops, o.encoder.Params)
	if err := checkFinite(o.ops, o.encoder, loss, norm); err != nil {
		return nil, err
	}
	o.encoder.Step()
	o.done++
	p := o.model.prior
	o.pretrained = loss < matchedMoments*float64(p.dim)*p.variance() || o.done == uint64(o.cfg.Pretrain)
	if o.pretrained {
		o.watch.add(o.done, "pretrained", fmt.Sprintf("the encoder's pre-training ends: W_2^2 between moments of codes and prior is %.3g", loss))
	}
	if !report {
		return nil, nil
	}
	return []Metric{{"pretraining_loss", loss}, {"grad_norm", norm}}, nil
}

// teach takes the steps of the discriminator.
func (o *AutoEncoder) teach(data Batches, decayed float64) (value, accuracy float64, err error) {
	if o.discriminator == nil {
		return 0, 0, nil
	}
	codes := o.core.codes
	for k := range o.cfg.DiscriminatorSteps {
		if k > 0 {
			data.Next(o.x.Data(), o.cfg.Batch)
			codes = o.core.encode(o.x)
			o.core.judge.contrast.look(o.x)
		}
		o.discriminator.ZeroGrad()
		value, accuracy = o.core.discriminate(o.x, codes)
		if err := checkFinite(o.ops, o.discriminator, value, nn.GradNorm(o.ops, o.discriminator.Params)); err != nil {
			return 0, 0, err
		}
		o.discriminator.Opt.SetRate(o.cfg.DiscriminatorRate * decayed)
		o.discriminator.Step()
		if o.contrast != nil {
			o.contrast.ZeroGrad()
			o.core.judge.contrast.learn(codes)
			if err := checkFinite(o.ops, o.contrast, value, nn.GradNorm(o.ops, o.contrast.Params)); err != nil {
				return 0, 0, err
			}
			o.contrast.Opt.SetRate(o.cfg.DiscriminatorRate * decayed)
			o.contrast.Step()
		}
	}
	return value, accuracy, nil
}

// Sample decodes draws of the prior.
func (o *AutoEncoder) Sample(dst []float32, rows int, noise *rand.Rand) {
	o.model.sample(dst, rows, noise)
}

// LatentDim returns the dimension of the latent space.
func (o *AutoEncoder) LatentDim() int { return o.model.latent }

// LatentPoint maps a point of the unit cube to the latent space.
func (o *AutoEncoder) LatentPoint(dst, u []float32) { o.model.point(dst, u) }

// Decode applies the model to rows of z, a batch at a time.
func (o *AutoEncoder) Decode(dst, z []float32, rows int) { o.model.decode(dst, z, rows) }

// Encode fills dst, rows x LatentDim, with the codes of rows of x, a batch at a time. Without noise those of a Gaussian encoder come from its
// means, and those of an implicit one from noise of 0.
func (o *AutoEncoder) Encode(dst, x []float32, rows int, noise *rand.Rand) {
	dim, latent := o.model.dim, o.model.latent
	for lo := 0; lo < rows; lo += decodeRows {
		hi := min(lo+decodeRows, rows)
		z := o.reader.forward(nn.TensorOf(x[lo*dim:hi*dim], hi-lo, dim), noise)
		copy(dst[lo*latent:hi*latent], z.Data())
	}
}

// Prior fills dst, rows x LatentDim, with draws of the prior.
func (o *AutoEncoder) Prior(dst []float32, noise *rand.Rand) { o.model.draw(dst, noise) }

// autoEncoderState is what [AutoEncoder.State] keeps beside noise, buffers and the identity of the model.
type autoEncoderState struct {
	Steps      uint64   `json:"steps"`
	Pretrained bool     `json:"pretrained"`
	Notices    []Notice `json:"notices"`
	Wins       int      `json:"wins"`
}

// State returns the state of the noise, the number of steps, what was noticed, the buffers of the networks, and what identifies the model.
func (o *AutoEncoder) State() (map[string][]byte, error) {
	noise, err := o.core.noise.MarshalBinary()
	if err != nil {
		return nil, err
	}
	doc, err := json.Marshal(autoEncoderState{o.done, o.pretrained, o.watch.notices, o.watch.wins})
	if err != nil {
		return nil, err
	}
	state := map[string][]byte{"noise": noise, "autoencoder": doc, "model": o.shape()}
	if o.discriminator != nil {
		if err := saveBuffers(state, "discriminator.", o.core.judge.net); err != nil {
			return nil, err
		}
	}
	if o.contrast != nil {
		if err := saveBuffers(state, "contrast.", o.core.judge.contrast.net); err != nil {
			return nil, err
		}
	}
	if err := saveBuffers(state, "encoder.", o.core.encoder.net); err != nil {
		return nil, err
	}
	return state, saveBuffers(state, "decoder.", o.model.net)
}

func (o *AutoEncoder) shape() []byte {
	b := append(o.model.shape(), o.cfg.Encoder+" "+o.cfg.Decoder+" "+o.cfg.Penalty...)
	return binary.AppendUvarint(b, uint64(o.core.encoder.extra))
}

// Restore sets what State returned. A state of another model is refused.
func (o *AutoEncoder) Restore(state map[string][]byte) error {
	if string(state["model"]) != string(o.shape()) {
		return errors.New("generative: the state belongs to an auto-encoder of other parts or sizes")
	}
	var s autoEncoderState
	if err := json.Unmarshal(state["autoencoder"], &s); err != nil {
		return fmt.Errorf("generative: the state of the auto-encoder: %w", err)
	}
	if o.discriminator != nil {
		if err := restoreBuffers(state, "discriminator.", o.core.judge.net); err != nil {
			return err
		}
	}
	if o.contrast != nil {
		if err := restoreBuffers(state, "contrast.", o.core.judge.contrast.net); err != nil {
			return err
		}
	}
	if err := restoreBuffers(state, "encoder.", o.core.encoder.net); err != nil {
		return err
	}
	if err := restoreBuffers(state, "decoder.", o.model.net); err != nil {
		return err
	}
	if err := o.core.noise.UnmarshalBinary(state["noise"]); err != nil {
		return err
	}
	o.done, o.pretrained, o.watch = s.Steps, s.Pretrained, watch{s.Notices, s.Wins}
	return nil
}
