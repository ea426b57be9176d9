package sinkhorn

import (
	"context"

	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// An Interval is a bootstrap confidence interval of a divergence.
type Interval struct {
	Divergence float64
	Reps       int

	// Lower and Upper hold the divergence of the laws with probability about .95. With q the quantiles of the divergences of samples
	// drawn again with replacement from each side:
	//
	//	[2 Divergence - q(.975), 2 Divergence - q(.025)]
	//
	// A divergence of samples is biased upwards, and that of samples of samples again by as much, which this takes off twice. Lower can be
	// negative.
	Lower, Upper float64
}

// Bootstrap returns the divergence (Feydy) of the first n points of a pooled cost from the others, all of one weight, with its basic bootstrap
// interval; cost is N x N, symmetric. The draws are reps, from seed, and are solved as a batch.
//
// The interval is for laws that differ, where the divergence of samples is asymptotically normal; for equal laws its limit is a quadratic form of a
// Gaussian process (Gonzalez-Sanz, Loubes and Niles-Weed 2022, Weak limits of entropy regularized optimal transport), and [Solver.Drift] tests for
// these. The form of the interval is the basic one of Davison and Hinkley 1997, equation 5.6.
func (s *Solver[T]) Bootstrap(ctx context.Context, cost logsumexp.Cost[T], n, reps int, seed uint64) (*Interval, error) {
	if err := checkPooled(cost, n, reps); err != nil {
		return nil, err
	}
	total, _ := cost.Dims()
	seen, _, err := s.subsetDivergence(ctx, cost, identity(total), n)
	if err != nil {
		return nil, err
	}
	drawn, err := s.resampled(ctx, cost, n, reps, seed)
	if err != nil {
		return nil, err
	}
	return &Interval{Divergence: seen, Reps: reps, Lower: 2*seen - quantile(drawn, .975), Upper: 2*seen - quantile(drawn, .025)}, nil
}
