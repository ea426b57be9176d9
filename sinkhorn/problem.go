package sinkhorn

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// A Problem is a cost with the weights of its rows and columns. It does not change.
type Problem[T kernels.Float] struct {
	cost         logsumexp.Cost[T]
	n, m         int
	a, b         []float64 // each of sum 1 where both marginals are exact
	u, v         []float64 // the cost of a pair is a tile's entry + u_i + v_j
	x, y         Reach     // of the rows and of the columns
	massA, massB float64   // the sums of the weights as given
	lo, hi       float64   // least and greatest finite entry of the tiles
	forbids      bool      // some entry is +Inf
	self         bool
	comm         *ranks.Comm // of those that hold the rows; nil for a whole problem
	partial      float64     // mass of the plan of a partial problem, 0 for others
}

// A ProblemOption says how a problem is made; the problem is the same, bit for bit.
type ProblemOption func(*problemOptions)

type problemOptions struct{ reader kernels.Runner }

// ReadOn makes run read the costs of a new problem, as [Solver].Runner does in a solve: to check them, and for their range. Without it, and for
// nil, a pool of the process with GOMAXPROCS workers does.
func ReadOn(run kernels.Runner) ProblemOption { return func(o *problemOptions) { o.reader = run } }

// readerOf returns what reads the costs.
func readerOf(opts []ProblemOption) kernels.Runner {
	var o problemOptions
	for _, set := range opts {
		set(&o)
	}
	return orDefault(o.reader)
}

// orDefault returns run, or the pool of the process in place of nil.
func orDefault(run kernels.Runner) kernels.Runner {
	if run == nil {
		return parallel.Default()
	}
	return run
}

// massTolerance is the relative difference of the sums of a and b that is taken for rounding.
const massTolerance = 1e-4

// NewProblem returns the balanced problem between rows of weights a and columns of weights b; nil means uniform. Each side is divided by
// its own sum. It is an error when a weight is negative or not finite, when a side has no mass, when the sums differ by more than 1e-4
// relative, or when a row or column with mass has no finite cost to mass on the other side. The costs are read once; see [ReadOn].
func NewProblem[T kernels.Float](cost logsumexp.Cost[T], a, b []float64, opts ...ProblemOption) (*Problem[T], error) {
	p, err := newProblem(cost, a, b)
	if err != nil {
		return nil, err
	}
	if a != nil && b != nil && math.Abs(p.massA-p.massB) > massTolerance*max(p.massA, p.massB) {
		return nil, fmt.Errorf("sinkhorn: the weights a sum to %.8g and b to %.8g: normalise them if only proportions matter",
			p.massA, p.massB)
	}
	return p, p.checkCost(opts)
}

// newProblem takes cost and weights, each side divided by its sum.
func newProblem[T kernels.Float](cost logsumexp.Cost[T], a, b []float64) (*Problem[T], error) {
	n, m := cost.Dims()
	p := &Problem[T]{cost: cost, n: n, m: m}
	var err error
	if p.a, p.massA, err = normalised("a", a, n); err != nil {
		return nil, err
	}
	if p.b, p.massB, err = normalised("b", b, m); err != nil {
		return nil, err
	}
	if s, ok := cost.(logsumexp.Shifted); ok {
		p.u, p.v = s.Shift()
	}
	return p, nil
}

// NewSelfProblem returns the problem of a cloud against itself. The cost must be square and symmetric, with terms taken out alike on both
// sides if any; this is not checked.
func NewSelfProblem[T kernels.Float](cost logsumexp.Cost[T], a []float64, opts ...ProblemOption) (*Problem[T], error) {
	if n, m := cost.Dims(); n != m {
		return nil, fmt.Errorf("sinkhorn: the cost of a cloud against itself is %d x %d, want a square", n, m)
	}
	p, err := NewProblem(cost, a, a, opts...)
	if err != nil {
		return nil, err
	}
	p.self = true
	return p, nil
}

// Dims returns the numbers of rows and columns.
func (p *Problem[T]) Dims() (n, m int) { return p.n, p.m }

// Weights returns the weights as they are used, of sum 1 in a balanced problem. They must not be written to.
func (p *Problem[T]) Weights() (a, b []float64) { return p.a, p.b }

// Balanced reports whether both marginals are exact.
func (p *Problem[T]) Balanced() bool { return !p.relaxed() }

