package sinkhorn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// NewShare returns this rank's share of a problem whose rows are divided among the ranks of a group: the rows of cost, of weights a (of these
// rows; nil is uniform over the rows of all ranks), against all columns, whose weights b are the same on every rank. Reaches are as in
// [NewUnbalanced]; the zero values ask for a balanced problem. Every column with mass needs a finite cost on every rank. Terms taken out of the columns of the cost ([logsumexp.Shifted]) must be
// the same on every rank; [NewSharePoints] sees to that.
//
// It is a collective call, as are Solve and the first call of [Result.Bounds] then: every rank makes them. An error is one on every rank. A
// result has F, and what comes row by row, of the rows of its rank; G, the values and the bounds are of the whole problem, the same bits
// on every rank. [Result.Entropy], [Result.Partners], whose columns are of the whole, and [Result.Sample] are collective calls. One iteration sums the columns over the
// ranks once. Newton's method and the symmetric update are for whole problems, and alternation, over-relaxed where it is slow, takes their place; batches,
// temperatures by entropy, the norm-2 regulariser, derivatives but those of [Result.Gradient] and of [Unrolled.Backward], and the Hausdorff
// divergence refuse a share. nil is a group of one, which has all of them.
func NewShare[T kernels.Float](c *ranks.Comm, cost logsumexp.Cost[T], a, b []float64, x, y Reach, opts ...ProblemOption) (*Problem[T], error) {
	if c.Size() == 1 {
		return NewUnbalanced(cost, a, b, x, y, opts...)
	}
	p, err := newShare(c, cost, a, b, x, y, opts)
	if err = c.Agree(err); err != nil {
		return nil, err
	}
	if err := p.joinRanks(a != nil, b != nil); err != nil {
		return nil, err
	}
	return p, nil
}

// whole returns an error for a rank's share of a problem, which what cannot take.
func (p *Problem[T]) whole(what string) error {
	if p.comm == nil {
		return nil
	}
	return fmt.Errorf("sinkhorn: %s is for whole problems, and the rows of this one are divided among %d ranks: solve it on one of them, from NewProblem or NewUnbalanced",
		what, p.comm.Size())
}

// newShare checks what one rank can check.
func newShare[T kernels.Float](c *ranks.Comm, cost logsumexp.Cost[T], a, b []float64, x, y Reach, opts []ProblemOption) (*Problem[T], error) {
	for _, r := range []Reach{x, y} {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	n, m := cost.Dims()
	p := &Problem[T]{cost: cost, n: n, m: m, x: x, y: y, comm: c}
	if s, ok := cost.(logsumexp.Shifted); ok {
		p.u, p.v = s.Shift()
	}
	var err error
	if p.b, p.massB, err = normalised("b", b, m); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("sinkhorn: rank %d has no row; use fewer ranks", c.Rank())
	}
	if a != nil && len(a) != n {
		return nil, fmt.Errorf("sinkhorn: %d weights a for %d points of rank %d", len(a), n, c.Rank())
	}
	p.a = make([]float64, n)
	for i := range p.a {
		p.a[i] = 1
		if a != nil {
			p.a[i] = a[i]
		}
		if w := p.a[i]; !(w >= 0) || math.IsInf(w, 1) {
			return nil, fmt.Errorf("sinkhorn: weight a[%d] of rank %d is %g, want a finite number >= 0", i, c.Rank(), w)
		}
		p.massA += p.a[i]
	}
	return p, p.checkShare(opts)
}

// checkShare is checkCost, which asks for partners of columns that other ranks may have.
func (p *Problem[T]) checkShare(opts []ProblemOption) error {
	err := p.checkCost(opts)
	if errors.Is(err, errNoFinite) {
		return fmt.Errorf("%w, on each rank", err)
	}
	return err
}

