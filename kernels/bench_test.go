package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// random returns n values uniform on [lo, hi).
func random[T Float](rng *rand.Rand, n int, lo, hi T) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = lo + (hi-lo)*T(rng.Float64())
	}
	return x
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// benchTiers runs f as a benchmark for every tier, and reports elements per nanosecond.
func benchTiers[T Float](b *testing.B, name string, elements int, f func(b *testing.B, k *impl[T])) {
	for _, k := range tables[T]() {
		b.Run(fmt.Sprintf("type=%T/isa=%v/%s", T(0), k.tier, name), func(b *testing.B) {
			f(b, k)
			b.ReportMetric(float64(elements)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "G/s")
		})
	}
}

const benchLength = 4096

func benchMap[T Float](b *testing.B, lo T, f func(k *impl[T]) func(dst, x []T)) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[T]) {
		x, dst, g := random[T](newRand(), benchLength, lo, 10), make([]T, benchLength), f(k)
		for b.Loop() {
			g(dst, x)
		}
	})
}

func BenchmarkExp(b *testing.B) {
	benchMap(b, -10, func(k *impl[float32]) func(dst, x []float32) { return k.exp })
	benchMap(b, -10, func(k *impl[float64]) func(dst, x []float64) { return k.exp })
}
func BenchmarkExp2(b *testing.B) {
	benchMap(b, -10, func(k *impl[float32]) func(dst, x []float32) { return k.exp2 })
	benchMap(b, -10, func(k *impl[float64]) func(dst, x []float64) { return k.exp2 })
}
func BenchmarkSoftplus(b *testing.B) {
	benchMap(b, -10, func(k *impl[float32]) func(dst, x []float32) { return k.softplus })
	benchMap(b, -10, func(k *impl[float64]) func(dst, x []float64) { return k.softplus })
}
func BenchmarkSigmoid(b *testing.B) {
	benchMap(b, -10, func(k *impl[float32]) func(dst, x []float32) { return k.sigmoid })
	benchMap(b, -10, func(k *impl[float64]) func(dst, x []float64) { return k.sigmoid })
}
func BenchmarkTanh(b *testing.B) {
	benchMap(b, -10, func(k *impl[float32]) func(dst, x []float32) { return k.tanh })
	benchMap(b, -10, func(k *impl[float64]) func(dst, x []float64) { return k.tanh })
}

// BenchmarkSoftplusBackward is the backward pass with an exponential.
func BenchmarkSoftplusBackward(b *testing.B) {
	benchSoftplusBackward[float32](b)
	benchSoftplusBackward[float64](b)
}

func benchSoftplusBackward[T Float](b *testing.B) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[T]) {
		dy, y := random[T](newRand(), benchLength, -1, 1), random[T](newRand(), benchLength, 0, 5)
		for b.Loop() {
			k.softplusBw(dy, dy, y)
		}
	})
}

func BenchmarkLogSumExp(b *testing.B) { benchLogSumExp[float32](b); benchLogSumExp[float64](b) }

func benchLogSumExp[T Float](b *testing.B) {
	for _, n := range []int{64, 1024, benchLength} {
		benchTiers(b, fmt.Sprintf("n=%d", n), n, func(b *testing.B, k *impl[T]) {
			x := random[T](newRand(), n, -10, 10)
			for b.Loop() {
				k.logSumExp(x)
			}
		})
	}
}

func BenchmarkDot(b *testing.B) { benchDot[float32](b); benchDot[float64](b) }

func benchDot[T Float](b *testing.B) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[T]) {
		x, y := random[T](newRand(), benchLength, -1, 1), random[T](newRand(), benchLength, -1, 1)
		for b.Loop() {
			k.dot(x, y)
		}
	})
}

func BenchmarkAdam(b *testing.B) { benchAdam[float32](b); benchAdam[float64](b) }

