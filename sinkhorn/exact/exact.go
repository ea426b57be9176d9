package exact

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Result is an optimal plan with the potentials that prove it.
type Result struct {
	// F and G are optimal potentials in the units of the cost. f_i + g_j <= C_ij holds for all pairs, those of points without mass
	// among them, to the last bit of C_ij less terms taken out; see [logsumexp.Shifted].
	F, G []float64

	// Pairs are the entries of the plan that are not zero, ordered by rows and in them by columns: at most n+m-1.
	Pairs []sinkhorn.Pair

	Value float64 // <P,C>, at least the minimum up to rounding
	Dual  float64 // <a,f> + <b,g>, at most the minimum up to rounding

	// Method is assignment, network simplex or sorting, and Iterations the rows that were assigned by a shortest path or the pivots.
	Method     string
	Iterations int
}

// Gap returns Value - Dual, which is zero up to rounding: at most about 2^-44 of the largest cost, below which the simplex method does not
// look.
func (r *Result) Gap() float64 { return r.Value - r.Dual }

// Plan sets dst (n x m, row-major) to the plan.
func (r *Result) Plan(dst []float64) {
	m := len(r.G)
	if len(dst) != len(r.F)*m {
		panic("exact: the plan's destination has another size")
	}
	clear(dst)
	for _, p := range r.Pairs {
		dst[p.I*m+p.J] = p.P
	}
}

// Gradient sets dx (n x d) and dy (m x d) to the derivatives of the minimum with respect to the points of the rows and of the columns,
// the weights fixed; either may be nil.
//
//	dx_i = sum_j P_ij d c(x_i, y_j) / d x_i
//
// The minimum is differentiable where the plan is unique; elsewhere this is an element of the superdifferential for costs that are
// differentiable.
func (r *Result) Gradient(dx, dy []float64, points sinkhorn.Pull) {
	clear(dx)
	clear(dy)
	for _, p := range r.Pairs {
		points.AddGradient(dx, dy, p.I, p.J, []float64{p.P})
	}
}

// A Solver holds how problems are solved. The zero value is ready.
type Solver[T kernels.Float] struct {
	// MaxBytes bounds the memory for the cost in float64; 1 GiB by default, that of 11,585 by 11,585 points.
	MaxBytes int

	// Progress, where not nil, is called now and then with the number of iterations.
	Progress func(iterations int)
}

const defaultMaxBytes = 1 << 30

// checkEvery is how many iterations lie between two looks at the context; one takes microseconds.
const checkEvery = 64

// errForbidden is the answer where every plan uses a pair of infinite cost.
var errForbidden = errors.New("exact: the weights do not fit the pairs that are allowed: every plan uses one of infinite cost")

// Solve returns an optimal plan. Weights that are equal on each side, as many rows as columns, make an assignment, solved by shortest
// augmenting paths (Jonker and Volgenant 1987); others go through the network simplex method on strongly feasible trees (Cunningham
// 1976), which cannot cycle. Weights are rounded to multiples of 2^-60 of the total. It is an error when the problem has a reach, when
// the cost does not fit MaxBytes, or when every plan uses a forbidden pair; ctx ends the work with its cause.
func (s *Solver[T]) Solve(ctx context.Context, p *sinkhorn.Problem[T]) (*Result, error) {
	if !p.Balanced() {
		return nil, errors.New("exact: a problem with a reach has no exact marginals to meet; solve it with sinkhorn.Solver")
	}
	n, m := p.Dims()
	limit := s.MaxBytes
	if limit <= 0 {
		limit = defaultMaxBytes
	}
	if n > limit/8/m {
		return nil, fmt.Errorf("exact: a cost of %d x %d in float64 takes more than the %d MiB granted: raise MaxBytes or solve with sinkhorn.Solver",
			n, m, limit>>20)
	}
	c := compact(p)
	var err error
	r := new(Result)
	w := watch{ctx, s.Progress}
	if unit, ok := c.assignment(); ok {
		r.Method = "assignment"
		err = c.assign(w, r, unit)
	} else {
		r.Method = "network simplex"
		err = c.simplex(w, r)
	}
	if err != nil {
		return nil, err
	}
	if c.forbids {
		for _, pair := range r.Pairs {
			if c.forbidden(pair.I, pair.J) {
				return nil, errForbidden
			}
		}
	}
	finish(p, c, r)
	return r, nil
}

// watch looks after a long computation.
type watch struct {
	ctx      context.Context
	progress func(int)
}

func (w watch) at(iteration int) error {
	if iteration%checkEvery != 0 {
		return nil
	}
	if w.progress != nil {
		w.progress(iteration)
	}
	if w.ctx.Err() != nil {
		return fmt.Errorf("exact: stopped after %d iterations: %w", iteration, context.Cause(w.ctx))
	}
	return nil
}

