package nn

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// AdamConfig holds the settings of [Adam]; see [DefaultAdam].
type AdamConfig struct {
	Rate        float64 `json:"rate"`                   // learning rate, > 0
	Beta1       float64 `json:"beta1"`                  // decay of the first moment, in [0, 1)
	Beta2       float64 `json:"beta2"`                  // decay of the second moment, in [0, 1)
	Eps         float64 `json:"eps"`                    // added to the root of the second moment, > 0
	WeightDecay float64 `json:"weight_decay,omitempty"` // decoupled (AdamW): p shrinks by Rate WeightDecay p a step; >= 0
}

// DefaultAdam returns the settings of the Adam paper: beta1 = 0.9, beta2 = 0.999, eps = 1e-8, no decay.
func DefaultAdam(rate float64) AdamConfig {
	return AdamConfig{Rate: rate, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
}

// Adam is the optimiser of Kingma and Ba 2015, with the decoupled weight decay of Loshchilov and Hutter 2019. In step t:
//
//	m = Beta1 m + (1-Beta1) grad
//	v = Beta2 v + (1-Beta2) grad^2
//	p = p - Rate WeightDecay p - Rate (m/(1-Beta1^t)) / (sqrt(v/(1-Beta2^t)) + Eps)
//
// Its state is "adam.m/NAME" and "adam.v/NAME".
type Adam[T kernels.Float] struct {
	slots[T]
	cfg AdamConfig
	now kernels.AdamStep[T] // of the step in progress
}

var _ Optimizer[float32] = (*Adam[float32])(nil)

// NewAdam returns Adam with those settings, or which of them is out of range.
func NewAdam[T kernels.Float](ops Ops[T], cfg AdamConfig) (*Adam[T], error) {
	switch {
	case !positive(cfg.Rate):
		return nil, fmt.Errorf("nn: Adam: rate %v, want a positive number", cfg.Rate)
	case !(cfg.Beta1 >= 0 && T(cfg.Beta1) < 1):
		return nil, fmt.Errorf("nn: Adam: beta1 %v, want a number in [0, 1)", cfg.Beta1)
	case !(cfg.Beta2 >= 0 && T(cfg.Beta2) < 1):
		return nil, fmt.Errorf("nn: Adam: beta2 %v, want a number in [0, 1)", cfg.Beta2)
	case !(T(cfg.Eps) > 0) || math.IsInf(cfg.Eps, 1):
		return nil, fmt.Errorf("nn: Adam: eps %v, want a positive number", cfg.Eps)
	case cfg.WeightDecay != 0 && !positive(cfg.WeightDecay):
		return nil, fmt.Errorf("nn: Adam: weight decay %v, want a number >= 0", cfg.WeightDecay)
	}
	return &Adam[T]{slots: newSlots(ops, "adam.m", "adam.v"), cfg: cfg}, nil
}

// SetRate sets the learning rate of the steps to come.
func (o *Adam[T]) SetRate(rate float64) { o.cfg.Rate = rate }

// Step updates each Value by its Grad.
func (o *Adam[T]) Step(params []*Param[T]) {
	o.step++
	o.now = adamStep[T](o.cfg, o.step)
	for _, p := range params {
		moments := o.of(p)
		o.ops.Adam(p.Value, p.Grad, moments[0], moments[1], &o.now)
	}
}

// adamStep returns the scalars of step t. The bias corrections use the decays as rounded to T, which is what the moments decay by.
func adamStep[T kernels.Float](cfg AdamConfig, t int64) kernels.AdamStep[T] {
	beta1, beta2 := T(cfg.Beta1), T(cfg.Beta2)
	return kernels.AdamStep[T]{
		Beta1:        beta1,
		Beta2:        beta2,
		StepSize:     T(cfg.Rate / (1 - math.Pow(float64(beta1), float64(t)))),
		InvSqrtBias2: T(1 / math.Sqrt(1-math.Pow(float64(beta2), float64(t)))),
		Eps:          T(cfg.Eps),
		WeightDecay:  T(cfg.Rate * cfg.WeightDecay),
	}
}
