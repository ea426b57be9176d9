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

// A Solved is problems between clouds that are iterated to a tolerance, all at once, and their derivative at convergence. Terms between two clouds
// alternate as an [Unrolled] does, over-relaxed where that is slow, and those of a cloud against itself, which come last, have one potential:
//
//	f <- (f + lambda (-eps log mean_j exp((f_j - C_ij)/eps)))/2
//
// Costs and potentials stay where the table computes, which is waited for every 10 iterations.
type Solved[T kernels.Float] struct {
	stack[T]
	crosses       int // the first terms, between two clouds
	iterations    int
	eps, rho, tol float64
	kappa, lambda T
	factor        relaxation.Factor // of the terms between two clouds
	errors        [3]float64        // of those, at the last looks
	f, g          *nn.Tensor[T]     // soft minima [1, terms, points]
	columns       *nn.Tensor[T]     // g after a last step without over-relaxation, at the last look
	mass, cost    *nn.Tensor[T]     // of rows
	values        []sinkhorn.Values
}

// NewSolved returns an empty solution on a table, for one ground cost.
func NewSolved[T kernels.Float](ops Ops[T], ground logsumexp.Ground) *Solved[T] {
	return &Solved[T]{stack: newStack(ops, ground)}
}

// Solve iterates until the L1 error of the marginals of every term is at most tol, or for so many steps, at a temperature in units of the cost,
// with the marginals exact where rho is 0. It reports whether all terms are there.
func (s *Solved[T]) Solve(ctx context.Context, eps float64, steps int, rho, tol float64) (converged bool, err error) {
	if !(eps > 0) || math.IsInf(eps, 1) || steps < 1 || !(rho >= 0) || !(tol > 0) {
		return false, fmt.Errorf("clouds: eps %g, %d steps, reach %g, tolerance %g, want positive numbers, or no reach", eps, steps, rho, tol)
	}
	s.eps, s.rho, s.tol, s.kappa, s.lambda = eps, rho, tol, T(math.Log2E/eps), 1
	if rho > 0 {
		s.lambda = T(rho / (rho + eps))
	}
	s.begin()
	for s.iterations = 1; ; s.iterations++ {
		s.alternate()
		s.symmetric()
		if s.iterations%relaxation.Span != 0 && s.iterations < steps {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if worst := s.look(); worst <= tol || s.iterations >= steps || worst != worst {
			return worst <= tol, nil
		}
		if s.crosses > 0 {
			s.factor.Look(s.errors[0], s.errors[1], s.errors[2], 2*float64(s.crosses))
		}
	}
}

// begin sets potentials of zeros.
func (s *Solved[T]) begin() {
	k := len(s.terms)
	for s.crosses = 0; s.crosses < k && !SameCloud(s.terms[s.crosses].X, s.terms[s.crosses].Y); s.crosses++ {
	}
	s.factor, s.errors = relaxation.Factor{Omega: 1}, [3]float64{}
	s.f, s.g, s.columns = s.work.Tensor(slotF, 1, k, s.n), s.work.Tensor(slotG, 1, k, s.m), s.work.Tensor(slotColumns, 1, k, s.m)
	s.mass, s.cost = s.work.Tensor(slotMass, k, s.n), s.work.Tensor(slotCost, k, s.n)
	s.ops.Zero(s.f)
	s.ops.Zero(s.g)
}

// alternate takes a step of the terms between two clouds.
func (s *Solved[T]) alternate() {
	if s.crosses == 0 {
		return
	}
	f, g := at(s.f, 0).Slice(0, s.crosses), at(s.g, 0).Slice(0, s.crosses)
	s.update(Rows, f, g)
	s.update(Columns, g, f)
}

// update sets h to the soft minimum from the other side, or goes further along.
func (s *Solved[T]) update(side Side, h, other *nn.Tensor[T]) {
	c := s.c.Slice(0, s.crosses)
	if s.factor.Omega == 1 {
		s.ops.SoftMin(side, h, c, other, s.kappa, s.lambda)
		return
	}
	to := s.work.Like(slotBeside, h)
	s.ops.SoftMin(side, to, c, other, s.kappa, s.lambda)
	s.mix(h, T(s.factor.Omega), to)
}

// symmetric takes a step of the terms of a cloud against itself.
func (s *Solved[T]) symmetric() {
	k := len(s.terms)
	if s.crosses == k {
		return
	}
	f, g := at(s.f, 0).Slice(s.crosses, k), at(s.g, 0).Slice(s.crosses, k)
	s.ops.SoftMin(Rows, g, s.c.Slice(s.crosses, k), f, s.kappa, s.lambda)
	s.mix(f, .5, g)
	s.ops.Copy(g, f)
}

// mix sets x to (1 - share) x + share y.
func (s *Solved[T]) mix(x *nn.Tensor[T], share T, y *nn.Tensor[T]) {
	s.ops.Scale(x, 1-share)
	s.ops.Axpy(x, share, y)
}

// look forms the values of the terms and returns the largest error of their marginals.
func (s *Solved[T]) look() (worst float64) {
	s.ops.Copy(s.columns, s.g)
	if s.factor.Omega != 1 {
		s.ops.SoftMin(Columns, at(s.columns, 0).Slice(0, s.crosses), s.c.Slice(0, s.crosses), at(s.f, 0).Slice(0, s.crosses), s.kappa, s.lambda)
	}
	s.ops.Marginals(Rows, s.mass, s.cost, s.plan(0, len(s.terms)))
	sums := make([]Sums, len(s.terms))
	s.ops.Weigh(sums, s.mass, s.cost, at(s.f, 0), at(s.columns, 0), float64(s.lambda)*s.eps/math.Log2E, s.rho)
	s.values = s.values[:0]
	s.errors = [3]float64{s.errors[1], s.errors[2], 0}
	for k, v := range sums {
		if k < s.crosses {
			s.errors[2] += v.Miss
		} else {
			v.Miss *= 2 // the columns miss what the rows do, where alternation ends with exact columns
		}
		s.values = append(s.values, sinkhorn.Values{Sharp: v.Cost, Entropic: v.Dual - s.eps*(v.Mass-1), MarginalError: v.Miss})
		if !(v.Miss <= worst) { // NaN stays
			worst = v.Miss
		}
	}
	return worst
}

// plan returns that of some of the terms.
func (s *Solved[T]) plan(lo, hi int) Plan[T] {
	return Plan[T]{C: s.c.Slice(lo, hi), F: at(s.f, 0).Slice(lo, hi), G: at(s.columns, 0).Slice(lo, hi), Kappa: s.kappa, OfF: s.lambda, OfG: s.lambda}
}

// Iterations returns those of the last call of Solve.
func (s *Solved[T]) Iterations() int { return s.iterations }

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
		F: s.f, G: s.columns, G0: at(s.columns, 0), Phi: s.work.Tensor(slotPhi, 1, k, s.n), Psi: s.work.Tensor(slotPsi, 1, k, s.m), Kappa: s.kappa, Lambda: s.lambda,
	}
	s.ops.Zero(r.Phi)
	s.ops.Zero(r.Psi)
	var invEps T
	if value == sinkhorn.Sharp {
		invEps = T(1 / s.eps)
		s.follow(at(r.Phi, 0), at(r.Psi, 0), invEps)
	}
	s.pull(r, invEps)
}

