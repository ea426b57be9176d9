package sinkhorn

import (
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A Value names which value of a plan is differentiated.
type Value int

// The values; see [Values] for the formulas.
const (
	Sharp Value = iota
	Entropic
)

// A Derivative says with respect to what a value is differentiated, and receives the result. Fields that are nil are not computed.
//
//	C[i*m+j] = d value / d C_ij
//	DX, DY  += d value / d points of rows, of columns            C pulled back by Points, weights fixed
//	DA, DB   = d value / d a, d b                                the weights as they were given; costs fixed
//
// Of a rank's share C, DX and DA are those of its rows, DY and DB of the whole problem on every rank; all ranks ask for the same.
//
// The cost's derivative is n x m numbers where C is asked for; for points alone it is made tile by tile. For a cloud against itself, as a whole, DX and
// DY may be one slice, which then has the derivative through both places. In a balanced problem the weights' is that through their
// normalisation, which is orthogonal to them: <DA,a> = <DB,b> = 0; for weights that were not given it is that at 1/n. DB
// wants every weight of a column to be positive.
type Derivative[T kernels.Float] struct {
	C      []T
	Points Pull
	DX, DY []float64
	DA, DB []float64
}

// Backward sets the derivatives of a value of each problem through all iterations. wanted[k] nil passes problem k over. They are exact:
// those of the L iterations, not of their limit; where a TV reach clamps a potential exactly at its end, those of one side. In float32 their
// error is about 1e-3 of the largest entry at eps = a tenth of the mean cost, and 1e-2 at a thousandth.
//
// Source: reverse differentiation of the iterations, line by line in the comments below. It takes two products with the kernel a step; the
// cost's derivative is then, for each run of steps that share a kernel, the kernel times a matrix of rank 2 a step, entry by entry.
func (u *Unrolled[T]) Backward(value Value, wanted ...*Derivative[T]) error {
	if len(wanted) != len(u.strands) {
		return fmt.Errorf("sinkhorn: %d derivatives for %d problems", len(wanted), len(u.strands))
	}
	u.active = u.active[:0]
	for k, st := range u.strands {
		if wanted[k] == nil {
			continue
		}
		if err := st.check(wanted[k]); err != nil {
			return fmt.Errorf("sinkhorn: derivative %d: %w", k, err)
		}
		st.seed(value, wanted[k], u.steps)
		u.active = append(u.active, st)
	}
	for l := u.steps - 1; l >= 0; l-- {
		if err := u.undo(l); err != nil {
			return err
		}
	}
	u.cotangents()
	for _, st := range u.active {
		if err := st.weights(); err != nil {
			return err
		}
	}
	return nil
}

// undo goes back over step l.
func (u *Unrolled[T]) undo(l int) error {
	u.picked = u.picked[:0]
	for _, st := range u.active {
		if st.l = l; st.steps[l].apart {
			st.enterNext()
			u.picked = append(u.picked, st)
		}
	}
	u.each(u.picked, undoingColumns)
	for _, st := range u.active {
		st.enter()
	}
	u.each(u.active, undoing)
	for _, st := range u.active {
		st.addParts()
	}
	if err := u.joinColumns(u.active); err != nil {
		return err
	}
	for _, st := range u.active {
		st.undone()
	}
	return nil
}

// check says what of d does not fit.
func (d *Derivative[T]) check(n, m int) error {
	switch {
	case d.C != nil && len(d.C) < n*m:
		return fmt.Errorf("by the cost holds %d numbers, want %d x %d", len(d.C), n, m)
	case (d.DX != nil || d.DY != nil) && d.Points == nil:
		return errors.New("by points wants the cost that pulls to them")
	case d.DX != nil && len(d.DX)%n != 0, d.DY != nil && len(d.DY)%m != 0:
		return fmt.Errorf("by points holds %d and %d numbers for %d and %d points", len(d.DX), len(d.DY), n, m)
	case d.DA != nil && len(d.DA) != n, d.DB != nil && len(d.DB) != m:
		return fmt.Errorf("by weights holds %d and %d numbers, want %d and %d", len(d.DA), len(d.DB), n, m)
	}
	return nil
}

func (st *strand[T]) check(d *Derivative[T]) error {
	if d.DB != nil {
		for j, b := range st.p.b {
			if b == 0 {
				return fmt.Errorf("by weights: column %d has none; leave it out or give it a small one", j)
			}
		}
	}
	return d.check(st.n, st.m)
}

// reverse is a reverse pass over a strand in progress.
type reverse[T kernels.Float] struct {
	d     *Derivative[T]
	value Value
	phi   []T // cotangent of f_i over a_i
	psi   []T // cotangent of g_j over b_j
	q     []T // the factors of columns of the pass under way
	rows  func(i0 int, dots, w []T)

	columnsOnly  func(i0 int, dots, w []T)
	factor       []T // of rows, of the columns' update where it is apart
	left, right  []T // a term a row: cost's derivative = kernel times the sum of products of theirs
	groups       []group
	terms        int
	sumA, sumB   []float64
	seedA, seedB []float64
	dys          inOrder   // the derivative by the points of the columns, a chunk of rows each
	dy           []float64 // their sum
}

// A group is a run of terms under one kernel.
type group struct{ epoch, from, to int }

// seed starts from the value of the last plan P_ij = a_i b_j exp((f_i + g_j - C_ij)/eps).
//
//	W = sum P C                                  cbar = P (1 - C/eps)    fbar_i = sum_j P_ij C_ij / eps    gbar_j = sum_i P_ij C_ij / eps
//	E = <a,A*(f)> + <b,A*(g)> - eps (sum P - 1)  cbar = P                fbar_i = a_i A*'(f_i) - sum_j P_ij          gbar_j = 0
//
// gbar_j of E is b_j A*'(g_j) - sum_i P_ij, which the last update made 0, or passes through an end of TV's range, which has no slope.
func (st *strand[T]) seed(value Value, d *Derivative[T], steps int) {
	r, e := &st.back, &st.final
	r.d, r.value = d, value
	r.phi, r.psi, r.q, r.factor = grow(r.phi, st.n), grow(r.psi, st.m), grow(r.q, st.m), grow(r.factor, st.n)
	r.sumA, r.sumB, r.seedA, r.seedB = grow(r.sumA, st.n), grow(r.sumB, st.m), grow(r.seedA, st.n), grow(r.seedB, st.m)
	clear(r.sumA)
	clear(r.sumB)
	r.terms, r.groups = 0, r.groups[:0]
	if r.wantsCost() {
		r.left, r.right = grow(r.left, 2*steps*st.n), grow(r.right, 2*steps*st.m)
	}
	x, y := st.p.x, st.p.y
	massA, massB := 1., 1.
	if st.p.relaxed() {
		massA, massB = st.p.masses()
	}
	for i := range r.phi {
		alpha := float64(e.alpha[i])
		if value == Sharp {
			r.seedA[i] = alpha * e.p[i]
			r.phi[i] = T(r.seedA[i] / st.eps)
			continue
		}
		f, sum := st.whole(st.f[i], st.p.u, i), alpha*e.sum[i]
		r.phi[i] = T(x.slope(f) - sum)
		r.seedA[i] = x.dual(1, f) - st.eps*(sum-massB)
	}
	for j, b := range st.p.b {
		r.psi[j], r.seedB[j] = 0, 0
		if b == 0 {
			continue
		}
		if value == Sharp {
			r.seedB[j] = e.weighted[j] / b
			r.psi[j] = T(r.seedB[j] / st.eps)
			continue
		}
		r.seedB[j] = y.dual(1, st.whole(st.g[j], st.p.v, j)) - st.eps*(e.cols[j]/b-massA)
	}
	for i, f := range e.f {
		if math.IsInf(float64(f), -1) { // see leaveOut
			r.seedA[i] = math.NaN()
		}
	}
	for i, phi := range r.phi { // what follows is only what steps add
		r.sumA[i] = -float64(phi)
	}
}

// slope is the derivative of [Reach.dual] over the weight.
func (r Reach) slope(f float64) float64 {
	if r.Penalty == KL {
		return math.Exp(-f / r.Rho)
	}
	return 1
}

func (r *reverse[T]) wantsCost() bool { return r.d.C != nil || r.d.DX != nil || r.d.DY != nil }

// term returns the next term under an epoch.
func (r *reverse[T]) term(epoch, n, m int) (left, right []T) {
	if k := len(r.groups); k == 0 || r.groups[k-1].epoch != epoch {
		r.groups = append(r.groups, group{epoch, r.terms, r.terms})
	}
	t := r.terms
	r.terms++
	r.groups[len(r.groups)-1].to = r.terms
	return r.left[t*n : (t+1)*n], r.right[t*m : (t+1)*m]
}

// maxExponent keeps factors finite of rows and columns whose mass is nothing beside it.
const maxExponent = 100

// enterNext prepares what undoes the update of the columns of a step that ended its epoch, under the next one.
func (st *strand[T]) enterNext() {
	s, r := &st.steps[st.l], &st.back
	next := -1
	if st.l+1 < st.count {
		next = st.steps[st.l+1].epoch
	} else if next = st.lastEpoch; next < 0 {
		next = st.newEpoch()
		st.lastEpoch = next
	}
	st.use(next)
	for i, f := range s.f {
		r.factor[i] = T(math.Exp2(min(f-float64(st.kernel.F[i]), maxExponent)))
	}
	for j, b := range st.p.b {
		r.q[j] = 0
		if b > 0 {
			r.q[j] = r.psi[j] * T(s.lam[j]*b*math.Exp2(min(s.soft[j]-float64(st.kernel.G[j]), maxExponent)))
		}
	}
	st.record(r.factor, r.q)
}

// enter prepares step l of the reverse pass.
func (st *strand[T]) enter() {
	s, r := &st.steps[st.l], &st.back
	st.use(s.epoch)
	if s.apart { // undone already, with another kernel
		clear(r.q)
		return
	}
	for j, y := range s.y {
		r.q[j] = y * r.psi[j]
	}
	st.record(s.u, r.q)
}

// record keeps the term a u q^T.
func (st *strand[T]) record(u, q []T) {
	r := &st.back
	if !r.wantsCost() {
		return
	}
	left, right := r.term(st.at, st.n, st.m)
	for i, v := range u {
		left[i] = massOf(st.a[i], v)
	}
	copy(right, q)
}

func (st *strand[T]) reversePass(k int, rows func(i0 int, dots, w []T), acc []T) {
	s := st.scratch.Get()
	lo, hi := parallel.Chunk(st.n, st.chunks, k)
	st.kernel.Pass(s, lo, hi, st.fill, st.back.q, rows, acc)
	st.scratch.Put(s)
}

// reverseColumns undoes the update of the columns, with q_j = lambda_j gbar_j / sum_i a_i u_i K_ij:
//
//	forward: g_j = A(-eps log sum_i a_i exp((f_i - C_ij)/eps))       fbar_i -= a_i u_i sum_j K_ij q_j;  cbar_ij += a_i u_i K_ij q_j
func (st *strand[T]) reverseColumns(i0 int, dots, _ []T) {
	r := &st.back
	phi, u := r.phi[i0:][:len(dots)], r.factor[i0:][:len(dots)]
	for k, d := range dots {
		phi[k] -= u[k] * d
	}
}

// reverseRows does so where the step did not end its epoch, and undoes the update of the rows, with w_i = lambda_i fbar_i / s_i:
//
//	forward: f_i = A(-eps log sum_j b_j exp((g_j - C_ij)/eps))       gbar_j = -in_j sum_i K_ij w_i;  cbar_ij += w_i K_ij in_j
func (st *strand[T]) reverseRows(i0 int, dots, w []T) {
	s, r := &st.steps[st.l], &st.back
	size := len(dots)
	phi, u, x, a, w := r.phi[i0:][:size], s.u[i0:][:size], s.x[i0:][:size], st.a[i0:][:size], w[:size]
	if s.apart { // see enterNext
		for k := range w {
			w[k] = massOf(x[k]*a[k], phi[k])
		}
		return
	}
	for k, d := range dots {
		phi[k] -= u[k] * d
		w[k] = massOf(x[k]*a[k], phi[k])
	}
}

// massOf returns mass times phi. A row without mass passes nothing on: its phi, that of a unit of mass, may be beyond the range of numbers.
func massOf[T kernels.Float](mass, phi T) T {
	if mass == 0 {
		return 0
	}
	return mass * phi
}

// undone takes what step l left, and goes over to the cotangent of g before it.
func (st *strand[T]) undone() {
	s, r := &st.steps[st.l], &st.back
	if r.wantsCost() {
		left, right := r.term(st.at, st.n, st.m)
		for i, phi := range r.phi {
			left[i] = massOf(s.x[i]*st.a[i], phi)
		}
		copy(right, s.in)
	}
	for i, phi := range r.phi {
		r.sumA[i] += float64(phi)
		r.phi[i] = 0 // f_l has no use before step l
	}
	for j, h := range st.acc {
		r.psi[j] = 0
		if b := st.p.b[j]; b > 0 {
			psi := -float64(s.in[j]) * h / b
			r.psi[j] = T(psi)
			r.sumB[j] += psi
		}
	}
}

// weights sets the derivatives by the weights.
//
//	d/da_i = direct_i + eps sum_l (fbar_i^l - what was there before)/a_i          d/db_j = direct_j + eps sum_l gbar_j^l / b_j
//
// and, where they were divided by their sum, (d/da_i - <a, d/da>)/mass.
func (st *strand[T]) weights() error {
	r := &st.back
	for _, side := range []struct {
		dst, direct, sum, w []float64
		mass                float64
		divided             bool // among ranks
	}{{r.d.DA, r.seedA, r.sumA, st.p.a, st.p.massA, true}, {r.d.DB, r.seedB, r.sumB, st.p.b, st.p.massB, false}} {
		if side.dst != nil {
			kernels.Axpy(side.direct, st.eps, side.sum)
			mean := kernels.Dot(side.w, side.direct)
			if side.divided {
				mean = st.p.joined(mean)
			}
			st.p.normalise(side.dst, side.direct, mean, side.mass)
		}
		for i, v := range side.dst {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("sinkhorn: the derivative by weights is beyond the range of numbers at point %d of weight %g: leave it out, raise eps or take more steps",
					i, side.w[i])
			}
		}
	}
	return nil
}

