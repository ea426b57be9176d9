package main

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// checkReg holds --reg l2 and none against what they have no answer for.
func (o *otOptions) checkReg(given func(flag string) bool) error {
	if o.reg != regKL && o.reg != regL2 && o.reg != regNone {
		return usagef("--reg %s: want %s, %s or %s", o.reg, regKL, regL2, regNone)
	}
	if o.eps.unit == planEntropy && (o.reach.given() || o.reg == regL2) {
		return usagef("--eps %s is for the entropic problem with exact marginals", &o.eps)
	}
	if o.reg == regKL {
		return nil
	}
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"reach, --reach-x, --reach-y, --tv and --mass", o.reach.given()}, {"debias", o.debias}, {"richardson", o.richardson}, {"test", o.test != ""},
		{"init", o.init != ""}, {"plot", o.plot != ""}, {"pairs-mode sample", o.pairsMode == pairsSample},
		{"eps, --tol and --max-iter", o.reg == regNone && (given("eps") || given("tol") || given("max-iter"))},
	} {
		if f.given {
			return usagef("--%s do not go with --reg %s", f.name, o.reg)
		}
	}
	return nil
}

// sparseSolution is an answer whose plan has few entries: that of --reg l2 or none.
type sparseSolution struct {
	in     *otInput
	o      *otOptions
	a, b   []float64
	points *logsumexp.Points[float64] // nil for a matrix

	f, g  []float64
	pairs iter.Seq[sinkhorn.Pair] // of the plan, row by row
	pull  func(dx []float64)      // the derivative by the points of X
	facts otReport                // without what the input tells
}

// newSparseSolution returns the frame of an answer, with its problem.
func newSparseSolution(o *otOptions, in *otInput, pool *parallel.Pool) (*sparseSolution, *sinkhorn.Problem[float64], error) {
	form := &otSolution[float64]{o: o, in: in, pool: pool}
	p, err := form.problem(sinkhorn.Reach{}, sinkhorn.Reach{})
	if err != nil {
		return nil, nil, err
	}
	s := &sparseSolution{in: in, o: o, points: form.points}
	s.a, s.b = p.Weights()
	return s, p, nil
}

func (s *sparseSolution) report() *otReport {
	r := s.facts
	r.N, r.M, r.Cost, r.MassX, r.MassY = s.in.n, s.in.m, costMatrixName, otNumber(s.in.massX), otNumber(s.in.massY)
	if s.in.c == nil {
		r.Dim, r.Cost = &s.in.dim, s.o.cost
	}
	return &r
}

func (s *sparseSolution) files(o *otOptions) []otFile {
	return []otFile{
		{o.potentials, s.writePotentials}, {o.plan, s.writePlan}, {o.gradient, s.writeGradient}, {o.barycentric, s.writeMap},
		{o.assign, func(w io.Writer) error { return writePairs(w, s.topPairs(1)) }},
		{o.pairs, func(w io.Writer) error { return writePairs(w, s.topPairs(cmp.Or(o.pairsCount, defaultPartners))) }},
	}
}

func (s *sparseSolution) writePotentials(w io.Writer) error {
	return writePotentials(w, s.f, s.g, (weighted(s.b, s.g)-weighted(s.a, s.f))/2)
}

func (s *sparseSolution) writePlan(w io.Writer) error {
	p := make([]float64, s.in.n*s.in.m)
	for q := range s.pairs {
		p[q.I*s.in.m+q.J] = q.P
	}
	return data.WriteNPY(w, s.in.n, s.in.m, p)
}

func (s *sparseSolution) writeGradient(w io.Writer) error {
	if s.points == nil {
		return s.writePlan(w)
	}
	g := make([]float64, s.in.n*s.in.dim)
	s.pull(g)
	return data.WriteNPY(w, s.in.n, s.in.dim, g)
}

// writeMap writes the mean of y under each row of the plan.
func (s *sparseSolution) writeMap(w io.Writer) error {
	d := s.in.dim
	t, rows := make([]float64, s.in.n*d), make([]float64, s.in.n)
	for q := range s.pairs {
		kernels.Axpy(t[q.I*d:(q.I+1)*d], q.P, s.in.y[q.J*d:(q.J+1)*d])
		rows[q.I] += q.P
	}
	for i, sum := range rows {
		if sum > 0 {
			kernels.Scale(t[i*d:(i+1)*d], 1/sum)
		}
	}
	return data.WriteNPY(w, s.in.n, d, t)
}

// topPairs returns up to k partners of each row, row by row, the largest first.
func (s *sparseSolution) topPairs(k int) []sinkhorn.Pair {
	rows := make([][]sinkhorn.Pair, s.in.n)
	for q := range s.pairs {
		rows[q.I] = append(rows[q.I], q)
	}
	var pairs []sinkhorn.Pair
	for _, row := range rows {
		slices.SortStableFunc(row, func(x, y sinkhorn.Pair) int { return cmp.Compare(y.P, x.P) })
		pairs = append(pairs, row[:min(k, len(row))]...)
	}
	return pairs
}

// nonZeros returns the line of a report about the entries of a sparse plan.
func nonZeros(count, n, m int) string {
	return fmt.Sprintf("%d of %d entries of the plan", count, n*m)
}
