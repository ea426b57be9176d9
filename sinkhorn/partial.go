package sinkhorn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// NewPartial returns the problem that moves only so much mass, the cheapest:
//
//	OT = min <P,C> + eps KL(P | a b^T)      over P >= 0 with P 1 <= a, P^T 1 <= b, sum P = mass
//
// Weights are used as given; nil means uniform of sum 1. mass is positive and below the sums of both. [Result.Value], [Result.Bounds] and
// [Result.MarginalError] are those of this problem: the error has |sum P - mass| in it, and is at most mass/100 whatever the tolerance. Source: Benamou, Carlier, Cuturi, Nenna and Peyre
// 2015, section 5, whose constraint on the mass is a price here; see [Solver.Solve].
func NewPartial[T kernels.Float](cost logsumexp.Cost[T], a, b []float64, mass float64, opts ...ProblemOption) (*Problem[T], error) {
	p, err := NewUnbalanced(cost, a, b, Reach{Penalty: Part, Rho: 1}, Reach{Penalty: Part, Rho: 1}, opts...)
	if err != nil {
		return nil, err
	}
	if most := min(kernels.Sum(p.a), kernels.Sum(p.b)); !(mass > 0 && mass < most*(1-1e-9)) {
		return nil, fmt.Errorf("sinkhorn: a partial mass of %g: want a positive number below %g, the smaller of both sums of weights", mass, most)
	}
	p.partial = mass
	return p, nil
}

// A price search gives up after maxPrices solves; priceShare of the tolerance is for each solve, the rest for the mass. The tolerance is at most
// massShare of the mass: a plan of no mass at all would meet one that is above it.
const (
	maxPrices  = 100
	priceShare = .25
	massShare  = .01
)

// solvePartial finds the price rho of mass left behind, on either side, at which the plan of the problem with that price
// has the mass wanted. The mass grows with rho, and that plan then solves the partial problem: its dual value is that of the price less
// rho (sum a + sum b - 2 mass), a lower bound for every rho.
func (s *Solver[T]) solvePartial(ctx context.Context, p *Problem[T]) (*Result[T], error) {
	own := *s
	tol := min(s.tol(), massShare*p.partial)
	own.Tol = priceShare * tol
	total := 0
	var last *Result[T]
	excess := func(rho float64) (float64, error) { // log of the mass over that wanted
		q := *p
		q.x.Rho, q.y.Rho = rho, rho
		r, err := own.solve(ctx, &q)
		total += r.Iterations + r.Warmup
		last, own.G = r, r.G
		if r.Status == Cancelled || r.Status == MaxIterations {
			return 0, err
		}
		if mass := r.Mass(); mass > 0 {
			return math.Log(mass / p.partial), nil
		}
		return -math.MaxFloat64, nil
	}
	err := root(excess, p.hi/2, max(s.Eps, (p.hi-p.lo)/8), func(v float64) bool { return math.Abs(math.Expm1(v))*p.partial <= own.Tol }, maxPrices)
	last.Iterations, last.tol = total-last.Warmup, tol
	last.Status = PrecisionLimited
	switch {
	case last.MarginalError() <= last.tol:
		last.Status = Converged
	case ctx.Err() != nil:
		last.Status = Cancelled
	case errors.Is(err, ErrNotConverged):
		last.Status = MaxIterations
	}
	return last, last.err(ctx)
}

// root looks for a zero of an increasing function from x on: in steps that double until it is enclosed, then by regula falsi with halved
// ends (Illinois). It returns after a call that is done, after most calls, when no number is left between the ends, or on an error.
func root(f func(float64) (float64, error), x, step float64, done func(float64) bool, most int) error {
	lo, hi := math.Inf(-1), math.Inf(1)
	var flo, fhi float64
	side := 0
	for range most {
		v, err := f(x)
		if err != nil || done(v) {
			return err
		}
		if v < 0 {
			if lo, flo = x, v; side < 0 {
				fhi /= 2
			}
			side = -1
		} else {
			if hi, fhi = x, v; side > 0 {
				flo /= 2
			}
			side = 1
		}
		switch {
		case math.IsInf(hi, 1):
			x, step = x+step, 2*step
		case math.IsInf(lo, -1):
			x, step = x-step, 2*step
		default:
			x = lo + (hi-lo)*(flo/(flo-fhi))
			if !(x > lo && x < hi) || -flo > 1e6 {
				x = lo + (hi-lo)/2
			}
			if x == lo || x == hi {
				return nil
			}
		}
	}
	return nil
}
