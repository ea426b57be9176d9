package nn

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// RMSPropConfig holds the settings of [RMSProp]; see [DefaultRMSProp].
type RMSPropConfig struct {
	Rate        float64 `json:"rate"`                   // learning rate, > 0
	Decay       float64 `json:"decay"`                  // of the second moment, in [0, 1)
	Eps         float64 `json:"eps"`                    // added to the root of the second moment, > 0
	Momentum    float64 `json:"momentum,omitempty"`     // in [0, 1)
	WeightDecay float64 `json:"weight_decay,omitempty"` // factor of the parameter that is added to its gradient, >= 0
}

// DefaultRMSProp returns the settings of PyTorch: decay 0.99, eps = 1e-8, no momentum.
func DefaultRMSProp(rate float64) RMSPropConfig {
	return RMSPropConfig{Rate: rate, Decay: 0.99, Eps: 1e-8}
}

// RMSProp is the optimiser of Tieleman and Hinton 2012, as PyTorch has it:
//
//	g = grad + WeightDecay p
//	v = Decay v + (1-Decay) g^2
//	u = Momentum u + g/(sqrt(v) + Eps)
//	p = p - Rate u
//
// Its state is "rmsprop.v/NAME", and with momentum "rmsprop.momentum/NAME" for u.
type RMSProp[T kernels.Float] struct {
	slots[T]
	cfg RMSPropConfig
	now RMSPropStep[T] // of the step in progress
}

// RMSPropStep holds the scalars of one step of [RMSProp].
type RMSPropStep[T kernels.Float] = kernels.RMSPropStep[T]

var _ Optimizer[float32] = (*RMSProp[float32])(nil)

// NewRMSProp returns the optimiser with those settings, or which of them is out of range.
func NewRMSProp[T kernels.Float](ops Ops[T], cfg RMSPropConfig) (*RMSProp[T], error) {
	switch {
	case !positive(cfg.Rate):
		return nil, fmt.Errorf("nn: RMSProp: rate %v, want a positive number", cfg.Rate)
	case !(cfg.Decay >= 0 && T(cfg.Decay) < 1):
		return nil, fmt.Errorf("nn: RMSProp: decay %v, want a number in [0, 1)", cfg.Decay)
	case !(T(cfg.Eps) > 0) || math.IsInf(cfg.Eps, 1):
		return nil, fmt.Errorf("nn: RMSProp: eps %v, want a positive number", cfg.Eps)
	case !(cfg.Momentum >= 0 && cfg.Momentum < 1):
		return nil, fmt.Errorf("nn: RMSProp: momentum %v, want a number in [0, 1)", cfg.Momentum)
	case cfg.WeightDecay != 0 && !positive(cfg.WeightDecay):
		return nil, fmt.Errorf("nn: RMSProp: weight decay %v, want a number >= 0", cfg.WeightDecay)
	}
	kinds := []string{"rmsprop.v"}
	if cfg.Momentum != 0 {
		kinds = append(kinds, "rmsprop.momentum")
	}
	return &RMSProp[T]{slots: newSlots(ops, kinds...), cfg: cfg}, nil
}

// SetRate sets the learning rate of the steps to come.
func (o *RMSProp[T]) SetRate(rate float64) { o.cfg.Rate = rate }

// Step updates each Value by its Grad.
func (o *RMSProp[T]) Step(params []*Param[T]) {
	o.step++
	o.now = RMSPropStep[T]{Rate: T(o.cfg.Rate), Decay: T(o.cfg.Decay), Eps: T(o.cfg.Eps), Momentum: T(o.cfg.Momentum), WeightDecay: T(o.cfg.WeightDecay)}
	for _, p := range params {
		s := o.of(p)
		var u *Tensor[T]
		if len(s) > 1 {
			u = s[1]
		}
		o.ops.RMSProp(p.Value, p.Grad, s[0], u, &o.now)
	}
}

// RMSProp updates p, v and, unless it is nil, the momentum u.
func (c *CPU[T]) RMSProp(p, grad, v, u *Tensor[T], step *RMSPropStep[T]) {
	CheckSizes(p.size, grad, v, u)
	t := c.take(opRMSProp)
	t.n, t.y, t.x, t.z, t.rmsprop = p.size, p.Data(), grad.Data(), v.Data(), *step
	if u != nil {
		t.w = u.Data()
	}
	c.do(t, (t.n+chunk-1)/chunk)
	c.release(t)
}