// Cost returns the cost.
func (p *Problem[T]) Cost() logsumexp.Cost[T] { return p.cost }

func normalised(name string, w []float64, n int) (unit []float64, mass float64, err error) {
	if n == 0 {
		return nil, 0, fmt.Errorf("sinkhorn: no point has weights %s", name)
	}
	unit = make([]float64, n)
	if w == nil {
		for i := range unit {
			unit[i] = 1 / float64(n)
		}
		return unit, 1, nil
	}
	if len(w) != n {
		return nil, 0, fmt.Errorf("sinkhorn: %d weights %s for %d points", len(w), name, n)
	}
	for i, v := range w {
		if !(v >= 0) || math.IsInf(v, 1) {
			return nil, 0, fmt.Errorf("sinkhorn: weight %s[%d] is %g, want a finite number >= 0", name, i, v)
		}
		mass += v
	}
	if !(mass > 0) || math.IsInf(mass, 1) {
		return nil, 0, fmt.Errorf("sinkhorn: the weights %s sum to %g, want a positive number", name, mass)
	}
	for i, v := range w {
		unit[i] = v / mass
	}
	return unit, mass, nil
}

var errNoFinite = errors.New("want a finite cost to a point with mass")

// checkCost verifies the tiles and finds their range.
func (p *Problem[T]) checkCost(opts []ProblemOption) error {
	if p.allFinite(readerOf(opts)) {
		return nil
	}
	return p.checkEntries()
}

// allFinite finds the range of the tiles, and reports whether every entry is finite.
func (p *Problem[T]) allFinite(run kernels.Runner) bool {
	count := chunksOf(p.n, p.m)
	lo, hi, finite := make([]float64, count), make([]float64, count), make([]bool, count)
	parallel.For(run, count, func(k int) {
		first, last := parallel.Chunk(p.n, count, k)
		lo[k], hi[k], finite[k] = p.rangeOf(first, last)
	})
	p.lo, p.hi = slices.Min(lo), slices.Max(hi)
	return !slices.Contains(finite, false)
}

// rangeOf returns the least and greatest entry of some rows, where all are finite.
func (p *Problem[T]) rangeOf(first, last int) (lo, hi float64, finite bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	buf, zeros, top := make([]T, logitRows*logitCols), make([]T, logitCols), make([]T, logitRows)
	for i0 := first; i0 < last; i0 += logitRows {
		i1 := min(i0+logitRows, last)
		for j0 := 0; j0 < p.m; j0 += logitCols {
			j1 := min(j0+logitCols, p.m)
			c, ld := p.cost.Tile(buf, i0, i1, j0, j1)
			kernels.RowMax(top[:i1-i0], c, ld, 1, zeros[:j1-j0]) // the greatest of -C
			for i := range i1 - i0 {
				row := c[i*ld : i*ld+j1-j0]
				if sum := float64(kernels.Sum(row)); math.IsNaN(sum - sum) { // of an infinity too
					return lo, hi, false
				}
				lo, hi = min(lo, -float64(top[i])), max(hi, float64(kernels.Max(row)))
			}
		}
	}
	return lo, hi, true
}

// checkEntries verifies tiles that may hold what is not finite entry by entry, and finds their range.
func (p *Problem[T]) checkEntries() error {
	p.lo, p.hi = math.Inf(1), math.Inf(-1)
	buf := make([]T, p.m)
	column := make([]bool, p.m) // has a finite entry in a row with mass
	for i := range p.n {
		c, _ := p.cost.Tile(buf, i, i+1, 0, p.m)
		found := false
		for j, v := range c {
			v := float64(v)
			if math.IsNaN(v) || math.IsInf(v, -1) {
				return fmt.Errorf("sinkhorn: cost of row %d, column %d is %g, want a number or +Inf", i, j, v)
			}
			if math.IsInf(v, 1) {
				p.forbids = true
			} else {
				p.lo, p.hi = min(p.lo, v), max(p.hi, v)
				found = found || p.b[j] > 0
				column[j] = column[j] || p.a[i] > 0
			}
		}
		if !found && p.a[i] > 0 {
			return fmt.Errorf("sinkhorn: cost row %d has mass but no partner: %w", i, errNoFinite)
		}
	}
	for j, ok := range column {
		if !ok && p.b[j] > 0 {
			return fmt.Errorf("sinkhorn: cost column %d has mass but no partner: %w", j, errNoFinite)
		}
	}
	return nil
}
