package sinkhorn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// Bounds brackets OT_eps, evaluated in float64: lower is [Result.Value] less an allowance for rounding, upper at least the objective of a
// plan with exact marginals near P, plus the allowance. upper is +Inf when that plan must use a forbidden pair; where the potentials have
// diverged, which they do when no plan exists, the bounds are infinite.
//
// With x_i = min(1, a_i/(P 1)_i), y_j = min(1, b_j/(P^T x)_j), and the rows p and columns q that diag(x) P diag(y) leaves to fill, the plan is
//
//	R = R' + p q^T/s          R' = diag(x) P diag(y),  s = sum p = sum q
//
// after Altschuler, Weed and Rigollet 2017, algorithm 2. Its logarithms are never taken: those of R' are linear in the potentials, and KL is
// convex, so that with s the mass of the second part
//
//	<C,R'> + eps <R', log R'/(a b^T)> = <R' 1, f + eps log x> + <R'^T 1, g + eps log y>
//	<R, log R/(a b^T)> <= <R', log R'/(a b^T)> - (1-s) log(1-s) + <p, log p/a> + <q, log q/b> - 2 s log s
//
// It takes two passes over the plan. The second line is off by at most the entropy of (s, 1-s). With a reach the plan is P itself, scaled to the side
// that is exact, if any, and the first line is all there is; where the other side is [Part] it is rounded as a balanced one. Where
// [Result.Evaluated] names a device the second part of R is taken to cost as much as the dearest pair.
//
// The allowance has the rounding of the cost in it where that tells ([logsumexp.Rounded]), so that bounds hold the value of the points: in float32 some
// 1e-6 of the largest cost between points of few dimensions, 5e-5 between those of 784, which is far above what rounding usually does.
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
	switch {
	case r.p.partial > 0:
		upper = r.roundedUpper(r.p.partial) + r.eps*(r.p.product()-r.p.partial)
	case r.p.x.Penalty == Exact && r.p.y.Penalty == Part, r.p.x.Penalty == Part && r.p.y.Penalty == Exact:
		upper = r.heldUpper()
	case r.p.relaxed():
		upper = r.relaxedUpper()
	default:
		upper = r.roundedUpper(1)
	}
	slack := r.allowance()
	below, above := r.farAllowance()
	if upper += slack + above; math.IsNaN(upper) {
		upper = math.Inf(1)
	}
	return fx.value - slack - below, upper
}

// roundedUpper bounds the objective of the plan of a problem without penalties, rounded to mass total and to marginals of at most a and b.
func (r *Result[T]) roundedUpper(total float64) float64 {
	n := r.p.n
	x := make([]float64, n)
	for i, a := range r.p.a {
		x[i] = shrink(a, r.weighed.rows[i])
	}
	y, cols, q := r.shrunkColumns(x)
	p, costs := make([]float64, n), make([]float64, n) // of the rows of R', then of what they lack; of C q
	free := kernels.Sum(q)
	if !r.roundedRowsFar(x, y, p, costs, free) {
		r.each(func(i, j0 int, c, row, _ []float64) {
			p[i] += x[i] * kernels.Dot(row, y[j0:j0+len(row)])
			if free > 0 {
				costs[i] += r.finiteDot(c, q[j0:j0+len(row)])
			}
		}, 0, func([]float64) {})
	}
	upper, mass := r.scaledObjective(x, y, p, cols), r.p.joined(kernels.Sum(p))
	s := r.p.joined(fill(p, r.p.a))
	if r.p.partial > 0 {
		if mass >= total {
			return upper*total/mass + r.eps*total*math.Log(total/mass)
		}
		return upper + r.filled(p, q, costs, s, free, total-mass, total)
	}
	return upper + r.filled(p, q, costs, s, free, min(s, free), total)
}

