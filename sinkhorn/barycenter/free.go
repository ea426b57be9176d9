package barycenter

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Cloud is points (n x d, row-major) and their weights; nil means uniform.
type Cloud struct {
	Points, Weights []float64
}

// Free averages clouds by moving points, under the cost |x-y|^2.
type Free[T kernels.Float] struct {
	// Solver solves between the average and each cloud; G is set by each step for the next.
	Solver sinkhorn.Solver[T]

	// Debias takes the map of the average to itself off, which is the gradient of the divergence: without it the average shrinks.
	Debias bool

	// Tol is the root mean square displacement of a step, over the root mean square distance of the points from their mean, at which it
	// stops; 1e-4 by default.
	Tol float64

	// MaxIter bounds the steps; 100 by default.
	MaxIter int
}

// A FreeResult is an average of clouds.
type FreeResult struct {
	Points []float64 // n x d
	Steps  int

	// Displacement holds for each step what Tol bounds, and Value the objective before it, less what does not depend on the points:
	//
	//	sum_k lambda_k OT_eps(x, y_k)          - OT_eps(x, x)/2 when debiased
	Displacement, Value []float64
}

// Average moves the points of start, whose weights stay, to a stationary point of
//
//	sum_k lambda_k OT_eps(x, y_k)          or with S_eps when debiased
//
// lambda nil is uniform; it is divided by its sum. A step moves each point to the average of its maps, T_k(x_i) = sum_j P_ij y_j / a_i
// (Cuturi and Doucet 2014), and debiased by as much less what the cloud's own map moves it:
//
//	x_i <- sum_k lambda_k T_k(x_i)          x_i <- x_i + sum_k lambda_k T_k(x_i) - T_x(x_i)
//
// The first never increases its objective up to the solver's tolerance. The problem is not convex in the points: where it ends depends on the
// start. When a solve or the steps do not converge the result comes with an error for which errors.Is(err, sinkhorn.ErrNotConverged).
func (b *Free[T]) Average(ctx context.Context, start Cloud, clouds []Cloud, lambda []float64, d int) (*FreeResult, error) {
	if d < 1 || len(start.Points) == 0 || len(start.Points)%d != 0 {
		return nil, fmt.Errorf("barycenter: %d coordinates to start from in dimension %d, want a point or more", len(start.Points), d)
	}
	for k, c := range clouds {
		if len(c.Points) == 0 || len(c.Points)%d != 0 {
			return nil, fmt.Errorf("barycenter: %d coordinates of cloud %d in dimension %d, want a point or more", len(c.Points), k, d)
		}
	}
	lambda, err := shares(lambda, len(clouds))
	if err != nil {
		return nil, err
	}
	tol, maxIter := b.Tol, b.MaxIter
	if tol <= 0 {
		tol = 1e-4
	}
	if maxIter <= 0 {
		maxIter = 100
	}
	r := &FreeResult{Points: append([]float64(nil), start.Points...)}
	state := freeState[T]{Free: b, d: d, clouds: clouds, lambda: lambda, warm: make([][]float64, len(clouds)), target: make([]float64, len(r.Points))}
	for r.Steps < maxIter {
		value, failed := state.step(ctx, Cloud{r.Points, start.Weights})
		if failed != nil && (!errors.Is(failed, sinkhorn.ErrNotConverged) || ctx.Err() != nil) {
			return nil, failed
		}
		moved := displacement(r.Points, state.target, d)
		copy(r.Points, state.target)
		r.Steps++
		r.Value, r.Displacement = append(r.Value, value), append(r.Displacement, moved)
		if failed != nil {
			return r, failed
		}
		if moved <= tol {
			return r, nil
		}
	}
	return r, fmt.Errorf("%w: %d steps of the average, the last one by %.3g of its spread, tolerance %.3g: raise the number of steps or the tolerance",
		sinkhorn.ErrNotConverged, r.Steps, r.Displacement[r.Steps-1], tol)
}

