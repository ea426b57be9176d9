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

// benchTiers runs f as a benchmark for every tier, and reports elements per nanosecond.
func benchTiers(b *testing.B, name string, elements int, f func(b *testing.B, k *impl[float32])) {
	for _, k := range tables32 {
		b.Run(fmt.Sprintf("isa=%v/%s", k.tier, name), func(b *testing.B) {
			f(b, k)
			b.ReportMetric(float64(elements)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "G/s")
		})
	}
}

const benchLength = 4096

func benchMap(b *testing.B, f func(k *impl[float32]) func(dst, x []float32)) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[float32]) {
		x, dst, g := random(newRand(), benchLength, -10, 10), make([]float32, benchLength), f(k)
		for b.Loop() {
			g(dst, x)
		}
	})
}

func BenchmarkExp(b *testing.B) {
	benchMap(b, func(k *impl[float32]) func(dst, x []float32) { return k.exp })
}
func BenchmarkExp2(b *testing.B) {
	benchMap(b, func(k *impl[float32]) func(dst, x []float32) { return k.exp2 })
}
func BenchmarkSoftplus(b *testing.B) {
	benchMap(b, func(k *impl[float32]) func(dst, x []float32) { return k.softplus })
}
func BenchmarkSigmoid(b *testing.B) {
	benchMap(b, func(k *impl[float32]) func(dst, x []float32) { return k.sigmoid })
}
func BenchmarkTanh(b *testing.B) {
	benchMap(b, func(k *impl[float32]) func(dst, x []float32) { return k.tanh })
}

// BenchmarkSoftplusBackward is the backward pass with an exponential.
func BenchmarkSoftplusBackward(b *testing.B) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[float32]) {
		dy, y := random(newRand(), benchLength, -1, 1), random(newRand(), benchLength, 0, 5)
		for b.Loop() {
			k.softplusBw(dy, dy, y)
		}
	})
}

func BenchmarkLogSumExp(b *testing.B) {
	for _, n := range []int{64, 1024, benchLength} {
		benchTiers(b, fmt.Sprintf("n=%d", n), n, func(b *testing.B, k *impl[float32]) {
			x := random(newRand(), n, -10, 10)
			for b.Loop() {
				k.logSumExp(x)
			}
		})
	}
}

func BenchmarkDot(b *testing.B) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[float32]) {
		x, y := random(newRand(), benchLength, -1, 1), random(newRand(), benchLength, -1, 1)
		for b.Loop() {
			k.dot(x, y)
		}
	})
}

func BenchmarkAdam(b *testing.B) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[float32]) {
		rng := newRand()
		p, g, m, v := random(rng, benchLength, -1, 1), random(rng, benchLength, -1, 1), random(rng, benchLength, -1, 1), random(rng, benchLength, 0, 1)
		step := &AdamStep[float32]{Beta1: .9, Beta2: .999, StepSize: 1e-6, InvSqrtBias2: 1, Eps: 1e-8}
		for b.Loop() {
			k.adam(p, g, m, v, step)
		}
	})
}

// BenchmarkSweep is a full forward iteration over a stored cost: for each block of rows the row sums, then the column sums.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{64, 200, 1024, 4096} {
		rows := SweepBlock(n)
		benchTiers(b, fmt.Sprintf("n=%d", n), n*n, func(b *testing.B, k *impl[float32]) {
			rng := newRand()
			c, g, f := random(rng, n*n, 0, 2), random(rng, n, -10, 0), random(rng, n, 0, 10)
			e, s, acc := make([]float32, rows*n), make([]float32, rows), make([]float32, n)
			for b.Loop() {
				clear(acc)
				for r := 0; r < n; r += rows {
					rows := min(rows, n-r)
					k.sweepRows(e, n, s[:rows], c[r*n:], n, 10, g, f[r:r+rows])
					k.sweepCols(acc, e, n, s[:rows])
				}
			}
		})
	}
}

// BenchmarkAdjoint is one backward iteration with the cotangent of a stored cost.
func BenchmarkAdjoint(b *testing.B) {
	for _, n := range []int{200, 1024} {
		rows := SweepBlock(n)
		benchTiers(b, fmt.Sprintf("n=%d", n), n*n, func(b *testing.B, k *impl[float32]) {
			rng := newRand()
			c, g, f, q := random(rng, n*n, 0, 2), random(rng, n, -10, 0), random(rng, n, 0, 10), random(rng, n, -1, 1)
			e, d, h, cbar := make([]float32, rows*n), make([]float32, rows), make([]float32, n), make([]float32, n*n)
			for b.Loop() {
				for r := 0; r < n; r += rows {
					rows := min(rows, n-r)
					k.sweepRowsDot(e, n, d[:rows], c[r*n:], n, 10, g, f[r:r+rows], q)
					k.sweepAdjoint(h, cbar[r*n:], n, e, n, q, g, f[r:r+rows], d[:rows])
				}
			}
		})
	}
}
