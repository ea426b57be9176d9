package sinkhorn

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/relaxation"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Temperatures fall by halves from half the range of the cost, a few sweeps each, where eps is below the range by more than coldRatio:
// plain alternation from 0 would take of the order of range/eps iterations to leave its first transient.
const (
	coldRatio  = 64
	coldSweeps = 4
)

// When the contraction observed over monitorSpan iterations promises more than patience further ones, a solve goes over to Newton's
// method in float64: a step is one pass of exponentials and some tens of products of conjugate gradients, which need none. A float32 solve
// waits longer, as its sweeps cost a fraction of that.
const (
	monitorSpan = relaxation.Span
	patience32  = 1000
	patience64  = 50
)

// sweepShare of the tolerance is where sweeps stop. They see the error of the columns before the last update, in the precision of the tiles,
// and the result is judged by the error after it, in float64. The transport cost is in error by the first power of the marginal error:
// with a share of .9 the worst loss of the reference problems at the default tolerance of float32 was off by 3.6e-5.
const sweepShare = .2

// newtonGoal is the marginal error at which a float64 solve leaves sweeps for Newton's method unless few of them are left.
const newtonGoal = 1e-3

// Solve iterates until the marginal error is at most the tolerance. When that does not happen it returns the best result with its status,
// and an error for which errors.Is(err, [ErrNotConverged]). It stops within one iteration of the end of ctx.
//
// The tiles of a float32 cost are swept in float32; where rounding keeps the error above the tolerance, or convergence crawls, the end
// is done in float64 on the same cost.
func (s *Solver[T]) Solve(ctx context.Context, p *Problem[T]) (*Result[T], error) {
	if !(s.Eps > 0) || math.IsInf(s.Eps, 1) {
		return nil, fmt.Errorf("sinkhorn: eps is %g, want a positive number", s.Eps)
	}
	if s.G != nil && len(s.G) != p.m {
		return nil, fmt.Errorf("sinkhorn: the potential to start from has %d entries, want %d", len(s.G), p.m)
	}
	if p.partial > 0 {
		return s.solvePartial(ctx, p)
	}
	return s.solve(ctx, p)
}

// solve is Solve after its checks, of a problem whose reaches are known.
func (s *Solver[T]) solve(ctx context.Context, p *Problem[T]) (*Result[T], error) {
	ss := &session{ctx: ctx, run: s.runner(), eps: s.Eps, tol: s.tol(), maxIter: s.maxIter(), progress: s.Progress}
	ss.newton = s.Method == Auto && p.comm == nil && p.n*p.m <= s.maxBytes()/8
	ss.overrelax = s.Method == Overrelaxed || s.Method == Auto && (isFloat32[T]() || !ss.newton)
	r := &Result[T]{p: p, eps: s.Eps, tol: ss.tol, run: ss.run}

	goal, patience := sweepShare*ss.tol, math.MaxInt
	if ss.newton && isFloat32[T]() {
		patience = patience32
	} else if ss.newton {
		goal, patience = max(goal, newtonGoal), patience64
	}
	wide := &Problem[float64]{
		cost: p.wide(), n: p.n, m: p.m, a: p.a, b: p.b, u: p.u, v: p.v, x: p.x, y: p.y, lo: p.lo, hi: p.hi, self: p.self, forbids: p.forbids,
		comm: p.comm, massA: p.massA, massB: p.massB,
	}
	end, err := s.onDevice(ss, r, goal, patience)
	if err != nil {
		return nil, err
	}
	if end == broken {
		if fl := newFlow(p, new(scratchList[T])); fl.resolves(s.Eps) {
			s.keep(fl)
			end = first(ss, fl, s.G, goal, patience, s.Method)
			land(ss, fl)
			r.settle(fl)
			fl.release()
		} else {
			fl := newFlow(wide, new(scratchList[float64]))
			end = first(ss, fl, s.G, goal, patience, s.Method)
			land(ss, fl)
			r.settle(fl)
		}
	}
	if end != exhausted && end != stopped && !r.met(ss, goal) {
		fl := newFlow(wide, new(scratchList[float64]))
		fl.start(s.Eps, r.G)
		end = finish(ss, fl)
		land(ss, fl)
		r.settleBetter(fl)
	}
	if ss.failed != nil {
		return nil, fmt.Errorf("sinkhorn: %w", ss.failed)
	}
	r.Status = ss.status(end, r.MarginalError())
	if s.DeviceOnly && r.DeviceFault != nil {
		return nil, fmt.Errorf("sinkhorn: %s: %w", r.Device, r.DeviceFault)
	}
	r.Iterations, r.Warmup, r.Trace, r.Method = ss.iterations, ss.warmup, ss.trace, ss.method
	return r, r.err(ctx)
}

// met reports whether sweeps to a goal met the tolerance. Where Newton's method was to have the end, they must have gone as far below the
// tolerance as without it.
func (r *Result[T]) met(ss *session, goal float64) bool {
	if goal <= ss.tol {
		return r.MarginalError() <= ss.tol
	}
	return ss.seen() <= ss.tol && r.MarginalError() <= sweepShare*ss.tol
}

