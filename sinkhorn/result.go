package sinkhorn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// ErrNotConverged is the error of a solve that stopped before its tolerance; the result comes with it.
var ErrNotConverged = errors.New("sinkhorn: not converged")

// A Status says how a solve ended.
type Status int

// The statuses, from best to worst.
const (
	Converged        Status = iota
	PrecisionLimited        // rounding kept the marginal error above the tolerance
	MaxIterations
	Cancelled
)

// String returns the name that reports use.
func (s Status) String() string {
	return [...]string{"converged", "precision_limited", "max_iterations", "cancelled"}[s]
}

// A Result is what a solve found: potentials, and how it went. All else is derived from them in float64 by its methods, but where a device made the
// iterations and a method says otherwise.
type Result[T kernels.Float] struct {
	// F and G are the potentials in the units of the cost, G after F: the columns of the plan are exact. Points without mass have
	// their soft minimum. Adding a constant to F and taking it from G changes nothing.
	F, G []float64

	Status     Status
	Iterations int       // sweeps and Newton steps at the final temperature
	Warmup     int       // sweeps at higher temperatures before
	Trace      []float64 // the marginal error that each iteration saw
	Method     string    // what was used, in order, such as "sweep+kernel" or "sweep+kernel+overrelaxed+newton"; see [Kernel]

	// Device is the name of the device that made the first iterations, "" where all were made here; Method then begins with "device", and goes back
	// to this processor at "newton" or "sweep64". DeviceFault is why one that was asked for was left.
	Device      string
	DeviceFault error

	// Evaluated is the name of the device that evaluated the plan for values, marginals and bounds, in float32, "" where that was done here in float64:
	// the rule, up to [Solver.DeviceEvaluates] entries. Bounds then allow for the rounding of every exponent, and the marginal error may be
	// off by as much of the mass.
	Evaluated string

	// Rows and columns that had to be computed again with their own maximum as the shift.
	RedoneRows, RedoneColumns int

	p            *Problem[T]
	eps          float64
	tol          float64
	run          kernels.Runner
	device       Device  // that made the iterations
	far          bool    // and is to evaluate the plan
	farError     float64 // relative, of what it sums
	mu           sync.Mutex
	weighed      *facts
	bounded      bool
	lower, upper float64
}

// facts are what one pass over the plan tells.
type facts struct {
	value, transport, marginal, mass float64
	rows, cols                       []float64 // of the plan
}

// Value returns the dual objective at the potentials, which is at most OT_eps. For a balanced problem:
//
//	<a,f> + <b,g> - eps (sum_ij P_ij - 1)
//
// With a reach, <a,f> becomes rho <a, 1 - e^(-f/rho)> for KL and <a, min(f, rho)> for TV, and 1 the product of the masses.
func (r *Result[T]) Value() float64 { return r.pass().value }

// TransportCost returns <C,P>.
func (r *Result[T]) TransportCost() float64 { return r.pass().transport }

// MarginalError returns sum_i |(P 1)_i - a_i| + sum_j |(P^T 1)_j - b_j|, summed in float64. With a KL reach a_i becomes a_i e^(-f_i/rho),
// to which the marginal tends; with TV, points at the ends of their range count only what is on the wrong side.
func (r *Result[T]) MarginalError() float64 { return r.pass().marginal }

// Mass returns the sum of the plan.
func (r *Result[T]) Mass() float64 { return r.pass().mass }

// Eps returns the temperature.
func (r *Result[T]) Eps() float64 { return r.eps }

// Problem returns what was solved.
func (r *Result[T]) Problem() *Problem[T] { return r.p }

// remedies say what to do about a solve that did not converge.
var remedies = map[Status]string{
	PrecisionLimited: "raise the tolerance or eps",
	MaxIterations:    "raise the number of iterations, the tolerance or eps",
	Cancelled:        "stopped from outside",
}

