package sinkhorn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A Drift answers whether two samples may come from one law, by their divergence.
type Drift struct {
	Divergence float64
	Reps       int

	// PValue is the probability under one common law of a divergence at least as large, by random relabelling of the pooled points:
	//
	//	(1 + #{relabelled divergences >= Divergence}) / (1 + Reps)
	//
	// Divergences closer than what their solves may be off by count as equal, so that relabellings of equal points, or of a few points in another
	// order, are the ties that they are.
	PValue float64

	// Lower and Upper hold the middle 95 % of the divergences of samples drawn again with replacement from each side. A divergence of
	// samples is biased upwards, and so are these.
	Lower, Upper float64
}

// Drift compares the first n points of a pooled cost with the others, all of one weight, by Feydy's divergence; cost is N x N,
// symmetric. The relabellings and the draws are reps each, from seed, and are solved as batches; all three problems of each stop at the
// solver's tolerance.
func (s *Solver[T]) Drift(ctx context.Context, cost logsumexp.Cost[T], n, reps int, seed uint64) (*Drift, error) {
	if err := checkPooled(cost, n, reps); err != nil {
		return nil, err
	}
	total, _ := cost.Dims()
	index := identity(total)
	seen, noise, err := s.subsetDivergence(ctx, cost, index, n)
	if err != nil {
		return nil, err
	}
	permuted, off, err := s.redraw(ctx, cost, n, reps, func(rep int) []int {
		at := slices.Clone(index)
		random.New(seed, "permutation", uint64(rep)).Shuffle(total, func(i, j int) { at[i], at[j] = at[j], at[i] })
		return at
	})
	if err != nil {
		return nil, err
	}
	drawn, err := s.resampled(ctx, cost, n, reps, seed)
	if err != nil {
		return nil, err
	}
	d := &Drift{Divergence: seen, Reps: reps, PValue: 1}
	for rep, v := range permuted {
		if v+off[rep] >= seen-noise {
			d.PValue++
		}
	}
	d.PValue /= float64(1 + reps)
	d.Lower, d.Upper = quantile(drawn, .025), quantile(drawn, .975)
	return d, nil
}

func checkPooled[T kernels.Float](cost logsumexp.Cost[T], n, reps int) error {
	total, m := cost.Dims()
	switch {
	case total != m:
		return fmt.Errorf("sinkhorn: the pooled cost is %d x %d, want a square", total, m)
	case n < 2 || total-n < 2:
		return fmt.Errorf("sinkhorn: %d and %d points to compare, want at least 2 on each side", n, total-n)
	case reps < 1:
		return fmt.Errorf("sinkhorn: %d repetitions, want at least 1", reps)
	}
	return nil
}

// resampled returns the divergences of samples drawn again with replacement from each side, in order.
func (s *Solver[T]) resampled(ctx context.Context, cost logsumexp.Cost[T], n, reps int, seed uint64) ([]float64, error) {
	total, _ := cost.Dims()
	drawn, _, err := s.redraw(ctx, cost, n, reps, func(rep int) []int {
		at, stream := make([]int, total), random.New(seed, "bootstrap", uint64(rep))
		for i := range at {
			if i < n {
				at[i] = stream.IntN(n)
			} else {
				at[i] = n + stream.IntN(total-n)
			}
		}
		return at
	})
	slices.Sort(drawn)
	return drawn, err
}

func identity(n int) []int {
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return index
}

// quantile returns the value below which a share q of sorted values lies.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	lo := int(math.Floor(at))
	hi := min(lo+1, len(sorted)-1)
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}

// redraw returns the divergences of reps drawings of the points, many at once, and what they may be off by. Its error is that of the first drawing
// that has one.
func (s *Solver[T]) redraw(ctx context.Context, cost logsumexp.Cost[T], n, reps int, draw func(rep int) []int) (values, off []float64, err error) {
	values, off = make([]float64, reps), make([]float64, reps)
	errs := make([]error, reps)
	var one sync.Mutex
	done := 0
	parallel.For(s.runner(), reps, func(rep int) {
		if ctx.Err() != nil {
			return
		}
		values[rep], off[rep], errs[rep] = s.subsetDivergence(ctx, cost, draw(rep), n)
		if s.Redrawn != nil {
			one.Lock()
			defer one.Unlock()
			done++
			s.Redrawn(done, reps)
		}
	})
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("sinkhorn: stopped from outside among %d redrawn divergences: %w", reps, context.Cause(ctx))
	}
	for rep, err := range errs {
		if err != nil {
			return nil, nil, fmt.Errorf("sinkhorn: redrawn divergence %d of %d: %w", rep+1, reps, err)
		}
	}
	return values, off, nil
}

// subsetDivergence returns the divergence between the points index[:n] and index[n:] of a pooled cost, and what it may be off by.
func (s *Solver[T]) subsetDivergence(ctx context.Context, cost logsumexp.Cost[T], index []int, n int) (value, off float64, err error) {
	own := *s
	own.G, own.Progress, own.Redrawn, own.Device, own.DeviceOnly = nil, nil, nil, nil, false
	x, y := index[:n], index[n:]
	reader := ReadOn(s.Runner)
	xy, err1 := NewProblem(gather(cost, x, y), nil, nil, reader)
	xx, err2 := NewSelfProblem(gather(cost, x, x), nil, reader)
	yy, err3 := NewSelfProblem(gather(cost, y, y), nil, reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, 0, err
	}
	d, err := own.Divergence(ctx, xy, xx, yy)
	if err != nil {
		return 0, 0, err
	}
	return d.Value(), d.XY.shortfall() + d.XX.shortfall()/2 + d.YY.shortfall()/2, nil
}

// shortfall returns what the value of a balanced problem with uniform weights is short of: with e the error of the rows' marginal,
//
//	eps KL(a | P 1) <= eps sum_i (a_i - (P 1)_i)^2/a_i <= eps n e^2
//
// is what the next iteration adds, in the first order, and with it 2^-40 of the terms for rounding.
func (r *Result[T]) shortfall() float64 {
	e := r.MarginalError()
	return r.eps*float64(max(r.p.n, r.p.m))*e*e + 0x1p-40*(math.Abs(r.Value())+r.eps)
}

// gather returns rows and columns of a cost as a matrix, its terms taken out put back.
func gather[T kernels.Float](cost logsumexp.Cost[T], rows, cols []int) *logsumexp.Stored[T] {
	_, m := cost.Dims()
	var u, v []float64
	if sh, ok := cost.(logsumexp.Shifted); ok {
		u, v = sh.Shift()
	}
	c, buf := make([]T, len(rows)*len(cols)), make([]T, m)
	for i, from := range rows {
		row, _ := cost.Tile(buf, from, from+1, 0, m)
		for j, at := range cols {
			entry := float64(row[at])
			if u != nil {
				entry += u[from]
			}
			if v != nil {
				entry += v[at]
			}
			c[i*len(cols)+j] = T(entry)
		}
	}
	return logsumexp.NewStored(c, len(rows), len(cols), len(cols))
}
