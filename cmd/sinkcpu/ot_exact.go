package main

import (
	"context"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// solveExact is solveOT for --reg none.
func solveExact(ctx context.Context, o *otOptions, in *otInput, _ float64, pool *parallel.Pool, progress func(int, float64)) (otAnswer, error) {
	s, p, err := newSparseSolution(o, in, pool)
	if err != nil {
		return nil, err
	}
	solver := exact.Solver[float64]{MaxBytes: o.maxBytes()}
	if progress != nil {
		solver.Progress = func(k int) { progress(k, 0) } // every tree that it holds is a plan
	}
	r, err := solver.Solve(ctx, p)
	if err != nil {
		return nil, err
	}
	s.f, s.g, s.pairs = r.F, r.G, slices.Values(r.Pairs)
	s.pull = func(dx []float64) { r.Gradient(dx, nil, s.points) }
	rows, cols := make([]float64, in.n), make([]float64, in.m)
	for _, q := range r.Pairs {
		rows[q.I] += q.P
		cols[q.J] += q.P
	}
	var miss float64
	for _, side := range []struct{ sums, w []float64 }{{rows, s.a}, {cols, s.b}} {
		for k, w := range side.w {
			miss += math.Abs(side.sums[k] - w)
		}
	}
	entries := len(r.Pairs)
	s.facts = otReport{
		Value: otNumber(r.Value), TransportCost: otNumber(r.Value), LowerBound: otNumber(min(r.Dual, r.Value)), UpperBound: otNumber(r.Value),
		MarginalError: otNumber(miss), Iterations: r.Iterations, Status: sinkhorn.Converged.String(), Method: r.Method, Device: deviceCPU, NonZeros: &entries,
	}
	return s, nil
}
