package sinkhorn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// An Unrolled is the record of exactly L alternating iterations on a set of problems,
//
//	f_l = A_x(-eps log sum_j b_j exp((g_{l-1,j} - C_ij)/eps))       g_0 = 0
//	g_l = A_y(-eps log sum_i a_i exp((f_{l,i} - C_ij)/eps))         l = 1..L
//
// with what their derivative needs, about 2 (n + m) L numbers. A is the identity for an exact marginal, the factor rho/(rho+eps) for a KL
// reach, and a clamp to [-rho, rho] for TV. The zero value is ready; an Unrolled that is used again for problems of the same sizes
// allocates nothing of their size.
//
// Iterations scale the rows and columns of K = exp((f + g - C)/eps) for potentials f, g of an earlier step, so that most take products and
// no exponential; K is computed again when a factor leaves 2^+-24 (2^+-100 in float64). K is kept in memory where those of all problems
// fit into the solver's MaxBytes, and else computed by every pass from the cost, in memory of the order of (n + m) L.
type Unrolled[T kernels.Float] struct {
	eps     float64
	steps   int
	run     kernels.Runner
	strands []*strand[T]
	scratch scratchList[T]
	tiles   parallel.Spares[tileBuffers[T]]

	phase          phase // of the loop under way
	doing          []*strand[T]
	chunk          func(t int) // of it
	active, picked []*strand[T]

	comm *ranks.Comm // of those that hold the rows; nil for whole problems
	wire []float64   // what is summed over them
	told bool        // some rank's context has ended
}

// A phase is what is done with every chunk of some strands. Loops name it, so that one function serves them all and none is made for each.
type phase int

const (
	passing      phase = iota // the step under way
	passingExact              // the same with shifts from maxima
	weighing
	crossing
	undoingColumns
	undoing
	deriving
)

// Values are the values of the plan P after L iterations. In a balanced problem its columns sum to b exactly, its rows to a only in the
// limit.
type Values struct {
	Sharp         float64 // <P,C>
	Entropic      float64 // the dual objective of [Result.Value], <a,f> + <b,g> - eps (sum P - 1) where balanced
	MarginalError float64 // of the rows, as in [Result.MarginalError]: sum_i |(P 1)_i - a_i| where balanced
}

// Unroll runs exactly steps iterations on each problem, all problems at once, and records them in u. Partial problems, whose price of mass is itself
// searched for, are refused. For shares of problems, all of one group of ranks, it is a collective call, as is Backward then: an iteration
// sums the columns of all problems over the ranks once.
func (s *Solver[T]) Unroll(ctx context.Context, u *Unrolled[T], steps int, problems ...*Problem[T]) error {
	if !(s.Eps > 0) || math.IsInf(s.Eps, 1) || steps < 1 {
		return fmt.Errorf("sinkhorn: eps %g and %d steps, want both positive", s.Eps, steps)
	}
	for k, p := range problems {
		if p.comm != problems[0].comm {
			return &ProblemError{k, errors.New("sinkhorn: unrolling problems of different groups of ranks: unroll them apart")}
		}
		if p.partial > 0 {
			return &ProblemError{k, errors.New("sinkhorn: unrolling a partial problem: fix its price of mass by a reach of penalty Part, or use Result.Implicit")}
		}
	}
	u.eps, u.steps, u.run = s.Eps, steps, s.runner()
	u.resize(problems, s.maxBytes())
	for l := range steps {
		if err := u.over(ctx); err != nil {
			return err
		}
		if err := u.iterate(ctx, l); err != nil {
			return err
		}
	}
	u.weigh()
	return nil
}

func (u *Unrolled[T]) resize(problems []*Problem[T], maxBytes int) {
	for len(u.strands) < len(problems) {
		u.strands = append(u.strands, newStrand[T]())
	}
	u.strands, u.comm, u.told = u.strands[:len(problems)], nil, false
	var entries int
	for _, p := range problems {
		entries += p.n * p.m
		u.comm = p.comm
	}
	keep := entries <= maxBytes/int(unsafe.Sizeof(T(0)))
	for k, p := range problems {
		u.strands[k].start(p, u.eps, u.steps, keep, &u.scratch)
	}
}