// heldUpper bounds the objective where one side is exact and the other may leave mass behind but not make it: of a plan rounded to all of the mass of
// the first.
func (r *Result[T]) heldUpper() float64 {
	massA, massB := r.p.masses()
	total, left, rho := massA, massB-massA, r.p.y.Rho
	if r.p.y.Penalty == Exact {
		total, left, rho = massB, massA-massB, r.p.x.Rho
	}
	return r.roundedUpper(total) + r.eps*(massA*massB-total) + rho*max(0, left)
}

// shrunkColumns returns the factors that bring the column sums of diag(x) P down to b, those sums after, and what they lack.
func (r *Result[T]) shrunkColumns(x []float64) (y, cols, lacking []float64) {
	y, cols = make([]float64, r.p.m), r.columnSums(x)
	for j, b := range r.p.b {
		y[j] = shrink(b, cols[j])
		cols[j] *= y[j]
	}
	lacking = append(lacking, cols...)
	fill(lacking, r.p.b)
	return y, cols, lacking
}

// filled bounds what s p q^T / (rows columns) adds to the objective of R', rows and columns being the sums of p and q, costs C q, and total
// the mass of both together.
func (r *Result[T]) filled(p, q, costs []float64, rows, columns, s, total float64) (sum float64) {
	if !(rows > 0 && columns > 0 && s > 0) {
		return 0
	}
	for i, v := range p {
		if v > 0 {
			sum += v * costs[i] / columns
		}
	}
	if r.p.u != nil {
		sum += kernels.Dot(p, r.p.u)
	}
	sum = s / rows * r.p.joined(sum)
	if r.p.v != nil {
		sum += s / columns * kernels.Dot(q, r.p.v)
	}
	entropy := s/rows*r.p.joined(relativeEntropy(p, r.p.a)) + s/columns*relativeEntropy(q, r.p.b) + s*math.Log(s/(rows*columns)) - s*math.Log(s/total)
	if s < total {
		entropy -= (total - s) * math.Log1p(-s/total)
	}
	return sum + r.eps*entropy
}

// relaxedUpper returns the objective of the plan, scaled to a side that is exact and down to one that holds part, with its penalties.
func (r *Result[T]) relaxedUpper() float64 {
	x, y := ones(r.p.n), ones(r.p.m)
	rows, cols := r.weighed.rows, r.weighed.cols
	switch {
	case r.p.x.Penalty == Exact:
		scaleTo(x, r.p.a, rows)
		cols = r.columnSums(x)
	case r.p.x.Penalty == Part:
		for i, a := range r.p.a {
			x[i] = shrink(a, rows[i])
		}
		cols = r.columnSums(x)
	}
	switch {
	case r.p.y.Penalty == Exact:
		scaleTo(y, r.p.b, cols)
	case r.p.y.Penalty == Part:
		for j, b := range r.p.b {
			y[j] = shrink(b, cols[j])
		}
	}
	scaled := append([]float64(nil), cols...)
	for j := range scaled {
		scaled[j] *= y[j]
	}
	if r.p.x.Penalty != Exact || r.p.y.Penalty != Exact {
		rows = r.rowSums(y)
		for i := range rows {
			rows[i] *= x[i]
		}
	}
	upper := r.scaledObjective(x, y, rows, scaled) + r.eps*(r.p.product()-r.p.joined(kernels.Sum(rows)))
	var penalty float64
	for i, a := range r.p.a {
		if a > 0 {
			penalty += r.p.x.penalty(rows[i], a)
		}
	}
	upper += r.p.joined(penalty)
	for j, b := range r.p.b {
		if b > 0 {
			upper += r.p.y.penalty(scaled[j], b)
		}
	}
	return upper
}

// columnSums returns the column sums of diag(x) P.
func (r *Result[T]) columnSums(x []float64) []float64 {
	cols := make([]float64, r.p.m)
	if r.far && r.applyFar(cols, x, 1, true) {
		return cols
	}
	r.each(func(i, j0 int, _, p, acc []float64) { kernels.Axpy(acc[j0:j0+len(p)], x[i], p) }, r.p.m,
		func(acc []float64) { kernels.Axpy(cols, 1, acc) })
	r.p.join(cols)
	return cols
}

