package sinkhorn

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Quadratic is the solution of transport with the norm-2 regulariser, whose plan is sparse:
//
//	min <P,C> + eps/2 sum_ij P_ij^2/(r_i c_j)        over P >= 0 with P 1 = a, P^T 1 = b
//	P_ij = r_i c_j (f_i + g_j - C_ij)_+ / eps
//
// with the reference r = a, c = b ("relative"), or r = c = 1 ("plain"). Source: Blondel, Seguy and Rolet 2018; Lorenz, Manns and Meyer 2021.
type Quadratic struct {
	// F and G are potentials in the units of the cost, G after F. They need not be unique.
	F, G []float64

	Value         float64 // <a,f> + <b,g> - 1/(2 eps) sum_ij r_i c_j (f_i + g_j - C_ij)_+^2, at most the minimum
	TransportCost float64 // <C,P>
	MarginalError float64 // sum_i |(P 1)_i - a_i| + sum_j |(P^T 1)_j - b_j|
	NonZeros      int     // of the plan
	Iterations    int
	Status        Status

	plan  []float64
	n, m  int
	upper float64
	slack float64 // 2^-46 of the magnitudes that were added for Value and upper, and the error of the cost
}

// Bounds brackets the minimum: lower is Value less an allowance for rounding, upper the objective of the plan rounded to exact marginals, as
// in [Result.Bounds], plus the allowance; +Inf where that plan must use a forbidden pair.
func (q *Quadratic) Bounds() (lower, upper float64) {
	return q.Value - q.slack, q.upper + q.slack
}

// Plan returns the plan, n x m row-major. It must not be written to.
func (q *Quadratic) Plan() []float64 { return q.plan }

// Gradient sets dx (n x d) to the derivative of the minimum with respect to the points of the rows; see [Result.Gradient].
func (q *Quadratic) Gradient(dx []float64, points Pull) {
	clear(dx)
	for i := range q.n {
		points.AddGradient(dx, nil, i, 0, q.plan[i*q.m:(i+1)*q.m])
	}
}

// SolveQuadratic solves a balanced problem with the norm-2 regulariser of weight Eps, in float64, with a plan in memory. plain chooses the
// reference. The rows' potentials move by semismooth Newton steps, the columns' follow them exactly.
func (s *Solver[T]) SolveQuadratic(ctx context.Context, p *Problem[T], plain bool) (*Quadratic, error) {
	switch {
	case !(s.Eps > 0) || math.IsInf(s.Eps, 1):
		return nil, fmt.Errorf("sinkhorn: eps is %g, want a positive number", s.Eps)
	case p.comm != nil:
		return nil, p.whole("the norm-2 regulariser")
	case p.relaxed():
		return nil, fmt.Errorf("sinkhorn: the norm-2 regulariser takes no reach")
	case p.n*p.m > s.maxBytes()/16:
		return nil, fmt.Errorf("sinkhorn: a plan of %d x %d takes more than the %d bytes granted", p.n, p.m, s.maxBytes())
	}
	q := newQuadraticState(ctx, p, plain, s.runner())
	ss := &session{ctx: ctx, run: s.runner(), tol: s.tol(), maxIter: s.maxIter(), progress: s.Progress}
	// From a weight at which the plan is dense, down by fours: far below it Newton's method has no curvature along most directions.
	e, weight := reached, s.Eps
	for weight < q.denseWeight(p.hi-p.lo) {
		weight *= 4
	}
	for ; weight > s.Eps && e == reached; weight /= 4 {
		if e = q.to(ss, weight, max(ss.tol, quadraticGoal)); e == stalled {
			e = reached
		}
	}
	cooled := e == reached
	if cooled {
		e = q.to(ss, s.Eps, ss.tol)
	}
	if !cooled || e == stopped { // at another weight, or in the middle of an update
		q.ctx = context.WithoutCancel(ctx)
		q.start(s.Eps)
	}
	r := q.result(p)
	r.upper = q.roundedObjective(r.plan, p)
	r.Iterations, r.Status = ss.iterations, ss.status(e, r.MarginalError)
	if r.Status == Converged {
		return r, nil
	}
	return r, notConverged(ctx, r.Status, r.Iterations, r.MarginalError, ss.tol, remedies[r.Status])
}