// A strand is one problem under iteration, in base-2 units of the tiles: F = kappa f and G = kappa g, without weights in them.
type strand[T kernels.Float] struct {
	p          *Problem[T]
	n, m       int
	eps, kappa float64
	chunks     int
	scratch    *scratchList[T]

	kernel    logsumexp.Kernel[T]
	store     []T // its memory
	at        int // its epoch
	count     int // of steps
	lastEpoch int // that after the last step, -1 where none was needed yet
	fill      bool
	epochs    []epoch[T]
	opened    int // of them
	shifts    bool
	steps     []step[T]
	l         int       // the step under way
	f, g      []float64 // after a step that ended its epoch, and after the last
	soft      []float64 // the soft minima of the columns behind g
	lse       []float64 // of the columns, where an epoch ends with entries missing
	left      []T       // the potentials with the weights, of those
	inverse   []T       // of the sums of rows with a reach, whose factors are other than these
	a, b      []T
	log2b     []T
	acc       []float64
	part      [][]T // sums of columns, a chunk each
	far       []reachOut
	pending   atomic.Int32
	forward   func(i0 int, dots, w []T) // the update of the rows, one of the next two

	exactRows, reachRows func(i0 int, dots, w []T)

	final finalPlan[T]
	back  reverse[T]
}

// An epoch is a run of steps that scale one kernel.
type epoch[T kernels.Float] struct{ f, g []T }

// A step is the record of one iteration, relative to the kernel of its epoch.
//
//	in_j  = b_j 2^(G_{l-1,j} - G_j)          u_i = 2^(F_{l,i} - F_i)          x_i = lambda_i / sum_j K_ij in_j
//	out_j = b_j 2^(G_{l,j} - G_j)                                             y_j = lambda_j b_j / sum_i a_i u_i K_ij
//
// lambda is the derivative of A; where marginals are exact x is u and y is out. When out or u leaves its range the epoch ends, and the
// adjoint of the columns' update works under the next, from potentials on record.
type step[T kernels.Float] struct {
	epoch        int
	in, out      []T
	u, x, y      []T
	ownIn        []T // memory of in, where it is not out of the step before
	ownX, ownY   []T
	apart        bool
	f, soft, lam []float64 // where apart: F_l, the soft minima behind G_l, lambda_j
}

// reachOut says how far the factors of a chunk's rows went.
type reachOut int

const (
	within  reachOut = iota
	outside          // of the range of an epoch
	lost             // of what can be summed
)

// spread is log2 of the largest factor that an epoch takes.
func spread[T kernels.Float]() float64 {
	if isFloat32[T]() {
		return 24
	}
	return 100
}

// limits returns the range of factors of an epoch, and the least sum of exponentials that has lost nothing to underflow.
func limits[T kernels.Float]() (lo, hi, least float64) {
	r := math.Exp2(spread[T]())
	return 1 / r, r, 1 / (r * r)
}

func grow[E any](x []E, size int) []E {
	if cap(x) < size {
		return make([]E, size)
	}
	return x[:size]
}

func newStrand[T kernels.Float]() *strand[T] {
	st := new(strand[T])
	st.exactRows, st.reachRows = st.rows, st.relaxedRows
	st.back.rows, st.back.columnsOnly = st.reverseRows, st.reverseColumns
	return st
}

