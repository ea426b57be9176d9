package sinkhorn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// BarycentricMap sets dst (n x d) to the mean of the rows of y (m x d) under each row of the plan:
//
//	dst_i = sum_j P_ij y_j / sum_j P_ij
//
// A row without mass goes where it would with some; one whose pairs are all forbidden is set to 0.
func (r *Result[T]) BarycentricMap(dst, y []float64, d int) { r.EntropicMap(dst, r.p.cost, y, d) }

// EntropicMap carries the map of the plan to other points than those it was solved for. cost is the k x m cost between them and the columns of
// the problem, y (m x d) what the columns stand for, dst (k x d):
//
//	dst_i = sum_j w_ij y_j / sum_j w_ij          w_ij = b_j exp((g_j - c(x_i, y_j))/eps)
//
// At the points of the problem it is [Result.BarycentricMap]. A row whose pairs are all forbidden is set to 0. It panics when a size does
// not fit. Source: Pooladian and Niles-Weed 2021, for |x-y|^2/2.
func (r *Result[T]) EntropicMap(dst []float64, cost logsumexp.Cost[T], y []float64, d int) {
	n, _ := cost.Dims()
	if len(dst) != n*d || len(y) != r.p.m*d {
		panic("sinkhorn: vectors for the map have another size")
	}
	clear(dst)
	sums := r.softmax(cost, func(i int, by float64) { kernels.Scale(dst[i*d:(i+1)*d], by) }, func(i, j0 int, w []float64) {
		row := dst[i*d : (i+1)*d]
		for k, v := range w {
			if v != 0 {
				kernels.Axpy(row, v, y[(j0+k)*d:(j0+k+1)*d])
			}
		}
	})
	for i, s := range sums {
		if s.sum > 0 {
			kernels.Scale(dst[i*d:(i+1)*d], 1/s.sum)
		}
	}
}

// EntropicPotential sets f (k) to the potential of other points than those the problem was solved for; cost is the k x m cost between them
// and the columns of the problem:
//
//	f_i = -eps log sum_j b_j exp((g_j - c(x_i, y_j))/eps)
//
// damped by the reach of the rows. It is +Inf for a row whose pairs are all forbidden. It panics when a size does not fit.
func (r *Result[T]) EntropicPotential(f []float64, cost logsumexp.Cost[T]) {
	n, _ := cost.Dims()
	if len(f) != n {
		panic("sinkhorn: vectors for the potential have another size")
	}
	var u []float64
	if s, ok := cost.(logsumexp.Shifted); ok {
		u, _ = s.Shift()
	}
	none := func(int, int, []float64) {}
	for i, s := range r.softmax(cost, func(int, float64) {}, none) {
		f[i] = math.Inf(1)
		if s.sum > 0 {
			v := -r.eps * math.Ln2 * (s.top + math.Log2(s.sum))
			if u != nil {
				v += u[i]
			}
			f[i] = r.p.x.update(v, r.eps)
		}
	}
}

// rowSum is the sum of a row's exponentials, sum 2^top.
type rowSum struct{ top, sum float64 }

// softmax shows visit the exponentials w_j = 2^(l_j - top_i) of every row in runs of columns, l its logits and top_i the largest so far. Before
// top_i grows, rescale is told the factor that past exponentials of the row take.
func (r *Result[T]) softmax(cost logsumexp.Cost[T], rescale func(i int, by float64), visit func(i, j0 int, w []float64)) []rowSum {
	n, _ := cost.Dims()
	rows := make([]rowSum, n)
	for i := range rows {
		rows[i].top = math.Inf(-1)
	}
	r.logits(cost, func(i, j0 int, l []float64) {
		row := &rows[i]
		top := max(row.top, kernels.Max(l))
		if math.IsInf(top, -1) {
			return
		}
		if top > row.top {
			by := math.Exp2(row.top - top)
			row.top = top
			row.sum *= by
			rescale(i, by)
		}
		for k := range l {
			l[k] -= top
		}
		kernels.Exp2(l, l)
		row.sum += kernels.Sum(l)
		visit(i, j0, l)
	})
	return rows
}
