package clouds

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// An Unrolled is the record of exactly L iterations on problems between clouds, all at once, and their derivative:
//
//	f_l = lambda (-eps log mean_j exp((g_(l-1)j - C_ij)/eps))       g_0 = 0
//	g_l = lambda (-eps log mean_i exp((f_li - C_ij)/eps))           l = 1..L
//
// lambda is rho/(rho + eps) for a KL reach rho, else 1. Costs, potentials and cotangents stay where the table computes; only [Unrolled.Means]
// and [Unrolled.Values] wait for it. It keeps its memory, of the order of n m and (n + m) L numbers a problem, from one step to the next.
//
// Source: reverse differentiation of the iterations, line by line in the comments of [Unrolled.Backward].
type Unrolled[T kernels.Float] struct {
	stack[T]
	steps  int
	eps    float64
	rho    float64
	record Record[T]
	mass   *nn.Tensor[T] // of rows, and their costs
	cost   *nn.Tensor[T]
	values []sinkhorn.Values
}

// NewUnrolled returns an empty record on a table, for one ground cost.
func NewUnrolled[T kernels.Float](ops Ops[T], ground logsumexp.Ground) *Unrolled[T] {
	return &Unrolled[T]{stack: newStack(ops, ground)}
}

// Iterate runs L steps at a temperature in units of the cost, with the marginals exact where rho is 0.
func (u *Unrolled[T]) Iterate(eps float64, steps int, rho float64) error {
	if !(eps > 0) || math.IsInf(eps, 1) || steps < 1 || !(rho >= 0) {
		return fmt.Errorf("clouds: eps %g, %d steps, reach %g, want positive numbers, or no reach", eps, steps, rho)
	}
	k := len(u.terms)
	u.eps, u.steps, u.rho = eps, steps, rho
	lambda := 1.
	if rho > 0 {
		lambda = rho / (rho + eps)
	}
	u.record = Record[T]{
		C: u.c, F: u.work.Tensor(slotF, steps, k, u.n), G: u.work.Tensor(slotG, steps, k, u.m),
		Kappa: T(math.Log2E / eps), Lambda: T(lambda),
	}
	r := &u.record
	var g *nn.Tensor[T]
	for l := range steps {
		f := at(r.F, l)
		u.ops.SoftMin(Rows, f, u.c, g, r.Kappa, r.Lambda)
		g = at(r.G, l)
		u.ops.SoftMin(Columns, g, u.c, f, r.Kappa, r.Lambda)
	}
	u.mass, u.cost = u.work.Tensor(slotMass, k, u.n), u.work.Tensor(slotCost, k, u.n)
	u.ops.Marginals(Rows, u.mass, u.cost, u.plan(at(r.F, steps-1), at(r.G, steps-1), r.Lambda, r.Lambda))
	return nil
}

// at returns the potentials of a step.
func at[T kernels.Float](x *nn.Tensor[T], l int) *nn.Tensor[T] {
	s := x.Shape()
	return x.Slice(l, l+1).Reshape(s[1], s[2])
}

func (u *Unrolled[T]) plan(f, g *nn.Tensor[T], ofF, ofG T) Plan[T] {
	return Plan[T]{C: u.c, F: f, G: g, Kappa: u.record.Kappa, OfF: ofF, OfG: ofG}
}

// Values returns those of each term; see [sinkhorn.Values]. They are valid until the next call.
func (u *Unrolled[T]) Values() []sinkhorn.Values {
	sums := make([]Sums, len(u.terms))
	r := &u.record
	u.ops.Weigh(sums, u.mass, u.cost, at(r.F, u.steps-1), at(r.G, u.steps-1), u.unit(), u.rho)
	u.values = u.values[:0]
	for _, s := range sums {
		u.values = append(u.values, sinkhorn.Values{Sharp: s.Cost, Entropic: s.Dual - u.eps*(s.Mass-1), MarginalError: s.Miss})
	}
	return u.values
}

// unit returns a potential in units of the cost for 1 of the record.
func (u *Unrolled[T]) unit() float64 { return float64(u.record.Lambda) * u.eps / math.Log2E }

// Backward adds the derivatives of a value of each term, times its weight, where they are wanted. With e_ij = exp((f_i + g_j - C_ij)/eps) after
// the last step, for a unit of mass of either side:
//
//	W = mean e C                     phi_i = mean_j e_ij C_ij/eps       psi_j = mean_i e_ij C_ij/eps       dC_ij = e_ij (1 - C_ij/eps)/(n m)
//	E = its dual objective           phi_i = t(f_i) - mean_j e_ij       psi_j = 0                          dC_ij = e_ij/(n m)
//	for l = L..1, p_ij = exp((f_li + s_lj - C_ij)/eps), q_ij = exp((r_li + g_(l-1)j - C_ij)/eps), s and r the potentials before lambda:
//	  g_l = lambda s_l               phi_i -= lambda mean_j p_ij psi_j  dC_ij += lambda p_ij psi_j/(n m)
//	  f_l = lambda r_l               psi'_j = -lambda mean_i q_ij phi_i dC_ij += lambda q_ij phi_i/(n m)
//	  psi <- psi', phi <- 0
//
// The sums for dC are made for all steps in one pass over the costs, each exponential with its own sum as the shift.
func (u *Unrolled[T]) Backward(value sinkhorn.Value) {
	if u.wanted() == 0 {
		return
	}
	u.reverse(value)
	var invEps T
	if value == sinkhorn.Sharp {
		invEps = T(1 / u.eps)
	}
	u.pull(u.record, invEps)
}

// reverse goes back over all steps and leaves the cotangents of the record.
func (u *Unrolled[T]) reverse(value sinkhorn.Value) {
	k, r := len(u.terms), &u.record
	r.Phi, r.Psi = u.work.Tensor(slotPhi, u.steps, k, u.n), u.work.Tensor(slotPsi, u.steps, k, u.m)
	last := u.steps - 1
	f, g, phi, psi := at(r.F, last), at(r.G, last), at(r.Phi, last), at(r.Psi, last)
	if value == sinkhorn.Sharp {
		u.ops.Copy(phi, u.cost)
		u.ops.Scale(phi, T(1/u.eps))
		u.ops.Marginals(Columns, nil, psi, u.plan(f, g, r.Lambda, r.Lambda))
		u.ops.Scale(psi, T(1/u.eps))
	} else {
		u.ops.Gap(phi, u.mass, f, u.unit(), u.rho)
		u.ops.Zero(psi)
	}
	beta := T(1)
	for l := last; ; l-- {
		u.ops.Product(Rows, phi, u.plan(f, g, r.Lambda, 1), psi, -r.Lambda, beta)
		if l == 0 {
			return
		}
		g, psi = at(r.G, l-1), at(r.Psi, l-1)
		u.ops.Product(Columns, psi, u.plan(f, g, 1, r.Lambda), phi, -r.Lambda, 0)
		f, phi, beta = at(r.F, l-1), at(r.Phi, l-1), 0
	}
}
