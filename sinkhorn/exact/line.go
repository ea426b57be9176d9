package exact

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Line returns the optimal plan between points x of weights a and y of weights b on the real line, under
//
//	c(x, y) = |x - y|^p          p >= 1
//
// which pairs both sides in order: it takes the time of sorting and memory for n + m. Weights nil are uniform; each side is divided by its
// sum. The value is W_p^p. Potentials follow the pairs from the smallest points on, so that their rounding errors add up along the way. For
// the gradient give [Result.Gradient] the [logsumexp.Points] of the same cost. It is an error when a number is not finite, when a weight is
// negative or a side has no mass, and when p < 1, for which order says nothing.
func Line(x, y, a, b []float64, p float64) (*Result, error) {
	if !(p >= 1) || math.IsInf(p, 1) {
		return nil, fmt.Errorf("exact: power %g of the distance on the line, want a finite number >= 1; solve others as a Problem", p)
	}
	a, byX, err := side("x", x, a)
	if err != nil {
		return nil, err
	}
	b, byY, err := side("y", y, b)
	if err != nil {
		return nil, err
	}
	ua, ub, total := units(a, b)
	r := &Result{Method: "sorting", F: make([]float64, len(x)), G: make([]float64, len(y))}
	cost := func(i, j int) float64 { return power(math.Abs(x[i]-y[j]), p) }
	k, l := 0, 0
	i, j := byX[0], byY[0]
	r.G[j] = cost(i, j)
	for {
		if flow := min(ua[i], ub[j]); flow > 0 {
			pair := sinkhorn.Pair{I: i, J: j, P: float64(flow) / float64(total)}
			r.Pairs = append(r.Pairs, pair)
			r.Value += pair.P * cost(i, j)
			ua[i] -= flow
			ub[j] -= flow
		}
		// What is used up makes way; both at once, the column does, and the row goes on with nothing.
		switch {
		case l+1 < len(byY) && (ub[j] == 0 || k+1 == len(byX)):
			l++
			j = byY[l]
			r.G[j] = cost(i, j) - r.F[i]
		case k+1 < len(byX):
			k++
			i = byX[k]
			r.F[i] = cost(i, j) - r.G[j]
		default:
			slices.SortFunc(r.Pairs, byPlace)
			r.Dual = kernels.Dot(a, r.F) + kernels.Dot(b, r.G)
			return r, nil
		}
	}
}

func power(r, p float64) float64 {
	switch p {
	case 1:
		return r
	case 2:
		return r * r
	}
	return math.Pow(r, p)
}

// side checks points and weights, and returns the weights divided by their sum and the points in order.
func side(name string, x, w []float64) (unit []float64, order []int, err error) {
	if len(x) == 0 || w != nil && len(w) != len(x) {
		return nil, nil, fmt.Errorf("exact: %d weights for %d points %s, want one a point and at least one point", len(w), len(x), name)
	}
	unit = make([]float64, len(x))
	var sum float64
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, fmt.Errorf("exact: %s[%d] is %g, want a finite number", name, i, v)
		}
		unit[i] = 1
		if w != nil {
			unit[i] = w[i]
		}
		if !(unit[i] >= 0) || math.IsInf(unit[i], 1) {
			return nil, nil, fmt.Errorf("exact: the weight of %s[%d] is %g, want a finite number >= 0", name, i, unit[i])
		}
		sum += unit[i]
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, nil, fmt.Errorf("exact: the weights of %s sum to %g, want a positive number", name, sum)
	}
	for i := range unit {
		unit[i] /= sum
	}
	order = indices(len(x))
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(x[i], x[j]) })
	return unit, order, nil
}

// byPlace orders pairs by rows, and in them by columns.
func byPlace(p, q sinkhorn.Pair) int { return cmp.Or(cmp.Compare(p.I, q.I), cmp.Compare(p.J, q.J)) }
