package sinkhorn

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A Reach says how far a side's marginal may leave its weights. The zero value keeps it equal to them.
//
//	KL   + Rho KL(P 1 | a)             Rho in the units of the cost; far points are cut off at cost of the order of Rho
//	TV   + Rho sum_i |(P 1)_i - a_i|
//	Part + Rho sum_i (a_i - (P 1)_i),  P 1 <= a      mass may stay behind but not be made
type Reach struct {
	Penalty Penalty
	Rho     float64
}

// A Penalty is the form of a [Reach].
type Penalty int

// The penalties.
const (
	Exact Penalty = iota
	KL
	TV
	Part
)

// NewUnbalanced returns the problem in which each side may leave its weights, as its reach says:
//
//	OT = min <P,C> + eps KL(P | a b^T) + D_x(P 1 | a) + D_y(P^T 1 | b)
//
// with the mass terms in every KL. Weights are used as given; nil means uniform of sum 1. A side with an exact marginal must agree in mass
// with the other when that is exact too: use [NewProblem] for both; and cannot have more than one of [Part].
func NewUnbalanced[T kernels.Float](cost logsumexp.Cost[T], a, b []float64, x, y Reach, opts ...ProblemOption) (*Problem[T], error) {
	for _, r := range []Reach{x, y} {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	if x.Penalty == Exact && y.Penalty == Exact {
		return NewProblem(cost, a, b, opts...)
	}
	p, err := newProblem(cost, a, b)
	if err != nil {
		return nil, err
	}
	p.x, p.y = x, y
	if err := p.checkHeld(); err != nil {
		return nil, err
	}
	for _, side := range []struct {
		w    []float64
		mass float64
	}{{p.a, p.massA}, {p.b, p.massB}} {
		for i := range side.w {
			side.w[i] *= side.mass
		}
	}
	return p, p.checkCost(opts)
}

// checkHeld refuses an exact side of more mass than the other holds, where that cannot make any.
func (p *Problem[T]) checkHeld() error {
	for _, side := range []struct {
		name        string
		own, other  Reach
		mass, holds float64
	}{{"a", p.x, p.y, p.massA, p.massB}, {"b", p.y, p.x, p.massB, p.massA}} {
		if side.own.Penalty == Exact && side.other.Penalty == Part && side.mass > side.holds*(1+1e-9) {
			return fmt.Errorf("sinkhorn: the weights %s of an exact side sum to %.8g, those of the other side, which can only leave mass behind, to %.8g: "+
				"give the exact side a reach too, or less mass", side.name, side.mass, side.holds)
		}
	}
	return nil
}

// NewUnbalancedSelf is [NewUnbalanced] of a cloud against itself, with the same reach on both sides; see [NewSelfProblem].
func NewUnbalancedSelf[T kernels.Float](cost logsumexp.Cost[T], a []float64, reach Reach, opts ...ProblemOption) (*Problem[T], error) {
	if reach.Penalty == Exact {
		return NewSelfProblem(cost, a, opts...)
	}
	if n, m := cost.Dims(); n != m {
		return nil, fmt.Errorf("sinkhorn: the cost of a cloud against itself is %d x %d, want a square", n, m)
	}
	p, err := NewUnbalanced(cost, a, a, reach, reach, opts...)
	if err != nil {
		return nil, err
	}
	p.self = true
	return p, nil
}

func (r Reach) check() error {
	if r.Penalty < Exact || r.Penalty > Part {
		return fmt.Errorf("sinkhorn: unknown penalty %d", r.Penalty)
	}
	if r.Penalty != Exact && (!(r.Rho > 0) || math.IsInf(r.Rho, 1)) {
		return fmt.Errorf("sinkhorn: reach is %g, want a positive number", r.Rho)
	}
	return nil
}

// relaxed reports whether a side may leave its weights.
func (p *Problem[T]) relaxed() bool { return p.x.Penalty != Exact || p.y.Penalty != Exact }

// update returns the potential that maximises the dual where the soft minimum is v.
//
//	exact  v
//	KL     rho/(rho+eps) v
//	TV     v held in [-rho, rho]
//	Part   min(v, rho)
func (r Reach) update(v, eps float64) float64 {
	switch r.Penalty {
	case KL:
		return v * (r.Rho / (r.Rho + eps))
	case TV:
		return max(-r.Rho, min(r.Rho, v))
	case Part:
		return min(r.Rho, v)
	}
	return v
}

// dual returns the term of a point of weight w and potential f in the dual objective.
//
//	exact  w f
//	KL     rho w (1 - e^(-f/rho))
//	TV     w min(f, rho)                 f >= -rho
//	Part   w min(f, rho)
func (r Reach) dual(w, f float64) float64 {
	switch r.Penalty {
	case KL:
		return -r.Rho * w * math.Expm1(-f/r.Rho)
	case TV, Part:
		return w * min(f, r.Rho)
	}
	return w * f
}

// wanted returns the marginal of a point at which the dual does not change with its potential; at the ends of the range of total variation
// that holds from inside.
func (r Reach) wanted(w, f float64) float64 {
	if r.Penalty == KL {
		return w * math.Exp(-f/r.Rho)
	}
	return w
}

// following returns the derivative of update at the soft minimum that it takes to f.
func (r Reach) following(f, eps float64) float64 {
	switch r.Penalty {
	case KL:
		return r.Rho / (r.Rho + eps)
	case TV, Part:
		if f >= r.top() || r.Penalty == TV && f <= -r.top() {
			return 0
		}
	}
	return 1
}

// bounded reports whether potentials have a range.
func (r Reach) bounded() bool { return r.Penalty == TV || r.Penalty == Part }

// beyond returns what brings a potential back into its range.
func (r Reach) beyond(f float64) float64 { return r.update(f, 0) - f }

// top returns the potential from which a point counts as at the upper end of its range.
func (r Reach) top() float64 { return r.Rho - atEnd*math.Abs(r.Rho) }

// held reports whether a potential is at an end of its range, and the derivative pushes it outwards.
func (r Reach) held(f, derivative float64) bool {
	return r.bounded() && f >= r.top() && derivative >= 0 || r.Penalty == TV && f <= -r.top() && derivative <= 0
}

// atEnd is the share of rho within which a potential counts as at the end of its range: it comes out of base-2 units of the tiles, rounded
// to their precision, and the value changes by no more than this share of rho times the mass.
const atEnd = 0x1p-18

// miss returns how far a point's marginal is from what its potential says it should be.
//
//	exact  |marginal - w|
//	KL     |marginal - w e^(-f/rho)|
//	TV     |marginal - w| inside; at the ends of [-rho, rho] only what lies on the wrong side of w
//	Part   likewise at the upper end
func (r Reach) miss(marginal, w, f float64) float64 {
	switch r.Penalty {
	case KL:
		return math.Abs(marginal - w*math.Exp(-f/r.Rho))
	case TV, Part:
		if f >= r.top() {
			return max(0, marginal-w)
		}
		if r.Penalty == TV && f <= -r.top() {
			return max(0, w-marginal)
		}
	}
	return math.Abs(marginal - w)
}

// penalty returns D(marginal | w) of a point.
func (r Reach) penalty(marginal, w float64) float64 {
	switch r.Penalty {
	case KL:
		switch t := (marginal - w) / w; {
		case marginal == 0:
			return r.Rho * w
		case t < 1: // without the cancellation that a large Rho would magnify
			return r.Rho * w * ((1+t)*math.Log1p(t) - t)
		default:
			return r.Rho * (marginal*(math.Log(marginal)-math.Log(w)) - marginal + w)
		}
	case TV:
		return r.Rho * math.Abs(marginal-w)
	case Part:
		return r.Rho * (w - marginal)
	}
	return 0
}

// relaxedRows is the row update of an unbalanced problem.
func (fl *flow[T]) relaxedRows(i0 int, sum []float64, w []T) {
	for k, s := range sum {
		i := i0 + k
		shift := float64(fl.ft[i])
		target := fl.relax(fl.p.x, shift-log2(s), fl.p.u, i)
		if fl.omega != 1 && !fl.exact {
			fl.overrelaxRow(i, s, target, &w[k])
			continue
		}
		fl.f[i] = target
		fl.ft[i] = T(fl.f[i])
		w[k] = T(fl.p.a[i] * math.Exp2(fl.f[i]-shift))
	}
}

// relax applies a reach to a soft minimum v in base-2 units of the tiles, whose whole adds kappa t_i.
func (fl *flow[T]) relax(r Reach, v float64, t []float64, i int) float64 {
	if r.Penalty == Exact {
		return v
	}
	var taken float64
	if t != nil {
		taken = t[i]
	}
	return fl.kappa * (r.update(v/fl.kappa+taken, fl.eps) - taken)
}

// rowPotential returns f_i in units of the whole cost.
func (fl *flow[T]) rowPotential(i int) float64 {
	f := fl.f[i] / fl.kappa
	if fl.p.u != nil {
		f += fl.p.u[i]
	}
	return f
}

// columnPotential returns g_j in units of the whole cost.
func (fl *flow[T]) columnPotential(j int) float64 {
	g := (float64(fl.gt[j]) - fl.log2b[j]) / fl.kappa
	if fl.p.v != nil {
		g += fl.p.v[j]
	}
	return g
}

// translate moves a constant from g to f before the next iteration. With KL on both sides, f + t and g - t raise the dual most for
//
//	t = rho_x rho_y / (rho_x + rho_y) log( <a, e^(-f/rho_x)> / <b, e^(-g/rho_y)> )
//
// Without it the mass, which only both potentials together can set, converges by rho/(rho+eps) an iteration. Source: Sejourne, Vialard
// and Peyre 2022, section 3. It reports whether G has moved.
func (fl *flow[T]) translate() bool {
	x, y := fl.p.x, fl.p.y
	if x.Penalty != KL || y.Penalty != KL || fl.exact {
		return false
	}
	var massX, massY float64
	for i, a := range fl.p.a {
		massX += a * math.Exp(-fl.rowPotential(i)/x.Rho)
	}
	massX = fl.joinSum(massX)
	for j, b := range fl.p.b {
		if b > 0 {
			massY += b * math.Exp(-fl.columnPotential(j)/y.Rho)
		}
	}
	t := x.Rho * y.Rho / (x.Rho + y.Rho) * math.Log(massX/massY)
	if math.IsNaN(t) || math.IsInf(t, 0) {
		return false
	}
	for j, b := range fl.p.b {
		if b > 0 {
			fl.setColumn(j, fl.g[j]-fl.kappa*t)
		}
	}
	return true
}