// A tile of a cost's derivative has at most cotangentRows x cotangentCols entries: what the product that makes it shares its packed
// columns over, and half a megabyte.
const (
	cotangentRows = 128
	cotangentCols = 1024
)

// cotangents forms the derivatives by the costs, tile by tile, and takes them where they are wanted.
func (u *Unrolled[T]) cotangents() {
	u.picked = u.picked[:0]
	for _, st := range u.active {
		if st.back.wantsCost() {
			u.picked = append(u.picked, st)
		}
		if st.back.d.DY != nil { // into which other tasks may write: it may be DX too
			st.back.dys.begin(st.chunks)
			st.back.dy = grow(st.back.dy, len(st.back.d.DY))
			clear(st.back.dy)
		}
	}
	u.each(u.picked, deriving)
	for _, st := range u.picked {
		if st.back.d.DY == nil {
			continue
		}
		if u.comm != nil {
			st.p.join(st.back.dy)
		}
		kernels.Axpy(st.back.d.DY, 1, st.back.dy)
	}
}

// derive forms the derivative on the rows of chunk k, with room of its own for that by the columns' points.
func (u *Unrolled[T]) derive(st *strand[T], k int) {
	t := u.tiles.Get()
	defer u.tiles.Put(t)
	if st.back.d.DY == nil {
		st.cotangent(k, t, nil)
		return
	}
	dy := st.back.dys.take(len(st.back.dy))
	st.cotangent(k, t, *dy)
	st.back.dys.give(k, dy, func(part []float64) { kernels.Axpy(st.back.dy, 1, part) })
}

