package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// random returns n values uniform on [lo, hi).
func random(rng *rand.Rand, n int, lo, hi float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = lo + (hi-lo)*rng.Float32()
	}
	return x
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// BenchmarkSweep is a full forward iteration over a stored cost: for each block of rows the row sums, then the column sums.
func BenchmarkSweep(b *testing.B) {
	for _, k := range tables32 {
		for _, n := range []int{64, 256, 1024, 4096} {
			for _, rows := range []int{4, 8, 16, 32} {
				b.Run(fmt.Sprintf("isa=%v/n=%d/block=%d", k.tier, n, rows), func(b *testing.B) {
					rng := newRand()
					c, g, f := random(rng, n*n, 0, 2), random(rng, n, -10, 0), random(rng, n, 0, 10)
					e, s, acc := make([]float32, rows*n), make([]float32, rows), make([]float32, n)
					for b.Loop() {
						clear(acc)
						for r := 0; r < n; r += rows {
							k.sweepRows(e, n, s, c[r*n:], n, 10, g, f[r:r+rows])
							k.sweepCols(acc, e, n, s)
						}
					}
					b.ReportMetric(float64(n*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gentries/s")
				})
			}
		}
	}
}
