package evaluate

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Fidelity says how two clouds cover each other, by balls about their points that reach to the k-th nearest other point of the same cloud.
//
// x are data, y samples, n and m of them; B_k is a closed ball.
//
//	Precision = 1/m sum_j 1[y_j in B_k(x_i) for some i]      share of the samples that look like data
//	Recall    = 1/n sum_i 1[x_i in B_k(y_j) for some j]      share of the data that the model could make
//	Density   = 1/(k m) sum_j sum_i 1[y_j in B_k(x_i)]       as precision, less at the mercy of a stray point; may exceed 1
//	Coverage  = 1/n sum_i 1[y_j in B_k(x_i) for some j]      as recall, less at the mercy of a stray sample
//
// Samples with the law of the data have an expected density of 1 and the coverage of [ExpectedCoverage]; their precision and recall depend on
// the law. Source: Kynkaanniemi et al. 2019 (precision, recall), Naeem et al. 2020 (density, coverage).
type Fidelity struct {
	Precision, Recall, Density, Coverage float64
}

// A Reference is a cloud of data with the radii of its balls.
type Reference[T kernels.Float] struct {
	run     kernels.Runner
	x       []T
	n, d, k int
	radii   []float64 // squared
}

// NewReference returns the balls about the rows of x (n x d), which must not change, up to their k-th nearest neighbours, 1 <= k < n. run nil
// means the caller alone.
func NewReference[T kernels.Float](run kernels.Runner, x []T, n, d, k int) (*Reference[T], error) {
	if k < 1 || k >= n {
		return nil, fmt.Errorf("evaluate: %d neighbours in a cloud of %d rows, want 1 to %d", k, n, n-1)
	}
	r, err := radii(run, x, n, d, k)
	if err != nil {
		return nil, err
	}
	return &Reference[T]{run: run, x: x, n: n, d: d, k: k, radii: r}, nil
}

// Fidelity measures samples y (m x d) against the data, k < m.
func (r *Reference[T]) Fidelity(y []T, m int) (Fidelity, error) {
	of, err := NewReference(r.run, y, m, r.d, r.k)
	if err != nil {
		return Fidelity{}, err
	}
	p := newPairs(r.x, y, r.n, m, r.d)
	parts := make([]cover, p.tasks())
	for t := range parts {
		parts[t].precise = make([]bool, m)
	}
	seen, covered := make([]bool, r.n), make([]bool, r.n)
	p.each(r.run, func(t, i, j0 int, dots []T) {
		part := &parts[t]
		for j, dot := range dots {
			j += j0
			if p.within(dot, i, j, r.radii[i]) {
				part.inside++
				part.precise[j], covered[i] = true, true
			}
			if !seen[i] && p.within(dot, i, j, of.radii[j]) {
				seen[i] = true
			}
		}
	})
	inside, precise := 0, parts[0].precise
	for _, part := range parts {
		inside += part.inside
		for j, in := range part.precise {
			precise[j] = precise[j] || in
		}
	}
	return Fidelity{
		Precision: share(precise), Recall: share(seen), Coverage: share(covered),
		Density: float64(inside) / (float64(r.k) * float64(m)),
	}, nil
}

// cover is what a task found about samples.
type cover struct {
	inside  int // pairs of a sample and a ball about data that holds it
	precise []bool
}

func share(b []bool) float64 {
	n := 0
	for _, v := range b {
		if v {
			n++
		}
	}
	return float64(n) / float64(len(b))
}

// ExpectedCoverage returns the mean coverage of m samples that have the law of the n data, whatever that law is.
//
//	1 - product over i = 1..k of (n - i)/(n + m - i)
//
// Source: Naeem et al. 2020, section 3.3: of a point and the n - 1 + m others, the k nearest are all data.
func ExpectedCoverage(n, m, k int) float64 {
	miss := 1.
	for i := 1; i <= k; i++ {
		miss *= float64(n-i) / float64(n+m-i)
	}
	return 1 - miss
}
