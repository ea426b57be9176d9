package generative

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// FitConfig holds the settings of [NewFit].
type FitConfig struct {
	Batch     int     // points of a cloud
	Optimizer string  // one of [OptimizerNames]
	Rate      float64 // learning rate
	HalfLife  float64 // steps in which the rate halves; 0 for a constant rate
	Seed      uint64
	Runner    kernels.Runner // nil means the pool of the process

	// Theory takes plain gradient steps of length 1/L in place of the optimiser's, L from the measured slopes of an oracle's loss; Rate and
	// HalfLife say nothing then. See [OracleConfig].
	Theory bool
}

// OptimizerNames are the names that [FitConfig] takes: Adam and RMSProp with the settings of their papers, or of PyTorch, and
//
//	adam-wgan  Adam with beta1 = 0 and beta2 = .9, for two players that chase each other          Gulrajani et al. 2017
var OptimizerNames = []string{"adam", "rmsprop", "adam-wgan"}

// newOptimizer returns one of [OptimizerNames]; "" is adam.
func newOptimizer[T kernels.Float](ops nn.Ops[T], name string, rate float64) (nn.Optimizer[T], error) {
	switch name {
	case "", "adam":
		return nn.NewAdam(ops, nn.DefaultAdam(rate))
	case "rmsprop":
		return nn.NewRMSProp(ops, nn.DefaultRMSProp(rate))
	case "adam-wgan":
		c := nn.DefaultAdam(rate)
		c.Beta1, c.Beta2 = 0, .9
		return nn.NewAdam(ops, c)
	}
	return nil, fmt.Errorf("generative: unknown optimiser %q, want one of %s", name, strings.Join(OptimizerNames, ", "))
}

// Fit learns a model by a criterion on clouds of the model and of data, cloud sizes being equal:
//
//	z from the prior,  x = g_theta(z),  y a batch of data
//	theta <- optimiser(theta, d/dtheta criterion(x, y))
type Fit struct {
	cfg       FitConfig
	model     *Model
	criterion Criterion[float32]
	group     *nn.Group[float32]
	ops       nn.Ops[float32]
	noise     *random.Stream
	done      uint64 // steps

	z, dx *nn.Mirror[float32] // the host draws the noise, and may compare the clouds
	y     *nn.Tensor[float32] // on the host
	share share               // of the rows, where ranks divide them

	there  Comparison[float32] // of the clouds where the table computes; nil: the host compares them
	yThere *nn.Tensor[float32]
}

// NewFit returns the objective at step 0; noise comes from the stream "noise" of the seed. The model was made by the same table ops. Where
// that is a device's, the network and the optimiser compute there, and so does the comparison of a [TableCriterion] that can; else the host
// compares copies. Noise and batches are the host's. Models other than networks, and criteria with an oracle, are refused with
// [errors.ErrUnsupported].
func NewFit(ops nn.Ops[float32], m *Model, c Criterion[float32], cfg FitConfig) (*Fit, error) {
	if cfg.Batch < 1 {
		return nil, fmt.Errorf("generative: batch %d, want a positive number", cfg.Batch)
	}
	if !(cfg.HalfLife >= 0) || math.IsInf(cfg.HalfLife, 1) {
		return nil, fmt.Errorf("generative: half-life %g of the rate, want a number of steps >= 0", cfg.HalfLife)
	}
	if cfg.Runner == nil {
		cfg.Runner = parallel.Default()
	}
	o := &Fit{cfg: cfg, model: m, criterion: c, ops: ops, noise: random.New(cfg.Seed, "noise")}
	opt, err := newOptimizer(ops, cfg.Optimizer, cfg.Rate)
	if cfg.Theory {
		if o.oracle() == nil {
			return nil, errors.New("generative: steps of the theory need the loss of an oracle")
		}
		opt, err = nn.NewSGD(ops, nn.SGDConfig{Rate: 1})
	}
	if err != nil {
		return nil, err
	}
	o.group = nn.NewGroup("generator", m.Params(), opt)
	total := c.Clouds() * cfg.Batch
	o.z = nn.NewMirror(ops, total, m.latent)
	o.y = nn.NewTensor[float32](total, m.dim)
	o.dx = nn.NewMirror(ops, total, m.dim)
	if !o.dx.Tensor.OnHost() {
		if m.hostOnly || o.oracle() != nil {
			return nil, fmt.Errorf("generative: a model of %s with this criterion computes on the host: %w", m.kind, errors.ErrUnsupported)
		}
		if o.there = on(c, ops); o.there != nil {
			o.yThere = nn.TensorIn(ops.Alloc(total*m.dim), 0, total, m.dim)
		}
	}
	return o, nil
}

// Groups returns the generator, and the potentials of an oracle that learns them.
func (o *Fit) Groups() []*nn.Group[float32] {
	return append([]*nn.Group[float32]{o.group}, o.oracle().groups()...)
}

// SpreadOver scales the parameters of a model that begins somewhere in the data, such as ellipsoids, to rows of it; a network stays as it is.
// It is for a run that begins.
func (o *Fit) SpreadOver(rows []float32, n int) {
	if o.model.spread != nil {
		o.model.spread(rows, n)
	}
}

