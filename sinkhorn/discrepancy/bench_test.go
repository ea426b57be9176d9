package discrepancy_test

import (
	"fmt"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
)

// BenchmarkMMD: value and both gradients in float32, biased; entries of three kernel matrices a second.
func BenchmarkMMD(b *testing.B) {
	const d = 16
	for _, name := range discrepancy.KernelNames {
		for _, n := range []int{256, 1024} {
			b.Run(fmt.Sprintf("kernel=%s/n=%d", name, n), func(b *testing.B) {
				k, err := discrepancy.NewKernel(name)
				if err != nil {
					b.Fatal(err)
				}
				mmd := discrepancy.MMD[float32]{Kernel: k, Runner: parallel.Default()}
				x, y, dx, dy := floats(n * d)
				for b.Loop() {
					if _, err := mmd.Eval(x, y, n, n, d, dx, dy, true); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(3*float64(n)*float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			})
		}
	}
}

// BenchmarkSliced: value and both gradients in float32 of 50 projections; projected points a second.
func BenchmarkSliced(b *testing.B) {
	const d = 16
	for _, n := range []int{64, 256, 1024, 16384} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			s := discrepancy.Sliced[float32]{Runner: parallel.Default()}
			x, y, dx, dy := floats(n * d)
			for b.Loop() {
				if _, err := s.Eval(x, y, n, n, d, dx, dy); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(2*50*float64(n)*float64(b.N)/b.Elapsed().Seconds(), "points/s")
		})
	}
}

func floats(size int) (x, y, dx, dy []float32) {
	u, v := clouds(1, size, size, 1)
	x, y, dx, dy = make([]float32, size), make([]float32, size), make([]float32, size), make([]float32, size)
	for i := range x {
		x[i], y[i] = float32(u[i]), float32(v[i])
	}
	return x, y, dx, dy
}