// rowSums returns the row sums of P diag(y).
func (r *Result[T]) rowSums(y []float64) []float64 {
	rows := make([]float64, r.p.n)
	if r.far && r.applyFar(rows, y, 1, false) {
		return rows
	}
	r.each(func(i, j0 int, _, p, _ []float64) { rows[i] += kernels.Dot(p, y[j0:j0+len(p)]) }, 0, func([]float64) {})
	return rows
}

// scaledObjective returns <C,R> + eps <R, log R/(a b^T)> for R = diag(x) P diag(y) with row and column sums rows and cols.
func (r *Result[T]) scaledObjective(x, y, rows, cols []float64) (sum float64) {
	for i, w := range rows {
		if w > 0 {
			sum += w * (r.F[i] + r.eps*math.Log(x[i]))
		}
	}
	sum = r.p.joined(sum)
	for j, w := range cols {
		if w > 0 {
			sum += w * (r.G[j] + r.eps*math.Log(y[j]))
		}
	}
	return sum
}

// finiteDot returns <c,q>, in which a forbidden pair without mass does not count.
func (r *Result[T]) finiteDot(c, q []float64) (sum float64) {
	if !r.p.forbids {
		return kernels.Dot(c, q)
	}
	for j, v := range q {
		if v > 0 {
			sum += v * c[j]
		}
	}
	return sum
}

// shrink returns the factor that brings a sum down to what it may be.
func shrink(want, sum float64) float64 {
	if sum > want {
		return want / sum
	}
	return 1
}

// scaleTo sets x to the factors that bring sums to what they must be.
func scaleTo(x, want, sums []float64) {
	for i, w := range want {
		if w > 0 {
			x[i] = w / sums[i]
		}
	}
}

// fill turns sums into what they lack, and returns its sum.
func fill(sums, want []float64) (lacking float64) {
	for i, w := range want {
		sums[i] = max(0, w-sums[i])
		lacking += sums[i]
	}
	return lacking
}

// relativeEntropy returns <p, log p/w>.
func relativeEntropy(p, w []float64) (sum float64) {
	for i, v := range p {
		if v > 0 {
			sum += v * math.Log(v/w[i])
		}
	}
	return sum
}

// allowance covers the rounding of the sums behind the bounds, 2^-48 of the magnitudes that were added; for every unit of the plan's mass that
// of the exponents, 2^-50 of the largest cost; and that of the cost itself: what it says ([logsumexp.Rounded]), at least four times half a unit
// in the last place of its largest entry in float32.
func (r *Result[T]) allowance() float64 {
	fx := r.weighed
	var size float64
	for i, a := range r.p.a {
		if a > 0 {
			size += (a + fx.rows[i]) * math.Abs(r.F[i])
		}
	}
	size = r.p.joined(size)
	for j, b := range r.p.b {
		if b > 0 {
			size += (b + fx.cols[j]) * math.Abs(r.G[j])
		}
	}
	size += math.Abs(fx.transport) + r.eps*(r.p.product()+fx.mass)
	massA, massB := r.p.masses()
	for _, side := range []struct {
		Reach
		mass float64
	}{{r.p.x, massA}, {r.p.y, massB}} {
		if side.bounded() {
			size += side.Rho * (side.mass + fx.mass)
		}
	}
	return 0x1p-48*size + max(1, fx.mass)*r.p.costError()
}

// costError bounds the error of a pair's cost with that of its exponent.
func (p *Problem[T]) costError() float64 {
	largest := max(math.Abs(p.lo), math.Abs(p.hi))
	var rounding float64
	if isFloat32[T]() {
		rounding = 0x1p-22 * largest
	}
	if c, ok := p.cost.(logsumexp.Rounded); ok {
		rounding = max(rounding, c.Rounding(largest))
	}
	return 0x1p-50*largest + p.greatestOfRanks(rounding)
}