// err returns nil for a converged result, else an error that says how far it came.
func (r *Result[T]) err(ctx context.Context) error {
	if r.Status == Converged {
		return nil
	}
	remedy := remedies[r.Status]
	if isFloat32[T]() && r.Status == PrecisionLimited {
		remedy = "solve in float64, or " + remedy
	}
	if r.p.forbids {
		remedy += "; some pairs are forbidden, and the weights may not fit those that are left"
	}
	return notConverged(ctx, r.Status, r.Iterations, r.MarginalError(), r.tol, remedy)
}

// notConverged returns an [ErrNotConverged] that says how far a solve came, with the cause of the end of ctx where that was the end.
func notConverged(ctx context.Context, status Status, iterations int, marginalError, tol float64, remedy string) error {
	err := fmt.Errorf("%w: %s after %d iterations with L1 marginal error %.3g, tolerance %.3g: %s",
		ErrNotConverged, status, iterations, marginalError, tol, remedy)
	if status == Cancelled {
		return errors.Join(err, context.Cause(ctx))
	}
	return err
}

// base returns the potentials in base-2 units of the tiles, as kernels want them.
func (r *Result[T]) base() (kappa float64, f, g []float64) {
	kappa = math.Log2E / r.eps
	f, g = make([]float64, len(r.F)), make([]float64, len(r.G))
	for i, v := range r.F {
		if math.IsInf(v, 1) {
			continue // no mass, and every pair with mass forbidden
		}
		if r.p.u != nil {
			v -= r.p.u[i]
		}
		f[i] = kappa * v
	}
	for j, v := range r.G {
		if r.p.b[j] == 0 {
			g[j] = math.Inf(-1)
			continue
		}
		if r.p.v != nil {
			v -= r.p.v[j]
		}
		g[j] = kappa*v + math.Log2(r.p.b[j])
	}
	return kappa, f, g
}

// wide returns the cost in float64.
func (p *Problem[T]) wide() logsumexp.Cost[float64] {
	switch c := any(p.cost).(type) {
	case logsumexp.Cost[float64]:
		return c
	case logsumexp.Cost[float32]:
		return logsumexp.Widen(c)
	}
	panic("sinkhorn: a cost of neither precision")
}

// pass weighs the plan once.
func (r *Result[T]) pass() *facts {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.weighed == nil {
		r.weighed = r.weigh()
	}
	return r.weighed
}

func (r *Result[T]) weigh() *facts {
	fx := &facts{rows: make([]float64, r.p.n), cols: make([]float64, r.p.m)}
	costs := make([]float64, r.p.n)
	if !r.weighFar(fx, costs) {
		r.weighHere(fx, costs)
	}
	r.p.join(fx.cols)
	var dual float64
	for i, a := range r.p.a {
		fx.mass += fx.rows[i]
		fx.transport += costs[i]
		if a > 0 {
			fx.marginal += r.p.x.miss(fx.rows[i], a, r.F[i])
			dual += r.p.x.dual(a, r.F[i])
		}
		if r.p.u != nil {
			fx.transport += fx.rows[i] * r.p.u[i]
		}
	}
	ofRows := []float64{fx.mass, fx.transport, fx.marginal, dual}
	r.p.join(ofRows)
	fx.mass, fx.transport, fx.marginal, dual = ofRows[0], ofRows[1], ofRows[2], ofRows[3]
	for j, b := range r.p.b {
		if b > 0 {
			fx.marginal += r.p.y.miss(fx.cols[j], b, r.G[j])
			dual += r.p.y.dual(b, r.G[j])
		}
		if r.p.v != nil {
			fx.transport += fx.cols[j] * r.p.v[j]
		}
	}
	fx.value = dual - r.eps*(fx.mass-r.p.product())
	if r.p.partial > 0 {
		fx.marginal += math.Abs(fx.mass - r.p.partial)
		fx.value -= r.p.x.Rho * (kernels.Sum(r.p.a) + kernels.Sum(r.p.b) - 2*r.p.partial)
	}
	return fx
}

