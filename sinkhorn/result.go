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

// A Result is what a solve found: potentials, and how it went. All else is derived from them in float64 by its methods.
type Result[T kernels.Float] struct {
	// F and G are the potentials in the units of the cost, G after F: the columns of the plan are exact. Points without mass have
	// their soft minimum. Adding a constant to F and taking it from G changes nothing.
	F, G []float64

	Status     Status
	Iterations int       // sweeps and Newton steps at the final temperature
	Warmup     int       // sweeps at higher temperatures before
	Trace      []float64 // the marginal error that each iteration saw
	Method     string    // what was used, such as "sweep" or "sweep+newton"

	// Rows and columns that had to be computed again with their own maximum as the shift.
	RedoneRows, RedoneColumns int

	p            *Problem[T]
	eps          float64
	tol          float64
	run          kernels.Runner
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

// err returns nil for a converged result, else an error that says how far it came.
func (r *Result[T]) err(ctx context.Context) error {
	if r.Status == Converged {
		return nil
	}
	remedy := map[Status]string{
		PrecisionLimited: "raise the tolerance or eps",
		MaxIterations:    "raise the number of iterations, the tolerance or eps",
		Cancelled:        "stopped from outside",
	}[r.Status]
	if isFloat32[T]() && r.Status == PrecisionLimited {
		remedy = "solve in float64, or " + remedy
	}
	if r.p.forbids {
		remedy += "; some pairs are forbidden, and the weights may not fit those that are left"
	}
	err := fmt.Errorf("%w: %s after %d iterations with L1 marginal error %.3g, tolerance %.3g: %s",
		ErrNotConverged, r.Status, r.Iterations, r.MarginalError(), r.tol, remedy)
	if r.Status == Cancelled {
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
	n, m := r.p.n, r.p.m
	kappa, f, g := r.base()
	fx := new(facts)
	fx.rows, fx.cols = make([]float64, n), make([]float64, m)
	p, h := make([]float64, n), make([]float64, m)
	r.overRows(func(s *logsumexp.Scratch[float64], c logsumexp.Cost[float64], lo, hi int, acc []float64) {
		s.Value(c, lo, hi, kappa, f, g, r.p.a, p, fx.rows, acc[:m], acc[m:], nil, 0)
	}, 2*m, func(acc []float64) {
		for j := range m {
			fx.cols[j] += acc[j]
			h[j] += acc[m+j]
		}
	})
	var dual float64
	for i, a := range r.p.a {
		fx.rows[i] *= a
		fx.mass += fx.rows[i]
		fx.transport += a * p[i]
		if a > 0 {
			fx.marginal += r.p.x.miss(fx.rows[i], a, r.F[i])
			dual += r.p.x.dual(a, r.F[i])
		}
		if r.p.u != nil {
			fx.transport += fx.rows[i] * r.p.u[i]
		}
	}
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
	return fx
}

// overRows runs body on the chunks of the rows, each with an accumulator of its own, and adds those in order.
func (r *Result[T]) overRows(body func(s *logsumexp.Scratch[float64], c logsumexp.Cost[float64], lo, hi int, acc []float64), size int,
	add func(acc []float64)) {
	n := r.p.n
	count := chunksOf(n, r.p.m)
	cost := r.p.wide()
	acc := make([][]float64, count)
	parallel.For(r.run, count, func(k int) {
		lo, hi := parallel.Chunk(n, count, k)
		acc[k] = make([]float64, size)
		body(new(logsumexp.Scratch[float64]), cost, lo, hi, acc[k])
	})
	for _, a := range acc {
		add(a)
	}
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
func (r *Result[T]) Apply(dst, y []float64, d int) {
	m := r.p.m
	if len(dst) != r.p.n*d || len(y) != m*d {
		panic("sinkhorn: vectors for the plan have another size")
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

// Bounds brackets OT_eps, evaluated in float64: lower is [Result.Value] less an allowance for rounding, upper the objective of a plan
// with exact marginals near P, plus the allowance. upper is +Inf when that plan must use a forbidden pair; where the potentials have
// diverged, which they do when no plan exists, the bounds are infinite.
//
// Rows are scaled by x_i = min(1, a_i/(P 1)_i), then columns by y_j = min(1, b_j/(P^T x)_j); with the rows p and columns q that are left
// to fill, the plan is x_i P_ij y_j + p_i q_j / sum p. Source: Altschuler, Weed and Rigollet 2017, algorithm 2. With a reach the
// plan is P itself, scaled to the side that is exact, if any.
func (r *Result[T]) Bounds() (lower, upper float64) {
	r.pass()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.bounded {
		r.lower, r.upper = r.bounds()
		r.bounded = true
	}
	return r.lower, r.upper
}

func (r *Result[T]) bounds() (lower, upper float64) {
	fx := r.weighed
	if math.IsNaN(fx.value) || math.IsInf(fx.value, 0) {
		return math.Inf(-1), math.Inf(1)
	}
	if r.p.relaxed() {
		return r.relaxedBounds()
	}
	n, m := r.p.n, r.p.m
	x, p := make([]float64, n), make([]float64, n)
	y, q := make([]float64, m), make([]float64, m)
	for i, a := range r.p.a {
		x[i] = shrink(a, fx.rows[i])
	}
	r.each(func(i, j0 int, _, row, acc []float64) { kernels.Axpy(acc[j0:j0+len(row)], x[i], row) }, m,
		func(acc []float64) { kernels.Axpy(q, 1, acc) })
	var missing float64
	for j, b := range r.p.b {
		y[j] = shrink(b, q[j])
		q[j] = max(0, b-y[j]*q[j])
		missing += q[j]
	}
	r.each(func(i, j0 int, _, row, _ []float64) { p[i] += x[i] * kernels.Dot(row, y[j0:j0+len(row)]) }, 0, func([]float64) {})
	for i, a := range r.p.a {
		p[i] = max(0, a-p[i])
	}
	if missing > 0 {
		kernels.Scale(q, 1/missing)
	}
	_, f, g := r.base()
	kappa := math.Log2E / r.eps
	r.each(func(i, j0 int, c, row, acc []float64) {
		acc[0] += r.rounded(i, j0, c, row, x[i], p[i], y, q, kappa, f[i], g)
	}, 1, func(acc []float64) { upper += acc[0] })
	slack := r.allowance()
	return fx.value - slack, upper + slack
}

// relaxedBounds is Bounds for a problem with a reach.
func (r *Result[T]) relaxedBounds() (lower, upper float64) {
	fx := r.weighed
	n, m := r.p.n, r.p.m
	x, y := make([]float64, n), make([]float64, m)
	none := make([]float64, m)
	for i, a := range r.p.a {
		x[i] = 1
		if r.p.x.Penalty == Exact && a > 0 {
			x[i] = a / fx.rows[i]
		}
	}
	for j, b := range r.p.b {
		y[j] = 1
		if r.p.y.Penalty == Exact && b > 0 {
			y[j] = b / fx.cols[j]
		}
	}
	rows, cols := make([]float64, n), make([]float64, m)
	_, f, g := r.base()
	kappa := math.Log2E / r.eps
	r.each(func(i, j0 int, c, row, acc []float64) {
		acc[m] += r.rounded(i, j0, c, row, x[i], 0, y, none, kappa, f[i], g)
		for k, v := range row {
			v *= x[i] * y[j0+k]
			rows[i] += v
			acc[j0+k] += v
		}
	}, m+1, func(acc []float64) {
		kernels.Axpy(cols, 1, acc[:m])
		upper += acc[m]
	})
	upper += r.eps * (r.p.product() - kernels.Sum(rows))
	for i, a := range r.p.a {
		if a > 0 {
			upper += r.p.x.penalty(rows[i], a)
		}
	}
	for j, b := range r.p.b {
		if b > 0 {
			upper += r.p.y.penalty(cols[j], b)
		}
	}
	slack := r.allowance()
	return fx.value - slack, upper + slack
}

// product returns the mass of a b^T.
func (p *Problem[T]) product() float64 {
	if !p.relaxed() {
		return 1
	}
	return kernels.Sum(p.a) * kernels.Sum(p.b)
}

// shrink returns the factor that brings a sum down to what it may be.
func shrink(want, sum float64) float64 {
	if sum > want {
		return want / sum
	}
	return 1
}

// rounded returns a run of row i's part of <C,R> + eps KL(R | a b^T) for the rounded plan R; both have mass 1.
func (r *Result[T]) rounded(i, j0 int, c, row []float64, x, p float64, y, q []float64, kappa, f float64, g []float64) (sum float64) {
	a := r.p.a[i]
	if a == 0 {
		return 0
	}
	for k, cost := range c {
		j := j0 + k
		extra, scale := p*q[j], x*y[j]
		v := scale*row[k] + extra
		b := r.p.b[j]
		if b == 0 || v == 0 {
			continue
		}
		var log float64 // of R_ij/(a_i b_j)
		if extra < 1e-17*v {
			log = math.Log(scale) + (f+g[j]-kappa*cost)*math.Ln2 - math.Log(b)
		} else {
			log = math.Log(v / (a * b))
		}
		if r.p.u != nil {
			cost += r.p.u[i]
		}
		if r.p.v != nil {
			cost += r.p.v[j]
		}
		sum += v * (cost + r.eps*log)
	}
	return sum
}

// allowance covers the rounding of the sums behind the bounds, 2^-48 of the magnitudes that were added; of the exponents, 2^-50 of the largest
// cost; and of a float32 cost, four times half a unit in the last place of its largest entry.
func (r *Result[T]) allowance() float64 {
	var size float64
	for i, a := range r.p.a {
		if a > 0 {
			size += a * math.Abs(r.F[i])
		}
	}
	for j, b := range r.p.b {
		if b > 0 {
			size += b * math.Abs(r.G[j])
		}
	}
	slack := 0x1p-48 * (size + math.Abs(r.weighed.transport) + r.eps)
	largest := max(math.Abs(r.p.lo), math.Abs(r.p.hi))
	slack += 0x1p-50 * largest
	if isFloat32[T]() {
		slack += 0x1p-22 * largest
	}
	return slack
}