// dense is a problem without points of no mass.
type dense struct {
	n, m       int
	rows, cols []int     // their places in the problem
	a, b       []float64 // their weights
	c          []float64 // n x m, forbidden pairs at a cost that no plan needs to pay if it can be avoided
	big        float64   // that cost
	forbids    bool
}

func (c *dense) forbidden(i, j int) bool { return c.c[i*c.m+j] == c.big }

func withMass(w []float64) (at []int, weights []float64) {
	for i, v := range w {
		if v > 0 {
			at, weights = append(at, i), append(weights, v)
		}
	}
	return at, weights
}

func compact[T kernels.Float](p *sinkhorn.Problem[T]) *dense {
	a, b := p.Weights()
	d := new(dense)
	d.rows, d.a = withMass(a)
	d.cols, d.b = withMass(b)
	d.n, d.m = len(d.rows), len(d.cols)
	d.c = make([]float64, d.n*d.m)
	lo, hi := math.Inf(1), math.Inf(-1)
	eachRow(p.Cost(), d.rows, func(k int, row []T) {
		to := d.c[k*d.m:][:d.m]
		for l, j := range d.cols {
			v := float64(row[j])
			to[l] = v
			if math.IsInf(v, 1) {
				d.forbids = true
				continue
			}
			lo, hi = min(lo, v), max(hi, v)
		}
	})
	if d.forbids {
		// A plan moves along at most n+m-1 pairs: swapping one forbidden pair out pays for any change of the others.
		d.big = hi + (hi-lo+1)*float64(d.n+d.m)
		for k, v := range d.c {
			if math.IsInf(v, 1) {
				d.c[k] = d.big
			}
		}
	}
	return d
}

// eachRow shows visit the rows of a cost.
func eachRow[T kernels.Float](cost logsumexp.Cost[T], rows []int, visit func(k int, row []T)) {
	_, m := cost.Dims()
	buf := make([]T, m)
	for k, i := range rows {
		row, _ := cost.Tile(buf, i, i+1, 0, m)
		visit(k, row)
	}
}

// finish turns potentials of the columns of c into feasible ones of the problem, and evaluates both objectives.
//
//	f_i = min_j C_ij - g_j, over columns with mass          g_j = min_i C_ij - f_i, for columns without
func finish[T kernels.Float](p *sinkhorn.Problem[T], c *dense, r *Result) {
	n, m := p.Dims()
	inner := r.G
	r.F, r.G = make([]float64, n), make([]float64, m)
	massless := make([]bool, m)
	for j := range r.G {
		r.G[j], massless[j] = math.Inf(1), true
	}
	for l, j := range c.cols {
		r.G[j], massless[j] = inner[l], false
	}
	at := 0
	transport := func(i int, row []T) { // pairs of row i, at their places in the problem
		for ; at < len(r.Pairs) && c.rows[r.Pairs[at].I] == i; at++ {
			pair := &r.Pairs[at]
			pair.I, pair.J = i, c.cols[pair.J]
			r.Value += pair.P * float64(row[pair.J])
		}
	}
	var alone []int // rows without mass that may go to no column with mass
	eachRow(p.Cost(), indices(n), func(i int, row []T) {
		f := math.Inf(1)
		for _, j := range c.cols {
			f = min(f, float64(row[j])-r.G[j])
		}
		if r.F[i] = f; math.IsInf(f, 1) {
			alone = append(alone, i)
			return
		}
		for j, cost := range row {
			if massless[j] {
				r.G[j] = min(r.G[j], float64(cost)-f)
			}
		}
		transport(i, row)
	})
	orZero(r.G)
	eachRow(p.Cost(), alone, func(k int, row []T) {
		for j, cost := range row {
			r.F[alone[k]] = min(r.F[alone[k]], float64(cost)-r.G[j])
		}
	})
	orZero(r.F)
	a, b := p.Weights()
	if sh, ok := p.Cost().(logsumexp.Shifted); ok {
		u, v := sh.Shift()
		r.Value += restore(r.F, u, a) + restore(r.G, v, b)
	}
	r.Dual = kernels.Dot(a, r.F) + kernels.Dot(b, r.G)
}

// restore adds to potentials f the terms u that were taken out of the cost, nil for none, and returns what they cost.
func restore(f, u, weights []float64) float64 {
	if u == nil {
		return 0
	}
	kernels.Axpy(f, 1, u)
	return kernels.Dot(weights, u)
}

func indices(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}

// orZero replaces what nothing bounds.
func orZero(w []float64) {
	for i, v := range w {
		if math.IsInf(v, 1) {
			w[i] = 0
		}
	}
}
