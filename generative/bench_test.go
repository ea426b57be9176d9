package generative_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// BenchmarkLoss is the debiased loss of all three terms with its gradient, as a training step on 28 x 28 images asks for it.
func BenchmarkLoss(b *testing.B) {
	const d = 784
	for _, c := range []struct{ batch, steps int }{{200, 10}, {200, 100}, {1000, 10}} {
		b.Run(fmt.Sprintf("batch=%d/L=%d/d=%d", c.batch, c.steps, d), func(b *testing.B) {
			x, y := make([]float32, c.batch*d), make([]float32, c.batch*d)
			random.Uniform(random.New(1, "x"), x, 0, 1)
			random.Uniform(random.New(1, "y"), y, 0, 1)
			grad := make([]float32, len(x))
			loss, err := generative.NewTransport[float32](generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: 1, Steps: c.steps})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := loss.Eval(context.Background(), x, y, c.batch, d, grad, nil, true); err != nil {
					b.Fatal(err)
				}
			}
			entries := float64(3*c.batch*c.batch*c.steps) * float64(b.N)
			b.ReportMetric(entries/b.Elapsed().Seconds()/1e9, "Gentries/s")
			b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "ms/step")
		})
	}
}
