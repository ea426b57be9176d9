package sinkhorn

import (
	"math"
	"sync/atomic"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A problem is cut into chunks of rows of at least chunkEntries entries and chunkRows rows, at most maxChunks of them, by its size
// alone. Each chunk sums its columns in the precision of the tiles, and the chunks are summed in float64. Where there are many columns the
// chunks are fewer, so that these sums stay within maxPartials numbers, but minChunks.
const (
	chunkEntries = 1 << 14
	chunkRows    = 64
	minChunks    = 4
	maxChunks    = 32
	maxPartials  = 1 << 20
)

func chunksOf(n, m int) int {
	most := min(maxChunks, max(minChunks, maxPartials/m))
	return max(1, min(most, n*m/chunkEntries, (n+chunkRows-1)/chunkRows))
}

// A column whose sum falls below [logsumexp.MinColSum] is summed again on its own; when more than m/badShare columns do, all are.
const badShare = 100

// flow is the state of a problem under iteration, in base-2 units; see package logsumexp.
type flow[T kernels.Float] struct {
	p          *Problem[T]
	n, m       int
	eps, kappa float64
	f, g       []float64 // F_i and G_j with log2 b_j in it
	log2b      []float64
	ft, gt     []T       // the same, rounded: what the kernels see
	acc        []float64 // column sums of the plan after the row update
	logs       []float64 // binary logarithms of acc_j/b_j
	err        float64   // L1 error of the marginal that the last iteration could see
	saw        [1]float64

	omega   float64  // of over-relaxation, 1 for none
	exact   bool     // the next iteration takes shifts from maxima
	half    *half[T] // of a symmetric update; nil in alternation
	kept    *kept[T] // a kernel in memory; nil where every iteration computes its exponentials
	chunks  int
	part    [][]T // column sums, a chunk each
	errPart []float64
	pending atomic.Int32 // chunks of the iteration that are not done
	body    func(k int)  // one chunk of the iteration
	update  logsumexp.RowUpdate[T]
	scratch *scratchList[T]

	redoneRows    atomic.Int64
	redoneColumns int

	sharing sharing // of the problem by ranks
}

// newFlow starts at g = 0 (of the whole cost, its shift included).
func newFlow[T kernels.Float](p *Problem[T], scratch *scratchList[T]) *flow[T] {
	fl := &flow[T]{p: p, n: p.n, m: p.m, scratch: scratch, chunks: chunksOf(p.n, p.m), omega: 1}
	fl.f, fl.g, fl.log2b = make([]float64, p.n), make([]float64, p.m), make([]float64, p.m)
	for j, b := range p.b {
		fl.log2b[j] = math.Log2(b)
	}
	fl.ft, fl.gt = make([]T, p.n), make([]T, p.m)
	fl.acc, fl.logs, fl.part = make([]float64, p.m), make([]float64, p.m), make([][]T, fl.chunks)
	fl.errPart = make([]float64, fl.chunks)
	part := make([]T, fl.chunks*p.m)
	for k := range fl.part {
		fl.part[k] = part[k*p.m : (k+1)*p.m]
	}
	fl.sharing.shared = p.comm != nil
	fl.leaveSelf()
	return fl
}

// start sets the temperature and the potential of the columns, in units of the cost; nil means 0.
func (fl *flow[T]) start(eps float64, g []float64) {
	fl.eps, fl.kappa = eps, math.Log2E/eps
	for j := range fl.g {
		v := 0.
		if g != nil && fl.p.b[j] > 0 { // that of a column without mass may be infinite
			v = g[j]
		}
		if fl.p.v != nil {
			v -= fl.p.v[j]
		}
		fl.setColumn(j, fl.kappa*v+fl.log2b[j])
	}
	fl.exact = true
	if fl.kept != nil {
		fl.kept.live, fl.kept.ahead, fl.kept.refine, fl.kept.wait = false, false, false, 0
	}
}

// leaveSelf goes over from the symmetric update to alternation.
func (fl *flow[T]) leaveSelf() {
	fl.body, fl.update, fl.half = fl.alternate, fl.balanced, nil
	if fl.p.relaxed() {
		fl.update = fl.relaxedRows
	}
}

// potentials returns f and g in units of the cost, the cost's shift included. A point without mass takes no part in the iterations; its
// potential is one soft minimum at the end.
func (fl *flow[T]) potentials() (f, g []float64) {
	fl.settleFactors()
	f, g = make([]float64, fl.n), make([]float64, fl.m)
	for i, a := range fl.p.a {
		if a == 0 {
			c, _ := fl.p.cost.Tile(make([]T, fl.m), i, i+1, 0, fl.m)
			fl.f[i] = fl.relax(fl.p.x, -fl.rowLSE(c), fl.p.u, i)
		}
		f[i] = fl.f[i] / fl.kappa
		if fl.p.u != nil {
			f[i] += fl.p.u[i]
		}
	}
	var empty []int // columns without mass
	for j, b := range fl.p.b {
		if b > 0 {
			g[j] = (fl.g[j] - fl.log2b[j]) / fl.kappa
		} else {
			empty = append(empty, j)
		}
	}
	for k, lse := range fl.columnsLSE(empty) {
		g[empty[k]] = fl.relax(fl.p.y, -lse, fl.p.v, empty[k]) / fl.kappa
	}
	if fl.p.v != nil {
		kernels.Axpy(g, 1, fl.p.v)
	}
	return f, g
}

// iterate runs one iteration of every flow, and again, in the log domain, of those whose kernel did not hold it.
func iterate[T kernels.Float](run kernels.Runner, flows []*flow[T]) {
	for _, fl := range flows {
		fl.prepare()
	}
	pass(run, flows)
	var again []*flow[T]
	for _, fl := range flows {
		if fl.missed() {
			again = append(again, fl)
		}
	}
	pass(run, again)
}

// pass runs one iteration of every flow, chunk by chunk over run.
func pass[T kernels.Float](run kernels.Runner, flows []*flow[T]) {
	tasks := 0
	for _, fl := range flows {
		fl.pending.Store(int32(fl.chunks))
		tasks += fl.chunks
	}
	parallel.For(run, tasks, func(t int) {
		for _, fl := range flows {
			if t < fl.chunks {
				fl.body(t)
				return
			}
			t -= fl.chunks
		}
	})
}

// alternate runs rows of chunk k, and the column update after the last chunk.
func (fl *flow[T]) alternate(k int) {
	if fl.kept != nil && fl.kept.live {
		fl.scale(k)
		return
	}
	s := fl.scratch.Get()
	lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
	clear(fl.part[k])
	fl.errPart[k] = 0
	redone := s.Sweep(fl.p.cost, lo, hi, T(fl.kappa), fl.ft, fl.gt, fl.part[k], fl.exact, fl.update)
	fl.redoneRows.Add(int64(redone))
	fl.scratch.Put(s)
	if fl.pending.Add(-1) == 0 {
		fl.columns()
	}
}

// balanced is the row update F_i <- F_i - log2 s_i.
func (fl *flow[T]) balanced(i0 int, sum []float64, w []T) {
	i1 := i0 + len(sum)
	f, ft, a := fl.f[i0:i1], fl.ft[i0:i1], fl.p.a[i0:i1]
	fl.logarithms(f, sum)
	for k, s := range sum {
		if s == 0 { // only a row without mass may have no finite entry
			f[k], w[k] = float64(ft[k]), 0
			continue
		}
		if fl.omega != 1 && !fl.exact {
			fl.overrelaxRow(i0+k, s, float64(ft[k])-f[k], &w[k])
			continue
		}
		f[k] = float64(ft[k]) - f[k]
		ft[k] = T(f[k])
		w[k] = T(a[k] / s)
	}
}

// logarithms sets dst to the binary logarithms of x, by the kernel where potentials are rounded to float32 in any case: in float64 the 2 ULP
// that it may be off would show in the marginal error of a solve to 1e-12.
func (fl *flow[T]) logarithms(dst, x []float64) {
	if _, single := any(T(0)).(float32); single {
		kernels.Log2(dst, x)
		return
	}
	for k, v := range x {
		dst[k] = log2(v)
	}
}

// overrelaxRow moves F_i, under which the row has sum s, towards target and beyond, and sets the weight of its exponentials.
func (fl *flow[T]) overrelaxRow(i int, s, target float64, w *T) {
	shift := float64(fl.ft[i])
	if a := fl.p.a[i]; a > 0 {
		fl.errPart[fl.chunkOf(i)] += fl.p.x.miss(a*s, a, fl.rowPotential(i))
	}
	fl.f[i] = shift + fl.omega*(target-shift)
	fl.ft[i] = T(fl.f[i])
	*w = T(fl.p.a[i] * math.Exp2(fl.f[i]-shift))
}

// columns is the column update G_j <- G_j - log2(acc_j/b_j).
func (fl *flow[T]) columns() {
	fl.err = 0
	for _, e := range fl.errPart { // of rows, which over-relaxation leaves in error
		fl.err += e
	}
	clear(fl.acc)
	addParts(fl.acc, fl.part)
	if !fl.joinColumns() {
		return
	}
	logs, acc := fl.logs[:fl.m], fl.acc[:fl.m]
	for j, b := range fl.p.b[:fl.m] {
		logs[j] = acc[j] / b
	}
	fl.logarithms(logs, logs)
	var bad int
	if fl.p.y.Penalty == Exact && (fl.omega == 1 || fl.exact) {
		bad = fl.balancedColumns()
	} else {
		bad = fl.moveColumns()
	}
	if bad > 0 {
		fl.redoneColumns += bad
		fl.redoColumns(bad > fl.m/badShare)
	}
	fl.exact = false
}

// holds tells whether the sum of a column kept its precision.
func holds(acc float64) bool { return acc >= logsumexp.MinColSum && acc < math.MaxFloat32 }

// balancedColumns moves the potentials of columns whose sums kept their precision, and returns the number of the others.
func (fl *flow[T]) balancedColumns() (bad int) {
	b := fl.p.b
	acc, logs, g, gt := fl.acc[:len(b)], fl.logs[:len(b)], fl.g[:len(b)], fl.gt[:len(b)]
	var e float64
	for j, b := range b {
		if b == 0 {
			continue
		}
		e += math.Abs(acc[j] - b)
		if !holds(acc[j]) {
			bad++
			continue
		}
		v := float64(gt[j]) - logs[j]
		g[j], gt[j] = v, T(v)
	}
	fl.err += e
	return bad
}

// moveColumns is balancedColumns with a reach or over-relaxation.
func (fl *flow[T]) moveColumns() (bad int) {
	for j, b := range fl.p.b {
		acc := fl.acc[j]
		if b == 0 {
			continue
		}
		if fl.p.y.Penalty == Exact {
			fl.err += math.Abs(acc - b)
		} else {
			fl.err += fl.p.y.miss(acc, b, fl.columnPotential(j))
		}
		if !holds(acc) {
			bad++
			continue
		}
		fl.setSoftMin(j, float64(fl.gt[j])-fl.logs[j])
	}
	return bad
}

// addParts adds parts to acc, one after the other: so many at a time that acc is seldom read and written, and that each is read in order.
func addParts[T kernels.Float](acc []float64, parts [][]T) {
	n := len(acc)
	for ; len(parts) >= 4; parts = parts[4:] {
		p, q, r, s := parts[0][:n], parts[1][:n], parts[2][:n], parts[3][:n]
		for j, v := range acc {
			acc[j] = v + float64(p[j]) + float64(q[j]) + float64(r[j]) + float64(s[j])
		}
	}
	for _, part := range parts {
		addWide(acc, part)
	}
}

// addWide adds x to acc, part after part rather than column by column: parts come from the caches of other cores, in order.
func addWide[T kernels.Float](acc []float64, x []T) {
	x = x[:len(acc)]
	for j, v := range x {
		acc[j] += float64(v)
	}
}

func (fl *flow[T]) setColumn(j int, g float64) { fl.g[j], fl.gt[j] = g, T(g) }

// setSoftMin sets G_j where the soft minimum of its column, with log2 b_j in it, is g.
func (fl *flow[T]) setSoftMin(j int, g float64) {
	if fl.p.y.Penalty != Exact {
		g = fl.log2b[j] + fl.relax(fl.p.y, g-fl.log2b[j], fl.p.v, j)
	}
	if fl.omega != 1 && !fl.exact {
		before := float64(fl.gt[j])
		g = before + fl.omega*(g-before)
	}
	fl.setColumn(j, g)
}

// redoColumns sums exactly the columns that lost precision, or all.
//
//	G_j = log2 b_j - log2 sum_i 2^(F_i + log2 a_i - kappa C_ij)
func (fl *flow[T]) redoColumns(all bool) {
	if all {
		fl.exactColumns()
		return
	}
	var bad []int
	for j, b := range fl.p.b {
		if b > 0 && !holds(fl.acc[j]) {
			bad = append(bad, j)
		}
	}
	fl.setExact(bad, fl.columnsLSE(bad))
}

// columnsLSE returns log2 sum_i a_i 2^(F_i - kappa C_ij) for some columns j.
func (fl *flow[T]) columnsLSE(columns []int) []float64 {
	buf, lse := make([]T, fl.n), make([]float64, len(columns))
	for k, j := range columns {
		c, ld := fl.p.cost.Tile(buf, 0, fl.n, j, j+1)
		lse[k] = fl.columnLSE(c, ld)
	}
	fl.joinLSE(lse)
	return lse
}

// setExact sets G of some columns from what columnsLSE returned.
func (fl *flow[T]) setExact(columns []int, lse []float64) {
	for k, j := range columns {
		fl.setAfterExact(j, fl.p.b[j], lse[k])
	}
}

// columnLSE returns log2 sum_i a_i 2^(F_i - kappa C_i) for one column of costs.
func (fl *flow[T]) columnLSE(c []T, ld int) float64 {
	top := math.Inf(-1)
	for i, a := range fl.p.a {
		if a > 0 {
			top = max(top, fl.f[i]+math.Log2(a)-fl.kappa*float64(c[i*ld]))
		}
	}
	if math.IsInf(top, -1) {
		return top // every pair is forbidden
	}
	var sum float64
	for i, a := range fl.p.a {
		if a > 0 {
			sum += a * math.Exp2(fl.f[i]-fl.kappa*float64(c[i*ld])-top)
		}
	}
	return top + math.Log2(sum)
}

// rowLSE returns log2 sum_j 2^(G_j - kappa C_j) for one row of costs.
func (fl *flow[T]) rowLSE(c []T) float64 {
	top := math.Inf(-1)
	for j, g := range fl.g {
		top = max(top, g-fl.kappa*float64(c[j]))
	}
	if math.IsInf(top, -1) {
		return top // every pair is forbidden
	}
	var sum float64
	for j, g := range fl.g {
		sum += math.Exp2(g - fl.kappa*float64(c[j]) - top)
	}
	return top + math.Log2(sum)
}

// exactColumns sums every column with its own maximum as the shift.
func (fl *flow[T]) exactColumns() {
	s := fl.scratch.Get()
	defer fl.scratch.Put(s)
	shifted := make([]T, fl.n) // F_i + log2 a_i
	for i, a := range fl.p.a {
		shifted[i] = T(fl.f[i] + math.Log2(a))
	}
	top, acc := make([]T, fl.m), make([]T, fl.m)
	for j := range top {
		top[j] = T(math.Inf(-1))
	}
	s.ColMax(fl.p.cost, 0, fl.n, T(fl.kappa), shifted, top)
	neg := make([]T, fl.m)
	for j, v := range top {
		neg[j] = -v
	}
	sums := make([]float64, fl.m)
	for lo := 0; lo < fl.n; lo += chunkRows {
		clear(acc)
		s.ColSum(fl.p.cost, lo, min(lo+chunkRows, fl.n), T(fl.kappa), shifted, neg, acc)
		for j, v := range acc {
			sums[j] += float64(v)
		}
	}
	var columns []int
	var lse []float64
	for j, b := range fl.p.b {
		if b > 0 {
			columns, lse = append(columns, j), append(lse, float64(top[j])+math.Log2(sums[j]))
		}
	}
	fl.joinLSE(lse)
	fl.setExact(columns, lse)
}

// setAfterExact sets G_j, and acc_j to the column sum that the ordinary update would have needed to see.
func (fl *flow[T]) setAfterExact(j int, b, lse float64) {
	before := float64(fl.gt[j])
	fl.setSoftMin(j, fl.log2b[j]-lse)
	fl.acc[j] = b * math.Exp2(before-fl.g[j])
}

// chunkOf returns the chunk that holds row i.
func (fl *flow[T]) chunkOf(i int) int {
	k := i * fl.chunks / fl.n
	for _, hi := parallel.Chunk(fl.n, fl.chunks, k); i >= hi; _, hi = parallel.Chunk(fl.n, fl.chunks, k) {
		k++
	}
	return k
}
