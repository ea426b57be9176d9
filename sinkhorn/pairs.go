package sinkhorn

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A Pair is an entry P of a plan, of row I and column J.
type Pair struct {
	I, J int
	P    float64
}

// Sample draws count pairs from the plan with replacement, in the order of the rows, in O(n + m + count) memory and one pass over the cost.
// The expected number of times that a pair is drawn is
//
//	count P_ij / sum P
//
// A row is drawn its share of times, count (P 1)_i / sum P, rounded down or up; with uniform weights and count = n every row comes once.
// Partners are drawn from the row's part of the plan, spread over it where a row is drawn more than once. The number of times of a
// column has the share as its mean and at most its share as its variance.
//
// Equal states of rng give equal pairs. It returns nil for count < 1, and for a plan without mass. Of a problem whose rows are divided, every rank
// calls it with an equal state and has those of its rows, counted from its first; nil where the ranks could not be reached.
func (r *Result[T]) Sample(rng *rand.Rand, count int) []Pair {
	rows := r.pass().rows
	all, before, err := r.p.rowsOfAll(rows)
	if err != nil {
		return nil
	}
	first := systematic(rng, all, count)
	if first == nil {
		return nil
	}
	mine := first[before : before+len(rows)+1]
	begun := mine[0]
	for i := range mine {
		mine[i] -= begun
	}
	pairs, at := make([]Pair, mine[len(rows)]), make([]float64, mine[len(rows)])
	skip(rng, begun)
	for i, row := range rows {
		begin, end := mine[i], mine[i+1]
		for s := begin; s < end; s++ {
			at[s] = row / r.p.a[i] * ((float64(s-begin) + rng.Float64()) / float64(end-begin))
		}
	}
	skip(rng, count-begun-len(pairs))
	first = mine
	next := slices.Clone(first[:len(rows)])
	sums, last := make([]float64, len(rows)), make([]Pair, len(rows))
	kappa, f, g := r.base()
	r.overRows(func(s *logsumexp.Scratch[float64], c logsumexp.Cost[float64], lo, hi int, _ []float64) {
		s.Each(c, lo, hi, kappa, f, g, func(i, j0 int, _, e []float64) {
			end, sum := first[i+1], sums[i]
			for k := 0; k < len(e) && next[i] < end; k++ {
				if e[k] == 0 {
					continue
				}
				sum += e[k]
				last[i] = Pair{i, j0 + k, r.p.a[i] * e[k]}
				for ; next[i] < end && at[next[i]] < sum; next[i]++ {
					pairs[next[i]] = last[i]
				}
			}
			sums[i] = sum
		})
	}, 0, func([]float64) {})
	for i, s := range next {
		for ; s < first[i+1]; s++ { // rounding put it past the end of the row
			pairs[s] = last[i]
		}
	}
	return pairs
}

// skip draws the numbers of rows that are another rank's.
func skip(rng *rand.Rand, count int) {
	for range count {
		rng.Float64()
	}
}

// systematic deals count draws to weights: those of i are first[i] to first[i+1]-1, as many as its share of the sum, rounded down or up, and
// its share in expectation. It is nil where there is nothing to deal.
func systematic(rng *rand.Rand, weights []float64, count int) (first []int) {
	var sum float64
	last := -1
	for i, w := range weights {
		sum += w
		if w > 0 {
			last = i
		}
	}
	if count < 1 || !(sum > 0) || math.IsInf(sum, 1) {
		return nil
	}
	first = make([]int, len(weights)+1)
	offset, reached, dealt := rng.Float64(), 0., 0
	for i, w := range weights {
		reached += w
		for dealt < count && w > 0 && (i == last || float64(dealt)+offset < reached/sum*float64(count)) {
			dealt++
		}
		first[i+1] = dealt
	}
	return first
}

// TopK returns for each row its k largest entries of the plan, the largest first and the first of equals first: columns (n x k, row-major)
// and entries P_ij. Where a row has fewer than k partners that are allowed and have mass, the column is -1 and the entry 0. A row
// without mass has the partners that it would have with some, with entries 0. It takes one pass over the cost without exponentials.
func (r *Result[T]) TopK(k int) (columns []int, p []float64) {
	k = max(k, 0)
	n := r.p.n
	columns, p = make([]int, n*k), make([]float64, n*k)
	for s := range columns {
		columns[s], p[s] = -1, math.Inf(-1)
	}
	if k > 0 {
		r.logits(r.p.cost, func(i, j0 int, l []float64) {
			top, best := columns[i*k:(i+1)*k], p[i*k:(i+1)*k]
			for c, v := range l {
				if !(v > best[k-1]) {
					continue
				}
				s := k - 1
				for ; s > 0 && best[s-1] < v; s-- {
					top[s], best[s] = top[s-1], best[s-1]
				}
				top[s], best[s] = j0+c, v
			}
		})
	}
	_, f, _ := r.base()
	for s, l := range p {
		p[s] = r.p.a[s/k] * math.Exp2(f[s/k]+l)
	}
	return columns, p
}