// joinRanks brings the ranks' shares to one problem, in which weights that were not given are uniform.
func (p *Problem[T]) joinRanks(givenA, givenB bool) error {
	c := p.comm
	same := []float64{float64(p.m), -float64(p.m), float64(kernels.Active()), -float64(kernels.Active()), p.massB, -p.massB}
	extent := append(same, -p.lo, p.hi, 0)
	if p.forbids {
		extent[len(extent)-1] = 1
	}
	if err := ranks.Max(c, extent); err != nil {
		return err
	}
	for k, what := range []string{"columns", "tiers of kernels (SINKCPU_ISA sets one)", "weights of the columns"} {
		if extent[2*k] != -extent[2*k+1] {
			return fmt.Errorf("sinkhorn: the ranks have different %s", what)
		}
	}
	p.lo, p.hi, p.forbids = -extent[6], extent[7], extent[8] > 0
	mass := []float64{p.massA}
	if err := ranks.Sum(c, mass); err != nil {
		return err
	}
	p.massA = mass[0]
	if !(p.massA > 0) || math.IsInf(p.massA, 1) {
		return fmt.Errorf("sinkhorn: the weights a of all ranks sum to %g, want a positive number", p.massA)
	}
	if !p.relaxed() && givenA && givenB && math.Abs(p.massA-p.massB) > massTolerance*max(p.massA, p.massB) {
		return fmt.Errorf("sinkhorn: the weights a of all ranks sum to %.8g and b to %.8g: normalise them if only proportions matter",
			p.massA, p.massB)
	}
	if p.relaxed() {
		kernels.Scale(p.b, p.massB) // used as given
	}
	if !p.relaxed() || !givenA {
		for i := range p.a {
			p.a[i] /= p.massA
		}
	}
	if !givenA {
		p.massA = 1
	}
	return p.checkHeld()
}

// NewSharePoints is [NewShare] of the points x (n x d) of this rank against all points y (m x d), which come with it for gradients. All
// ranks take the same centres out of the points.
func NewSharePoints[T kernels.Float](c *ranks.Comm, ground logsumexp.Ground, x, y, a, b []float64, d int, rx, ry Reach, opts ...ProblemOption) (
	*Problem[T], *logsumexp.Points[T], error,
) {
	if d < 1 || len(x)%d != 0 || len(y)%d != 0 || (a != nil && len(a) != len(x)/d) {
		return nil, nil, c.Agree(fmt.Errorf("sinkhorn: %d and %d coordinates and %d weights for points of dimension %d", len(x), len(y), len(a), d))
	}
	n, m := len(x)/d, len(y)/d
	moments := make([]float64, d+1) // sum_i a_i x_i, sum_i a_i
	for i := range n {
		w := 1.
		if a != nil {
			w = a[i]
		}
		kernels.Axpy(moments[:d], w, x[i*d:(i+1)*d])
		moments[d] += w
	}
	if err := ranks.Sum(c, moments); err != nil {
		return nil, nil, err
	}
	var centre []float64
	if w := moments[d]; w > 0 {
		centre = moments[:d]
		kernels.Scale(centre, 1/w)
	}
	points, err := logsumexp.NewPointsAbout[T](ground, centre, x, y, a, b, n, m, d)
	if err = c.Agree(err); err != nil {
		return nil, nil, err
	}
	p, err := NewShare[T](c, points, a, b, rx, ry, opts...)
	return p, points, err
}

// A sharing is what a flow needs of the ranks that share its problem.
type sharing struct {
	shared  bool
	wire    []float64 // what is summed once an iteration
	stop    func() bool
	stopped bool  // some rank's context has ended
	failed  error // of a collective call: nothing of the flow counts after it
}

// over reports whether a solve has to end, which the ranks decide together after each iteration.
func (ss *session) over(g *sharing) bool {
	if g.failed != nil && ss.failed == nil {
		ss.failed = g.failed
	}
	if g.stop == nil {
		g.stop = func() bool { return ss.ctx.Err() != nil }
	}
	if g.shared {
		return g.stopped || g.failed != nil
	}
	return g.stop()
}

// joinColumns sums over the ranks what the column update needs, and whether one of them was told to stop. It reports whether that went well.
func (fl *flow[T]) joinColumns() bool {
	g := &fl.sharing
	if fl.p.comm == nil {
		return true
	}
	stop := 0.
	if g.stop != nil && g.stop() {
		stop = 1
	}
	g.wire = append(append(g.wire[:0], fl.acc...), fl.err, stop)
	if !g.ok(ranks.Sum(fl.p.comm, g.wire)) {
		return false
	}
	copy(fl.acc, g.wire)
	fl.err, g.stopped = g.wire[fl.m], g.wire[fl.m+1] > 0
	return true
}