func benchAdam[T Float](b *testing.B) {
	benchTiers(b, fmt.Sprintf("n=%d", benchLength), benchLength, func(b *testing.B, k *impl[T]) {
		rng := newRand()
		p, g, m, v := random[T](rng, benchLength, -1, 1), random[T](rng, benchLength, -1, 1), random[T](rng, benchLength, -1, 1), random[T](rng, benchLength, 0, 1)
		step := &AdamStep[T]{Beta1: .9, Beta2: .999, StepSize: 1e-6, InvSqrtBias2: 1, Eps: 1e-8}
		for b.Loop() {
			k.adam(p, g, m, v, step)
		}
	})
}

// BenchmarkSweep is a full forward iteration over a stored cost: for each block of rows the row sums, then the column sums.
func BenchmarkSweep(b *testing.B) { benchSweep[float32](b); benchSweep[float64](b) }

func benchSweep[T Float](b *testing.B) {
	for _, n := range []int{64, 200, 1024, 4096} {
		rows := SweepBlock(n)
		benchTiers(b, fmt.Sprintf("n=%d", n), n*n, func(b *testing.B, k *impl[T]) {
			rng := newRand()
			c, g, f := random[T](rng, n*n, 0, 2), random[T](rng, n, -10, 0), random[T](rng, n, 0, 10)
			e, s, acc := make([]T, rows*n), make([]T, rows), make([]T, n)
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
func BenchmarkAdjoint(b *testing.B) { benchAdjoint[float32](b); benchAdjoint[float64](b) }

func benchAdjoint[T Float](b *testing.B) {
	for _, n := range []int{200, 1024} {
		rows := SweepBlock(n)
		benchTiers(b, fmt.Sprintf("n=%d", n), n*n, func(b *testing.B, k *impl[T]) {
			rng := newRand()
			c, g, f, q := random[T](rng, n*n, 0, 2), random[T](rng, n, -10, 0), random[T](rng, n, 0, 10), random[T](rng, n, -1, 1)
			e, d, h, cbar := make([]T, rows*n), make([]T, rows), make([]T, n), make([]T, n*n)
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

// BenchmarkSquaredDistances fills a tile of costs from points.
func BenchmarkSquaredDistances(b *testing.B) {
	benchSquaredDistances[float32](b)
	benchSquaredDistances[float64](b)
}

func benchSquaredDistances[T Float](b *testing.B) {
	const rows, cols = 8, 1024
	for _, d := range []int{2, 3, 8, 64} {
		benchTiers(b, fmt.Sprintf("d=%d", d), rows*cols, func(b *testing.B, k *impl[T]) {
			x, yt, dst := random[T](newRand(), rows*d, -1, 1), random[T](newRand(), cols*d, -1, 1), make([]T, rows*cols)
			for b.Loop() {
				k.squared(dst, cols, x, d, yt, cols, rows, cols, d)
			}
		})
	}
}

func BenchmarkLog(b *testing.B) {
	benchMap(b, 0, func(k *impl[float32]) func(dst, x []float32) { return k.log })
	benchMap(b, 0, func(k *impl[float64]) func(dst, x []float64) { return k.log })
}
func BenchmarkLog1p(b *testing.B) {
	benchMap(b, 0, func(k *impl[float32]) func(dst, x []float32) { return k.log1p })
	benchMap(b, 0, func(k *impl[float64]) func(dst, x []float64) { return k.log1p })
}
func BenchmarkLog2(b *testing.B) {
	benchMap(b, 0, func(k *impl[float32]) func(dst, x []float32) { return k.log2 })
	benchMap(b, 0, func(k *impl[float64]) func(dst, x []float64) { return k.log2 })
}
func BenchmarkExpm1(b *testing.B) {
	benchMap(b, -10, func(k *impl[float32]) func(dst, x []float32) { return k.expm1 })
	benchMap(b, -10, func(k *impl[float64]) func(dst, x []float64) { return k.expm1 })
}
