package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// BenchmarkIteration is the time of a full iteration in float32 between clouds in the unit cube, as one of a hundred at a temperature where
// plain sweeps do not converge in so many.
func BenchmarkIteration(b *testing.B) {
	const d, count = 3, 100
	kernelNames := map[sinkhorn.Kernel]string{sinkhorn.KernelComputed: "computed", sinkhorn.KernelKept: "kept"}
	for _, n := range []int{64, 128, 256, 512, 1024, 2048, 4096} {
		x, y := make([]float64, n*d), make([]float64, n*d)
		random.Uniform(random.New(1, "x"), x, 0, 1)
		random.Uniform(random.New(1, "y"), y, 0, 1)
		points, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
		if err != nil {
			b.Fatal(err)
		}
		costs := map[string]logsumexp.Cost[float32]{"points": points, "stored": points.Form(parallel.Default())}
		for _, c := range []struct {
			cost   string
			kernel sinkhorn.Kernel
		}{{"stored", sinkhorn.KernelKept}, {"stored", sinkhorn.KernelComputed}, {"points", sinkhorn.KernelComputed}} {
			p, err := sinkhorn.NewProblem(costs[c.cost], nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			for _, threads := range []int{1, runtime.GOMAXPROCS(0)} {
				b.Run(fmt.Sprintf("cost=%s/kernel=%s/n=%d/threads=%d", c.cost, kernelNames[c.kernel], n, threads), func(b *testing.B) {
					pool := parallel.New(threads)
					defer pool.Close()
					benchIterations(b, pool, p, c.kernel, count)
				})
			}
		}
	}
}

// benchIterations reports the least mean time of an iteration of a solve after its first ten, which warm up.
func benchIterations(b *testing.B, run kernels.Runner, p *sinkhorn.Problem[float32], kernel sinkhorn.Kernel, count int) {
	first := min(10, count)
	var begin, end time.Time
	least := math.Inf(1)
	s := sinkhorn.Solver[float32]{
		Eps: .002, Tol: 1e-30, MaxIter: first + count, Method: sinkhorn.Sweep, Kernel: kernel, Runner: run,
		Progress: func(iteration int, _ float64) {
			if end = time.Now(); iteration == first {
				begin = end
			}
		},
	}
	for b.Loop() {
		if _, err := s.Solve(context.Background(), p); !errors.Is(err, sinkhorn.ErrNotConverged) {
			b.Fatalf("a solve to nothing ended with %v", err)
		}
		least = min(least, end.Sub(begin).Seconds()/float64(count))
	}
	b.ReportMetric(least*1e6, "us/iteration")
}
