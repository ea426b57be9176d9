package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
)

// Divergence returns the Sinkhorn divergence between x (n x d) and y (m x d) under the squared distance, each problem solved to an L1 error
// of its marginals of at most tol.
//
//	OT_eps(x,y) - OT_eps(x,x)/2 - OT_eps(y,y)/2
//
// It is 0 for equal clouds only, and above 0 in the mean for two samples of one law: compare with that. It needs n^2 + m^2 + n m numbers. An
// error for which errors.Is(err, sinkhorn.ErrNotConverged) comes with the value that was reached. Source: Feydy et al. 2019.
func Divergence[T kernels.Float](ctx context.Context, run kernels.Runner, x, y []T, n, m, d int, eps, tol float64) (float64, error) {
	if err := checkCloud("x", x, n, d); err != nil {
		return 0, err
	}
	if err := checkCloud("y", y, m, d); err != nil {
		return 0, err
	}
	x, y = centred(x, y, d)
	var problems [3]*sinkhorn.Problem[T]
	for i, c := range []struct {
		x, y []T
		n, m int
	}{{x, y, n, m}, {x, x, n, n}, {y, y, m, m}} {
		cost := make([]T, c.n*c.m)
		logsumexp.SquaredDistances(run, cost, c.m, c.x, c.y, c.n, c.m, d, 1)
		stored := logsumexp.NewStored(cost, c.n, c.m, c.m)
		var err error
		if i == 0 {
			problems[i], err = sinkhorn.NewProblem(stored, nil, nil, sinkhorn.ReadOn(run))
		} else {
			problems[i], err = sinkhorn.NewSelfProblem(stored, nil, sinkhorn.ReadOn(run))
		}
		if err != nil {
			return 0, err
		}
	}
	s := sinkhorn.Solver[T]{Eps: eps, Tol: tol, Runner: run}
	v, err := s.Divergence(ctx, problems[0], problems[1], problems[2])
	if v == nil {
		return 0, err
	}
	return v.Value(), err
}

// MMD returns the unbiased squared maximum mean discrepancy between x (n x d) and y (m x d) by a Gaussian kernel; see [discrepancy.MMD]. Its
// mean is 0 for two samples of one law, so that single values may be negative.
//
//	k(u,v) = exp(-|u-v|^2/(2 s^2)),   s the bandwidth, such as [MedianDistance] of the data
func MMD[T kernels.Float](run kernels.Runner, x, y []T, n, m, d int, bandwidth float64) (float64, error) {
	if err := checkCloud("x", x, n, d); err != nil {
		return 0, err
	}
	if err := checkCloud("y", y, m, d); err != nil {
		return 0, err
	}
	kernel, err := discrepancy.NewKernel("gaussian", bandwidth)
	if err != nil {
		return 0, err
	}
	x, y = centred(x, y, d)
	k := discrepancy.MMD[T]{Kernel: kernel, Unbiased: true, Runner: run}
	return k.Eval(x, y, n, m, d, nil, nil, true)
}

// MedianDistance returns the median of the Euclidean distances between different rows of x (n x d), n >= 2; of a thousand rows evenly spaced
// in x where there are more; of an even number of distances, the mean of the two in the middle. Source: Gretton et al. 2012, section 8, for its use as bandwidth.
func MedianDistance[T kernels.Float](run kernels.Runner, x []T, n, d int) (float64, error) {
	if err := checkCloud("x", x, n, d); err != nil {
		return 0, err
	}
	const most = 1000
	if n > most {
		some := make([]T, most*d)
		for i := range most {
			copy(some[i*d:(i+1)*d], x[i*n/most*d:])
		}
		x, n = some, most
	}
	if n < 2 {
		return 0, fmt.Errorf("evaluate: no distance between different rows of a cloud of %d", n)
	}
	x, _ = centred(x, nil, d)
	c := make([]T, n*n)
	logsumexp.SquaredDistances(run, c, n, x, x, n, n, d, 1)
	above := make([]T, 0, n*(n-1)/2)
	for i := range n {
		above = append(above, c[i*n+i+1:(i+1)*n]...)
	}
	slices.Sort(above)
	return (root(above[(len(above)-1)/2]) + root(above[len(above)/2])) / 2, nil
}

func root[T kernels.Float](v T) float64 { return math.Sqrt(max(float64(v), 0)) }

// centred returns both clouds less the mean of all their rows: distances of many coordinates come from inner products, which lose in float32
// what the origin is further off than the points are from each other.
func centred[T kernels.Float](x, y []T, d int) (x1, y1 []T) {
	mean, rows := make([]float64, d), float64((len(x)+len(y))/d)
	for _, z := range [][]T{x, y} {
		for i, v := range z {
			mean[i%d] += float64(v) / rows
		}
	}
	moved := func(z []T) []T {
		out := make([]T, len(z))
		for i, v := range z {
			out[i] = T(float64(v) - mean[i%d])
		}
		return out
	}
	return moved(x), moved(y)
}
