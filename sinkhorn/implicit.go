package sinkhorn

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// implicitTolerance is the relative residual to which the linear system behind [Result.SharpGradient] is solved.
const implicitTolerance = 1e-12

// SharpGradient sets dx (n x d) to the derivative of the transport cost <C,P> at convergence with respect to the points of the rows, the
// weights fixed:
//
//	d<C,P>/dC_ij = P_ij (1 + log(P_ij/(a_i b_j)) - u_i - v_j)
//	[diag(a)  P; P^T  diag(b)] [u; v] = [(P o L) 1; (P o L)^T 1],  L_ij = log(P_ij/(a_i b_j)) = (f_i + g_j - C_ij)/eps
//
// It differs from [Result.Gradient], which is that of the value with its entropy. Both are exact for the limit of the iterations: the
// error is of the order of the marginal error times cost over eps. It holds the plan in memory, and refuses a result that did not
// converge, or a problem with a reach. Source: implicit differentiation of the optimality conditions.
func (r *Result[T]) SharpGradient(dx []float64, points Pull) error {
	switch {
	case r.p.relaxed():
		return fmt.Errorf("sinkhorn: the derivative of the transport cost of an unbalanced problem is not supported")
	case r.Status != Converged:
		return fmt.Errorf("sinkhorn: no derivative of a limit that was not reached: %w", ErrNotConverged)
	}
	n, m := r.p.n, r.p.m
	l := newLaplacian(r.run, n, m)
	r.Plan(l.w)
	copy(l.rows, r.p.a)
	copy(l.cols, r.p.b)
	_, f, g := r.base()
	qa, qb := make([]float64, n), make([]float64, m)
	r.each(func(i, j0 int, c, p, acc []float64) {
		for k, v := range p {
			t := v * r.logRatio(f[i], g[j0+k], c[k], j0+k)
			qa[i] += t
			acc[j0+k] += t
		}
	}, m, func(acc []float64) { kernels.Axpy(qb, 1, acc) })

	// v = (qb - P^T u)/b takes the columns out: (diag(a) - P diag(1/b) P^T) u = qa - P (qb/b).
	v := make([]float64, m)
	for j, b := range r.p.b {
		if b > 0 {
			v[j] = qb[j] / b
		}
	}
	rhs := make([]float64, n)
	for i := range rhs {
		rhs[i] = qa[i] - kernels.Dot(l.row(i), v)
	}
	u := l.solve(1, rhs, implicitTolerance)
	ptu := make([]float64, m)
	l.addColumns(ptu, func(i int, acc []float64) { kernels.Axpy(acc, u[i], l.row(i)) })
	for j, b := range r.p.b {
		if b > 0 {
			v[j] -= ptu[j] / b
		}
	}
	clear(dx)
	r.each(func(i, j0 int, c, p, _ []float64) {
		for k, w := range p {
			if w > 0 {
				p[k] = w * (1 + r.logRatio(f[i], g[j0+k], c[k], j0+k) - u[i] - v[j0+k])
			}
		}
		points.AddGradient(dx, nil, i, j0, p)
	}, 0, func([]float64) {})
	return nil
}

// logRatio returns log(P_ij/(a_i b_j)), and 0 where the plan has no entry.
func (r *Result[T]) logRatio(f, g, c float64, j int) float64 {
	b := r.p.b[j]
	if b == 0 {
		return 0
	}
	t := (f+g-c*math.Log2E/r.eps)*math.Ln2 - math.Log(b)
	if t < -1e300 {
		return 0
	}
	return t
}
