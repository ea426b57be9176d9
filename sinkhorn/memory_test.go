//go:build !race

package sinkhorn_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestLinearMemory: what a solve between points allocates, in all, from the points to the bounds, is
//
//	(n + m) (50 float64 and, for partial sums of columns, a float32 a chunk of rows)
//
// and 2 MB for tiles, where the costs would be 4 n m; not under the race detector, whose pools forget what they were lent. One worker: with more, sums of columns wait for those of earlier rows.
func TestLinearMemory(t *testing.T) {
	const n, d, chunks = 4000, 3, 32
	rng := random.New(3, "memory")
	x, y := make([]float64, n*d), make([]float64, n*d)
	random.Normal(rng, x, 0, 1)
	random.Normal(rng, y, 0, 1)
	pool := parallel.New(1)
	defer pool.Close()
	solver := sinkhorn.Solver[float32]{Eps: .3, MaxIter: 4, MaxBytes: 1, Runner: pool}
	allocated := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem[float32](c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := solver.Solve(context.Background(), p)
		if !errors.Is(err, sinkhorn.ErrNotConverged) {
			t.Fatalf("after %d iterations: %v", r.Iterations, err)
		}
		r.Bounds()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	const limit = 2*n*(50*8+chunks*4) + 2<<20
	if got := allocated(); got > limit {
		t.Errorf("%d bytes allocated, %.1f float64 a point, want at most %d", got, float64(got)/(16*n), limit)
	} else {
		t.Logf("%d bytes allocated, %.1f float64 a point; at most %d, the costs %d", got, float64(got)/(16*n), limit, 4*n*n)
	}
}