func (st *strand[T]) start(p *Problem[T], eps float64, steps int, keep bool, scratch *scratchList[T]) {
	n, m := p.n, p.m
	st.p, st.n, st.m, st.eps, st.kappa, st.scratch = p, n, m, eps, math.Log2E/eps, scratch
	st.chunks = chunksOf(n, m)
	st.shifts = p.u != nil || p.v != nil
	st.kernel = logsumexp.Kernel[T]{Cost: p.cost, Kappa: T(st.kappa)}
	if keep {
		st.store = grow(st.store, n*m)
		st.kernel.E = st.store
	}
	for len(st.steps) < steps {
		st.steps = append(st.steps, step[T]{})
	}
	for l := range steps {
		s := &st.steps[l]
		s.u, s.out = grow(s.u, n), grow(s.out, m)
		s.x, s.y = s.u, s.out
		if p.x.Penalty != Exact {
			s.ownX = grow(s.ownX, n)
			s.x = s.ownX
		}
		if p.y.Penalty != Exact {
			s.ownY = grow(s.ownY, m)
			s.y = s.ownY
		}
	}
	st.f, st.g, st.soft = grow(st.f, n), grow(st.g, m), grow(st.soft, m)
	st.a, st.b, st.log2b, st.acc = grow(st.a, n), grow(st.b, m), grow(st.log2b, m), grow(st.acc, m)
	st.part, st.far = grow(st.part, st.chunks), grow(st.far, st.chunks)
	for k := range st.part {
		st.part[k] = grow(st.part[k], m)
	}
	for i, a := range p.a {
		st.a[i] = T(a)
	}
	clear(st.g)
	for j, b := range p.b {
		st.b[j], st.log2b[j] = T(b), T(math.Log2(b))
		if p.v != nil {
			st.g[j] = -st.kappa * p.v[j]
		}
	}
	st.forward, st.inverse = st.exactRows, nil
	if p.x.Penalty != Exact {
		st.forward, st.inverse = st.reachRows, make([]T, n)
	}
	st.at, st.opened, st.count, st.lastEpoch = -1, 0, steps, -1
}

// iterate runs step l on every strand, and again, with shifts from maxima, where a row's sum was lost.
func (u *Unrolled[T]) iterate(ctx context.Context, l int) error {
	for _, st := range u.strands {
		st.begin(l)
	}
	first := passing
	if l == 0 {
		first = passingExact
	}
	u.each(u.strands, first)
	if err := u.joinPass(ctx, u.strands); err != nil {
		return err
	}
	u.picked = u.picked[:0]
	for _, st := range u.strands {
		if st.worst() == lost {
			st.potentials(l - 1)
			st.open()
			u.picked = append(u.picked, st)
		}
	}
	u.each(u.picked, passingExact)
	return u.joinPass(ctx, u.picked)
}

// each does what a phase does on every chunk of strands.
func (u *Unrolled[T]) each(strands []*strand[T], what phase) {
	tasks := 0
	for _, st := range strands {
		st.pending.Store(int32(st.chunks))
		tasks += st.chunks
	}
	if tasks == 0 {
		return
	}
	u.doing, u.phase = strands, what
	if u.chunk == nil {
		u.chunk = u.doChunk
	}
	parallel.For(u.run, tasks, u.chunk)
}

// doChunk does chunk t of those of all strands, one strand after the other.
func (u *Unrolled[T]) doChunk(t int) {
	for _, st := range u.doing {
		if t < st.chunks {
			u.do(st, t)
			return
		}
		t -= st.chunks
	}
}

func (u *Unrolled[T]) do(st *strand[T], k int) {
	switch u.phase {
	case passing, passingExact:
		st.pass(k, u.phase == passingExact)
	case weighing:
		st.value(k)
	case crossing:
		st.cross(k)
	case undoingColumns:
		st.reversePass(k, st.back.columnsOnly, nil)
	case undoing:
		clear(st.part[k])
		st.reversePass(k, st.back.rows, st.part[k])
	case deriving:
		u.derive(st, k)
	}
}

// begin prepares step l.
func (st *strand[T]) begin(l int) {
	st.l = l
	if l == 0 || st.steps[l-1].apart {
		st.open()
		return
	}
	st.use(st.at)
	st.steps[l].epoch, st.steps[l].in = st.at, st.steps[l-1].out
}