// cotangent forms the derivative on the rows of chunk k.
func (st *strand[T]) cotangent(k int, t *tileBuffers[T], dy []float64) {
	s := st.scratch.Get()
	defer st.scratch.Put(s)
	lo, hi := parallel.Chunk(st.n, st.chunks, k)
	d := st.back.d
	pulls := d.DX != nil || d.DY != nil
	t.resize(min(cotangentRows, hi-lo), min(cotangentCols, st.m), pulls)
	for i0 := lo; i0 < hi; i0 += cotangentRows {
		i1 := min(i0+cotangentRows, hi)
		for j0 := 0; j0 < st.m; j0 += cotangentCols {
			j1 := min(j0+cotangentCols, st.m)
			cols := j1 - j0
			if !pulls {
				st.cotangentTile(s, t, d.C[i0*st.m+j0:], st.m, i0, i1, j0, j1)
				continue
			}
			st.cotangentTile(s, t, t.dst, cols, i0, i1, j0, j1)
			for i := i0; i < i1 && d.C != nil; i++ {
				copy(d.C[i*st.m+j0:i*st.m+j1], t.dst[(i-i0)*cols:])
			}
			t.pull(d.Points, d.DX, dy, i0, i1, j0, j1)
		}
	}
}

// pull takes a tile to the points.
func (t *tileBuffers[T]) pull(points Pull, dx, dy []float64, i0, i1, j0, j1 int) {
	if tiles, ok := points.(pullTiles[T]); ok {
		tiles.AddGradientTile(dx, dy, i0, i1, j0, j1, t.dst)
		return
	}
	cols := j1 - j0
	t.row = grow(t.row, cols)
	for i := i0; i < i1; i++ {
		for q, v := range t.dst[(i-i0)*cols:][:cols] {
			t.row[q] = float64(v)
		}
		points.AddGradient(dx, dy, i, j0, t.row)
	}
}