// Step takes one step of the optimiser. Where report is set, its metrics are those of the criterion and the norm of the gradient.
func (o *Fit) Step(ctx context.Context, data Batches, report bool) ([]Metric, error) {
	if err := o.oracle().draw(data, o.y); err != nil {
		return nil, err
	}
	metrics, err := o.compare(ctx, o.generate(), report)
	if err != nil {
		return nil, err
	}
	norm, err := o.descend(o.dx.Tensor, o.share.of(o.dx.Tensor), lossOf(metrics))
	if err != nil || !report {
		return nil, err
	}
	return append(append(metrics, Metric{"grad_norm", norm}), o.oracle().metrics()...), nil
}

// compare leaves the derivative of the criterion by x in dx.
func (o *Fit) compare(ctx context.Context, x *nn.Tensor[float32], report bool) ([]Metric, error) {
	n := o.cfg.Batch
	if o.there != nil {
		o.ops.Upload(o.yThere, o.y.Data())
		return o.there(ctx, x.Reshape(o.y.Shape()...), o.yThere, n, o.dx.Tensor, nil, report)
	}
	all, err := o.share.gather(x)
	if err != nil {
		return nil, err
	}
	metrics, err := o.criterion.Eval(ctx, all, o.y.Data(), n, o.model.dim, o.dx.Host, nil, report)
	o.dx.Push()
	return metrics, err
}

// lossOf returns the first of the metrics, 0 where a comparison has none.
func lossOf(metrics []Metric) float64 {
	if len(metrics) == 0 {
		return 0
	}
	return metrics[0].Value
}

// generate draws noise and returns its image, of the rows of this rank.
func (o *Fit) generate() *nn.Tensor[float32] {
	if p := o.oracle(); p != nil {
		p.begin(o.done, decay(o.done, o.cfg.HalfLife))
	}
	o.model.draw(o.z.Host, o.noise.Rand)
	return o.model.net.Forward(o.share.of(o.z.Push()))
}

// descend takes the step that the derivative dx by the last image calls for, own being that of the rows of this rank, and returns the norm
// of the gradient. Only an oracle reads dx.
func (o *Fit) descend(dx, own *nn.Tensor[float32], loss float64) (float64, error) {
	p := o.oracle()
	if p.due(o.done) {
		p.seeSlope(o.slope(dx, p.norms))
	}
	o.group.ZeroGrad()
	o.model.net.Backward(own, nn.WantParams)
	if err := o.share.sum(o.group.Params); err != nil {
		return 0, err
	}
	norm := nn.GradNorm(o.ops, o.group.Params)
	err := checkFinite(o.ops, o.group, loss, norm)
	if err != nil {
		return 0, err
	}
	p.fell(o.done + 1)
	if o.cfg.Theory {
		err = o.theoryStep(norm)
	} else {
		o.group.Opt.SetRate(o.cfg.Rate * decay(o.done, o.cfg.HalfLife))
		o.group.Step()
	}
	o.done++
	return norm, err
}

// decay returns the factor of the rate after that many steps.
func decay(done uint64, halfLife float64) float64 {
	if halfLife == 0 {
		return 1
	}
	return math.Exp2(-float64(done) / halfLife)
}

// checkFinite returns an error unless loss and norm are finite, which names a parameter of the group whose gradient is not.
func checkFinite(ops nn.Ops[float32], g *nn.Group[float32], loss, norm float64) error {
	if bad := loss + norm; !math.IsNaN(bad) && !math.IsInf(bad, 0) {
		return nil
	}
	const advice = "try a smaller --lr, or a larger --eps"
	if err := nn.NotFiniteGradient(ops, nn.Prefixed(g.Name, g.Params)); err != nil {
		return fmt.Errorf("%w: loss %g, %v; %s", ErrNotFinite, loss, err, advice)
	}
	return fmt.Errorf("%w: loss %g, gradient norm %g; %s", ErrNotFinite, loss, norm, advice)
}

// Sample decodes draws of the prior.
func (o *Fit) Sample(dst []float32, rows int, noise *rand.Rand) { o.model.sample(dst, rows, noise) }

// LatentDim returns the dimension of the latent space.
func (o *Fit) LatentDim() int { return o.model.latent }

// LatentPoint maps a point of the unit cube to the latent space.
func (o *Fit) LatentPoint(dst, u []float32) { o.model.point(dst, u) }

// Decode applies the model to rows of z, a batch at a time.
func (o *Fit) Decode(dst, z []float32, rows int) { o.model.decode(dst, z, rows) }

// State returns the state of the noise, the number of steps, the buffers of the network, and what identifies the model.
func (o *Fit) State() (map[string][]byte, error) {
	noise, err := o.noise.MarshalBinary()
	if err != nil {
		return nil, err
	}
	state := map[string][]byte{"noise": noise, "steps": binary.AppendUvarint(nil, o.done), "model": o.model.shape()}
	return state, errors.Join(o.oracle().save(state), saveBuffers(state, "generator.", o.model.net))
}

// Restore sets what State returned. A state of another model is refused.
func (o *Fit) Restore(state map[string][]byte) error {
	if string(state["model"]) != string(o.model.shape()) {
		return errors.New("generative: the state belongs to a model of other sizes")
	}
	done, n := binary.Uvarint(state["steps"])
	if n <= 0 || n != len(state["steps"]) {
		return errors.New("generative: the state has no number of steps")
	}
	if err := restoreBuffers(state, "generator.", o.model.net); err != nil {
		return err
	}
	if err := o.noise.UnmarshalBinary(state["noise"]); err != nil {
		return err
	}
	o.done = done
	return o.oracle().restore(state)
}
