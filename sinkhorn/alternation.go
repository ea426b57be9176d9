package sinkhorn

import (
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/relaxation"
)

// An alternation makes the iterations of a problem: a flow on this processor, a remote flow on a device.
type alternation interface {
	// over reports whether the solve has to end.
	over(ss *session) bool

	// start sets the temperature and the potential of the columns, in units of the cost; startSelf those of a symmetric problem, which
	// leaveSelf ends.
	start(eps float64, g []float64)
	startSelf(eps float64, f []float64)
	leaveSelf()

	// sweep makes at least one iteration and at most as many as told, and returns what they saw, in room of its own: nothing where it cannot go on.
	sweep(ss *session, omega float64, most int) []float64

	// swept is told after iterations at the temperature of the session.
	swept(ss *session, goal float64)

	potentials() (f, g []float64)
	redone() (rows, columns int)

	// settled reports whether the columns are exact at this temperature.
	settled(eps float64) bool

	// floor is the marginal error below which rounding is at work.
	floor() float64

	about() about
}

// about is what a solve asks of a problem.
type about struct {
	self      bool    // a cloud against itself
	symmetric bool    // under the symmetric update
	span      float64 // of the cost
	mass      float64 // of both sides
}

// first iterates in the precision of the tiles.
func first(ss *session, it alternation, g []float64, goal float64, patience int, method Method) end {
	if it.about().self && method == Auto {
		ss.used("symmetric")
		it.startSelf(ss.eps, g)
		e := sweepTo(ss, it, goal, min(patience, patience64))
		it.leaveSelf()
		if e == stopped || e == exhausted || e == broken {
			return e
		}
		errs := it.sweep(ss, 1, 1) // one update of each side, so that the columns are exact
		if len(errs) == 0 {
			return broken
		}
		ss.saw(errs[0])
		if e != crawling {
			return e
		}
		ss.used("sweep")
		return sweepTo(ss, it, goal, patience)
	}
	ss.used("sweep")
	if g == nil {
		if e := cool(ss, it); e != reached {
			return e
		}
	} else {
		it.start(ss.eps, g)
	}
	return sweepTo(ss, it, goal, patience)
}

// land brings iterations that were left at a higher temperature, before the first update, or in a symmetric update, to the temperature of the
// session, with columns that are exact.
func land(ss *session, it alternation) {
	if it.settled(ss.eps) {
		return
	}
	_, g := it.potentials()
	it.leaveSelf()
	it.start(ss.eps, g)
	it.sweep(ss, 1, 1)
}

// cool comes to the temperature of the session from above.
func cool(ss *session, it alternation) end {
	var g []float64
	span := it.about().span
	if span > coldRatio*ss.eps {
		for eps := span / 2; eps > 2*ss.eps; eps /= 2 {
			it.start(eps, g)
			for left := coldSweeps; left > 0; {
				if it.over(ss) {
					return stopped
				}
				errs := it.sweep(ss, 1, left)
				if len(errs) == 0 {
					return broken
				}
				ss.warmed(errs)
				left -= len(errs)
			}
			_, g = it.potentials()
		}
	}
	it.start(ss.eps, g)
	return reached
}

// sweepTo iterates until the error is at most goal, or there is no use in going on. The last iteration is not over-relaxed.
func sweepTo(ss *session, it alternation, goal float64, patience int) end {
	begin := len(ss.trace)
	factor := relaxation.Factor{Omega: 1}
	omega, aim := 1., goal
	for {
		if it.over(ss) {
			return stopped
		}
		if ss.iterations >= ss.maxIter {
			return exhausted
		}
		most := min(ss.maxIter-ss.iterations, monitorSpan-(len(ss.trace)-begin)%monitorSpan)
		if omega != factor.Omega {
			most = 1 // the one that is to end it
		}
		errs := it.sweep(ss, omega, most)
		if len(errs) == 0 {
			return broken
		}
		for _, e := range errs {
			ss.saw(e)
		}
		it.swept(ss, goal)
		switch err := ss.seen(); {
		case omega == 1 && err <= goal:
			last := max(newtonShare*ss.tol, it.floor())
			if goal <= sweepShare*ss.tol || !near(ss.trace[begin:], last) {
				return reached
			}
			goal, aim = last, last
		case err <= aim: // over-relaxed, and both sides are in error: end it by an iteration that is not
			omega, aim = 1, aim/2
			continue
		}
		omega = factor.Omega
		seen := ss.trace[begin:]
		if k := len(seen); k%monitorSpan == 0 && k >= 2*monitorSpan {
			if rounded(seen, it.floor()) {
				return stalled
			}
			if (!ss.overrelax || factor.Steady()) && (omega == 1 || patience < math.MaxInt) {
				if e := forecast(seen, goal, patience, it.floor(), ss.overrelax && omega == 1); e != reached {
					return e
				}
			}
			if about := it.about(); ss.overrelax && !about.symmetric {
				last := 0.
				if k > 2*monitorSpan {
					last = seen[k-1-2*monitorSpan]
				}
				if factor.Look(last, seen[k-1-monitorSpan], seen[k-1], about.mass); factor.Omega > 1 && omega == 1 {
					ss.usedOnce("overrelaxed")
				}
				omega = factor.Omega
			}
		}
	}
}