// open begins an epoch at the potentials f and g, for the step under way.
func (st *strand[T]) open() {
	st.use(st.newEpoch())
	s := &st.steps[st.l]
	s.epoch, s.ownIn = st.at, grow(s.ownIn, st.m)
	s.in = s.ownIn
	for j, b := range st.p.b {
		s.in[j] = 0
		if b > 0 {
			s.in[j] = T(b * math.Exp2(st.g[j]-float64(st.kernel.G[j])))
		}
	}
}

// newEpoch records f and g, rounded, as an epoch.
func (st *strand[T]) newEpoch() int {
	if st.opened == len(st.epochs) {
		st.epochs = append(st.epochs, epoch[T]{})
	}
	e := &st.epochs[st.opened]
	e.f, e.g = grow(e.f, st.n), grow(e.g, st.m)
	for i, f := range st.f {
		e.f[i] = T(f)
	}
	for j, g := range st.g {
		e.g[j] = T(g)
		if st.p.b[j] == 0 {
			e.g[j] = T(math.Inf(-1))
		}
	}
	st.opened++
	return st.opened - 1
}

// use makes an epoch that of the kernel; the next pass computes it.
func (st *strand[T]) use(e int) {
	st.fill = st.at != e
	st.at, st.kernel.F, st.kernel.G = e, st.epochs[e].f, st.epochs[e].g
}

// pass runs chunk k of the step under way, and the update of the columns after the last chunk.
func (st *strand[T]) pass(k int, exact bool) {
	s := st.scratch.Get()
	lo, hi := parallel.Chunk(st.n, st.chunks, k)
	if exact {
		st.shift(s, lo, hi, st.part[k][:st.m])
	}
	clear(st.part[k])
	st.kernel.Pass(s, lo, hi, st.fill, st.steps[st.l].in, st.forward, st.part[k])
	st.far[k] = st.farthest(lo, hi)
	if st.pending.Add(-1) == 0 {
		st.addParts()
		if st.p.comm == nil && st.worst() != lost {
			st.columns(s)
		}
	}
	st.scratch.Put(s)
}

// shift sets F of rows lo to hi-1 so that their largest term is 1; g is room.
func (st *strand[T]) shift(s *logsumexp.Scratch[T], lo, hi int, g []T) {
	for j := range g {
		g[j] = st.kernel.G[j] + st.log2b[j]
	}
	st.kernel.ShiftRows(s, lo, hi, g)
}

func (st *strand[T]) worst() (w reachOut) {
	for _, f := range st.far {
		w = max(w, f)
	}
	return w
}

// farthest says how far the factors of rows i0 to i1-1 are.
func (st *strand[T]) farthest(i0, i1 int) (far reachOut) {
	lo, hi, least := limits[T]()
	u := st.steps[st.l].u
	for i := i0; i < i1; i++ {
		v := float64(u[i])
		inverse := v // of the sum
		if st.inverse != nil {
			inverse = float64(st.inverse[i])
		}
		if !(inverse >= least && inverse <= 1/least) {
			if st.p.a[i] == 0 && inverse == 0 {
				continue // without a finite entry
			}
			return lost
		}
		if !(v >= lo && v <= hi) {
			far = outside
		}
	}
	return far
}

// rows is the update of rows with an exact marginal.
//
//	u_i = 1/s_i
func (st *strand[T]) rows(i0 int, dots, w []T) {
	u, a := st.steps[st.l].u[i0:][:len(dots)], st.a[i0:][:len(dots)]
	w = w[:len(dots)]
	for k, s := range dots {
		r := inverse(s)
		u[k], w[k] = r, a[k]*r
	}
}

// inverse returns 1/s, NaN where s overflowed, and 0 for a row without a finite entry, which only one without mass may be.
func inverse[T kernels.Float](s T) T {
	r := 1 / s
	if s == 0 {
		return 0
	}
	if r == 0 {
		return T(math.NaN())
	}
	return r
}

