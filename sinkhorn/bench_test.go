package sinkhorn_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// BenchmarkBackward is the time of L steps forward, and its ratio to that of forward and backward together: with the kernel and the
// derivative by the cost in memory, and in linear memory, down to the points of both clouds. Both times are the least of the run.
func BenchmarkBackward(b *testing.B) {
	const d, steps = 3, 20
	for _, c := range []struct {
		memory   string
		n, bytes int
	}{{"stored", 200, 0}, {"stored", 1024, 0}, {"linear", 1024, 1}, {"linear", 4096, 1}} {
		b.Run(fmt.Sprintf("memory=%s/n=%d/L=%d", c.memory, c.n, steps), func(b *testing.B) {
			x, y := make([]float64, c.n*d), make([]float64, c.n*d)
			random.Uniform(random.New(1, "x"), x, 0, 1)
			random.Uniform(random.New(1, "y"), y, 0, 1)
			points, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, c.n, c.n, d)
			if err != nil {
				b.Fatal(err)
			}
			var cost logsumexp.Cost[float32] = points
			wanted := &sinkhorn.Derivative[float32]{Points: points, DX: make([]float64, len(x)), DY: make([]float64, len(y))}
			if c.memory == "stored" {
				cost = points.Form(nil)
				wanted = &sinkhorn.Derivative[float32]{C: make([]float32, c.n*c.n)}
			}
			p, err := sinkhorn.NewProblem(cost, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			solver := sinkhorn.Solver[float32]{Eps: .05, MaxBytes: c.bytes}
			var u sinkhorn.Unrolled[float32]
			forward, backward := math.Inf(1), math.Inf(1)
			for b.Loop() {
				start := time.Now()
				if err := solver.Unroll(context.Background(), &u, steps, p); err != nil {
					b.Fatal(err)
				}
				between := time.Now()
				if err := u.Backward(sinkhorn.Sharp, wanted); err != nil {
					b.Fatal(err)
				}
				forward, backward = min(forward, between.Sub(start).Seconds()), min(backward, time.Since(between).Seconds())
			}
			b.ReportMetric(forward*1e3, "forward-ms")
			b.ReportMetric((forward+backward)/forward, "ratio")
		})
	}
}
