package sinkhorn

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

// SolveAll solves problems of any sizes, each in one task and with its own early stop, many at once over the runner. Results are in the
// order of the problems and the same bits as those of [Solver.Solve]. The error joins those of the problems, each with its index; a result
// is nil only where its problem's error is not [ErrNotConverged]. Progress is not called, Device is not used, G must be nil, and no problem may be a rank's share.
func (s *Solver[T]) SolveAll(ctx context.Context, problems []*Problem[T]) ([]*Result[T], error) {
	if s.G != nil {
		return nil, errors.New("sinkhorn: a batch of problems has no common potential to start from")
	}
	for k, p := range problems {
		if err := p.whole("a batch"); err != nil {
			return nil, &ProblemError{k, err}
		}
	}
	own := *s
	own.Progress, own.Device, own.DeviceOnly = nil, nil, false
	order := make([]int, len(problems))
	for k := range order {
		order[k] = k
	}
	// The largest first, so that no worker is left with one at the end.
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(problems[b].n*problems[b].m, problems[a].n*problems[a].m)
	})
	results, errs := make([]*Result[T], len(problems)), make([]error, len(problems))
	parallel.For(s.runner(), len(order), func(t int) {
		k := order[t]
		r, err := own.Solve(ctx, problems[k]) // its loops run in place: the pool is busy
		results[k] = r
		if err != nil {
			errs[k] = &ProblemError{k, err}
		}
	})
	return results, errors.Join(errs...)
}

// A ProblemError is the error of one problem of a batch.
type ProblemError struct {
	Index int
	Err   error
}

// Error names the problem.
func (e *ProblemError) Error() string {
	return "problem " + strconv.Itoa(e.Index) + ": " + e.Err.Error()
}

// Unwrap returns the problem's error.
func (e *ProblemError) Unwrap() error { return e.Err }
