package oracle

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// Stochastic ascends on the semi-dual, one row at a time: each column, a point of a data set, has a potential, and the row's own is the
// c-transform of those.
//
//	H(g) = <a,f(g)> + <b,g>,  grad H = sum_i a_i (b - p_i)          p_i the row of the plan, divided by its mass
//
// Each step draws a row i from a, or each in turn under SAG, and moves g along an estimate of grad H:
//
//	sgd    b - p_i, with the length (Rate lambda/max b)/sqrt(k) at step k; the answer is the mean of the iterates
//	sag    the mean of the last p_i seen of every row, with the constant length lambda/(3 s), s bounding the curvature
//
// Its gap is an estimate, from the columns' sums over the last pass:
//
//	gap ~ |<p - b, g>| + spread(C)/2 sum_j |p_j - b_j|          p_j = the mean over the steps of the pass
//
// Source: Genevay, Cuturi, Peyre and Bach 2016; SAG: Schmidt, Le Roux and Bach 2017.
type Stochastic struct {
	SAG    bool    // with a table of N x M numbers
	Passes int     // most passes over the rows; 100 by default
	Rate   float64 // of sgd; 1 by default
	Seed   uint64  // of the stream "stochastic oracle" that draws rows

	// Begin holds the potentials of the columns from which the ascent begins, nil for 0. Steps leave their sum as it is, so that the potentials
	// of a data set, of which each solve moves those of a batch, stay on one scale.
	Begin []float64
}

// Solve ascends from Begin until the estimate is at most gap.
func (o *Stochastic) Solve(ctx context.Context, p *Problem, gap float64) (*Answer, error) {
	s := &ascent{Problem: p, rng: random.New(o.Seed, "stochastic oracle"), rate: o.Rate, by: make([]int, p.M)}
	if s.rate == 0 {
		s.rate = 1
	}
	if o.Begin != nil && len(o.Begin) != p.M {
		return nil, fmt.Errorf("oracle: %d potentials to begin from for %d columns", len(o.Begin), p.M)
	}
	for _, buf := range []*[]float64{&s.g, &s.mean, &s.seen, &s.row, &s.v} {
		*buf = make([]float64, p.M)
	}
	copy(s.g, o.Begin)
	if o.SAG {
		s.table, s.sum = make([]float64, p.N*p.M), append([]float64(nil), p.B...)
		for i := range p.N {
			copy(s.table[i*p.M:], p.B)
		}
	}
	passes := o.Passes
	if passes == 0 {
		passes = 100
	}
	a := &Answer{Estimated: true}
	for a.Iterations < passes && !a.Reached {
		if ctx.Err() != nil {
			return nil, errors.Join(errors.New("oracle: stopped from outside"), context.Cause(ctx))
		}
		s.pass(o.SAG)
		a.Iterations++
		a.Gap = s.estimate()
		a.Reached = a.Gap <= gap
	}
	a.G = s.g
	if !o.SAG {
		a.G = s.mean
	}
	a.F, a.Plan = make([]float64, p.N), make([]float64, p.N*p.M)
	p.UpdateRows(a.F, a.G)
	p.Plan(a.Plan, a.F, a.G)
	a.Value = p.Dual(a.F, a.G)
	if !a.Reached {
		a.Why = fmt.Sprintf("an estimated dual gap of %.3g after %d passes over the rows, where %.3g was asked for", a.Gap, passes, gap)
	}
	return a, nil
}

// ascent is a solve in progress.
type ascent struct {
	*Problem
	rng   *random.Stream
	rate  float64
	steps float64

	g, mean    []float64 // the iterate, and the mean of all
	seen       []float64 // mean of the rows of this pass
	table, sum []float64 // of SAG: the last row of each, and their mean by a
	row, v     []float64
	by         []int
}

func (s *ascent) pass(sag bool) {
	clear(s.seen)
	for n := range s.N {
		i := n
		if !sag {
			i = s.draw()
		}
		s.rowOf(i)
		s.steps++
		for j, q := range s.row {
			if sag {
				s.seen[j] += s.A[i] * q
				s.sum[j] += s.A[i] * (q - s.table[i*s.M+j])
				s.table[i*s.M+j] = q
			} else {
				s.seen[j] += q / float64(s.N)
			}
		}
		s.move(sag)
	}
}

// move takes a step of g.
func (s *ascent) move(sag bool) {
	heaviest := 0.
	for _, b := range s.B {
		heaviest = max(heaviest, b)
	}
	curvature := 2 * heaviest // norm-2: of the columns in the support, each b_j/lambda
	if s.Reg == KL {
		curvature = .5 // the largest eigenvalue of diag(p) - p p^T
	}
	length, toward := s.Lambda/(3*curvature*float64(s.N)*s.largestA()), s.sum
	if !sag {
		length, toward = s.rate*s.Lambda/math.Sqrt(s.steps), s.row
		if s.Reg == Norm2 {
			length /= heaviest * float64(s.M)
		}
	}
	for j, b := range s.B {
		s.g[j] += length * (b - toward[j])
		s.mean[j] += (s.g[j] - s.mean[j]) / s.steps
	}
}

func (s *ascent) largestA() (a float64) {
	for _, v := range s.A {
		a = max(a, v)
	}
	return a
}

// rowOf sets row to that of the plan, of mass 1.
func (s *ascent) rowOf(i int) {
	c := s.C[i*s.M : (i+1)*s.M]
	for j, g := range s.g {
		s.v[j] = c[j] - g
	}
	s.densities(s.row, i, s.transform(s.v, s.B, s.by), s.g)
	for j, b := range s.B {
		s.row[j] *= b
	}
}

func (s *ascent) draw() int {
	left := s.rng.Float64()
	for i, a := range s.A {
		if left -= a; left < 0 {
			return i
		}
	}
	return s.N - 1
}

// estimate returns that of the gap.
func (s *ascent) estimate() float64 {
	var tilt, off float64
	for j, b := range s.B {
		tilt += (s.seen[j] - b) * s.g[j]
		off += math.Abs(s.seen[j] - b)
	}
	return math.Abs(tilt) + s.Spread()/2*off
}
