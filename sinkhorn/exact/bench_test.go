package exact_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// BenchmarkSolve: points of N(0,1)^d against N(1,1)^d under |x-y|^2, with weights that are equal or uniform on [0,1] before they are
// normalised.
func BenchmarkSolve(b *testing.B) {
	for _, weights := range []string{"equal", "random"} {
		for _, d := range []int{2, 16} {
			for _, n := range []int{500, 1000, 2000} {
				b.Run(fmt.Sprintf("weights=%s/d=%d/n=%d", weights, d, n), func(b *testing.B) {
					x, y := make([]float64, n*d), make([]float64, n*d)
					random.Normal(random.New(1, "x"), x, 0, 1)
					random.Normal(random.New(1, "y"), y, 1, 1)
					points, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
					if err != nil {
						b.Fatal(err)
					}
					var wx, wy []float64
					if weights == "random" {
						wx, wy = weigh(1, n), weigh(2, n)
					}
					p, err := sinkhorn.NewProblem(points.Form(nil), wx, wy)
					if err != nil {
						b.Fatal(err)
					}
					var s exact.Solver[float64]
					var r *exact.Result
					for b.Loop() {
						if r, err = s.Solve(context.Background(), p); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(r.Iterations), "iterations")
				})
			}
		}
	}
}

// weigh returns random weights of sum 1.
func weigh(seed uint64, n int) []float64 {
	rng, w, sum := random.New(seed, "weights"), make([]float64, n), 0.
	for i := range w {
		w[i] = rng.Float64()
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}