// quadraticGoal is the marginal error to which each weight on the way down is solved.
const quadraticGoal = 1e-4

// denseWeight returns a weight at which no entry of the plan is far from that of the product of the marginals.
func (q *quadraticState) denseWeight(span float64) float64 {
	return span * kernels.Sum(q.ref) * kernels.Sum(q.refC)
}

// start sets the weight and updates both sides once.
func (q *quadraticState) start(eps float64) {
	q.eps = eps
	q.rowUpdate()
	q.follow()
}

// to iterates at a weight until the error is at most goal.
func (q *quadraticState) to(ss *session, eps, goal float64) end {
	if q.start(eps); ss.ctx.Err() != nil {
		return stopped
	}
	best, idle := math.Inf(1), 0
	for q.err > goal {
		switch {
		case ss.ctx.Err() != nil:
			return stopped
		case ss.iterations >= ss.maxIter:
			return exhausted
		case idle > maxIdle:
			return stalled
		}
		if !q.step() {
			q.rowUpdate()
			q.follow()
		}
		if ss.ctx.Err() != nil {
			return stopped
		}
		ss.saw(q.err)
		if idle++; q.err <= .5*best {
			best, idle = q.err, 0
		}
	}
	return reached
}

// quadraticState is a solve in progress, on the dual
//
//	h(f) = <a,f> + <b,g(f)> - 1/(2 eps) sum r_i c_j (f_i + g_j - C_ij)_+^2
//	dh/df_i = a_i - (P 1)_i
//
// whose generalised second derivative, times -eps, is the laplacian of W_ij = r_i c_j [f_i + g_j > C_ij].
type quadraticState struct {
	*laplacian
	eps       float64
	c         []float64 // C, n x m
	a, b      []float64
	ref, refC []float64 // r and c
	f, g      []float64
	r         []float64 // a - P 1
	dual, err float64
	dualOfRow []float64
}

func newQuadraticState[T kernels.Float](ctx context.Context, p *Problem[T], plain bool, run kernels.Runner) *quadraticState {
	q := &quadraticState{laplacian: newLaplacian(ctx, run, p.n, p.m), a: p.a, b: p.b, ref: p.a, refC: p.b}
	q.c, q.r, q.dualOfRow = make([]float64, p.n*p.m), make([]float64, p.n), make([]float64, p.n)
	q.f, q.g = make([]float64, p.n), make([]float64, p.m)
	if plain {
		q.ref, q.refC = ones(p.n), ones(p.m)
	}
	wide := p.wide()
	buf := make([]float64, p.m)
	for i := range p.n {
		t, _ := wide.Tile(buf, i, i+1, 0, p.m)
		copy(q.c[i*p.m:], t)
	}
	return q
}