// freeState is what goes from step to step.
type freeState[T kernels.Float] struct {
	*Free[T]
	d      int
	clouds []Cloud
	lambda []float64
	warm   [][]float64 // potentials of the clouds
	target []float64   // where the points go
}

// step sets target, and returns the objective at x. An error of [sinkhorn.ErrNotConverged] leaves the target of what was found.
func (s *freeState[T]) step(ctx context.Context, x Cloud) (value float64, failed error) {
	clear(s.target)
	part := make([]float64, len(s.target))
	for k, y := range s.clouds {
		if s.lambda[k] == 0 {
			continue
		}
		r, err := s.solve(ctx, x, y, s.warm[k], false)
		if r == nil {
			return 0, fmt.Errorf("cloud %d: %w", k, err)
		}
		failed = errors.Join(failed, err)
		s.warm[k] = r.G
		value += s.lambda[k] * r.Value()
		r.BarycentricMap(part, y.Points, s.d)
		kernels.Axpy(s.target, s.lambda[k], part)
	}
	if !s.Debias {
		return value, failed
	}
	own, err := s.solve(ctx, x, x, nil, true)
	if own == nil {
		return 0, err
	}
	value -= own.Value() / 2
	own.BarycentricMap(part, x.Points, s.d)
	kernels.Axpy(s.target, -1, part)
	kernels.Axpy(s.target, 1, x.Points)
	return value, errors.Join(failed, err)
}

func (s *freeState[T]) solve(ctx context.Context, x, y Cloud, g []float64, self bool) (*sinkhorn.Result[T], error) {
	n, m := len(x.Points)/s.d, len(y.Points)/s.d
	points, err := logsumexp.NewPoints[T](logsumexp.SqEuclidean, x.Points, y.Points, x.Weights, y.Weights, n, m, s.d)
	if err != nil {
		return nil, err
	}
	reader := sinkhorn.ReadOn(s.Solver.Runner)
	var p *sinkhorn.Problem[T]
	if self {
		p, err = sinkhorn.NewSelfProblem(points, x.Weights, reader)
	} else {
		p, err = sinkhorn.NewProblem(points, x.Weights, y.Weights, reader)
	}
	if err != nil {
		return nil, err
	}
	solver := s.Solver
	solver.G = g
	return solver.Solve(ctx, p)
}

// displacement returns the root mean square of y - x over that of y from its mean, and the former alone where y is one point.
func displacement(x, y []float64, d int) float64 {
	mean := make([]float64, d)
	for i := 0; i < len(y); i += d {
		kernels.Axpy(mean, float64(d)/float64(len(y)), y[i:i+d])
	}
	var moved, spread float64
	for k, v := range y {
		moved += (v - x[k]) * (v - x[k])
		spread += (v - mean[k%d]) * (v - mean[k%d])
	}
	if spread == 0 {
		return math.Sqrt(moved / float64(len(y)/d))
	}
	return math.Sqrt(moved / spread)
}

// shares returns weights of n clouds divided by their sum; nil is uniform.
func shares(lambda []float64, n int) ([]float64, error) {
	if n == 0 || lambda != nil && len(lambda) != n {
		return nil, fmt.Errorf("barycenter: %d shares for %d clouds, want one a cloud and at least one cloud", len(lambda), n)
	}
	unit := make([]float64, n)
	var sum float64
	for k := range unit {
		unit[k] = 1
		if lambda != nil {
			unit[k] = lambda[k]
		}
		if !(unit[k] >= 0) || math.IsInf(unit[k], 1) {
			return nil, fmt.Errorf("barycenter: the share of cloud %d is %g, want a finite number >= 0", k, unit[k])
		}
		sum += unit[k]
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("barycenter: the shares sum to %g, want a positive number", sum)
	}
	kernels.Scale(unit, 1/sum)
	return unit, nil
}
