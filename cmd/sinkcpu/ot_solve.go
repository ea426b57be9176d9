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
}

// solveOT forms the costs and solves. The answer is nil for bad data; with an error of [sinkhorn.ErrNotConverged] it is there.
func solveOT[T kernels.Float](ctx context.Context, o *otOptions, in *otInput, eps float64, pool *parallel.Pool, progress *otProgress) (otAnswer, error) {
	s := &otSolution[T]{o: o, in: in, pool: pool}
	solver := sinkhorn.Solver[T]{Eps: eps, Tol: o.tol, MaxIter: o.maxIter, G: in.g, Runner: pool, Progress: progress.callback()}
	xy, err := s.problem()
	if err != nil {
		return nil, err
	}
	if size := costSize(xy.Cost()); eps < leastRatio*size {
		return nil, usagef("--eps %s is %g, less than %.0e of the costs, which go to %.3g: float64 cannot tell their sums apart", &o.eps, eps, leastRatio, size)
	}
	if !o.debias {
		if s.xy, err = solver.Solve(ctx, xy); s.xy == nil {
			return nil, err
		}
		return s, err
	}
	xx, err := s.selfProblem(o.costXX, in.cxx, in.x, in.a, in.n)
	if err != nil {
		return nil, err
	}
	yy, err := s.selfProblem(o.costYY, in.cyy, in.y, in.b, in.m)
	if err != nil {
		return nil, err
	}
	if s.div, err = solver.Divergence(ctx, xy, xx, yy); s.div == nil {
		return nil, err
	}
	s.xy = s.div.XY
	return s, err
}

// leastRatio is eps over the size of the costs below which rounding of a cost in float64 changes an entry of the plan by a factor.
const leastRatio = 0x1p-50

// costSize returns a bound of the magnitude of the finite costs.
func costSize[T kernels.Float](c logsumexp.Cost[T]) float64 {
	n, m := c.Dims()
	u, v := shifts(c, n, m)
	var size float64
	row := make([]T, m)
	for i := range n {
		t, _ := c.Tile(row, i, i+1, 0, m)
		for _, x := range t {
			if x := math.Abs(float64(x)); !math.IsInf(x, 1) {
				size = max(size, x)
			}
		}
	}
	return size + largest(u) + largest(v)
}

func largest(x []float64) (size float64) {
	for _, v := range x {
		size = max(size, math.Abs(v))
	}
	return size
}

func (s *otSolution[T]) problem() (*sinkhorn.Problem[T], error) {
	in := s.in
	if in.c != nil {
		c, err := stored[T](s.o.costMatrix, in.c, in.n, in.m)
		if err != nil {
			return nil, err
		}
		return sinkhorn.NewProblem(c, in.a, in.b)
	}
	c := logsumexp.Centred[T](s.pool, in.x, in.y, in.a, in.b, in.n, in.m, in.dim, in.scale)
	if err := checkRange(in, c); err != nil {
		return nil, err
	}
	return sinkhorn.NewProblem(c, in.a, in.b)
}

// selfProblem returns the problem of one side against itself, from the matrix c of the file path or from points.
func (s *otSolution[T]) selfProblem(path string, c, x, w []float64, n int) (*sinkhorn.Problem[T], error) {
	if c != nil {
		st, err := stored[T](path, c, n, n)
		if err != nil {
			return nil, err
		}
		p, err := sinkhorn.NewSelfProblem(st, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return p, nil
	}
	own := logsumexp.Centred[T](s.pool, x, x, w, w, n, n, s.in.dim, s.in.scale)
	if err := checkRange(s.in, own); err != nil {
		return nil, err
	}
	return sinkhorn.NewSelfProblem(own, w)
}

// stored rounds a matrix of costs to T and refuses finite costs beyond its range.
func stored[T kernels.Float](path string, c []float64, n, m int) (*logsumexp.Stored[T], error) {
	rounded := make([]T, len(c))
	for k, v := range c {
		rounded[k] = T(v)
		if math.IsInf(float64(rounded[k]), 0) && !math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s: row %d, column %d: %g is beyond the range of float32; use --precision f64", path, k/m+1, k%m+1, v)
		}
	}
	return logsumexp.NewStored(rounded, n, m, m), nil
}

// checkRange refuses points whose distances overflow.
func checkRange[T kernels.Float](in *otInput, c *logsumexp.Stored[T]) error {
	n, m := c.Dims()
	entries, _ := c.Tile(nil, 0, n, 0, m)
	u, v := c.Shift()
	if finite(entries) && finite(u) && finite(v) {
		return nil
	}
	if _, narrow := any(entries).([]float32); narrow {
		return in.errorf("a cost between points is beyond the range of float32; rescale the data, or use --precision f64")
	}
	return in.errorf("a cost between points is beyond the range of float64; rescale the data")
}

func finite[T kernels.Float](x []T) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
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
