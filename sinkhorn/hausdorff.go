package sinkhorn

import (
	"cmp"
	"errors"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// HausdorffDivergence returns the symmetric Bregman divergence of the Sinkhorn entropy F(a) = -OT_eps(a,a)/2, from the solutions of the two
// clouds against themselves alone and the costs of y as columns for x (n x m), and of x as columns for y (m x n):
//
//	H = <a - b, f_b - f_a>/2          f_a(z) = -eps log sum_i a_i exp((f_i - c(z, x_i))/eps), alike for b
//
// It is not negative, and 0 between equal clouds, where the divergence S is so; it needs no solution between the clouds and sees only near
// points of the other: as eps -> 0 it tends to half of the sum of the mean costs to the nearest point, the soft form of the
// (averaged) Hausdorff distance, and as eps -> infinity with S to half of the MMD of kernel -c. It is an error when a problem has a reach.
// Source: Feydy et al. 2019 (Interpolating between optimal transport and MMD using Sinkhorn divergences), who call it so; the formula is that of
// hausdorff_divergence in their program, jeanfeydy/global-divergences. The limits follow from it.
func HausdorffDivergence[T kernels.Float](xx, yy *Result[T], xy, yx logsumexp.Cost[T]) (float64, error) {
	if err := cmp.Or(bregman(xx), bregman(yy)); err != nil {
		return 0, err
	}
	return (gap(xx, xy, yy) + gap(yy, yx, xx)) / 2, nil
}

// bregman says why a problem has no part in a Hausdorff divergence.
func bregman[T kernels.Float](r *Result[T]) error {
	if r.p.relaxed() {
		return errors.New("sinkhorn: the Hausdorff divergence is for problems without a reach")
	}
	return r.p.whole("the Hausdorff divergence")
}

// gap returns <a, f_b - f_a>: over the points of own, how much further the other cloud is.
func gap[T kernels.Float](own *Result[T], cost logsumexp.Cost[T], other *Result[T]) (sum float64) {
	near, far := make([]float64, own.p.n), make([]float64, own.p.n)
	own.EntropicPotential(near, own.p.cost)
	other.EntropicPotential(far, cost)
	for i, a := range own.p.a {
		if a > 0 {
			sum += a * (far[i] - near[i])
		}
	}
	return sum
}

// HausdorffGradient sets dx (n x d) to the derivative of [HausdorffDivergence] by the points x, the weights fixed; points are those behind xy,
// own those of x against itself.
//
//	dx_k = (sum_j (P_kj + Q_kj) dc(x_k, y_j)/dx_k - sum_l (1 + u_k + u_l) R_kl dc(x_k, x_l)/dx_k)/2
//
//	P_kj = a_k b_j exp((f_b(x_k) + g_j - c(x_k, y_j))/eps)        x sent to the cloud y, whose own potential g is
//	Q_kj = a_k b_j exp((f_k + f_a(y_j) - c(x_k, y_j))/eps)        y sent to the cloud x, whose own potential f is
//	R_kl = a_k a_l exp((f_k + f_l - c(x_k, x_l))/eps)
//
// Unlike the divergence S this needs the derivative of f by x, which u carries: a_k u_k + sum_l R_kl u_l = sum_j Q_kj. R is that of a positive
// kernel where the cost is conditionally negative definite, and the system is then solved in some forty products by the averaged iteration
// u <- (u + (Q 1 - R u)/a)/2. It is an error when a problem did not converge or has a reach, or where this iteration does not contract.
// Exact up to the marginal errors. Derived by differentiating the formula of the value.
func HausdorffGradient[T kernels.Float](dx []float64, xx, yy *Result[T], xy, yx logsumexp.Cost[T], points, own Pull) error {
	if err := cmp.Or(bregman(xx), bregman(yy), xx.differentiable(nil), yy.differentiable(nil)); err != nil {
		return err
	}
	n, m := xx.p.n, yy.p.n
	near, far := make([]float64, n), make([]float64, m)
	yy.EntropicPotential(near, xy)
	xx.EntropicPotential(far, yx)
	sent, err := xx.between(yy, xy, near, yy.G)
	if err != nil {
		return err
	}
	drawn, err := xx.between(yy, xy, xx.G, far)
	if err != nil {
		return err
	}
	s := xx.system()
	u, err := s.averaged(xx.p.a, drawn.pass().rows)
	if err != nil {
		return err
	}
	sent.Gradient(dx, points)
	more := make([]float64, len(dx))
	drawn.Gradient(more, points)
	kernels.Axpy(dx, 1, more)
	clear(more)
	xx.each(func(k, l0 int, _, p, _ []float64) {
		for i := range p {
			p[i] *= 1 + u[k] + u[l0+i]
		}
		own.AddGradient(more, nil, k, l0, p)
	}, 0, func([]float64) {})
	kernels.Axpy(dx, -1, more)
	kernels.Scale(dx, .5)
	return nil
}

// between returns the plan of potentials f and g between the points of two problems.
func (r *Result[T]) between(other *Result[T], cost logsumexp.Cost[T], f, g []float64) (*Result[T], error) {
	p, err := NewProblem(cost, r.p.a, other.p.a, ReadOn(r.run))
	if err != nil {
		return nil, err
	}
	return &Result[T]{F: f, G: g, p: p, eps: r.eps, run: r.run}, nil
}

// The averaged iteration halves the error in each step where the plan is that of a positive kernel.
const (
	averagedTolerance = 1e-13
	averagedSteps     = 400
)

// averaged returns u with a_k u_k + sum_l R_kl u_l = q_k for the symmetric plan R of marginals a; 0 where a is.
func (s *system) averaged(a, q []float64) ([]float64, error) {
	u, z := make([]float64, s.n), make([]float64, s.n)
	for range averagedSteps {
		s.timesRight(z, u)
		var size, moved float64
		for k, w := range a {
			if w > 0 {
				step := ((q[k]-z[k])/w - u[k]) / 2
				u[k] += step
				size, moved = max(size, math.Abs(u[k])), max(moved, math.Abs(step))
			}
		}
		if moved <= averagedTolerance*size {
			return u, nil
		}
	}
	return nil, errors.New("sinkhorn: the plan of x against itself is not that of a positive kernel, and the derivative of its potentials is not found; raise eps, or use another cost")
}
