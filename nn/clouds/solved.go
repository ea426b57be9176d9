package clouds

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Solved is problems between clouds that are iterated to a tolerance, all at once, and their derivative at convergence. Terms between two clouds
// alternate, as an [Unrolled] does, and those of a cloud against itself, which come last, have one potential:
//
//	f <- (f + lambda (-eps log mean_j exp((f_j - C_ij)/eps)))/2
//
// Costs and potentials stay where the table computes, which is waited for every [checkEvery] iterations.
type Solved[T kernels.Float] struct {
	stack[T]
	crosses    int // the first terms, between two clouds
	iterations int
	eps, rho   float64
	kappa      T
	lambda     T
	f, g       *nn.Tensor[T] // soft minima
	mass, cost *nn.Tensor[T] // of rows
	values     []sinkhorn.Values
}

// checkEvery is the number of iterations between two looks at the marginals, which cost half of one, and a wait.
const checkEvery = 8

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
	s.eps, s.rho, s.kappa, s.lambda = eps, rho, T(math.Log2E/eps), 1
	if rho > 0 {
		s.lambda = T(rho / (rho + eps))
	}
	k := len(s.terms)
	for s.crosses = 0; s.crosses < k && !SameCloud(s.terms[s.crosses].X, s.terms[s.crosses].Y); s.crosses++ {
	}
	s.f, s.g = s.work.Tensor(slotF, 1, k, s.n), s.work.Tensor(slotG, 1, k, s.m)
	s.mass, s.cost = s.work.Tensor(slotMass, k, s.n), s.work.Tensor(slotCost, k, s.n)
	s.ops.Zero(s.f)
	s.ops.Zero(s.g)
	for s.iterations = 1; ; s.iterations++ {
		s.alternate()
		s.symmetric()
		if s.iterations%checkEvery != 0 && s.iterations < steps {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if worst := s.look(); worst <= tol || s.iterations >= steps || worst != worst {
			return worst <= tol, nil
		}
	}
}

// alternate takes a step of the terms between two clouds.
func (s *Solved[T]) alternate() {
	if s.crosses == 0 {
		return
	}
	f, g, c := at(s.f, 0).Slice(0, s.crosses), at(s.g, 0).Slice(0, s.crosses), s.c.Slice(0, s.crosses)
	s.ops.SoftMin(Rows, f, c, g, s.kappa, s.lambda)
	s.ops.SoftMin(Columns, g, c, f, s.kappa, s.lambda)
}

// symmetric takes a step of the terms of a cloud against itself.
func (s *Solved[T]) symmetric() {
	k := len(s.terms)
	if s.crosses == k {
		return
	}
	f, g := at(s.f, 0).Slice(s.crosses, k), at(s.g, 0).Slice(s.crosses, k)
	s.ops.SoftMin(Rows, g, s.c.Slice(s.crosses, k), f, s.kappa, s.lambda)
	s.average(f, g)
	s.ops.Copy(g, f)
}

// average sets f to the mean of f and g.
func (s *Solved[T]) average(f, g *nn.Tensor[T]) {
	s.ops.Scale(f, .5)
	s.ops.Axpy(f, .5, g)
}

// look forms the values of the terms and returns the largest error of their marginals.
func (s *Solved[T]) look() (worst float64) {
	s.ops.Marginals(Rows, s.mass, s.cost, s.plan())
	sums := make([]Sums, len(s.terms))
	s.ops.Weigh(sums, s.mass, s.cost, at(s.f, 0), at(s.g, 0), float64(s.lambda)*s.eps/math.Log2E, s.rho)
	s.values = s.values[:0]
	for k, v := range sums {
		if k >= s.crosses {
			v.Miss *= 2 // the columns miss what the rows do, where alternation ends with exact columns
		}
		s.values = append(s.values, sinkhorn.Values{Sharp: v.Cost, Entropic: v.Dual - s.eps*(v.Mass-1), MarginalError: v.Miss})
		if !(v.Miss <= worst) { // NaN stays
			worst = v.Miss
		}
	}
	return worst
}

func (s *Solved[T]) plan() Plan[T] {
	return Plan[T]{C: s.c, F: at(s.f, 0), G: at(s.g, 0), Kappa: s.kappa, OfF: s.lambda, OfG: s.lambda}
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
//	                           u_i + mean_j e_ij v_j = mean_j e_ij C_ij          v_j + mean_i e_ij u_i = mean_i e_ij C_ij
//
// See [sinkhorn.Result.Envelope] and [sinkhorn.Result.Implicit]. The system is solved by as many steps as the problem took, of the iterations that it
// has from those of the potentials, which come nearer by the same factor a step: the derivative has an error of the order of that of the
// marginals, times cost over eps.
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
		s.follow(at(r.Phi, 0), at(r.Psi, 0), invEps)
	}
	s.pull(r, invEps)
}

// follow sets u and v, which are zeros, to the solution of the system over eps.
//
//	between clouds       v = (q - mean_i e u)/eps, then u = (p - mean_j e v)/eps          p_i = mean_j e_ij C_ij, q_j = mean_i e_ij C_ij
//	against itself       u = (u + (p - mean_j e u)/eps)/2
func (s *Solved[T]) follow(u, v *nn.Tensor[T], invEps T) {
	k := len(s.terms)
	p, q := s.work.Tensor(slotBeside, k, s.n), s.work.Tensor(slotBeside+1, k, s.m)
	s.ops.Copy(p, s.cost)
	s.ops.Marginals(Columns, nil, q, s.plan())
	s.ops.Scale(p, invEps)
	s.ops.Scale(q, invEps)
	part := func(lo, hi int) (plan Plan[T], u1, v1, p1, q1 *nn.Tensor[T]) {
		plan = s.plan()
		plan.C, plan.F, plan.G = s.c.Slice(lo, hi), plan.F.Slice(lo, hi), plan.G.Slice(lo, hi)
		return plan, u.Slice(lo, hi), v.Slice(lo, hi), p.Slice(lo, hi), q.Slice(lo, hi)
	}
	if s.crosses > 0 {
		plan, u, v, p, q := part(0, s.crosses)
		for range s.iterations {
			s.ops.Copy(v, q)
			s.ops.Product(Columns, v, plan, u, -1, 1)
			s.ops.Copy(u, p)
			s.ops.Product(Rows, u, plan, v, -1, 1)
		}
	}
	if s.crosses < k {
		plan, u, v, p, _ := part(s.crosses, k)
		for range s.iterations {
			s.ops.Copy(v, p)
			s.ops.Product(Rows, v, plan, u, -1, 1)
			s.average(u, v)
		}
		s.ops.Copy(v, u)
	}
}