// relaxedRows is that of rows with a reach.
func (st *strand[T]) relaxedRows(i0 int, dots, w []T) {
	s := &st.steps[st.l]
	for k, sum := range dots {
		i := i0 + k
		s.u[i], s.x[i], w[k], st.f[i], st.inverse[i] = 0, 0, 0, 0, 0
		if sum == 0 {
			continue
		}
		var lambda float64
		st.inverse[i] = inverse(sum)
		st.f[i], lambda = st.relax(st.p.x, float64(st.kernel.F[i])-log2(float64(sum)), st.p.u, i)
		s.u[i] = T(math.Exp2(st.f[i] - float64(st.kernel.F[i])))
		s.x[i] = T(lambda / float64(sum))
		w[k] = massOf(st.a[i], s.u[i])
	}
}

// relax applies a reach to a soft minimum v of the tiles, whose whole adds kappa t_i, and returns the derivative of that beside it.
func (st *strand[T]) relax(r Reach, v float64, t []float64, i int) (relaxed, lambda float64) {
	if r.Penalty == Exact {
		return v, 1
	}
	var taken float64
	if t != nil {
		taken = t[i]
	}
	whole := v/st.kappa + taken
	switch {
	case r.Penalty == KL:
		lambda = r.Rho / (r.Rho + st.eps)
	case math.Abs(whole) < r.Rho:
		return v, 1
	}
	return st.kappa * (r.update(whole, st.eps) - taken), lambda
}

// addParts sums the columns of the chunks.
func (st *strand[T]) addParts() {
	clear(st.acc)
	for _, part := range st.part {
		addWide(st.acc, part)
	}
}

// columns is the update of the columns.
//
//	out_j = b_j / acc_j          acc_j = sum_i a_i u_i K_ij
func (st *strand[T]) columns(scratch *logsumexp.Scratch[T]) {
	s := &st.steps[st.l]
	lo, hi, least := limits[T]()
	s.apart = st.worst() == outside
	missing := false
	exact := st.p.y.Penalty == Exact
	for j, b := range st.p.b {
		acc := st.acc[j]
		if b == 0 {
			s.out[j], s.y[j] = 0, 0
			continue
		}
		if !(acc >= least && acc <= 1/least) {
			missing, s.apart = true, true
			continue
		}
		factor := 1 / acc
		if !exact {
			shift := float64(st.kernel.G[j])
			g, lambda := st.relax(st.p.y, shift-log2(acc), st.p.v, j)
			factor = math.Exp2(g - shift)
			s.y[j] = T(lambda * b / acc)
		}
		s.out[j] = T(b * factor)
		s.apart = s.apart || !(factor >= lo && factor <= hi)
	}
	if s.apart {
		st.leave(scratch, missing)
	}
}

// leave ends the epoch after the step under way: its potentials go on record.
func (st *strand[T]) leave(scratch *logsumexp.Scratch[T], missing bool) {
	s := &st.steps[st.l]
	st.rowPotentials(st.l)
	_, _, least := limits[T]()
	var lse []float64
	if missing {
		st.lse, st.left = grow(st.lse, st.m), grow(st.left, st.n)
		f := st.left
		lse = st.lse
		for i, a := range st.p.a {
			f[i] = T(st.f[i] + math.Log2(a))
		}
		logsumexp.ColumnLSE(scratch, st.kernel.Cost, st.kernel.Kappa, f, lse)
		st.joinLSE(lse)
	}
	s.f, s.soft, s.lam = grow(s.f, st.n), grow(s.soft, st.m), grow(s.lam, st.m)
	copy(s.f, st.f)
	for j, b := range st.p.b {
		s.soft[j], s.lam[j] = 0, 0
		if b == 0 {
			continue
		}
		if acc := st.acc[j]; acc >= least && acc <= 1/least {
			s.soft[j] = float64(st.kernel.G[j]) - math.Log2(acc)
		} else {
			s.soft[j] = -lse[j]
		}
		st.g[j], s.lam[j] = st.relax(st.p.y, s.soft[j], st.p.v, j)
	}
}

