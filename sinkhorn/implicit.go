package sinkhorn

import (
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Derivatives at convergence. With kappa_i = 1 for an exact marginal and 1 + eps/rho for a KL reach, R = P 1 and S = P^T 1, the potentials
// follow changes of the cost and of the weights by
//
//	R_i kappa_i df_i + sum_j P_ij dg_j = sum_j P_ij (dC_ij - eps dlog b_j)
//	S_j kappa_j dg_j + sum_i P_ij df_i = sum_i P_ij (dC_ij - eps dlog a_i)
//	dP_ij                              = P_ij ((df_i + dg_j - dC_ij)/eps + dlog a_i + dlog b_j)
//
// Where a TV or Part reach holds a potential at the end of its range, it stays there. In a partial problem those potentials are one unknown, the
// price of mass left behind, and their equations one, that the mass of the plan stays:
//
//	sum_i (R_i df_i + sum_j P_ij dg_j) + sum_j (S_j dg_j + sum_i P_ij df_i) = the right hand sides - eps (sum_ij P_ij (dlog a_i + dlog b_j))
//
// over the rows i and the columns j that are held. The system is symmetric: the same one serves both directions.

// implicitTolerance is the relative residual to which the system is solved; what rounding leaves above implicitFloor is an error.
const (
	implicitTolerance = 1e-12
	implicitFloor     = 1e-6
)

// Envelope sets the derivatives of the value with its entropy, OT_eps, at convergence:
//
//	d/dC_ij = P_ij        d/da_i = f_i        d/db_j = g_j              potentials need no derivative: they maximise the dual
//
// by weights through their normalisation; with a reach d/da_i is rho (1 - exp(-f_i/rho)) - eps (sum_j P_ij/a_i - sum b) for KL and
// min(f_i, rho) less the same for TV and Part, and in a partial problem, rho being the price that was found, less rho too. It is exact up to the marginal error, refuses a result that did not converge, and is not the
// derivative of the transport cost, for which see [Result.Implicit].
func (r *Result[T]) Envelope(d *Derivative[float64]) error {
	if err := r.differentiable(d); err != nil {
		return err
	}
	r.deliver(d, func(_, _ int, _, _ []float64) {})
	direct := func(w, potential, sums []float64, reach Reach, mass float64) []float64 {
		out := make([]float64, len(w))
		for i := range out {
			out[i] = reach.dual(1, potential[i])
			if r.p.relaxed() {
				out[i] -= r.eps * (sums[i]/w[i] - mass)
			}
			if r.p.partial > 0 {
				out[i] -= reach.Rho
			}
		}
		return out
	}
	fx := r.pass()
	massA, massB := kernels.Sum(r.p.a), kernels.Sum(r.p.b)
	if d.DA != nil {
		da := direct(r.p.a, r.F, fx.rows, r.p.x, massB)
		r.p.normalise(d.DA, da, kernels.Dot(r.p.a, da), r.p.massA)
	}
	if d.DB != nil {
		db := direct(r.p.b, r.G, fx.cols, r.p.y, massA)
		r.p.normalise(d.DB, db, kernels.Dot(r.p.b, db), r.p.massB)
	}
	return nil
}

// Implicit sets the derivatives of the transport cost <C,P> at convergence, through the optimality conditions:
//
//	d/dC_ij = P_ij (1 + (u_i + v_j - C_ij)/eps)        d/dlog a_i = sum_j P_ij (C_ij - v_j)        d/dlog b_j = sum_i P_ij (C_ij - u_i)
//	R_i kappa_i u_i + sum_j P_ij v_j = sum_j P_ij C_ij,      S_j kappa_j v_j + sum_i P_ij u_i = sum_i P_ij C_ij
//
// kappa is 1, and 1 + eps/rho for a KL reach; where a TV or Part reach holds a potential at the end of its range u_i = 0, in a partial problem
// a common w, which d/dlog a_i has w sum_j P_ij less for. The system of n + m
// unknowns is solved by conjugate gradients. It differs from [Result.Envelope]; both are exact for the limit of the iterations, with errors of
// the order of the marginal error times cost over eps. It refuses a result that did not converge. Up to 1 GiB the plan is held in
// memory, and computed again for every product beyond.
func (r *Result[T]) Implicit(d *Derivative[float64]) error {
	cost := func(i, j0 int, c, out []float64) {
		for k := range out {
			out[k] = r.whole(i, j0+k, c[k])
		}
	}
	return r.implicit(d, cost, true)
}

// ImplicitPlan is [Result.Implicit] for any function of the plan: by[i*m+j] is its derivative by P_ij, and the cost enters through the
// plan alone:
//
//	d/dC_ij = P_ij (u_i + v_j - by_ij)/eps
func (r *Result[T]) ImplicitPlan(d *Derivative[float64], by []float64) error {
	m := r.p.m
	if len(by) != r.p.n*m {
		return fmt.Errorf("sinkhorn: %d derivatives by a plan of %d x %d", len(by), r.p.n, m)
	}
	return r.implicit(d, func(i, j0 int, _, out []float64) { copy(out, by[i*m+j0:]) }, false)
}

// SharpGradient sets dx (n x d) to the derivative of the transport cost by the points of the rows; see [Result.Implicit].
func (r *Result[T]) SharpGradient(dx []float64, points Pull) error {
	clear(dx)
	return r.Implicit(&Derivative[float64]{Points: points, DX: dx})
}

// whole returns the cost of a pair with the terms that were taken out, 0 for a pair that is forbidden and so has no part in P.
func (r *Result[T]) whole(i, j int, c float64) float64 {
	if math.IsInf(c, 1) {
		return 0
	}
	if r.p.u != nil {
		c += r.p.u[i]
	}
	if r.p.v != nil {
		c += r.p.v[j]
	}
	return c
}

// differentiable says why a result has no derivative, or none of those wanted.
func (r *Result[T]) differentiable(d *Derivative[float64]) error {
	if err := r.p.whole("this derivative"); err != nil {
		return err
	}
	if r.Status != Converged {
		return fmt.Errorf("sinkhorn: no derivative of a limit that was not reached: %w", ErrNotConverged)
	}
	if d == nil {
		return nil
	}
	if err := d.check(r.p.n, r.p.m); err != nil {
		return fmt.Errorf("sinkhorn: derivative %w", err)
	}
	for _, side := range []struct {
		dst, w []float64
		name   string
	}{{d.DA, r.p.a, "a"}, {d.DB, r.p.b, "b"}} {
		for i, w := range side.w {
			if side.dst != nil && w == 0 {
				return fmt.Errorf("sinkhorn: derivative by weight %s[%d], which is 0: leave the point out or give it a small one", side.name, i)
			}
		}
	}
	return nil
}

// normalise sets dst to derivatives by weights as given, from those by weights as used.
func (p *Problem[T]) normalise(dst, direct []float64, mean, mass float64) {
	copy(dst, direct)
	if p.relaxed() {
		return
	}
	for i := range dst {
		dst[i] = (dst[i] - mean) / mass
	}
}

// deliver shows change the rows of the plan, which it turns into derivatives by the cost, and takes those where they are wanted.
func (r *Result[T]) deliver(d *Derivative[float64], change func(i, j0 int, c, p []float64)) {
	if d.C == nil && d.DX == nil && d.DY == nil {
		return
	}
	m := r.p.m
	r.each(func(i, j0 int, c, p, dy []float64) {
		change(i, j0, c, p)
		if d.C != nil {
			copy(d.C[i*m+j0:], p)
		}
		if d.DX == nil && d.DY == nil {
			return
		}
		if d.DY == nil {
			dy = nil
		}
		d.Points.AddGradient(d.DX, dy, i, j0, p)
	}, len(d.DY), func(dy []float64) { kernels.Axpy(d.DY, 1, dy) })
}

// implicit differentiates a function of the plan whose derivative by it is phi, and of the cost itself where it is the transport cost.
func (r *Result[T]) implicit(d *Derivative[float64], phi func(i, j0 int, c, out []float64), transport bool) error {
	if err := r.differentiable(d); err != nil {
		return err
	}
	n, m := r.p.n, r.p.m
	s := r.system()
	p, q := make([]float64, n), make([]float64, m)
	r.each(func(i, j0 int, c, row, acc []float64) {
		f := acc[m:][:len(row)]
		phi(i, j0, c, f)
		for k, w := range row {
			if w > 0 {
				p[i] += w * f[k]
				acc[j0+k] += w * f[k]
			}
		}
	}, 2*m, func(acc []float64) { kernels.Axpy(q, 1, acc[:m]) })
	u, v, err := s.solve(p, q)
	if err != nil {
		return err
	}
	fx := r.pass()
	direct := 0.
	if transport {
		direct = 1
	}
	invEps := 1 / r.eps
	change := func(i, j0 int, c, row []float64) {
		f := make([]float64, len(row))
		phi(i, j0, c, f)
		for k, w := range row {
			if w > 0 {
				row[k] = w * (direct + (u[i]+v[j0+k]-f[k])*invEps)
			}
		}
	}
	r.deliver(d, change)
	if d.DA != nil {
		s.timesRight(s.n1, v)
		for i, a := range r.p.a {
			p[i] = (p[i] - s.n1[i] - s.price*fx.rows[i]) / a
		}
		r.p.normalise(d.DA, p, kernels.Dot(r.p.a, p), r.p.massA)
	}
	if d.DB != nil {
		s.timesLeft(s.m1, u)
		for j, b := range r.p.b {
			q[j] = (q[j] - s.m1[j] - s.price*fx.cols[j]) / b
		}
		r.p.normalise(d.DB, q, kernels.Dot(r.p.b, q), r.p.massB)
	}
	return nil
}

// system is the linear system of the optimality conditions.
type system struct {
	run        kernels.Runner
	n, m       int
	chunks     int
	plan       []float64                                                // n x m, or nil
	each       func(visit planVisit, size int, add func(acc []float64)) // visits rows of the plan
	rows, cols []float64                                                // R kappa and S kappa, 0 where a potential does not move
	singular   bool                                                     // constants move from f to g
	n1, m1     []float64                                                // for products
	part       [][]float64

	heldX, heldY []float64 // of a partial problem: 1 where the potential is its price, else 0
	alongX       []float64 // the matrix times (heldX, heldY)
	alongY       []float64
	price        float64 // its part of the last solution
}

// planVisit is shown a run of row i of the plan from column j0 on.
type planVisit func(i, j0 int, c, p, acc []float64)

// systemEntries bounds the plan that is held in memory: 1 GiB.
const systemEntries = 1 << 27

func (r *Result[T]) system() *system {
	n, m := r.p.n, r.p.m
	s := &system{run: r.run, n: n, m: m, chunks: chunksOf(n, m), n1: make([]float64, n), m1: make([]float64, m)}
	s.singular = !r.p.relaxed()
	s.each = func(visit planVisit, size int, add func(acc []float64)) { r.each(visit, size, add) }
	if n*m <= systemEntries {
		s.plan = make([]float64, n*m)
		r.Plan(s.plan)
		s.part = make([][]float64, s.chunks)
		for k := range s.part {
			s.part[k] = make([]float64, m)
		}
	}
	s.rows, s.cols = make([]float64, n), make([]float64, m)
	for i := range s.n1 {
		s.n1[i] = 1
	}
	for j := range s.m1 {
		s.m1[j] = 1
	}
	s.timesRight(s.rows, s.m1)
	s.timesLeft(s.cols, s.n1)
	if r.p.partial > 0 {
		s.holdPrice(r)
	}
	anchored := false
	for _, side := range []struct {
		sums, potential []float64
		reach           Reach
	}{{s.rows, r.F, r.p.x}, {s.cols, r.G, r.p.y}} {
		for i := range side.sums {
			switch side.reach.Penalty {
			case KL:
				side.sums[i] *= 1 + r.eps/side.reach.Rho
				anchored = true
			case TV, Part:
				if side.reach.following(side.potential[i], r.eps) == 0 {
					side.sums[i] = 0
					anchored = true
				}
			}
		}
	}
	s.singular = !anchored
	return s
}

// timesRight sets dst = P x.
func (s *system) timesRight(dst, x []float64) {
	if s.plan == nil {
		clear(dst)
		s.each(func(i, j0 int, _, p, _ []float64) { dst[i] += kernels.Dot(p, x[j0:j0+len(p)]) }, 0, func([]float64) {})
		return
	}
	parallel.For(s.run, s.chunks, func(k int) {
		lo, hi := parallel.Chunk(s.n, s.chunks, k)
		for i := lo; i < hi; i++ {
			dst[i] = kernels.Dot(s.plan[i*s.m:(i+1)*s.m], x)
		}
	})
}

// timesLeft sets dst = P^T x.
func (s *system) timesLeft(dst, x []float64) {
	clear(dst)
	if s.plan == nil {
		s.each(func(i, j0 int, _, p, acc []float64) { kernels.Axpy(acc[j0:j0+len(p)], x[i], p) }, s.m,
			func(acc []float64) { kernels.Axpy(dst, 1, acc) })
		return
	}
	parallel.For(s.run, s.chunks, func(k int) {
		clear(s.part[k])
		lo, hi := parallel.Chunk(s.n, s.chunks, k)
		for i := lo; i < hi; i++ {
			kernels.Axpy(s.part[k], x[i], s.plan[i*s.m:(i+1)*s.m])
		}
	})
	for _, part := range s.part {
		kernels.Axpy(dst, 1, part)
	}
}

var errNoSystem = errors.New("sinkhorn: rounding keeps the linear system of the derivative from its solution: the plan is nearly a permutation; raise eps")

// holdPrice marks the potentials at the price of a partial problem, while rows and cols are still whole.
func (s *system) holdPrice(r interface{ atPrice() (x, y []float64) }) {
	s.heldX, s.heldY = r.atPrice()
	s.alongX, s.alongY = make([]float64, s.n), make([]float64, s.m)
	s.timesRight(s.alongX, s.heldY)
	s.timesLeft(s.alongY, s.heldX)
	for i, h := range s.heldX {
		s.alongX[i] += h * s.rows[i]
	}
	for j, h := range s.heldY {
		s.alongY[j] += h * s.cols[j]
	}
}

// atPrice returns 1 for points with mass whose potential is at the end of its range, 0 for others.
func (r *Result[T]) atPrice() (x, y []float64) {
	x, y = make([]float64, r.p.n), make([]float64, r.p.m)
	for _, side := range []struct {
		held, w, potential []float64
		reach              Reach
	}{{x, r.p.a, r.F, r.p.x}, {y, r.p.b, r.G, r.p.y}} {
		for i, w := range side.w {
			if w > 0 && side.reach.following(side.potential[i], r.eps) == 0 {
				side.held[i] = 1
			}
		}
	}
	return x, y
}

// solve returns u and v with rows u + P v = p and P^T u + cols v = q, those that are held at 0. In a partial problem they are w instead: with h the
// held ones and M the whole matrix, the solution is z + w (h - z') for solutions z of the right hand side and z' of M h with them at 0, and w
// makes the sum of the held equations hold:
//
//	w = (<h,(p,q)> - <M h, z>) / (<M h, h> - <M h, z'>)
func (s *system) solve(p, q []float64) (u, v []float64, err error) {
	u, v, err = s.solveFree(p, q)
	if err != nil || s.heldX == nil {
		return u, v, err
	}
	x, y, err := s.solveFree(s.alongX, s.alongY)
	if err != nil {
		return nil, nil, err
	}
	along := func(x, y []float64) float64 { return kernels.Dot(s.alongX, x) + kernels.Dot(s.alongY, y) }
	size := along(s.heldX, s.heldY)
	stiffness := size - along(x, y)
	if !(stiffness > implicitFloor*size) {
		return nil, nil, errNoSystem
	}
	s.price = (kernels.Dot(s.heldX, p) + kernels.Dot(s.heldY, q) - along(u, v)) / stiffness
	kernels.Axpy(u, s.price, s.heldX)
	kernels.Axpy(u, -s.price, x)
	kernels.Axpy(v, s.price, s.heldY)
	kernels.Axpy(v, -s.price, y)
	return u, v, nil
}

// solveFree returns u and v with rows u + P v = p and P^T u + cols v = q, by conjugate gradients on what is left without v,
//
//	(rows - P diag(1/cols) P^T) u = p - P (q/cols)
//
// preconditioned by rows. Entries of rows and cols that are 0 hold theirs at 0.
func (s *system) solveFree(p, q []float64) (u, v []float64, err error) {
	n := s.n
	u, v = make([]float64, n), make([]float64, s.m)
	over(v, q, s.cols)
	rest, z, dir, out := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	s.timesRight(rest, v)
	size := 0. // of the right hand side before cancellation
	for i, w := range s.rows {
		if w > 0 {
			size += p[i] * p[i] / w
			rest[i] = p[i] - rest[i]
		} else {
			rest[i] = 0
		}
	}
	for j, w := range s.cols {
		if w > 0 {
			size += q[j] * q[j] / w
		}
	}
	s.project(rest)
	over(z, rest, s.rows)
	copy(dir, z)
	rz := kernels.Dot(rest, z)
	goal := implicitTolerance * implicitTolerance * size
	for k := 0; k < maxProducts && rz > goal; k++ {
		s.schur(out, dir)
		curvature := kernels.Dot(dir, out)
		if !(curvature > 0) {
			break // only rounding is left of it
		}
		alpha := rz / curvature
		kernels.Axpy(u, alpha, dir)
		kernels.Axpy(rest, -alpha, out)
		s.project(rest)
		over(z, rest, s.rows)
		next := kernels.Dot(rest, z)
		kernels.Scale(dir, next/rz)
		kernels.Axpy(dir, 1, z)
		rz = next
	}
	if !(rz <= implicitFloor*implicitFloor*size) {
		return nil, nil, errNoSystem
	}
	s.timesLeft(s.m1, u)
	for j := range s.m1 {
		s.m1[j] = q[j] - s.m1[j]
	}
	over(v, s.m1, s.cols)
	return u, v, nil
}

// schur sets out = rows x - P diag(1/cols) P^T x.
func (s *system) schur(out, x []float64) {
	s.timesLeft(s.m1, x)
	over(s.m1, s.m1, s.cols)
	s.timesRight(out, s.m1)
	for i, w := range s.rows {
		out[i] = w*x[i] - out[i]
		if w == 0 {
			out[i] = 0
		}
	}
}

// project takes out what lies outside of the range of a singular system.
func (s *system) project(x []float64) {
	if s.singular {
		kernels.Axpy(x, -kernels.Sum(x)/kernels.Sum(s.rows), s.rows)
	}
}

// over sets dst = x / w, 0 where w is.
func over(dst, x, w []float64) {
	for i, v := range w {
		if v > 0 {
			dst[i] = x[i] / v
		} else {
			dst[i] = 0
		}
	}
}
