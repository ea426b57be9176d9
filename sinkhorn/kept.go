package sinkhorn

import (
	"math"
	"sync"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// kept is the stabilised kernel of a flow: for reference potentials f, g, those of an earlier iteration,
//
//	E_ij = exp((f_i + g_j - C_ij)/eps)          P = diag(a u) E diag(v)
//	u_i  = 1 / sum_j E_ij v_j                   v_j = b_j / sum_i a_i u_i E_ij
//
// are the two updates, in one read of E and without an exponential. A reach and over-relaxation act on the potentials f + eps log u and
// g + eps log(v/b). References are absorbed, which is to say that E is computed anew from the potentials of the moment, when a factor
// u_i or v_j/b_j has left [1/R, R], R = 2^24 (2^100 in float64). An iteration of which a sum leaves [1/R^2, R^2] is done again in the log domain.
//
// What underflow takes from E cannot matter. Entries below t = 2^-126 (2^-1022) are 0. In weights of sum 1 a row then loses at most
// sum_j t v_j <= t R of a sum of 1/R^2 or more: a share of t R^3 = 2^-54 (2^-722). A column loses at most sum_i a_i u_i t <= t R^2 of a
// sum of 1/R^2 or more: a share of t R^4 = 2^-30 (2^-622). Where the weights have another sum, the least sum of products is in
// proportion. Sources: Schmitzer 2019, section 3; Chizat, Peyre, Schmitzer and Vialard 2018.
type kept[T kernels.Float] struct {
	kernel  logsumexp.Kernel[T]
	a, b    []T // weights
	u, v    []T // v_j with b_j in it, 0 for a column without mass
	sums    []T // of the columns
	dots, w []T // of the rows, and their weights
	room    []float64
	far     []reachOut // of the rows of each chunk, and of the columns
	least   float64    // of the sums that are taken
	wide    scratchList[float64]

	live     bool // the factors are those of the iteration under way
	fill     bool // which computes E
	shift    bool // with the maxima of the rows of exponents taken as references
	positive bool // no row has weight 0
	ahead    bool // and has left the flow's potentials behind
	used     bool // E was read again after it was computed
	fine     bool // E comes from exponents in float64
	refine   bool // and is to
	barren   int  // references in a row that served no second iteration
	wait     int  // iterations until references are taken again
	after    int  // iterations until they are taken at all
}

// lightest is the least weight other than 0 of a problem whose kernel is kept: with it and a factor of 1/R a float32 is still normal.
const lightest = 0x1p-60

// After references that served no second iteration twice in a row, resting iterations are done in the log domain.
const resting = 8

// A kernel of more than nearBytes leaves the caches. Then its iterations take as long as those between points of few dimensions, and gain a third over a
// stored cost, while memory that is written for the first time costs as much as some ten iterations: it is taken after farAfter of them.
// Milliseconds on a Zen 5 core of 32 MiB of cache: the iteration with the kernel, one that computes it from points in three dimensions, one from
// a stored cost, and the first of a solve with the kernel in new memory:
//
//	n x n    kept  points  stored  first
//	  512    .012    .042    .032    .75
//	 1024    .051    .162    .125    2.7
//	 2048     .37     .66     .65    9.3
//	 4096     2.4     2.7     3.7     41
const (
	nearBytes = 1 << 25
	farAfter  = 16
)

// keep lets a flow over p keep its kernel where it may.
func (s *Solver[T]) keep(fl *flow[T]) {
	p, size := fl.p, int(unsafe.Sizeof(T(0)))
	entries, kp := p.n*p.m, new(kept[T])
	switch {
	case p.comm != nil || s.Kernel == KernelComputed || !p.weighty():
		return
	case s.Kernel == KernelKept || entries <= min(nearBytes, s.maxBytes())/size:
	case entries <= s.maxBytes()/size && !logsumexp.Cheap(p.cost):
		kp.after = farAfter
	default:
		return
	}
	fl.kept = kp
}

// weighty reports whether no weight but 0 is so small that a factor would make it a denormal number.
func (p *Problem[T]) weighty() bool {
	for _, side := range [][]float64{p.a, p.b} {
		for _, w := range side {
			if w > 0 && w < lightest {
				return false
			}
		}
	}
	return true
}

// kernelPools lend the memory of kernels of up to pooled entries, in float32 and in float64, to one solve after another.
var kernelPools [2]sync.Pool

const pooled = 1 << 24

func kernelPool[T kernels.Float]() *sync.Pool {
	if isFloat32[T]() {
		return &kernelPools[0]
	}
	return &kernelPools[1]
}

// allocate makes the room that a kernel takes.
func (fl *flow[T]) allocate() {
	kp, n, m := fl.kept, fl.n, fl.m
	kp.kernel = logsumexp.Kernel[T]{Cost: fl.p.cost, F: make([]T, n), G: make([]T, m)}
	if e, _ := kernelPool[T]().Get().(*[]T); e != nil && cap(*e) >= n*m {
		kp.kernel.E = (*e)[:n*m]
	} else {
		kp.kernel.E = make([]T, n*m)
	}
	kp.a, kp.b, kp.u, kp.v, kp.sums = make([]T, n), make([]T, m), make([]T, n), make([]T, m), make([]T, m)
	kp.dots, kp.w = make([]T, n), make([]T, n)
	kp.room, kp.far = make([]float64, n), make([]reachOut, fl.chunks+1)
	kp.positive = true
	for i, a := range fl.p.a {
		kp.a[i] = T(a)
		kp.positive = kp.positive && a > 0
	}
	for j, b := range fl.p.b {
		kp.b[j] = T(b)
	}
	_, _, kp.least = limits[T]()
	kp.least *= max(1, kernels.Sum(fl.p.a), kernels.Sum(fl.p.b))
}

// release ends the use of a kernel and gives its memory back.
func (fl *flow[T]) release() {
	if kp := fl.kept; kp != nil && kp.a != nil {
		fl.absorb()
		if len(kp.kernel.E) <= pooled {
			kernelPool[T]().Put(&kp.kernel.E)
		}
	}
	fl.kept = nil
}

// plain reports whether the updates are divisions.
func (fl *flow[T]) plain() bool { return fl.omega == 1 && !fl.p.relaxed() }

// prepare decides how the next iteration is done.
func (fl *flow[T]) prepare() {
	kp := fl.kept
	if kp == nil {
		fl.translate()
		return
	}
	switch {
	case kp.live && (fl.exact || fl.half != nil || kp.refine && !kp.fine || kp.worst() != within):
		fl.absorb()
	case kp.ahead && !fl.plain():
		fl.settleFactors()
	}
	moved := fl.translate()
	switch {
	case fl.half != nil:
	case kp.live:
		kp.fill, kp.used = false, true
		if moved {
			fl.columnFactors()
		}
	case kp.after > 0:
		kp.after--
	case kp.wait > 0:
		kp.wait--
	case fl.exact && fl.omega != 1:
	default:
		fl.open()
	}
}

// open takes the potentials of the moment as references.
func (fl *flow[T]) open() {
	kp := fl.kept
	if kp.a == nil {
		fl.allocate()
	}
	kp.kernel.Kappa = T(fl.kappa)
	kp.shift = fl.exact
	for i, f := range fl.f {
		kp.kernel.F[i], kp.u[i] = T(f), 1
		if !fl.plain() {
			kp.u[i] = T(math.Exp2(f - float64(kp.kernel.F[i])))
		}
	}
	for j, g := range fl.g {
		kp.kernel.G[j] = T(g - fl.log2b[j])
		if fl.p.b[j] == 0 {
			kp.kernel.G[j] = T(math.Inf(-1))
		}
	}
	fl.columnFactors()
	clear(kp.far)
	kp.live, kp.fill, kp.fine, kp.used, kp.ahead = true, true, kp.refine, false, false
}

// columnFactors sets v from G.
func (fl *flow[T]) columnFactors() {
	kp := fl.kept
	room := fl.logs
	for j, b := range fl.p.b {
		room[j] = 0
		if b > 0 {
			room[j] = fl.g[j] - fl.log2b[j] - float64(kp.kernel.G[j])
		}
	}
	kernels.Exp2(room, room)
	for j, b := range fl.p.b {
		kp.v[j] = T(b * room[j])
	}
}

// settleFactors sets the potentials from the factors where they have moved.
func (fl *flow[T]) settleFactors() {
	kp := fl.kept
	if kp == nil || !kp.ahead {
		return
	}
	for i, u := range kp.u {
		fl.f[i] = float64(kp.kernel.F[i])
		if u > 0 && u <= math.MaxFloat32 { // that of a row without mass may be anything, and follows to keep its entries in range
			fl.f[i] += log2(float64(u))
		}
	}
	for j, b := range fl.p.b {
		if b > 0 {
			fl.setColumn(j, float64(kp.kernel.G[j])+log2(float64(kp.v[j])/b)+fl.log2b[j])
		}
	}
	kp.ahead = false
}

// absorb goes back from factors to potentials.
func (fl *flow[T]) absorb() {
	kp := fl.kept
	fl.settleFactors()
	for i, f := range fl.f {
		fl.ft[i] = T(f)
	}
	if kp.barren++; kp.used {
		kp.barren = 0
	}
	if kp.barren > 1 {
		kp.wait = resting
	}
	kp.live = false
}

// worst says how far sums and factors went in the last iteration.
func (kp *kept[T]) worst() (w reachOut) {
	for _, far := range kp.far {
		w = max(w, far)
	}
	return w
}

// missed reports whether the iteration has to be done again in the log domain, and gets ready for that.
func (fl *flow[T]) missed() bool {
	kp := fl.kept
	if kp == nil || !kp.live || kp.worst() != lost {
		return false
	}
	fl.absorb()
	fl.exact = true
	return true
}

// scale runs rows of chunk k of an iteration on the kernel, and the column update after the last chunk.
func (fl *flow[T]) scale(k int) {
	kp := fl.kept
	s := fl.scratch.Get()
	lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
	clear(fl.part[k])
	fl.errPart[k], kp.far[k] = 0, within
	if kp.fill && kp.shift {
		kp.kernel.ShiftRows(s, lo, hi, fl.gt)
	}
	if kp.fill && kp.fine {
		w := kp.wide.Get()
		kp.kernel.Fill(w, fl.p.wide(), lo, hi, fl.kappa)
		kp.wide.Put(w)
	}
	rows := fl.scaleRows
	if fl.plain() {
		rows = fl.divideRows
	}
	if computes := kp.fill && !kp.fine; fl.plain() && kp.positive && !computes {
		kp.kernel.Scale(lo, hi, kp.v, kp.a, kp.dots, kp.w, fl.part[k])
		kp.far[k] = rows(k, lo, kp.dots[lo:hi], kp.w[lo:hi])
	} else {
		kp.kernel.Pass(s, lo, hi, computes, kp.v, func(i0 int, dots, w []T) {
			kp.far[k] = max(kp.far[k], rows(k, i0, dots, w))
		}, fl.part[k])
	}
	fl.scratch.Put(s)
	if fl.pending.Add(-1) == 0 && kp.worst() != lost {
		fl.scaleColumns()
	}
}

// divideRows is the row update u_i = 1/s_i.
func (fl *flow[T]) divideRows(_, i0 int, dots, w []T) (far reachOut) {
	lo, hi, _ := limits[T]()
	kp := fl.kept
	a, u, w := kp.a[i0:][:len(dots)], kp.u[i0:][:len(dots)], w[:len(dots)]
	for k, s := range dots {
		r := 1 / s
		u[k], w[k] = r, a[k]*r
		if !(r >= T(lo) && r <= T(hi)) {
			far = max(far, fl.beyond(i0+k, s))
			if a[k] == 0 {
				w[k] = 0
			}
		}
	}
	return far
}

// beyond says how far row i is whose factor has left its range.
func (fl *flow[T]) beyond(i int, s T) reachOut {
	least := fl.kept.least
	switch {
	case fl.p.a[i] == 0:
		return within
	case float64(s) >= least && float64(s) <= 1/least:
		return outside
	}
	return lost
}

// scaleRows is the row update with a reach or over-relaxation, of rows of chunk c.
func (fl *flow[T]) scaleRows(c, i0 int, dots, w []T) (far reachOut) {
	lo, hi, _ := limits[T]()
	kp := fl.kept
	a, u, soft := fl.p.a[i0:][:len(dots)], kp.u[i0:][:len(dots)], kp.room[i0:][:len(dots)]
	for k, s := range dots {
		if a[k] == 0 && !(s > 0 && s <= math.MaxFloat32) {
			s = 1
		} else if fl.beyond(i0+k, s) == lost {
			return lost
		}
		soft[k] = float64(s)
	}
	fl.logarithms(soft, soft)
	for k, s := range dots {
		i, shift := i0+k, float64(kp.kernel.F[i0+k])
		if a[k] == 0 {
			fl.f[i] = shift - soft[k]
			continue
		}
		f := fl.relax(fl.p.x, shift-soft[k], fl.p.u, i)
		if fl.omega != 1 {
			fl.errPart[c] += fl.p.x.miss(a[k]*float64(s)*float64(u[k]), a[k], fl.rowPotential(i))
			f = fl.f[i] + fl.omega*(f-fl.f[i])
		}
		fl.f[i], soft[k] = f, f-shift
	}
	kernels.Exp2(soft, soft)
	for k, factor := range soft {
		if a[k] == 0 {
			u[k], w[k] = 1, 0
			continue
		}
		u[k], w[k] = T(factor), T(a[k]*factor)
		if !(factor >= lo && factor <= hi) {
			far = outside
		}
	}
	return far
}

// scaleColumns is the column update.
func (fl *flow[T]) scaleColumns() {
	kp := fl.kept
	clear(kp.sums)
	for _, part := range fl.part {
		kernels.Axpy(kp.sums, 1, part)
	}
	for j, b := range fl.p.b {
		if s := float64(kp.sums[j]); b > 0 && !(s >= kp.least && s <= 1/kp.least) {
			kp.far[fl.chunks] = lost
			return
		}
	}
	fl.err = 0
	for _, e := range fl.errPart {
		fl.err += e
	}
	update := fl.relaxColumns
	if fl.plain() {
		update = fl.divideColumns
	}
	kp.far[fl.chunks] = update()
	fl.exact = false
}

// divideColumns is the column update v_j = b_j/acc_j.
func (fl *flow[T]) divideColumns() (far reachOut) {
	lo, hi, _ := limits[T]()
	kp := fl.kept
	kp.ahead = true
	b, v, sums := fl.p.b, kp.v[:len(fl.p.b)], kp.sums[:len(fl.p.b)]
	var e float64
	for j, b := range b {
		if b == 0 {
			continue
		}
		s := float64(sums[j])
		e += math.Abs(s*float64(v[j]) - b)
		factor := 1 / s
		if !(factor >= lo && factor <= hi) {
			far = outside
		}
		v[j] = T(b * factor)
	}
	fl.err += e
	return far
}

// relaxColumns is the column update with a reach or over-relaxation.
func (fl *flow[T]) relaxColumns() (far reachOut) {
	lo, hi, _ := limits[T]()
	kp := fl.kept
	for j, b := range fl.p.b {
		fl.logs[j] = 1
		if b > 0 {
			fl.logs[j] = float64(kp.sums[j])
		}
	}
	fl.logarithms(fl.logs, fl.logs)
	for j, b := range fl.p.b {
		if b == 0 {
			continue
		}
		shift := float64(kp.kernel.G[j])
		g := fl.relax(fl.p.y, shift-fl.logs[j], fl.p.v, j)
		fl.err += fl.p.y.miss(float64(kp.sums[j])*float64(kp.v[j]), b, fl.columnPotential(j))
		if fl.omega != 1 {
			before := fl.g[j] - fl.log2b[j]
			g = before + fl.omega*(g-before)
		}
		fl.setColumn(j, g+fl.log2b[j])
		fl.logs[j] = g - shift
	}
	kernels.Exp2(fl.logs, fl.logs)
	for j, b := range fl.p.b {
		if b > 0 {
			factor := fl.logs[j]
			kp.v[j] = T(b * factor)
			if !(factor >= lo && factor <= hi) {
				far = outside
			}
		}
	}
	return far
}

// In float32 the exponents of E are off by up to half a unit in the last place of kappa C, at random. The marginals of a plan are sums of many
// entries, and have been seen to be off by less than a fineShare of the floor that allows for the worst. Where the goal is below that, E is computed
// from exponents in float64 as soon as the error comes near.
const (
	fineShare = 1. / 128
	fineNear  = 16
	fineFloor = 0x1p-20 // of the error, with such a kernel
)

// sharpen asks for a kernel of full precision where the goal needs one.
func (fl *flow[T]) sharpen(goal float64) {
	kp := fl.kept
	if kp == nil || !isFloat32[T]() || !kp.live || kp.refine {
		return
	}
	floor := fineShare * fl.roundingFloor()
	kp.refine = goal < floor && fl.err < fineNear*floor
}