// potentials sets f and g to those after step l, counted from 0; those at the start are there already.
func (st *strand[T]) potentials(l int) {
	if l < 0 || st.steps[l].apart {
		return
	}
	st.rowPotentials(l)
	s := &st.steps[l]
	for j, b := range st.p.b {
		if b > 0 {
			st.g[j] = float64(st.epochs[s.epoch].g[j]) + math.Log2(float64(s.out[j])/b)
		}
	}
}

// rowPotentials sets f to that after step l; with a reach it is the one that the last step left.
func (st *strand[T]) rowPotentials(l int) {
	if st.inverse != nil {
		return
	}
	s := &st.steps[l]
	for i, u := range s.u {
		st.f[i] = 0
		if u > 0 {
			st.f[i] = float64(st.epochs[s.epoch].f[i]) + math.Log2(float64(u))
		}
	}
}

// finalPlan is the plan after the last step: a_i alpha_i 2^(f_i + g_j - kappa C_ij), with log2 b_j in g.
type finalPlan[T kernels.Float] struct {
	f, g     []T
	alpha    []T // 2^(what rounding took from f)
	at       []T // a alpha
	p, sum   []float64
	cross    []float64 // sum_j e_ij v_j, for the terms v taken out of the cost
	weighted []float64 // sum_i P_ij C_ij
	cols     []float64
	sums     [4]float64
	value    Values
}

// weigh sets the values of all problems.
func (u *Unrolled[T]) weigh() {
	for _, st := range u.strands {
		st.potentials(u.steps - 1)
		st.end()
	}
	u.each(u.strands, weighing)
	u.picked = u.picked[:0]
	for _, st := range u.strands {
		if st.leaveOut() {
			u.picked = append(u.picked, st)
		}
	}
	u.each(u.picked, weighing)
	for _, st := range u.strands {
		st.sum()
		if st.shifts {
			st.final.cross = grow(st.final.cross, st.n)
		}
	}
	u.each(u.strands, crossing)
	for _, st := range u.strands {
		st.final.value = st.values()
	}
}

func (st *strand[T]) end() {
	e := &st.final
	n, m := st.n, st.m
	e.f, e.g, e.alpha, e.at = grow(e.f, n), grow(e.g, m), grow(e.alpha, n), grow(e.at, n)
	e.p, e.sum = grow(e.p, n), grow(e.sum, n)
	e.weighted, e.cols = grow(e.weighted, m), grow(e.cols, m)
	for i, f := range st.f {
		e.f[i] = T(f)
		e.alpha[i] = T(math.Exp2(f - float64(e.f[i])))
		e.at[i] = st.a[i] * e.alpha[i]
	}
	for j, g := range st.g {
		e.g[j] = T(g + math.Log2(st.p.b[j]))
	}
	for k := range st.part {
		st.part[k] = grow(st.part[k], 2*m)
	}
}

// value weighs the plan on the rows of chunk k.
func (st *strand[T]) value(k int) {
	s := st.scratch.Get()
	defer st.scratch.Put(s)
	lo, hi := parallel.Chunk(st.n, st.chunks, k)
	e, acc := &st.final, st.part[k]
	clear(acc)
	s.Value(st.p.cost, lo, hi, T(st.kappa), e.f, e.g, e.at, e.p, e.sum, acc[st.m:], acc[:st.m], nil, 0)
}

// largestSum bounds the sum of the exponentials of a row without mass, which is 1 in the limit.
const largestSum = 0x1p60

