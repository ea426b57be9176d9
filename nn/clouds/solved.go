package clouds

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/relaxation"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Solved is problems between clouds that are iterated to a tolerance, each on its own, and their derivative at convergence. Terms between two clouds
// alternate as an [Unrolled] does, over-relaxed where that is slow, and one of a cloud against itself has one potential:
//
//	f <- (f + lambda (-eps log mean_j exp((f_j - C_ij)/eps)))/2
//
// Costs and potentials stay where the table computes, which is waited for every 10 iterations.
type Solved[T kernels.Float] struct {
	stack[T]
	eps, rho, tol float64
	kappa, lambda T
	f, g          *nn.Tensor[T] // soft minima [1, terms, points]; g after a last step without over-relaxation
	mass, cost    *nn.Tensor[T] // of rows
	solves        []solve
	values        []sinkhorn.Values
}

// A solve is the state of the iterations of a term.
type solve struct {
	k          int
	self       bool
	iterations int
	factor     relaxation.Factor
	errors     [3]float64 // at the last looks
}

// NewSolved returns an empty solution on a table, for one ground cost.
func NewSolved[T kernels.Float](ops Ops[T], ground logsumexp.Ground) *Solved[T] {
	return &Solved[T]{stack: newStack(ops, ground)}
}

// Solve iterates every term until the L1 error of its marginals is at most tol, or for so many steps, at a temperature in units of the cost,
// with the marginals exact where rho is 0. It reports whether all terms are there.
func (s *Solved[T]) Solve(ctx context.Context, eps float64, steps int, rho, tol float64) (converged bool, err error) {
	if !(eps > 0) || math.IsInf(eps, 1) || steps < 1 || !(rho >= 0) || !(tol > 0) {
		return false, fmt.Errorf("clouds: eps %g, %d steps, reach %g, tolerance %g, want positive numbers, or no reach", eps, steps, rho, tol)
	}
	s.eps, s.rho, s.tol, s.kappa, s.lambda = eps, rho, tol, T(math.Log2E/eps), 1
	if rho > 0 {
		s.lambda = T(rho / (rho + eps))
	}
	k := len(s.terms)
	s.f, s.g = s.work.Tensor(slotF, 1, k, s.n), s.work.Tensor(slotG, 1, k, s.m)
	s.mass, s.cost = s.work.Tensor(slotMass, k, s.n), s.work.Tensor(slotCost, k, s.n)
	s.ops.Zero(s.f)
	s.ops.Zero(s.g)
	s.solves, s.values = s.solves[:0], s.values[:0]
	converged = true
	for k, t := range s.terms {
		p := solve{k: k, self: SameCloud(t.X, t.Y), factor: relaxation.Factor{Omega: 1}}
		there, err := s.iterate(ctx, &p, steps)
		if err != nil {
			return false, err
		}
		s.solves = append(s.solves, p)
		converged = converged && there
	}
	return converged, nil
}

