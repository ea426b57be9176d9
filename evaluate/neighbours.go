package evaluate

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Search finds the k nearest rows to each row of a cloud x, exactly, among rows that come block by block.
//
// Products of matrices say which rows can be among the k nearest; those are compared by their distances in float64.
type Search[T kernels.Float] struct {
	// Index and Squared hold, for each row of x, the numbers of its k nearest rows, counted from 0 in the order in which they were added,
	// and their squared distances, from the nearest on; of rows equally far, the first added comes first. -1 and +Inf stand where fewer
	// than k rows were added.
	Index   []int
	Squared []float64

	run     kernels.Runner
	x       []T
	n, d, k int
	added   int
}

// NewSearch returns a search for the k nearest to each row of x (n x d), which must not change. run nil means the caller alone.
func NewSearch[T kernels.Float](run kernels.Runner, x []T, n, d, k int) (*Search[T], error) {
	if err := checkCloud("x", x, n, d); err != nil {
		return nil, err
	}
	if k < 1 {
		return nil, fmt.Errorf("evaluate: %d neighbours, want a positive number", k)
	}
	s := &Search[T]{run: run, x: x, n: n, d: d, k: k, Index: make([]int, n*k), Squared: make([]float64, n*k)}
	for i := range s.Index {
		s.Index[i], s.Squared[i] = -1, math.Inf(1)
	}
	return s, nil
}

// Add looks among the rows of y (m x d).
func (s *Search[T]) Add(y []T, m int) error {
	if err := checkCloud("y", y, m, s.d); err != nil {
		return err
	}
	p := newPairs(s.x, y, s.n, m, s.d)
	p.each(s.run, func(_, i, j0 int, dots []T) {
		squared := s.Squared[i*s.k : (i+1)*s.k]
		for j, dot := range dots {
			if lower, _ := p.near(dot, i, j0+j); lower < squared[s.k-1] {
				s.insert(i, s.added+j0+j, p.exact(i, j0+j))
			}
		}
	})
	s.added += m
	return nil
}

// insert takes a row in where it is nearer than the last.
func (s *Search[T]) insert(i, row int, q float64) {
	index, squared := s.Index[i*s.k:(i+1)*s.k], s.Squared[i*s.k:(i+1)*s.k]
	at := s.k - 1
	if !(q < squared[at]) {
		return
	}
	for ; at > 0 && q < squared[at-1]; at-- {
		index[at], squared[at] = index[at-1], squared[at-1]
	}
	index[at], squared[at] = row, q
}

// radii returns the squared distance of each row to its k-th nearest other row.
func radii[T kernels.Float](run kernels.Runner, x []T, n, d, k int) ([]float64, error) {
	s, err := NewSearch(run, x, n, d, k+1) // the row itself is at distance 0
	if err != nil {
		return nil, err
	}
	if err := s.Add(x, n); err != nil {
		return nil, err
	}
	r := make([]float64, n)
	for i := range r {
		r[i] = s.Squared[i*(k+1)+k]
	}
	return r, nil
}
