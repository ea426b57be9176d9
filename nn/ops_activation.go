package nn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// ActivationOps is the part of [Ops] for activations beyond those of the papers. All are element-wise.
type ActivationOps[T kernels.Float] interface {
	// ELU sets y[i] = x[i] where x[i] > 0, else alpha (e^x[i] - 1).
	ELU(y, x *Tensor[T], alpha T)
	// ELUBackward sets dx[i] = dy[i] where the output y[i] > 0, else dy[i] (y[i] + alpha); alpha >= 0.
	ELUBackward(dx, dy, y *Tensor[T], alpha T)
	// GELU sets y[i] = x[i] Phi(x[i]), where Phi is the distribution function of the standard normal.
	GELU(y, x *Tensor[T])
	// GELUBackward sets dx[i] = dy[i] (Phi(x[i]) + x[i] phi(x[i])), for the input x and the normal density phi.
	GELUBackward(dx, dy, x *Tensor[T])
	// SiLU sets y[i] = x[i]/(1 + e^-x[i]).
	SiLU(y, x *Tensor[T])
	// SiLUBackward sets dx[i] = dy[i] s (1 + x[i] (1 - s)), for the input x and s = 1/(1 + e^-x[i]).
	SiLUBackward(dx, dy, x *Tensor[T])
}

// Mul sets y[i] = x[i] z[i].
func (c *CPU[T]) Mul(y, x, z *Tensor[T]) { c.each(opMul, y, x, z, 0) }

// Clamp sets x[i] to lo where it is below and to hi where it is above.
func (c *CPU[T]) Clamp(x *Tensor[T], lo, hi T) {
	t := c.take(opClamp)
	t.n, t.y, t.alpha, t.hi = x.size, x.Data(), lo, hi
	c.do(t, (t.n+chunk-1)/chunk)
	c.release(t)
}

// ELU sets y[i] = x[i] where x[i] > 0, else alpha (e^x[i] - 1).
func (c *CPU[T]) ELU(y, x *Tensor[T], alpha T) { c.each(opELU, y, x, nil, alpha) }

// ELUBackward sets dx[i] = dy[i] where y[i] > 0, else dy[i] (y[i] + alpha).
func (c *CPU[T]) ELUBackward(dx, dy, y *Tensor[T], alpha T) { c.each(opELUBackward, dx, dy, y, alpha) }

// GELU sets y[i] = x[i] Phi(x[i]).
func (c *CPU[T]) GELU(y, x *Tensor[T]) { c.each(opGELU, y, x, nil, 0) }

// GELUBackward sets dx[i] = dy[i] (Phi(x[i]) + x[i] phi(x[i])).
func (c *CPU[T]) GELUBackward(dx, dy, x *Tensor[T]) { c.each(opGELUBackward, dx, dy, x, 0) }

// SiLU sets y[i] = x[i]/(1 + e^-x[i]).
func (c *CPU[T]) SiLU(y, x *Tensor[T]) { c.each(opSiLU, y, x, nil, 0) }

// stepOf returns activationStep elements for the block that begins at element lo.
func (t *task[T]) stepOf(lo int) []T { return t.w[lo/chunk*activationStep:][:activationStep] }

// SiLUBackward sets dx[i] = dy[i] s (1 + x[i] (1 - s)), s = 1/(1 + e^-x[i]).
func (c *CPU[T]) SiLUBackward(dx, dy, x *Tensor[T]) { c.each(opSiLUBackward, dx, dy, x, 0) }

func elu[T kernels.Float](y, x []T, alpha T) {
	for i, v := range x {
		if !(v > 0) {
			v = alpha * T(math.Expm1(float64(v)))
		}
		y[i] = v
	}
}

func eluBackward[T kernels.Float](dx, dy, y []T, alpha T) {
	for i, v := range y {
		d := dy[i]
		if !(v > 0) {
			d *= v + alpha
		}
		dx[i] = d
	}
}

// normalCDF returns the distribution function of the standard normal.
func normalCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

func gelu[T kernels.Float](y, x []T) {
	for i, v := range x {
		y[i] = T(float64(v) * normalCDF(float64(v)))
	}
}

func geluBackward[T kernels.Float](dx, dy, x []T) {
	const norm = 0.398942280401432677939946059934 // 1/sqrt(2 pi)
	for i, v := range x {
		f := float64(v)
		dx[i] = T(float64(dy[i]) * (normalCDF(f) + f*norm*math.Exp(-f*f/2)))
	}
}

// activationStep is the number of elements for which a block keeps an intermediate result.
const activationStep = 256

func silu[T kernels.Float](y, x, s []T) {
	for len(x) > 0 {
		n := min(len(x), activationStep)
		kernels.Sigmoid(s[:n], x[:n])
		for i, v := range s[:n] {
			y[i] = x[i] * v
		}
		y, x = y[n:], x[n:]
	}
}

func siluBackward[T kernels.Float](dx, dy, x, s []T) {
	for len(x) > 0 {
		n := min(len(x), activationStep)
		kernels.Sigmoid(s[:n], x[:n])
		for i, v := range s[:n] {
			dx[i] = dy[i] * v * (1 + x[i]*(1-v))
		}
		dx, dy, x = dx[n:], dy[n:], x[n:]
	}
}