// leaveOut takes rows without mass out whose exponentials are beyond it, and reports whether there are any.
func (st *strand[T]) leaveOut() (found bool) {
	e := &st.final
	for i, a := range st.p.a {
		if a == 0 && !(e.sum[i] <= largestSum) {
			e.f[i], found = T(math.Inf(-1)), true
		}
	}
	return found
}

// sum adds up the columns of the chunks.
func (st *strand[T]) sum() {
	e := &st.final
	clear(e.weighted)
	clear(e.cols)
	for k, part := range st.part {
		addWide(e.weighted, part[:st.m])
		addWide(e.cols, part[st.m:])
		st.part[k] = part[:st.m]
	}
}

// cross sets what the terms taken out of the cost add, on the rows of chunk k: sum_j e_ij v_j, and in the columns sum_i P_ij u_i.
func (st *strand[T]) cross(k int) {
	if !st.shifts {
		return
	}
	s := st.scratch.Get()
	defer st.scratch.Put(s)
	lo, hi := parallel.Chunk(st.n, st.chunks, k)
	v := make([]T, st.m)
	for j := range st.p.v {
		v[j] = T(st.p.v[j])
	}
	clear(st.part[k])
	e := &st.final
	whole := logsumexp.Kernel[T]{Cost: st.p.cost, Kappa: T(st.kappa), F: e.f, G: e.g}
	whole.Pass(s, lo, hi, true, v, func(i0 int, dots, w []T) {
		for q, d := range dots {
			e.cross[i0+q], w[q] = float64(d), 0
			if st.p.u != nil {
				w[q] = e.at[i0+q] * T(st.p.u[i0+q])
			}
		}
	}, st.part[k])
}

// values sets the values, after the terms taken out of the cost came back.
func (st *strand[T]) values() (v Values) {
	e := &st.final
	if st.shifts {
		for i := range e.p {
			e.p[i] += e.cross[i]
			if st.p.u != nil {
				e.p[i] += st.p.u[i] * e.sum[i]
			}
		}
		for _, part := range st.part {
			addWide(e.weighted, part)
		}
		for j := range st.p.v {
			e.weighted[j] += st.p.v[j] * e.cols[j]
		}
	}
	st.p.join(e.weighted)
	st.p.join(e.cols)
	var mass float64
	for i, a := range st.p.a {
		if a > 0 {
			at, f := float64(e.at[i]), st.whole(st.f[i], st.p.u, i)
			v.Sharp += at * e.p[i]
			v.MarginalError += st.p.x.miss(at*e.sum[i], a, f)
			v.Entropic += st.p.x.dual(a, f)
			mass += at * e.sum[i]
		}
	}
	sums := &e.sums
	*sums = [4]float64{v.Sharp, v.Entropic, v.MarginalError, mass}
	st.p.join(sums[:])
	v.Sharp, v.Entropic, v.MarginalError, mass = sums[0], sums[1], sums[2], sums[3]
	for j, b := range st.p.b {
		if b > 0 {
			v.Entropic += st.p.y.dual(b, st.whole(st.g[j], st.p.v, j))
		}
	}
	v.Entropic -= st.eps * (mass - st.p.product())
	return v
}

// whole returns a potential in units of the cost.
func (st *strand[T]) whole(v float64, t []float64, i int) float64 {
	v /= st.kappa
	if t != nil {
		v += t[i]
	}
	return v
}

// Values returns the values of problem k.
func (u *Unrolled[T]) Values(k int) Values { return u.strands[k].final.value }

// Potentials returns f_L and g_L of problem k, f_L of the rows of its rank, in the units of the cost, with the zeros of points without mass that take no part.
func (u *Unrolled[T]) Potentials(k int) (f, g []float64) {
	st := u.strands[k]
	f, g = make([]float64, st.n), make([]float64, st.m)
	for i, v := range st.f {
		f[i] = st.whole(v, st.p.u, i)
	}
	for j, v := range st.g {
		if st.p.b[j] > 0 {
			g[j] = st.whole(v, st.p.v, j)
		}
	}
	return f, g
}