// rounded reports whether errors have been below the floor for two spans without a new least one to speak of: what is left of them is noise, in which
// no rate shows, and an omega that follows one never settles.
func rounded(seen []float64, floor float64) bool {
	k := len(seen) - 2*monitorSpan
	return k > 0 && slices.Max(seen[k:]) < floor && slices.Min(seen[k:]) > .9*slices.Min(seen[:k])
}

// newtonSweeps is how many sweeps cost less than the end by Newton's method: two passes that form exponentials and keep the plan, and products with
// it. In float64 with 250 x 1000 points it takes the time of 14.
const newtonSweeps = 10

// newtonShare of the tolerance is where sweeps stop that take the place of Newton's method, whose last step leaves next to no error of the first order
// in the transport cost.
const newtonShare = 1e-3

// near says whether at the lesser of the last two rates no more than newtonSweeps are left to a goal below that at which Newton's method takes over.
func near(seen []float64, goal float64) bool {
	k := len(seen)
	return k >= 3 && seen[k-1] <= goal*math.Pow(min(seen[k-3]/seen[k-2], seen[k-2]/seen[k-1]), newtonSweeps)
}

// forecast says whether an error that has not reached the goal is on its way there, if need be by over-relaxation, which is still to begin.
func forecast(seen []float64, goal float64, patience int, floor float64, faster bool) end {
	k := len(seen)
	before, now := seen[k-1-monitorSpan], seen[k-1]
	if now < floor && now > .9*before {
		return stalled
	}
	rate := math.Log(before/now) / monitorSpan
	if faster && rate > 0 {
		rate = max(rate, -math.Log(relaxation.Best(math.Exp(-rate))-1))
	}
	if !(rate*float64(patience) > math.Log(now/goal)) {
		return crawling
	}
	return reached
}

func (fl *flow[T]) over(ss *session) bool { return ss.over(&fl.sharing) }

// sweep makes one iteration.
func (fl *flow[T]) sweep(ss *session, omega float64, _ int) []float64 {
	fl.omega = omega
	iterate(ss.run, []*flow[T]{fl})
	fl.omega = 1
	fl.saw[0] = fl.err
	return fl.saw[:]
}

func (fl *flow[T]) swept(ss *session, goal float64) {
	if fl.kept != nil && fl.kept.live && !strings.Contains(ss.method, "kernel") {
		ss.used("kernel")
	}
	fl.sharpen(goal)
}

func (fl *flow[T]) redone() (rows, columns int) { return int(fl.redoneRows.Load()), fl.redoneColumns }

func (fl *flow[T]) settled(eps float64) bool { return fl.eps == eps && !fl.exact && fl.half == nil }

func (fl *flow[T]) about() about {
	return about{self: fl.p.self, symmetric: fl.half != nil, span: fl.p.hi - fl.p.lo, mass: fl.p.mass()}
}

// floor is the marginal error below which rounding is at work: relative errors of the exponentials of up to half a unit in the last place
// of the largest argument.
func (fl *flow[T]) floor() float64 {
	if fl.kept != nil && fl.kept.live && fl.kept.fine {
		return fineFloor
	}
	return fl.roundingFloor()
}

func (fl *flow[T]) roundingFloor() float64 {
	unit := 0x1p-53
	if isFloat32[T]() {
		unit = 0x1p-24
	}
	return 4 * unit * (1 + fl.kappa*max(math.Abs(fl.p.lo), math.Abs(fl.p.hi)))
}

// mass returns the sum of both sides' weights.
func (p *Problem[T]) mass() float64 {
	a, b := p.masses()
	return a + b
}
