package sinkhorn_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// BenchmarkCores is a whole solve in float32, from points to an L1 error of 1e-3, on one thread and on all in turn: the medians of both, and
// what all gain.
func BenchmarkCores(b *testing.B) {
	for _, stored := range []bool{true, false} {
		for _, n := range []int{256, 512, 1024, 2048, 4096} {
			b.Run(fmt.Sprintf("cost=%s/n=%d", map[bool]string{true: "stored", false: "points"}[stored], n), func(b *testing.B) {
				all := parallel.New(runtime.GOMAXPROCS(0))
				defer all.Close()
				var one, many []float64
				for b.Loop() {
					one = append(one, timeSolve(b, nil, n, stored))
					many = append(many, timeSolve(b, all, n, stored))
				}
				slices.Sort(one)
				slices.Sort(many)
				x, y := one[len(one)/2], many[len(many)/2]
				b.ReportMetric(x, "one-ms")
				b.ReportMetric(y, "all-ms")
				b.ReportMetric(x/y, "gain")
			})
		}
	}
}

// timeSolve returns the milliseconds of a solve that comes right after another.
func timeSolve(b *testing.B, pool *parallel.Pool, n int, stored bool) (ms float64) {
	const d = 3
	x, y := make([]float64, n*d), make([]float64, n*d)
	random.Normal(random.New(1, "x"), x, 0, 1)
	random.Uniform(random.New(1, "y"), y, 0, 1)
	for range 2 {
		start := time.Now()
		var run kernels.Runner = pool
		points, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
		if err != nil {
			b.Fatal(err)
		}
		var cost logsumexp.Cost[float32] = points
		if stored {
			cost = points.Form(run)
		}
		p, err := sinkhorn.NewProblem(cost, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := (&sinkhorn.Solver[float32]{Eps: .2, Tol: 1e-3, Runner: run}).Solve(context.Background(), p); err != nil {
			b.Fatal(err)
		}
		ms = 1e3 * time.Since(start).Seconds()
	}
	return ms
}
