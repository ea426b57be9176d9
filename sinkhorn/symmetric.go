package sinkhorn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// half is what the symmetric update f <- (f + T f)/2 of a cloud against itself needs to read one half of its matrix: an entry above the
// diagonal stands for its mirror image too. A sum of a row is in two parts, one of its own entries and one that the rows above it leave in the
// column.
type half[T any] struct {
	w   []T       // weights
	sum []float64 // of rows
}

// leastHalf is the least weight for which the part of a sum that comes through the column, which is as small as the weight, loses nothing to
// the range of float32.
const leastHalf = 0x1p-60

// startSelf sets the temperature and the one potential of a symmetric problem.
func (fl *flow[T]) startSelf(eps float64, f []float64) {
	fl.start(eps, f)
	fl.half = &half[T]{make([]T, fl.n), make([]float64, fl.n)}
	small := false
	for i, b := range fl.p.b {
		if b > 0 {
			fl.f[i] = fl.g[i] - fl.log2b[i]
			small = small || b < leastHalf
		}
		fl.ft[i], fl.half.w[i] = T(fl.f[i]), T(b)
	}
	fl.body, fl.update = fl.averageHalf, fl.averaged
	if small {
		fl.body = fl.average
	}
}

// average runs rows of chunk k of the symmetric update on the whole matrix.
func (fl *flow[T]) average(k int) {
	s := fl.scratch.Get()
	lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
	fl.errPart[k] = 0
	redone := s.Sweep(fl.p.cost, lo, hi, T(fl.kappa), fl.ft, fl.gt, nil, fl.exact, fl.update)
	fl.redoneRows.Add(int64(redone))
	fl.scratch.Put(s)
	if fl.pending.Add(-1) == 0 {
		fl.averagedAll()
	}
}

// averageHalf runs rows of chunk k of the symmetric update on half of the matrix.
func (fl *flow[T]) averageHalf(k int) {
	if fl.exact {
		fl.average(k)
		return
	}
	s := fl.scratch.Get()
	lo, hi := fl.triangle(k), fl.triangle(k+1)
	clear(fl.part[k][lo:])
	s.SweepSelf(fl.p.cost, lo, hi, T(fl.kappa), fl.ft, fl.gt, fl.half.w, fl.half.sum, fl.part[k])
	fl.scratch.Put(s)
	if fl.pending.Add(-1) == 0 {
		fl.joinHalves()
	}
}

// triangle returns the first row of chunk k of the half above the diagonal, whose chunks have equal area.
func (fl *flow[T]) triangle(k int) int {
	return int(float64(fl.n) * (1 - math.Sqrt(1-float64(k)/float64(fl.chunks))))
}

// joinHalves adds the two parts of each sum and updates the potential. Sums that lost precision are taken again row by row, or, when there are
// many, in a pass over the whole matrix that comes next.
func (fl *flow[T]) joinHalves() {
	clear(fl.acc)
	for k, part := range fl.part {
		lo := fl.triangle(k)
		addWide(fl.acc[lo:], part[lo:])
	}
	sum, bad := fl.half.sum, 0
	for i, b := range fl.p.b {
		if b == 0 {
			sum[i] = 1 // takes no part
			continue
		}
		seen := float64(fl.gt[i]) - fl.log2b[i] // the column's potential, rounded otherwise than the row's
		sum[i] += fl.acc[i] / b * math.Exp2(float64(fl.ft[i])-seen)
		if !logsumexp.InRange(sum[i]) {
			bad++
		}
	}
	fl.redoneRows.Add(int64(bad))
	if bad > max(1, fl.n/badShare) {
		fl.exact = true
		return
	}
	for i := 0; bad > 0; i++ {
		if !logsumexp.InRange(sum[i]) {
			c, _ := fl.p.cost.Tile(make([]T, fl.m), i, i+1, 0, fl.m)
			fl.f[i] = -fl.rowLSE(c)
			fl.ft[i], sum[i] = T(fl.f[i]), math.Exp2(float64(T(fl.f[i]))-fl.f[i])
			bad--
		}
	}
	clear(fl.errPart)
	fl.averaged(0, sum, nil)
	fl.averagedAll()
}

// averagedAll gives the columns the potential of the rows, and sums the error.
func (fl *flow[T]) averagedAll() {
	fl.exact, fl.err = false, 0
	for _, e := range fl.errPart {
		fl.err += 2 * e // both marginals of a symmetric plan
	}
	for j, b := range fl.p.b {
		if b > 0 {
			fl.setColumn(j, fl.f[j]+fl.log2b[j])
		}
	}
}

// averaged is the row update F_i <- (F_i + T(F)_i)/2, where F_i is the potential that the columns see and T(F)_i = shift_i - log2 s_i, damped
// by the reach.
func (fl *flow[T]) averaged(i0 int, sum []float64, _ []T) {
	var e float64
	for k, s := range sum {
		i := i0 + k
		shift, seen := float64(fl.ft[i]), float64(fl.gt[i])-fl.log2b[i]
		fl.f[i] = fl.relax(fl.p.x, shift-log2(s), fl.p.u, i)
		if a := fl.p.a[i]; a > 0 {
			row := a * s * math.Exp2(seen-shift)
			if fl.p.x.Penalty == Exact {
				e += math.Abs(row - a)
			} else {
				e += fl.p.x.miss(row, a, fl.columnPotential(i))
			}
			fl.f[i] = (seen + fl.f[i]) / 2
		}
		fl.ft[i] = T(fl.f[i])
	}
	fl.errPart[fl.chunkOf(i0)] += e
}
