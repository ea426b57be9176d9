package sinkhorn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
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
// It takes two passes over the plan. The second line is off by at most the entropy of (s, 1-s). With a reach the
// plan is P itself, scaled to the side that is exact, if any, and the first line is all there is.
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
		upper = r.relaxedUpper()
	} else {
		upper = r.roundedUpper()
	}
	slack := r.allowance()
	if upper += slack; math.IsNaN(upper) {
		upper = math.Inf(1)
	}
	return fx.value - slack, upper
}

// roundedUpper bounds the objective of the rounded plan.
func (r *Result[T]) roundedUpper() float64 {
	n, m := r.p.n, r.p.m
	x, y := make([]float64, n), make([]float64, m)
	for i, a := range r.p.a {
		x[i] = shrink(a, r.weighed.rows[i])
	}
	cols := r.columnSums(x)
	for j, b := range r.p.b {
		y[j] = shrink(b, cols[j])
		cols[j] *= y[j]
	}
	q := append([]float64(nil), cols...)
	columns := fill(q, r.p.b)
	rows, costs := make([]float64, n), make([]float64, n) // of R' and of C q
	r.each(func(i, j0 int, c, p, _ []float64) {
		rows[i] += x[i] * kernels.Dot(p, y[j0:j0+len(p)])
		if columns > 0 {
			costs[i] += r.finiteDot(c, q[j0:j0+len(p)])
		}
	}, 0, func([]float64) {})
	upper := r.scaledObjective(x, y, rows, cols)
	s := r.p.joined(fill(rows, r.p.a)) // rows is p now
	if !(s > 0 && columns > 0) {
		return upper
	}
	scale := s / columns // 1 but for rounding, which s log s would see
	kernels.Scale(q, scale)
	var product float64
	for i, p := range rows {
		if p > 0 {
			product += p * costs[i] * scale / s
		}
	}
	if r.p.u != nil {
		product += kernels.Dot(rows, r.p.u)
	}
	upper += r.p.joined(product)
	if r.p.v != nil {
		upper += kernels.Dot(q, r.p.v)
	}
	entropy := r.p.joined(relativeEntropy(rows, r.p.a)) + relativeEntropy(q, r.p.b) - 2*s*math.Log(s)
	if s < 1 {
		entropy -= (1 - s) * math.Log1p(-s)
	}
	return upper + r.eps*entropy
}

// relaxedUpper returns the objective of the plan, scaled to the side that is exact, with its penalties.
func (r *Result[T]) relaxedUpper() float64 {
	x, y := ones(r.p.n), ones(r.p.m)
	rows, cols := r.weighed.rows, r.weighed.cols
	if r.p.x.Penalty == Exact {
		scaleTo(x, r.p.a, rows)
		rows, cols = r.p.a, r.columnSums(x)
	}
	if r.p.y.Penalty == Exact {
		scaleTo(y, r.p.b, cols)
		rows, cols = r.rowSums(y), r.p.b
	}
	upper := r.scaledObjective(x, y, rows, cols) + r.eps*(r.p.product()-r.p.joined(kernels.Sum(rows)))
	var penalty float64
	for i, a := range r.p.a {
		if a > 0 {
			penalty += r.p.x.penalty(rows[i], a)
		}
	}
	upper += r.p.joined(penalty)
	for j, b := range r.p.b {
		if b > 0 {
			upper += r.p.y.penalty(cols[j], b)
		}
	}
	return upper
}

// columnSums returns the column sums of diag(x) P.
func (r *Result[T]) columnSums(x []float64) []float64 {
	cols := make([]float64, r.p.m)
	r.each(func(i, j0 int, _, p, acc []float64) { kernels.Axpy(acc[j0:j0+len(p)], x[i], p) }, r.p.m,
		func(acc []float64) { kernels.Axpy(cols, 1, acc) })
	r.p.join(cols)
	return cols
}

// rowSums returns the row sums of P diag(y).
func (r *Result[T]) rowSums(y []float64) []float64 {
	rows := make([]float64, r.p.n)
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

// allowance covers the rounding of the sums behind the bounds, 2^-48 of the magnitudes that were added; of the exponents, 2^-50 of the largest
// cost; and of a float32 cost, four times half a unit in the last place of its largest entry.
func (r *Result[T]) allowance() float64 {
	var size float64
	for i, a := range r.p.a {
		if a > 0 {
			size += a * math.Abs(r.F[i])
		}
	}
	size = r.p.joined(size)
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
