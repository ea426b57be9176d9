package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// SGDConfig holds the settings of [SGD].
type SGDConfig struct {
	Rate        float64 `json:"rate"`                   // learning rate, > 0
	Momentum    float64 `json:"momentum,omitempty"`     // in [0, 1)
	Nesterov    bool    `json:"nesterov,omitempty"`     // look ahead by the momentum, which must then be positive
	WeightDecay float64 `json:"weight_decay,omitempty"` // factor of the parameter that is added to its gradient, >= 0
}

// SGD is gradient descent with momentum, as PyTorch has it:
//
//	g = grad + WeightDecay p
//	u = Momentum u + g
//	p = p - Rate u, with Nesterov p - Rate (g + Momentum u)
//
// Its state is "sgd.momentum/NAME" for u, and no tensor without momentum.
type SGD[T kernels.Float] struct {
	slots[T]
	cfg SGDConfig
}

var _ Optimizer[float32] = (*SGD[float32])(nil)

// NewSGD returns gradient descent with those settings, or which of them is out of range.
func NewSGD[T kernels.Float](ops Ops[T], cfg SGDConfig) (*SGD[T], error) {
	switch {
	case !positive(cfg.Rate):
		return nil, fmt.Errorf("nn: SGD: rate %v, want a positive number", cfg.Rate)
	case !(cfg.Momentum >= 0 && cfg.Momentum < 1):
		return nil, fmt.Errorf("nn: SGD: momentum %v, want a number in [0, 1)", cfg.Momentum)
	case cfg.Nesterov && cfg.Momentum == 0:
		return nil, errors.New("nn: SGD: Nesterov without momentum")
	case cfg.WeightDecay != 0 && !positive(cfg.WeightDecay):
		return nil, fmt.Errorf("nn: SGD: weight decay %v, want a number >= 0", cfg.WeightDecay)
	}
	if cfg.Momentum == 0 {
		return &SGD[T]{slots: newSlots(ops), cfg: cfg}, nil
	}
	return &SGD[T]{slots: newSlots(ops, "sgd.momentum"), cfg: cfg}, nil
}

// SetRate sets the learning rate of the steps to come.
func (o *SGD[T]) SetRate(rate float64) { o.cfg.Rate = rate }

// Step updates each Value by its Grad.
func (o *SGD[T]) Step(params []*Param[T]) {
	o.step++
	for _, p := range params {
		if o.cfg.Momentum == 0 {
			o.plain(p)
		} else {
			o.momentum(p, o.of(p)[0])
		}
	}
}

// plain is the step without momentum, p = (1 - Rate WeightDecay) p - Rate grad.
func (o *SGD[T]) plain(p *Param[T]) {
	if o.cfg.WeightDecay != 0 {
		o.ops.Scale(p.Value, T(1-o.cfg.Rate*o.cfg.WeightDecay))
	}
	o.ops.Axpy(p.Value, T(-o.cfg.Rate), p.Grad)
}

// momentum is the step with momentum u.
func (o *SGD[T]) momentum(p *Param[T], u *Tensor[T]) {
	o.ops.Scale(u, T(o.cfg.Momentum))
	o.ops.Axpy(u, 1, p.Grad)
	if o.cfg.WeightDecay != 0 {
		o.ops.Axpy(u, T(o.cfg.WeightDecay), p.Value)
	}
	if !o.cfg.Nesterov {
		o.ops.Axpy(p.Value, T(-o.cfg.Rate), u)
		return
	}
	if o.cfg.WeightDecay != 0 {
		o.ops.Scale(p.Value, T(1-o.cfg.Rate*o.cfg.WeightDecay))
	}
	o.ops.Axpy(p.Value, T(-o.cfg.Rate), p.Grad)
	o.ops.Axpy(p.Value, T(-o.cfg.Rate*o.cfg.Momentum), u)
}

// positive reports whether v is a positive finite number.
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
