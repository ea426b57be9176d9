// Package relaxation adapts the factor of successive over-relaxation to the errors that iterations show.
package relaxation

import "math"

// A Factor is that of over-relaxed alternation, which goes further along each update than to the soft minimum:
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
type Factor struct {
	Omega float64 // 1 to begin with
	wait  int     // looks before it may begin again
	fails int
	age   int     // looks at this omega
	since float64 // the error when it was set
}

// Span is the number of iterations between two looks.
const Span = 10

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

// Look adapts omega to the errors now, a span before and two spans before, which is 0 where there was none. Mass is that of both sides, of which
// errors are shares.
func (o *Factor) Look(last, before, now, mass float64) {
	was := o.Omega
	defer func() {
		if o.age++; o.Omega != was {
			o.age, o.since = 0, now
		}
	}()
	mu := math.Pow(now/before, 1./Span)
	if o.Omega > 1 {
		switch {
		case !(now <= rise*o.since) || o.age >= trial && now > o.since:
			o.Omega, o.fails = 1, o.fails+1
			o.wait = pause << min(o.fails, 8)
		case o.age > 0 && mu < 1 && mu > underMargin*(o.Omega-1):
			o.Omega = max(o.Omega, Best((mu+o.Omega-1)*(mu+o.Omega-1)/(mu*o.Omega*o.Omega)))
		}
		return
	}
	if o.wait--; o.wait > 0 || last == 0 || !(now <= calm*mass) || !(mu > worthwhile && mu < 1) {
		return
	}
	earlier := math.Pow(before/last, 1./Span)
	if math.Abs(math.Log(earlier)-math.Log(mu)) <= settledRates*math.Abs(math.Log(mu)) {
		o.Omega = Best(mu)
	}
}

// Steady reports whether the errors of the last span tell how the iterations go on: a new omega begins with errors that rise.
func (o *Factor) Steady() bool { return o.Omega == 1 && o.age != 0 || o.age > 2 }

// Best returns the omega for a contraction of rho.
func Best(rho float64) float64 { return 2 / (1 + math.Sqrt(max(slowest, 1-rho))) }