// pullTiles is a [Pull] that takes tiles in the precision of the costs, as that of points does.
type pullTiles[T kernels.Float] interface {
	AddGradientTile(dx, dy []float64, i0, i1, j0, j1 int, w []T)
}

// tileBuffers is the memory of a tile.
type tileBuffers[T kernels.Float] struct {
	dst, kernel, product []T
	h, fbar              []T
	row                  []float64
}

func (t *tileBuffers[T]) resize(rows, cols int, own bool) {
	t.kernel, t.product = grow(t.kernel, rows*cols), grow(t.product, max(rows, 2)*cols)
	if own {
		t.dst = grow(t.dst, rows*cols)
	}
	t.h, t.fbar = grow(t.h, cols), grow(t.fbar, rows)
}

// cotangentTile sets dst to the derivative by the costs of a tile.
//
//	cbar = P (1 - C/eps) or P, of the value                    + K o sum_terms left right^T, of every epoch's steps
func (st *strand[T]) cotangentTile(s *logsumexp.Scratch[T], t *tileBuffers[T], dst []T, ld, i0, i1, j0, j1 int) {
	e, r := &st.final, &st.back
	rows, cols := i1-i0, j1-j0
	whole := logsumexp.Kernel[T]{Cost: st.p.cost, Kappa: T(st.kappa), F: e.f, G: e.g}
	invEps := T(0)
	if r.value == Sharp {
		invEps = T(1 / st.eps)
	}
	whole.Weigh(s, dst, ld, t.kernel, i0, i1, j0, j1, e.at[i0:i1], invEps)
	if st.shifts && r.value == Sharp {
		st.shiftTile(t, dst, ld, i0, i1, j0, j1)
	}
	for _, g := range r.groups {
		part := logsumexp.Kernel[T]{Cost: st.p.cost, Kappa: T(st.kappa), F: st.epochs[g.epoch].f, G: st.epochs[g.epoch].g}
		k, ldk := t.kernel, cols
		if st.kernel.E != nil && g.epoch == st.at {
			k, ldk = st.kernel.E[i0*st.m+j0:], st.m
		} else {
			part.Tile(s, k, i0, i1, j0, j1)
		}
		kernels.Gemm(nil, true, false, rows, cols, g.to-g.from, 1, r.left[g.from*st.n+i0:], st.n, r.right[g.from*st.m+j0:], st.m, 0, t.product, cols)
		for q := range rows {
			if st.p.a[i0+q] == 0 {
				continue // no derivative, whatever its exponentials
			}
			addProduct(dst[q*ld:][:cols], k[q*ldk:][:cols], t.product[q*cols:][:cols])
		}
	}
}

// shiftTile adds what the terms taken out of the cost add to the derivative of the value alone, t.kernel being a tile of e.
//
//	cbar_ij -= P_ij (u_i + v_j)/eps
func (st *strand[T]) shiftTile(t *tileBuffers[T], dst []T, ld, i0, i1, j0, j1 int) {
	rows, cols := i1-i0, j1-j0
	q, ones := t.h[:cols], t.product[:cols]
	for j := range q {
		q[j], ones[j] = 0, 1
		if st.p.v != nil {
			q[j] = T(-st.p.v[j0+j] / st.eps)
		}
	}
	at := st.final.at[i0:i1]
	for k := range rows {
		t.fbar[k] = 0
		if st.p.u != nil {
			t.fbar[k] = at[k] * T(-st.p.u[i0+k]/st.eps)
		}
	}
	kernels.SweepAdjoint(t.product[cols:2*cols], dst, ld, t.kernel, cols, q, ones, at, t.fbar[:rows])
}

// addProduct adds x_j y_j to dst_j.
func addProduct[T kernels.Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	for j := range dst {
		dst[j] += x[j] * y[j]
	}
}
