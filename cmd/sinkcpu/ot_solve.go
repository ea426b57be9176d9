package main

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// otSolution is the answer in one precision.
type otSolution[T kernels.Float] struct {
	o    *otOptions
	in   *otInput
	pool *parallel.Pool
	xy   *sinkhorn.Result[T]
	div  *sinkhorn.Divergence[T] // nil without --debias

	points, own *logsumexp.Points[T] // of xy and xx; nil for matrices
	test        *otDrift             // nil without --test
	limit       *otExtrapolation     // nil without --richardson
}

// newSolver returns a solver with what flags say of every regulariser.
func newSolver[T kernels.Float](o *otOptions, eps float64, pool *parallel.Pool, progress func(int, float64)) sinkhorn.Solver[T] {
	return sinkhorn.Solver[T]{Eps: eps, Tol: o.tol, MaxIter: o.maxIter, MaxBytes: o.maxBytes(), Runner: pool, Progress: progress, Redrawn: o.redrawn}
}

// solveOT forms the costs and solves. The answer is nil for bad data; with an error of [sinkhorn.ErrNotConverged] it is there.
func solveOT[T kernels.Float](ctx context.Context, o *otOptions, in *otInput, eps float64, pool *parallel.Pool, progress func(int, float64)) (otAnswer, error) {
	x, y := o.reach.sides()
	s := &otSolution[T]{o: o, in: in, pool: pool}
	solver := newSolver[T](o, eps, pool, progress)
	solver.G = in.g
	if o.on != nil {
		solver.Device, solver.DeviceOnly = o.on, namesDevice(o.device)
	}
	if err := in.checkRange(o.precision); err != nil {
		return nil, err
	}
	if size := in.costSize(); eps < leastRatio*size {
		return nil, usagef("--eps %s is %g, less than %.0e of the costs, which go to %.3g: float64 cannot tell their sums apart", &o.eps, eps, leastRatio, size)
	}
	xy, err := s.problem(x, y)
	if err != nil {
		return nil, err
	}
	if o.eps.unit == planEntropy {
		r, err := solver.SolveEntropy(ctx, xy, o.eps.value)
		switch {
		case r == nil:
			return nil, usagef("--eps %s: %v", &o.eps, err)
		case err != nil:
			s.xy = r
			return s, err
		}
		solver.Eps, solver.G = r.Eps(), r.G
	}
	if !o.debias {
		if s.xy, err = solver.Solve(ctx, xy); s.xy == nil {
			return nil, err
		}
		return s, err
	}
	own, xx, err := s.selfProblem(x, o.costXX, in.cxx, in.x, in.a, in.n)
	if err != nil {
		return nil, err
	}
	_, yy, err := s.selfProblem(y, o.costYY, in.cyy, in.y, in.b, in.m)
	if err != nil {
		return nil, err
	}
	if o.richardson {
		var r *sinkhorn.Richardson[T]
		if r, err = solver.Richardson(ctx, xy, xx, yy); r == nil {
			return nil, err
		}
		s.div, s.limit = r.Coarse, &otExtrapolation{otNumber(r.Cost()), otNumber(r.Divergence())}
	} else if s.div, err = solver.Divergence(ctx, xy, xx, yy); s.div == nil {
		return nil, err
	}
	s.xy, s.own = s.div.XY, own
	if err != nil || o.test == "" {
		return s, err
	}
	return s, s.drift(ctx, &solver)
}

// leastRatio is eps over the size of the costs below which rounding of a cost in float64 changes an entry of the plan by a factor.
const leastRatio = 0x1p-50

// costSize returns a bound of the magnitude of the finite costs between the sides.
func (in *otInput) costSize() (size float64) {
	if in.c == nil {
		size, _ = in.costBound()
		return size
	}
	for _, v := range in.c {
		if v = math.Abs(v); !math.IsInf(v, 1) {
			size = max(size, v)
		}
	}
	return size
}

func (s *otSolution[T]) problem(x, y sinkhorn.Reach) (*sinkhorn.Problem[T], error) {
	in := s.in
	if in.c != nil {
		c, err := rounded[T](s.o.costMatrix, in.c, in.n, in.m)
		if err != nil {
			return nil, err
		}
		return newProblem(s.o, c, in.a, in.b, x, y, sinkhorn.ReadOn(s.pool))
	}
	if s.o.group.comm.Size() > 1 {
		points, p, err := s.share(in.x, in.y, in.a, in.b, in.n, x, y)
		s.points = points
		return p, err
	}
	points, c, err := s.between(in.x, in.y, in.a, in.b, in.n, in.m)
	if err != nil {
		return nil, err
	}
	s.points = points
	return newProblem(s.o, c, in.a, in.b, x, y, sinkhorn.ReadOn(s.pool))
}

// newProblem returns the problem that the flags ask for.
func newProblem[T kernels.Float](o *otOptions, c logsumexp.Cost[T], a, b []float64, x, y sinkhorn.Reach, reader sinkhorn.ProblemOption) (*sinkhorn.Problem[T], error) {
	if o.reach.mass == 0 {
		return sinkhorn.NewUnbalanced(c, a, b, x, y, reader)
	}
	p, err := sinkhorn.NewPartial(c, a, b, o.reach.mass, reader)
	if err != nil {
		return nil, usagef("--mass %g: %v", o.reach.mass, err)
	}
	return p, nil
}

// selfProblem returns the problem of one side against itself, from the matrix c of the file path or from points, which come with it.
func (s *otSolution[T]) selfProblem(reach sinkhorn.Reach, path string, c, x, w []float64, n int) (*logsumexp.Points[T], *sinkhorn.Problem[T], error) {
	if c != nil {
		st, err := rounded[T](path, c, n, n)
		if err != nil {
			return nil, nil, err
		}
		p, err := sinkhorn.NewUnbalancedSelf(st, w, reach, sinkhorn.ReadOn(s.pool))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		return nil, p, nil
	}
	if s.o.group.comm.Size() > 1 {
		return s.share(x, x, w, w, n, reach, reach)
	}
	points, own, err := s.between(x, x, w, w, n, n)
	if err != nil {
		return nil, nil, err
	}
	p, err := sinkhorn.NewUnbalancedSelf(own, w, reach, sinkhorn.ReadOn(s.pool))
	return points, p, err
}

// rounded rounds a matrix of costs to T and refuses finite costs beyond its range.
func rounded[T kernels.Float](path string, c []float64, n, m int) (*logsumexp.Stored[T], error) {
	narrow := make([]T, len(c))
	for k, v := range c {
		narrow[k] = T(v)
		if math.IsInf(float64(narrow[k]), 0) && !math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s: row %d, column %d: %g is beyond the range of float32; use --precision f64", path, k/m+1, k%m+1, v)
		}
	}
	return logsumexp.NewStored(narrow, n, m, m), nil
}

// shifts returns the terms that were taken out of a cost of n x m, zeros for none.
func shifts[T kernels.Float](c logsumexp.Cost[T], n, m int) (u, v []float64) {
	if s, ok := c.(logsumexp.Shifted); ok {
		u, v = s.Shift()
	}
	if u == nil {
		u = make([]float64, n)
	}
	if v == nil {
		v = make([]float64, m)
	}
	return u, v
}