// weighHere sets the sums of the plan, and what each row costs.
func (r *Result[T]) weighHere(fx *facts, costs []float64) {
	m := r.p.m
	kappa, f, g := r.base()
	r.overRows(func(s *logsumexp.Scratch[float64], c logsumexp.Cost[float64], lo, hi int, acc []float64) {
		s.Value(c, lo, hi, kappa, f, g, r.p.a, costs, fx.rows, acc[:m], acc[m:], nil, 0)
	}, 2*m, func(acc []float64) {
		for j := range m {
			fx.cols[j] += acc[j]
		}
	})
	for i, a := range r.p.a {
		fx.rows[i] *= a
		costs[i] *= a
	}
}

// overRows runs body on the chunks of the rows, each with an accumulator of its own, and adds those in order.
func (r *Result[T]) overRows(body func(s *logsumexp.Scratch[float64], c logsumexp.Cost[float64], lo, hi int, acc []float64), size int,
	add func(acc []float64)) {
	n := r.p.n
	count := chunksOf(n, r.p.m)
	cost := r.p.wide()
	var scratch scratchList[float64]
	var sums inOrder
	sums.begin(count)
	parallel.For(r.run, count, func(k int) {
		lo, hi := parallel.Chunk(n, count, k)
		s, acc := scratch.Get(), sums.take(size)
		body(s, cost, lo, hi, *acc)
		scratch.Put(s)
		sums.give(k, acc, add)
	})
}

// each shows visit every row of the plan, in runs of columns from j0 on: for row i its costs (without terms taken out) and P_ij, which it may
// overwrite. Rows of different chunks come at once.
func (r *Result[T]) each(visit func(i, j0 int, c, p, acc []float64), size int, add func(acc []float64)) {
	kappa, f, g := r.base()
	r.overRows(func(s *logsumexp.Scratch[float64], c logsumexp.Cost[float64], lo, hi int, acc []float64) {
		s.Each(c, lo, hi, kappa, f, g, func(i, j0 int, c, e []float64) {
			kernels.Scale(e, r.p.a[i])
			visit(i, j0, c, e, acc)
		})
	}, size, add)
}

// Plan sets dst (n x m, row-major) to the plan a_i b_j exp((f_i + g_j - C_ij)/eps).
func (r *Result[T]) Plan(dst []float64) {
	m := r.p.m
	if len(dst) != r.p.n*m {
		panic("sinkhorn: the plan's destination has another size")
	}
	r.each(func(i, j0 int, _, p, _ []float64) { copy(dst[i*m+j0:], p) }, 0, func([]float64) {})
}

// Apply sets dst (n x d) to the product of the plan with y (m x d), both row-major.
//
//	dst[i*d+k] = sum_j P_ij y[j*d+k]
//
// Where a device made the iterations it does this too, in float32.
func (r *Result[T]) Apply(dst, y []float64, d int) {
	m := r.p.m
	if len(dst) != r.p.n*d || len(y) != m*d {
		panic("sinkhorn: vectors for the plan have another size")
	}
	if r.applyFar(dst, y, d, false) {
		return
	}
	clear(dst)
	r.each(func(i, j0 int, _, p, _ []float64) {
		row := dst[i*d : (i+1)*d]
		for j, w := range p {
			if w != 0 {
				kernels.Axpy(row, w, y[(j0+j)*d:(j0+j+1)*d])
			}
		}
	}, 0, func([]float64) {})
}

// product returns the mass of a b^T.
func (p *Problem[T]) product() float64 {
	massA, massB := p.masses()
	return massA * massB
}

// masses returns the sums of the weights as they are used, those of the rows over all ranks.
func (p *Problem[T]) masses() (a, b float64) {
	switch {
	case !p.relaxed():
		return 1, 1
	case p.comm != nil:
		return p.massA, kernels.Sum(p.b)
	}
	return kernels.Sum(p.a), kernels.Sum(p.b)
}
