package train

import (
	"context"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// SinkhornDistance returns the distance of the held-out measure, solved in float32 over a runner.
func SinkhornDistance(run kernels.Runner) Distance {
	return func(ctx context.Context, x, y []float32, n, m, d int, eps, tol float64) (float64, error) {
		c := make([]float32, n*m)
		logsumexp.SquaredDistances(run, c, m, x, y, n, m, d, 1)
		p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, m, m), nil, nil, sinkhorn.ReadOn(run))
		if err != nil {
			return 0, err
		}
		s := sinkhorn.Solver[float32]{Eps: eps, Tol: tol, Runner: run}
		r, err := s.Solve(ctx, p)
		if err != nil {
			return 0, err
		}
		return r.TransportCost(), nil
	}
}