// session is a solve in progress, whatever the precision.
type session struct {
	ctx        context.Context
	run        kernels.Runner
	eps, tol   float64
	maxIter    int
	newton     bool
	overrelax  bool // where sweeps are slow
	progress   func(int, float64)
	iterations int
	warmup     int
	trace      []float64
	method     string
	failed     error // of a collective call
}

// An end is why a loop of iterations ended.
type end int

const (
	reached   end = iota // the goal
	crawling             // too far to go at the contraction observed
	stalled              // rounding keeps the error where it is
	exhausted            // no iteration left
	stopped              // the context ended
	broken               // what makes the iterations cannot go on
)

func (ss *session) status(e end, marginal float64) Status {
	switch {
	case marginal <= ss.tol:
		return Converged
	case e == stopped:
		return Cancelled
	case e == exhausted:
		return MaxIterations
	}
	return PrecisionLimited
}

// saw records an iteration.
func (ss *session) saw(err float64) {
	ss.iterations++
	ss.trace = append(ss.trace, err)
	if ss.progress != nil {
		ss.progress(ss.iterations, err)
	}
}

// warmed counts iterations at a higher temperature.
func (ss *session) warmed(errs []float64) {
	ss.warmup += len(errs)
	if ss.progress != nil {
		ss.progress(0, errs[len(errs)-1])
	}
}

// seen returns the error that the last iteration saw.
func (ss *session) seen() float64 {
	if len(ss.trace) == 0 {
		return math.Inf(1)
	}
	return ss.trace[len(ss.trace)-1]
}

// used adds a method to the name of what was used.
func (ss *session) used(name string) {
	if ss.method != "" {
		ss.method += "+"
	}
	ss.method += name
}

// usedOnce adds a method unless it is the last one used.
func (ss *session) usedOnce(name string) {
	if ss.method != name && !strings.HasSuffix(ss.method, "+"+name) {
		ss.used(name)
	}
}

// settle takes over the potentials of iterations of any precision.
func (r *Result[T]) settle(it alternation) {
	r.F, r.G = it.potentials()
	rows, columns := it.redone()
	r.RedoneRows, r.RedoneColumns = r.RedoneRows+rows, r.RedoneColumns+columns
	r.weighed, r.bounded = nil, false
}

// settleBetter takes over the potentials of iterations that went on from those of the result, but where they came out further from their marginals:
// where no plan exists Newton's method takes them out of the range of numbers.
func (r *Result[T]) settleBetter(it alternation) {
	f, g, before := r.F, r.G, r.pass()
	r.settle(it)
	if !(r.MarginalError() <= before.marginal) && !math.IsInf(before.marginal, 1) {
		r.F, r.G, r.weighed = f, g, before
	}
}

// resolves reports whether an exponent's rounding error in float32 stays below 1; beyond, a sum of exponentials overflows. In float64 the
// floor alone tells.
func (fl *flow[T]) resolves(eps float64) bool {
	return !isFloat32[T]() || math.Log2E/eps*max(math.Abs(fl.p.lo), math.Abs(fl.p.hi)) < 0x1p23
}

// finish brings a float64 flow at the temperature of the session to the tolerance.
func finish(ss *session, fl *flow[float64]) end {
	flows := []*flow[float64]{fl}
	iterate(ss.run, flows)
	ss.saw(fl.err)
	if !ss.newton {
		ss.used("sweep64")
		return sweepTo(ss, fl, sweepShare*ss.tol, math.MaxInt)
	}
	ss.used("newton")
	nt := newNewton(ss, fl)
	if fl.err > newtonGoal {
		if e := nt.path(); e != reached {
			return e
		}
	}
	if e := nt.to(ss.tol); e != reached {
		return e
	}
	// One step more costs less than a sweep, and the transport cost is in error by the first power of the marginal error where the
	// dual is by its square.
	if nt.step() {
		ss.saw(nt.err)
	}
	return reached
}

// pathGoal is the marginal error to which Newton's method solves each temperature on its way down.
const pathGoal = 1e-6

// path follows the solution from a high temperature to that of the session, by halves. Where sweeps crawl, the plan falls into blocks
// that are nearly uncoupled, whose potentials have to move against each other by many eps; a higher temperature couples them.
func (nt *newtonState) path() end {
	ss, fl := nt.ss, nt.fl
	var g []float64
	for eps := (fl.p.hi - fl.p.lo) / 2; eps > ss.eps; eps /= 2 {
		fl.start(eps, g)
		iterate(ss.run, []*flow[float64]{fl})
		if e := nt.to(pathGoal); e == stopped || e == exhausted {
			return e
		}
		_, g = fl.potentials()
	}
	fl.start(ss.eps, g)
	iterate(ss.run, []*flow[float64]{fl})
	return reached
}
