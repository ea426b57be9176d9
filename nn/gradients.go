package nn

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// CheckGradients returns an error when a gradient is not finite, which names the parameter, the element, and the step that must not be
// taken.
func CheckGradients[T kernels.Float](ops Ops[T], params []*Param[T], step int64) error {
	if err := NotFiniteGradient(ops, params); err != nil {
		return fmt.Errorf("nn: step %d: %w; try a smaller learning rate or gradient clipping", step, err)
	}
	return nil
}

// NotFiniteGradient returns an error that names the first parameter whose gradient is not finite, and the element; nil where all are.
func NotFiniteGradient[T kernels.Float](ops Ops[T], params []*Param[T]) error {
	for _, p := range params {
		if s := ops.Dot(p.Grad, p.Grad); !math.IsNaN(s) && !math.IsInf(s, 0) {
			continue
		}
		host := make([]T, p.Grad.size)
		ops.Download(host, p.Grad)
		for i, v := range host {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("gradient of %q is %v at element %d of shape %v", p.Name, v, i, p.Grad)
			}
		}
	}
	return nil
}

// ClipGradNorm scales all gradients together so that their Euclidean norm is at most limit, and returns the norm they had:
//
//	grad = grad min(1, limit/(norm + 1e-6))
//
// as in PyTorch. Gradients whose norm is not finite stay as they are.
func ClipGradNorm[T kernels.Float](ops Ops[T], params []*Param[T], limit float64) float64 {
	norm := GradNorm(ops, params)
	scale := limit / (norm + 1e-6)
	if !(scale < 1) || math.IsInf(norm, 0) {
		return norm
	}
	for _, p := range params {
		ops.Scale(p.Grad, T(scale))
	}
	return norm
}

// ClipGradValue clamps each element of each gradient to [-limit, limit]. NaN stays.
func ClipGradValue[T kernels.Float](ops Ops[T], params []*Param[T], limit float64) {
	for _, p := range params {
		ops.Clamp(p.Grad, T(-limit), T(limit))
	}
}

// ClipWeights clamps each element of each parameter to [-limit, limit], as Wasserstein GANs do. NaN stays.
func ClipWeights[T kernels.Float](ops Ops[T], params []*Param[T], limit float64) {
	for _, p := range params {
		ops.Clamp(p.Value, T(-limit), T(limit))
	}
}