// iterate solves a term and adds its values to those of the ones before.
func (s *Solved[T]) iterate(ctx context.Context, p *solve, steps int) (converged bool, err error) {
	c, f, g := s.c.Slice(p.k, p.k+1), at(s.f, 0).Slice(p.k, p.k+1), at(s.g, 0).Slice(p.k, p.k+1)
	for p.iterations = 1; ; p.iterations++ {
		if p.self {
			s.update(Rows, f, c, f, .5)
		} else {
			s.update(Rows, f, c, g, p.factor.Omega)
			s.update(Columns, g, c, f, p.factor.Omega)
		}
		if p.iterations%relaxation.Span != 0 && p.iterations < steps {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		v := s.look(p, c, f, g)
		if e := v.MarginalError; e <= s.tol || p.iterations >= steps || e != e {
			s.values = append(s.values, v)
			return e <= s.tol, nil
		}
		if !p.self {
			p.factor.Look(p.errors[0], p.errors[1], p.errors[2], 2)
		}
	}
}

// update moves h by a share of the way to the soft minimum from the other side, of 1 to it.
func (s *Solved[T]) update(side Side, h, c, other *nn.Tensor[T], share float64) {
	if share == 1 {
		s.ops.SoftMin(side, h, c, other, s.kappa, s.lambda)
		return
	}
	to := s.work.Like(slotBeside, h)
	s.ops.SoftMin(side, to, c, other, s.kappa, s.lambda)
	s.ops.Scale(h, T(1-share))
	s.ops.Axpy(h, T(share), to)
}

// look returns the values of a term, after one more update of its columns where the last was over-relaxed: values are of columns that are exact. Where
// iterations go on it stays, which takes them little of what over-relaxation gives.
func (s *Solved[T]) look(p *solve, c, f, g *nn.Tensor[T]) sinkhorn.Values {
	mass, cost := s.mass.Slice(p.k, p.k+1), s.cost.Slice(p.k, p.k+1)
	switch {
	case p.self:
		s.ops.Copy(g, f)
	case p.factor.Omega != 1:
		s.ops.SoftMin(Columns, g, c, f, s.kappa, s.lambda)
	}
	s.ops.Marginals(Rows, mass, cost, s.plan(p.k))
	var sums [1]Sums
	s.ops.Weigh(sums[:], mass, cost, f, g, float64(s.lambda)*s.eps/math.Log2E, s.rho)
	v := sums[0]
	if p.self {
		v.Miss *= 2 // the columns miss what the rows do, where alternation ends with exact columns
	}
	p.errors = [3]float64{p.errors[1], p.errors[2], v.Miss}
	return sinkhorn.Values{Sharp: v.Cost, Entropic: v.Dual - s.eps*(v.Mass-1), MarginalError: v.Miss}
}

// plan returns that of a term.
func (s *Solved[T]) plan(k int) Plan[T] {
	return Plan[T]{C: s.c.Slice(k, k+1), F: at(s.f, 0).Slice(k, k+1), G: at(s.g, 0).Slice(k, k+1), Kappa: s.kappa, OfF: s.lambda, OfG: s.lambda}
}

// Iterations returns the most that a term took in the last call of Solve.
func (s *Solved[T]) Iterations() (most int) {
	for _, p := range s.solves {
		most = max(most, p.iterations)
	}
	return most
}

// Values returns those of each term; see [sinkhorn.Values]. They are valid until the next call of Solve.
func (s *Solved[T]) Values() []sinkhorn.Values { return s.values }

// Backward adds the derivatives of a value of each term at convergence, times its weight, where they are wanted; the sharp one is of problems without
// a reach. With e_ij = exp((f_i + g_j - C_ij)/eps), for a unit of mass of either side:
//
//	E, the entropic value      dC_ij = e_ij/(n m)
//	W = mean e C               dC_ij = e_ij (1 + (u_i + v_j - C_ij)/eps)/(n m)
//	                           u_i + mean_j e_ij v_j = p_i = mean_j e_ij C_ij          v_j + mean_i e_ij u_i = q_j = mean_i e_ij C_ij
//
// See [sinkhorn.Result.Envelope] and [sinkhorn.Result.Implicit]. The system has the iterations of the potentials, linearised; they end where what is left
// of the equations is a tenth of the tolerance, as a share of the right hand sides, or after four times the problem's. The derivative has an error of the
// order of that of the marginals, times cost over eps.
func (s *Solved[T]) Backward(value sinkhorn.Value) {
	if s.wanted() == 0 {
		return
	}
	k := len(s.terms)
	r := Record[T]{
		F: s.f, G: s.g, G0: at(s.g, 0), Phi: s.work.Tensor(slotPhi, 1, k, s.n), Psi: s.work.Tensor(slotPsi, 1, k, s.m), Kappa: s.kappa, Lambda: s.lambda,
	}
	s.ops.Zero(r.Phi)
	s.ops.Zero(r.Psi)
	var invEps T
	if value == sinkhorn.Sharp {
		invEps = T(1 / s.eps)
		for _, p := range s.solves[:s.wanted()] {
			s.follow(&p, at(r.Phi, 0).Slice(p.k, p.k+1), at(r.Psi, 0).Slice(p.k, p.k+1), invEps)
		}
	}
	s.pull(r, invEps)
}

// follow sets u and v, which are zeros, to the solution of the system of a term, over eps.
func (s *Solved[T]) follow(t *solve, u, v *nn.Tensor[T], invEps T) {
	plan := s.plan(t.k)
	p, q, rest := s.work.Tensor(slotRight, 1, s.n), s.work.Tensor(slotRight+1, 1, s.m), s.work.Like(slotBeside, v)
	s.ops.Copy(p, s.cost.Slice(t.k, t.k+1))
	s.ops.Marginals(Columns, nil, q, plan)
	s.ops.Scale(p, invEps)
	s.ops.Scale(q, invEps)
	goal := .1 * s.tol * math.Sqrt(s.ops.Dot(q, q))
	for k := 1; k <= 4*t.iterations; k++ {
		if t.self {
			s.ops.Product(Rows, u, plan, v, -.5, .5)
			s.ops.Axpy(u, .5, p)
			s.ops.Copy(v, u)
		} else {
			omega := T(t.factor.Omega)
			s.ops.Product(Columns, v, plan, u, -omega, 1-omega)
			s.ops.Axpy(v, omega, q)
			s.ops.Product(Rows, u, plan, v, -omega, 1-omega)
			s.ops.Axpy(u, omega, p)
		}
		if k%relaxation.Span != 0 {
			continue
		}
		s.ops.Copy(rest, q)
		s.ops.Axpy(rest, -1, v)
		s.ops.Product(Columns, rest, plan, u, -1, 1)
		if !(math.Sqrt(s.ops.Dot(rest, rest)) > goal) { // NaN ends it too
			return
		}
	}
}
