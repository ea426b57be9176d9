package sinkhorn

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A batch of iterations is one call of the device, after which the context is looked at and errors are judged: one iteration of batchEntries
// entries or more, as many as that allows of fewer, monitorSpan at most. On a device that takes 10^12 entries a second that is some 0.3 ms, beside
// which the call is small.
const batchEntries = 1 << 28

// remote is the flow of a problem whose iterations are made by a device. Its host has the potentials between them, points without mass
// included, of which the device knows nothing.
type remote struct {
	host          *flow[float32]
	device        DeviceFlow
	rows, columns []int // those that the device has, nil for all
	f, g          []float64
	batch         int
	errs          []float64
	symmetric     bool
	behind        bool  // the host's potentials are not those of the device
	failed        error // after which the device counts for nothing
}

// errNotFinite is the failure of a device that computes what cannot be.
var errNotFinite = errors.New("its results are not finite")

// newRemote places a problem on a device.
func newRemote(d Device, p *Problem[float32], eps float64) (*remote, error) {
	at := &remote{host: newFlow(p, new(scratchList[float32])), rows: massive(p.a), columns: massive(p.b)}
	if !at.host.resolves(eps) {
		return nil, fmt.Errorf("eps is too small beside the cost for float32: %w", errors.ErrUnsupported)
	}
	problem, err := at.problem()
	if err != nil {
		return nil, err
	}
	at.f, at.g = make([]float64, problem.N), make([]float64, problem.M)
	at.batch = max(1, min(monitorSpan, batchEntries/(problem.N*problem.M)))
	at.errs = make([]float64, at.batch)
	at.device, err = d.Load(problem)
	return at, err
}

// massive returns the indices of the positive weights, nil where all are.
func massive(w []float64) []int {
	var at []int
	for i, v := range w {
		if v > 0 {
			at = append(at, i)
		}
	}
	if len(at) == len(w) {
		return nil
	}
	return at
}

// problem is what the device is given: rows and columns with mass.
func (at *remote) problem() (*DeviceProblem, error) {
	p := at.host.p
	q := &DeviceProblem{
		A: subset(p.a, at.rows, 1), B: subset(p.b, at.columns, 1), U: subset(p.u, at.rows, 1), V: subset(p.v, at.columns, 1),
		Rows: p.x, Columns: p.y, Self: p.self, Largest: max(math.Abs(p.lo), math.Abs(p.hi)),
	}
	q.N, q.M = len(q.A), len(q.B)
	switch c := p.cost.(type) {
	case *logsumexp.Points[float32]:
		q.Ground = c.Ground()
		q.X, q.Y, q.Dim = c.Coordinates()
		q.X, q.Y = subset(q.X, at.rows, q.Dim), subset(q.Y, at.columns, q.Dim)
	case *logsumexp.Stored[float32]:
		q.C, q.Ld = c.Tile(nil, 0, p.n, 0, p.m)
		if at.rows != nil || at.columns != nil {
			q.C, q.Ld = compact(q.C, q.Ld, p.n, p.m, at.rows, at.columns), q.M
		}
	default:
		return nil, fmt.Errorf("a cost of type %T: %w", c, errors.ErrUnsupported)
	}
	return q, nil
}

// subset returns the rows of width d of x that are named, all of them where none is.
func subset[E any](x []E, rows []int, d int) []E {
	if rows == nil || x == nil {
		return x
	}
	out := make([]E, 0, len(rows)*d)
	for _, i := range rows {
		out = append(out, x[i*d:(i+1)*d]...)
	}
	return out
}

// compact returns the named rows and columns of a matrix of n rows.
func compact(c []float32, ld, n, m int, rows, columns []int) []float32 {
	var out []float32
	for i := range n {
		if _, named := slices.BinarySearch(rows, i); named || rows == nil {
			out = append(out, subset(c[i*ld:i*ld+m], columns, 1)...)
		}
	}
	return out
}

// scatter sets the entries of dst that are named to those of x.
func scatter(dst, x []float64, rows []int) {
	if rows == nil {
		copy(dst, x)
		return
	}
	for k, i := range rows {
		dst[i] = x[k]
	}
}

