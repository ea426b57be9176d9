package sinkhorn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Curvature takes first and second derivatives of a cost along changes of the points behind it; [logsumexp.Points] is one.
type Curvature interface {
	Pull

	// Tangent sets dc[k] to the change of c(x_i, y_{j0+k}) where points change by dx and dy; either may be nil.
	Tangent(dc []float64, i, j0 int, dx, dy []float64)

	// AddHessian adds to hx and hy the change of what AddGradient adds to dx and dy there; any may be nil.
	AddHessian(hx, hy []float64, i, j0 int, w, dx, dy []float64)
}

// HessianProduct adds to hx (n x d) and hy (m x d) the products of the Hessian of OT_eps in the points with a change dx, dy of them, the
// weights fixed: the change of its gradient, to first order, at convergence. Any of the four may be nil; a change that is nil is 0.
//
//	h_i = sum_j dP_ij dc/dx_i + P_ij d(dc/dx_i)              dP_ij = P_ij (df_i + dg_j - dc_ij)/eps
//	R_i kappa_i df_i + sum_j P_ij dg_j = sum_j P_ij dc_ij,      S_j kappa_j dg_j + sum_i P_ij df_i = sum_i P_ij dc_ij
//
// with kappa as in [Result.Implicit], and one solve of the same system. For a cloud against itself pass the change twice, and one slice for hx
// and hy. It is for costs that are twice differentiable where points lie; the l1 cost counts as linear. It refuses a result that did
// not converge.
func (r *Result[T]) HessianProduct(hx, hy, dx, dy []float64, points Curvature) error {
	if err := r.differentiable(nil); err != nil {
		return err
	}
	n, m := r.p.n, r.p.m
	for _, v := range []struct {
		x     []float64
		count int
	}{{hx, n}, {dx, n}, {hy, m}, {dy, m}} {
		if len(v.x)%v.count != 0 {
			return fmt.Errorf("sinkhorn: %d coordinates for %d points in a product with the Hessian", len(v.x), v.count)
		}
	}
	s := r.system()
	p, q := make([]float64, n), make([]float64, m)
	r.each(func(i, j0 int, _, row, acc []float64) {
		dc := acc[m:][:len(row)]
		points.Tangent(dc, i, j0, dx, dy)
		p[i] += kernels.Dot(row, dc)
		for k, w := range row {
			acc[j0+k] += w * dc[k]
		}
	}, 2*m, func(acc []float64) { kernels.Axpy(q, 1, acc[:m]) })
	df, dg, err := s.solve(p, q)
	if err != nil {
		return err
	}
	invEps := 1 / r.eps
	r.each(func(i, j0 int, _, row, part []float64) {
		dc := make([]float64, len(row))
		if hy == nil {
			part = nil
		}
		points.AddHessian(hx, part, i, j0, row, dx, dy)
		points.Tangent(dc, i, j0, dx, dy)
		for k, w := range row {
			row[k] = w * (df[i] + dg[j0+k] - dc[k]) * invEps
		}
		points.AddGradient(hx, part, i, j0, row)
	}, len(hy), func(part []float64) { kernels.Axpy(hy, 1, part) })
	return nil
}

// HessianProduct sets hx (n x d) to the product of the Hessian of the divergence in the points x with a change dx of them, xy being the cost
// between the clouds and xx that of x against itself; see [Result.HessianProduct].
func (d *Divergence[T]) HessianProduct(hx, dx []float64, xy, xx Curvature) error {
	self := make([]float64, len(hx))
	if err := d.XX.HessianProduct(self, self, dx, dx, xx); err != nil {
		return err
	}
	clear(hx)
	if err := d.XY.HessianProduct(hx, nil, dx, nil, xy); err != nil {
		return err
	}
	kernels.Axpy(hx, -.5, self)
	return nil
}
