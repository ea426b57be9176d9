package main

import (
	"context"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// solveL2 is solveOT for --reg l2.
func solveL2(ctx context.Context, o *otOptions, in *otInput, eps float64, pool *parallel.Pool, progress func(int, float64)) (otAnswer, error) {
	s, p, err := newSparseSolution(o, in, pool)
	if err != nil {
		return nil, err
	}
	solver := newSolver[float64](o, eps, pool, progress)
	q, err := solver.SolveQuadratic(ctx, p, false)
	if q == nil {
		return nil, err
	}
	s.f, s.g, s.pull = q.F, q.G, func(dx []float64) { q.Gradient(dx, s.points) }
	s.pairs = func(yield func(sinkhorn.Pair) bool) {
		for k, v := range q.Plan() {
			if v > 0 && !yield(sinkhorn.Pair{I: k / in.m, J: k % in.m, P: v}) {
				return
			}
		}
	}
	s.facts = otReport{
		Eps: otNumber(eps), Value: otNumber(q.Value), TransportCost: otNumber(q.TransportCost), MarginalError: otNumber(q.MarginalError),
		Iterations: q.Iterations, Status: q.Status.String(), Method: "newton", Device: deviceCPU, NonZeros: &q.NonZeros,
	}
	s.facts.LowerBound, s.facts.UpperBound = unlessStopped(q.Status == sinkhorn.Cancelled, q.Bounds)
	return s, err
}