// onDevice makes the first iterations of a solve on the device, where there is one that takes the problem. The end is broken, and the session as
// new, where they are to be made here.
func (s *Solver[T]) onDevice(ss *session, r *Result[T], goal float64, patience int) (end, error) {
	if s.Device == nil {
		return broken, nil
	}
	e, err := s.tryDevice(ss, r, goal, patience)
	switch {
	case err == nil:
		r.Device, r.device = s.Device.Name(), s.Device
		r.far = r.p.n*r.p.m >= s.deviceEvaluates() && !r.p.forbids
		return e, nil
	case s.DeviceOnly:
		return broken, fmt.Errorf("sinkhorn: %s: %w", s.Device.Name(), err)
	case !errors.Is(err, errors.ErrUnsupported):
		r.DeviceFault = err
	}
	ss.iterations, ss.warmup, ss.trace, ss.method = 0, 0, nil, ""
	return broken, nil
}

func (s *Solver[T]) tryDevice(ss *session, r *Result[T], goal float64, patience int) (end, error) {
	p, single := any(r.p).(*Problem[float32])
	switch {
	case !single:
		return broken, fmt.Errorf("a problem in float64: %w", errors.ErrUnsupported)
	case p.comm != nil:
		return broken, fmt.Errorf("a problem that is divided among ranks: %w", errors.ErrUnsupported)
	}
	at, err := newRemote(s.Device, p, s.Eps)
	if err != nil {
		return broken, err
	}
	defer at.device.Close()
	ss.used("device")
	e := first(ss, at, s.G, goal, patience, s.Method)
	land(ss, at)
	f, g := at.potentials()
	if at.failed != nil {
		return broken, at.failed
	}
	r.F, r.G = f, g
	return e, nil
}

// did keeps the first error, after which nothing is asked of the device.
func (at *remote) did(err error) bool {
	if err != nil && at.failed == nil {
		at.failed = err
	}
	return at.failed == nil
}

func (at *remote) over(ss *session) bool { return at.host.over(ss) }

func (at *remote) start(eps float64, g []float64) {
	at.host.start(eps, g)
	at.push(nil)
}

func (at *remote) startSelf(eps float64, f []float64) {
	at.start(eps, f)
	at.symmetric = true
}

func (at *remote) leaveSelf() { at.symmetric = false }

// push gives the device the potentials of the host; F is nil where it is not read.
func (at *remote) push(f []float64) {
	if at.failed == nil {
		at.did(at.device.Start(at.host.eps, subset(f, at.rows, 1), subset(at.host.g, at.columns, 1)))
	}
	at.behind = false
}

// pull takes the device's potentials over to the host.
func (at *remote) pull() {
	if !at.behind || at.failed != nil || !at.did(at.device.Potentials(at.f, at.g)) {
		return
	}
	if !finite(at.f) || !finite(at.g) {
		at.did(errNotFinite)
		return
	}
	fl := at.host
	scatter(fl.f, at.f, at.rows)
	scatter(fl.g, at.g, at.columns)
	for j, g := range fl.g {
		fl.setColumn(j, g)
	}
	at.behind = false
}

// sweep makes a batch of iterations. Where a constant moves between the potentials before each, a batch is one.
func (at *remote) sweep(_ *session, omega float64, most int) []float64 {
	fl, errs := at.host, at.errs[:min(most, at.batch)]
	if fl.p.x.Penalty == KL && fl.p.y.Penalty == KL && !at.symmetric {
		errs = errs[:1]
		if !fl.exact {
			at.pull()
			fl.translate()
			at.push(fl.f)
		}
	}
	if at.failed != nil {
		return nil
	}
	if at.behind = true; at.symmetric {
		at.did(at.device.Symmetric(errs))
	} else {
		at.did(at.device.Iterate(omega, errs))
	}
	if !finite(errs) {
		at.did(errNotFinite)
	}
	if at.failed != nil {
		return nil
	}
	fl.exact, fl.err = false, errs[len(errs)-1]
	return errs
}

func (at *remote) swept(*session, float64) {}

func (at *remote) potentials() (f, g []float64) {
	at.pull()
	return at.host.potentials()
}

func (at *remote) redone() (rows, columns int) { return 0, 0 }

func (at *remote) settled(eps float64) bool { return at.host.settled(eps) && !at.symmetric }

// floor is as on the processor, with the rounding of the device.
func (at *remote) floor() float64 {
	return 4 * max(0x1p-24, at.device.Unit()) * (1 + at.host.kappa*max(math.Abs(at.host.p.lo), math.Abs(at.host.p.hi)))
}

func (at *remote) about() about {
	a := at.host.about()
	a.symmetric = at.symmetric
	return a
}