// joinLSE sums over the ranks numbers given by their base-2 logarithms.
func (fl *flow[T]) joinLSE(l []float64) { fl.sharing.ok(ranks.LogSumExp(fl.p.comm, l)) }

// joinSum sums over the ranks.
func (fl *flow[T]) joinSum(v float64) float64 {
	x := []float64{v}
	fl.sharing.ok(ranks.Sum(fl.p.comm, x))
	return x[0]
}

func (g *sharing) ok(err error) bool {
	if err != nil && g.failed == nil {
		g.failed = err
	}
	return err == nil
}

// joined returns the sum over the ranks of a shared problem.
func (p *Problem[T]) joined(v float64) float64 {
	x := []float64{v}
	p.join(x)
	return x[0]
}

// join sums x over the ranks of a shared problem. Where that fails x becomes NaN, which no value or bound survives unseen.
func (p *Problem[T]) join(x []float64) {
	if p.comm != nil && ranks.Sum(p.comm, x) != nil {
		for i := range x {
			x[i] = math.NaN()
		}
	}
}

// greatestOfRanks returns the greatest of a number over the ranks of a shared problem, NaN where that fails.
func (p *Problem[T]) greatestOfRanks(v float64) float64 {
	x := []float64{v}
	if p.comm != nil && ranks.Max(p.comm, x) != nil {
		return math.NaN()
	}
	return x[0]
}

// rowsOfAll returns a number of each row of all ranks, from this rank's, and where its begin.
func (p *Problem[T]) rowsOfAll(own []float64) (all []float64, before int, err error) {
	if p.comm == nil {
		return own, 0, nil
	}
	all, counts, err := ranks.Gather(p.comm, own)
	for _, c := range counts[:min(len(counts), p.comm.Rank())] {
		before += c
	}
	return all, before, err
}

// joinPass sums over the ranks what the column updates after a pass need, and makes them; and whether a rank was told to stop.
func (u *Unrolled[T]) joinPass(ctx context.Context, strands []*strand[T]) error {
	if u.comm == nil || len(strands) == 0 {
		return nil
	}
	u.wire = u.wire[:0]
	for _, st := range strands {
		var ranges [lost + 1]float64
		ranges[st.worst()] = 1
		u.wire = append(append(u.wire, st.acc...), ranges[outside], ranges[lost])
	}
	told := 0.
	if ctx.Err() != nil {
		told = 1
	}
	u.wire = append(u.wire, told)
	if err := ranks.Sum(u.comm, u.wire); err != nil {
		return err
	}
	left := u.wire
	for _, st := range strands {
		left = left[copy(st.acc, left):]
		clear(st.far)
		switch {
		case left[1] > 0:
			st.far[0] = lost
		case left[0] > 0:
			st.far[0] = outside
		}
		left = left[2:]
		if st.worst() != lost {
			s := st.scratch.Get()
			st.columns(s)
			st.scratch.Put(s)
		}
	}
	u.told = left[0] > 0
	return nil
}

// joinColumns sums over the ranks the columns of a pass of every strand.
func (u *Unrolled[T]) joinColumns(strands []*strand[T]) error {
	if u.comm == nil {
		return nil
	}
	u.wire = u.wire[:0]
	for _, st := range strands {
		u.wire = append(u.wire, st.acc...)
	}
	if err := ranks.Sum(u.comm, u.wire); err != nil {
		return err
	}
	left := u.wire
	for _, st := range strands {
		left = left[copy(st.acc, left):]
	}
	return nil
}

// over returns the error of a context that has ended, on any rank.
func (u *Unrolled[T]) over(ctx context.Context) error {
	if u.comm == nil {
		return ctx.Err()
	}
	if u.told {
		return cmp.Or(ctx.Err(), context.Canceled)
	}
	return nil
}

// joinLSE sums over the ranks numbers given by their base-2 logarithms, of a shared problem.
func (st *strand[T]) joinLSE(l []float64) {
	if ranks.LogSumExp(st.p.comm, l) != nil {
		for i := range l {
			l[i] = math.NaN()
		}
	}
}
