package sinkhorn

import (
	"math"
)

// Over-relaxation goes further along each update than to the soft minimum:
//
//	F_i <- F_i + omega (T(F)_i - F_i)          G likewise,  1 <= omega < 2
//
// Near the solution alternation is the Gauss-Seidel method of a matrix of two blocks. Where it contracts by rho, successive over-relaxation
// contracts by mu with
//
//	(mu + omega - 1)^2 = mu omega^2 rho,          at best  mu = omega - 1  for  omega = 2/(1 + sqrt(1 - rho))
//
// so that the iterations fall to about the square root. rho is what is observed, by the first equation once omega is above 1; it is
// found from below, where a wrong omega costs little. Sources: Young 1971; Thibault, Chizat, Dossal and Papadakis 2021.
type overrelaxation struct {
	omega float64
	wait  int // looks before it may begin again
	fails int
	age   int     // looks at this omega
	since float64 // the error when it was set
}

const (
	worthwhile   = .7     // the contraction from which over-relaxation pays
	settledRates = .5     // by how much two rates may differ for the contraction to be known, as a share
	slowest      = 1e-8   // 1 - rho is taken to be no less
	calm         = .25    // the share of the mass below which the error must be
	rise         = 30     // of the error under an omega, from which over-relaxation is given up for a while
	trial        = 3      // looks after which the error must have fallen
	pause        = 1      // looks, doubled each time
	underMargin  = 1.0005 // mu over omega - 1 from which omega is too small
)

// look adapts omega to the errors seen, of which the last span was under it. It is called every monitorSpan iterations.
func (o *overrelaxation) look(seen []float64, mass float64) {
	k := len(seen)
	if k <= monitorSpan {
		return
	}
	was := o.omega
	defer func() {
		if o.age++; o.omega != was {
			o.age, o.since = 0, seen[k-1]
		}
	}()
	now, before := seen[k-1], seen[k-1-monitorSpan]
	mu := math.Pow(now/before, 1./monitorSpan)
	if o.omega > 1 {
		switch {
		case !(now <= rise*o.since) || o.age >= trial && now > o.since:
			o.omega, o.fails = 1, o.fails+1
			o.wait = pause << min(o.fails, 8)
		case o.age > 0 && mu < 1 && mu > underMargin*(o.omega-1):
			o.omega = max(o.omega, best((mu+o.omega-1)*(mu+o.omega-1)/(mu*o.omega*o.omega)))
		}
		return
	}
	if o.wait--; o.wait > 0 || k <= 2*monitorSpan || !(now <= calm*mass) || !(mu > worthwhile && mu < 1) {
		return
	}
	last := math.Pow(before/seen[k-1-2*monitorSpan], 1./monitorSpan)
	if math.Abs(math.Log(last)-math.Log(mu)) <= settledRates*math.Abs(math.Log(mu)) {
		o.omega = best(mu)
	}
}

// steady reports whether the errors of the last span tell how the iterations go on: a new omega begins with errors that rise.
func (o *overrelaxation) steady() bool { return o.omega == 1 && o.age != 0 || o.age > 2 }

// best returns the omega for a contraction of rho.
func best(rho float64) float64 { return 2 / (1 + math.Sqrt(max(slowest, 1-rho))) }

// mass returns the sum of both sides' weights.
func (p *Problem[T]) mass() float64 {
	a, b := p.masses()
	return a + b
}
