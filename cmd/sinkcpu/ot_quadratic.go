package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// checkReg holds --reg l2 against what it has no answer for.
func (o *otOptions) checkReg() error {
	if o.reg != regKL && o.reg != regL2 {
		return usagef("--reg %s: want %s or %s", o.reg, regKL, regL2)
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
		{"reach, --reach-x, --reach-y, --tv and --mass", o.reach.given()}, {"debias", o.debias}, {"test", o.test != ""}, {"init", o.init != ""},
		{"plot", o.plot != ""}, {"pairs-mode sample", o.pairsMode == pairsSample},
	} {
		if f.given {
			return usagef("--%s do not go with --reg l2", f.name)
		}
	}
	return nil
}

// l2Solution is the answer with the norm-2 regulariser.
type l2Solution struct {
	in     *otInput
	o      *otOptions
	eps    float64
	a, b   []float64
	q      *sinkhorn.Quadratic
	points *logsumexp.Points[float64] // nil for a matrix
}

// solveL2 is solveOT for --reg l2.
func solveL2(ctx context.Context, o *otOptions, in *otInput, eps float64, pool *parallel.Pool, progress func(int, float64)) (otAnswer, error) {
	form := &otSolution[float64]{o: o, in: in, pool: pool}
	p, err := form.problem(sinkhorn.Reach{}, sinkhorn.Reach{})
	if err != nil {
		return nil, err
	}
	s := &l2Solution{in: in, o: o, eps: eps, points: form.points}
	s.a, s.b = p.Weights()
	solver := sinkhorn.Solver[float64]{Eps: eps, Tol: o.tol, MaxIter: o.maxIter, Runner: pool, Progress: progress}
	if s.q, err = solver.SolveQuadratic(ctx, p, false); s.q == nil {
		return nil, err
	}
	return s, err
}

func (s *l2Solution) report() *otReport {
	in, q := s.in, s.q
	r := &otReport{
		N: in.n, M: in.m, Cost: costMatrixName, Eps: otNumber(s.eps), MassX: otNumber(in.massX), MassY: otNumber(in.massY),
		Value: otNumber(q.Value), TransportCost: otNumber(q.TransportCost), MarginalError: otNumber(q.MarginalError),
		Iterations: q.Iterations, Status: q.Status.String(), Method: "newton", NonZeros: &q.NonZeros,
	}
	if in.c == nil {
		r.Dim, r.Cost = &in.dim, s.o.cost
	}
	r.LowerBound, r.UpperBound = unlessStopped(q.Status == sinkhorn.Cancelled, q.Bounds)
	return r
}

func (s *l2Solution) files(o *otOptions) []otFile {
	return []otFile{
		{o.potentials, s.writePotentials}, {o.plan, s.writePlan}, {o.gradient, s.writeGradient}, {o.barycentric, s.writeMap},
		{o.assign, func(w io.Writer) error { return writePairs(w, s.topPairs(1)) }},
		{o.pairs, func(w io.Writer) error { return writePairs(w, s.topPairs(cmp.Or(o.pairsCount, defaultPartners))) }},
	}
}

func (s *l2Solution) writePotentials(w io.Writer) error {
	return writePotentials(w, s.q.F, s.q.G, (weighted(s.b, s.q.G)-weighted(s.a, s.q.F))/2)
}

func (s *l2Solution) writePlan(w io.Writer) error {
	return data.WriteNPY(w, s.in.n, s.in.m, s.q.Plan())
}

func (s *l2Solution) writeGradient(w io.Writer) error {
	if s.points == nil {
		return s.writePlan(w)
	}
	g := make([]float64, s.in.n*s.in.dim)
	s.q.Gradient(g, s.points)
	return data.WriteNPY(w, s.in.n, s.in.dim, g)
}

// writeMap writes the mean of y under each row of the plan.
func (s *l2Solution) writeMap(w io.Writer) error {
	d := s.in.dim
	t := make([]float64, s.in.n*d)
	for i := range s.in.n {
		to := t[i*d : (i+1)*d]
		row := s.q.Plan()[i*s.in.m : (i+1)*s.in.m]
		for j, p := range row {
			if p > 0 {
				kernels.Axpy(to, p, s.in.y[j*d:(j+1)*d])
			}
		}
		if sum := kernels.Sum(row); sum > 0 {
			kernels.Scale(to, 1/sum)
		}
	}
	return data.WriteNPY(w, s.in.n, d, t)
}

// topPairs returns up to k partners of each row, row by row, the largest first.
func (s *l2Solution) topPairs(k int) []sinkhorn.Pair {
	var pairs []sinkhorn.Pair
	for i := range s.in.n {
		var row []sinkhorn.Pair
		for j, p := range s.q.Plan()[i*s.in.m : (i+1)*s.in.m] {
			if p > 0 {
				row = append(row, sinkhorn.Pair{I: i, J: j, P: p})
			}
		}
		slices.SortStableFunc(row, func(x, y sinkhorn.Pair) int { return cmp.Compare(y.P, x.P) })
		pairs = append(pairs, row[:min(k, len(row))]...)
	}
	return pairs
}

// nonZeros returns the line of a report about the entries of a sparse plan.
func nonZeros(count, n, m int) string {
	return fmt.Sprintf("%d of %d entries of the plan", count, n*m)
}