func ones(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// level returns the f with sum_k w_k (f - v_k)_+ = target, a sum that is convex, piecewise linear and increasing in f: Newton's method from the root of the line that
// takes all k, which is above, comes down to it in finitely many steps, some ten as a rule. A target of 0 gives the least v; entries of weight 0, and a v of +Inf,
// do not count, and without others the root is 0. Source: Michelot 1986.
func level(v, w []float64, target float64) float64 {
	f, before := math.Inf(1), -1
	for {
		var weight, moment float64 // of the v below f
		least, count := f, 0
		for k, x := range v {
			if x < f && w[k] > 0 {
				weight += w[k]
				moment += w[k] * x
				least = min(least, x)
				count++
			}
		}
		switch {
		case count == 0 && before < 0:
			return 0
		case target == 0:
			return least
		case count == 0 || count == before:
			return f
		}
		f, before = min(f, (target+moment)/weight), count
	}
}

// rowUpdate maximises the dual over f for the g at hand.
func (q *quadraticState) rowUpdate() {
	parallel.For(q.run, q.chunks, func(k int) {
		lo, hi := parallel.Chunk(q.n, q.chunks, k)
		v := make([]float64, q.m)
		for i := lo; i < hi && q.ctx.Err() == nil; i++ {
			for j, c := range q.c[i*q.m : (i+1)*q.m] {
				v[j] = c - q.g[j]
			}
			q.f[i] = level(v, q.refC, q.wanted(q.a[i], q.ref[i]))
		}
	})
}

// wanted is the sum of a point's (f - v)_+ of a weight and its reference.
func (q *quadraticState) wanted(weight, ref float64) float64 {
	if ref > 0 {
		return q.eps * weight / ref
	}
	return 0
}

// sideBySide is the columns that follow reads together: a line of cache.
const sideBySide = 8

// follow maximises the dual over g, and weighs the plan. Once the context has ended, which to notices, some of g is as it was.
func (q *quadraticState) follow() {
	count := chunksOf(q.m, q.n)
	parallel.For(q.run, count, func(k int) {
		lo, hi := parallel.Chunk(q.m, count, k)
		var v [sideBySide][]float64
		for k := range v {
			v[k] = make([]float64, q.n)
		}
		for j := lo; j < hi && q.ctx.Err() == nil; j += sideBySide {
			count := min(sideBySide, hi-j)
			for i, f := range q.f {
				for k, c := range q.c[i*q.m+j:][:count] {
					v[k][i] = c - f
				}
			}
			for k := range count {
				q.g[j+k] = level(v[k], q.ref, q.wanted(q.b[j+k], q.refC[j+k]))
			}
		}
	})
	q.weigh()
}

// weigh sets the plan's marginals, the matrix of the second derivative and the dual.
func (q *quadraticState) weigh() {
	q.addColumns(q.cols, func(i int, acc []float64) {
		row := q.row(i)
		q.rows[i], q.r[i], q.dualOfRow[i] = 0, q.a[i], 0
		for j, c := range q.c[i*q.m : (i+1)*q.m] {
			row[j] = 0
			if t := q.f[i] + q.g[j] - c; t > 0 {
				w := q.ref[i] * q.refC[j]
				row[j] = w
				q.rows[i] += w
				q.r[i] -= w * t / q.eps
				q.dualOfRow[i] += w * t * t / (2 * q.eps)
			}
			acc[j] += row[j]
		}
	})
	q.dual, q.err = 0, 0
	for i, a := range q.a {
		q.err += math.Abs(q.r[i])
		q.dual += a*q.f[i] - q.dualOfRow[i]
	}
	for j, b := range q.b {
		q.dual += b * q.g[j]
	}
}

// quadraticDamping lets the blocks of a plan, between which there is no second derivative, move against each other. Of the reference
// problems (TestQuadraticReferences) 1e-3 leaves two short of a marginal error of 1e-12 and 1e-5 one; at 1e-9 conjugate gradients begin to
// lose the blocks to rounding.
const quadraticDamping = 1e-8

// step moves f along Newton's direction, and reports whether some length of it raised the dual or halved the error.
func (q *quadraticState) step() bool {
	for i, a := range q.a {
		if q.rows[i] == 0 && a > 0 {
			return false // a row without an entry has no second derivative
		}
	}
	q.damping = quadraticDamping
	x := append([]float64(nil), q.solve(q.eps, q.r, 1e-10)...)
	slope := kernels.Dot(q.r, x)
	before, beforeG := append([]float64(nil), q.f...), append([]float64(nil), q.g...)
	dual, err := q.dual, q.err
	for length := 1.; length > 1e-12 && q.ctx.Err() == nil; length /= 2 {
		for i, v := range before {
			q.f[i] = v + length*x[i]
		}
		q.follow()
		seen := length*slope > 1e-13*(math.Abs(dual)+q.eps)
		if q.err <= .5*err || seen && q.dual >= dual+enoughSlope*length*slope {
			return true
		}
	}
	copy(q.f, before)
	copy(q.g, beforeG)
	if q.ctx.Err() == nil {
		q.follow()
	}
	return false
}

// A weighedCost is a problem of either precision.
type weighedCost interface {
	shift() (u, v []float64)
	costError() float64
}

// result weighs the plan, and puts back the terms that were taken out of the cost.
func (q *quadraticState) result(p weighedCost) *Quadratic {
	out := &Quadratic{F: q.f, G: q.g, Value: q.dual, n: q.n, m: q.m, plan: make([]float64, q.n*q.m)}
	rows, cols := make([]float64, q.n), make([]float64, q.m)
	for i := range q.n {
		for j := range q.m {
			c := q.c[i*q.m+j]
			t := q.f[i] + q.g[j] - c
			v := q.ref[i] * q.refC[j] * t / q.eps
			if !(t > 0) || v < leastEntry/float64(max(q.n, q.m)) {
				continue
			}
			out.plan[i*q.m+j] = v
			out.NonZeros++
			out.TransportCost += v * c
			rows[i] += v
			cols[j] += v
		}
	}
	u, v := p.shift()
	size := math.Abs(out.TransportCost)
	for i, a := range q.a {
		out.MarginalError += math.Abs(rows[i] - a)
		size += (a + rows[i]) * math.Abs(out.F[i])
		if u != nil {
			size += a * math.Abs(u[i])
			out.F[i] += u[i]
			out.Value += a * u[i]
			out.TransportCost += rows[i] * u[i]
		}
	}
	for j, b := range q.b {
		out.MarginalError += math.Abs(cols[j] - b)
		size += (b + cols[j]) * math.Abs(out.G[j])
		if v != nil {
			size += b * math.Abs(v[j])
			out.G[j] += v[j]
			out.Value += b * v[j]
			out.TransportCost += cols[j] * v[j]
		}
	}
	out.slack = 0x1p-46*size + p.costError()
	return out
}

// roundedObjective returns the objective of a plan rounded to exact marginals.
func (q *quadraticState) roundedObjective(plan []float64, p weighedCost) (sum float64) {
	n, m := q.n, q.m
	rounded := append([]float64(nil), plan...)
	rows, cols := make([]float64, n), make([]float64, m)
	for i := range n {
		row := rounded[i*m : (i+1)*m]
		kernels.Scale(row, shrink(q.a[i], kernels.Sum(row)))
		kernels.Axpy(cols, 1, row)
	}
	scale := make([]float64, m)
	for j := range cols {
		scale[j] = shrink(q.b[j], cols[j])
		cols[j] *= scale[j]
	}
	for i := range n {
		for j, v := range rounded[i*m : (i+1)*m] {
			rounded[i*m+j] = v * scale[j]
			rows[i] += v * scale[j]
		}
	}
	s := max(fill(rows, q.a), fill(cols, q.b)) // they agree but for rounding, and no point gets more than it lacks
	for i := range n {
		for j := range m {
			v := rounded[i*m+j]
			if s > 0 && rows[i] > 0 {
				v += rows[i] * cols[j] / s
			}
			if v > 0 {
				sum += v*q.c[i*m+j] + q.eps/2*v*v/(q.ref[i]*q.refC[j])
			}
		}
	}
	u, v := p.shift()
	if u != nil {
		sum += kernels.Dot(q.a, u)
	}
	if v != nil {
		sum += kernels.Dot(q.b, v)
	}
	return sum
}

// leastEntry is what an entry of the plan must be, times the larger number of points, not to be taken for rounding.
const leastEntry = 1e-13

// shift returns the terms that were taken out of the cost.
func (p *Problem[T]) shift() (u, v []float64) { return p.u, p.v }
