package logsumexp_test

import (
	"fmt"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// BenchmarkIteration is one whole iteration of Sinkhorn's algorithm on one core: the sums of rows, and of columns, of an n x m problem.
func BenchmarkIteration(b *testing.B) {
	for _, c := range []struct {
		cost string
		d    int
	}{{"stored", 3}, {"sqeuclidean", 2}, {"sqeuclidean", 3}, {"euclidean", 3}, {"l1", 3}, {"sqeuclidean", 64}, {"sqeuclidean", 256}, {"sqeuclidean", 784}} {
		for _, size := range [][2]int{{1024, 1024}, {4096, 4096}, {16384, 16384}, {64, 100000}, {64, 1000000}} {
			n, m := size[0], size[1]
			b.Run(fmt.Sprintf("cost=%s/d=%d/n=%d/m=%d", c.cost, c.d, n, m), func(b *testing.B) {
				if c.cost == "stored" && n > 4096 {
					b.Skip("a matrix of 1 GiB")
				}
				if c.d > 64 && n*m > 4096*4096 {
					b.Skip("seconds an iteration")
				}
				ground, err := logsumexp.ParseGround(map[bool]string{true: "sqeuclidean", false: c.cost}[c.cost == "stored"])
				if err != nil {
					b.Fatal(err)
				}
				points, err := logsumexp.NewPoints[float32](ground, draw(1, n, c.d, 0), draw(2, m, c.d, 0), nil, nil, n, m, c.d)
				if err != nil {
					b.Fatal(err)
				}
				var cost logsumexp.Cost[float32] = points
				if c.cost == "stored" {
					cost = points.Form(nil)
				}
				f, g, acc := make([]float32, n), make([]float32, m), make([]float32, m)
				random.Uniform(random.New(3, "g"), g, -10, -9)
				var scratch logsumexp.Scratch[float32]
				update := func(_ int, sum []float64, w []float32) {
					for k, s := range sum {
						w[k] = float32(1 / s)
					}
				}
				scratch.Sweep(cost, 0, n, 1, f, g, acc, true, update) // sets f, so that no row leaves the range
				for b.Loop() {
					scratch.Sweep(cost, 0, n, 1, f, g, acc, false, update)
				}
				b.ReportMetric(float64(n)*float64(m)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gentries/s")
			})
		}
	}
}