// follow sets u and v, which are zeros, to the solution of the system, over eps.
func (s *Solved[T]) follow(u, v *nn.Tensor[T], invEps T) {
	k := len(s.terms)
	p, q := s.work.Tensor(slotRight, k, s.n), s.work.Tensor(slotRight+1, k, s.m)
	s.ops.Copy(p, s.cost)
	s.ops.Marginals(Columns, nil, q, s.plan(0, k))
	s.ops.Scale(p, invEps)
	s.ops.Scale(q, invEps)
	if a := s.crosses; a > 0 {
		plan, u, v, p, q, omega := s.plan(0, a), u.Slice(0, a), v.Slice(0, a), p.Slice(0, a), q.Slice(0, a), T(s.factor.Omega)
		s.repeat(plan, u, v, q, func() {
			s.ops.Product(Columns, v, plan, u, -omega, 1-omega)
			s.ops.Axpy(v, omega, q)
			s.ops.Product(Rows, u, plan, v, -omega, 1-omega)
			s.ops.Axpy(u, omega, p)
		})
	}
	if a := s.crosses; a < k {
		plan, u, v, p := s.plan(a, k), u.Slice(a, k), v.Slice(a, k), p.Slice(a, k)
		s.repeat(plan, u, v, p, func() {
			s.ops.Product(Rows, u, plan, v, -.5, .5)
			s.ops.Axpy(u, .5, p)
			s.ops.Copy(v, u)
		})
	}
}

// repeat takes steps until v_j + mean_i e_ij u_i is q_j.
func (s *Solved[T]) repeat(plan Plan[T], u, v, q *nn.Tensor[T], step func()) {
	goal := .1 * s.tol * math.Sqrt(s.ops.Dot(q, q))
	rest := s.work.Like(slotBeside, v)
	for k := 1; k <= 4*s.iterations; k++ {
		if step(); k%relaxation.Span != 0 {
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
