package kernels

import (
	"fmt"
	"math"
	"testing"
)

func TestSweepScale(t *testing.T) { both(t, testSweepScale[float32], testSweepScale[float64]) }

// testSweepScale holds an iteration to sums in float64, on blocks of every number of rows in each way that they are run.
func testSweepScale[T Float](t *testing.T) {
	sizes := shapes()
	for rows := range 12 {
		sizes = append(sizes, shape{rows, quadCols + 1, quadCols + 3, rows}, shape{rows, pairCols + 1, pairCols + 1, 1})
	}
	sizes = append(sizes, shape{70, 1000, 1000, 0}, shape{300, 300, 301, 2}, shape{9, scaleCols + 1, scaleCols + 1, 0})
	for _, k := range tables[T]() {
		t.Run("isa="+k.tier.String(), func(t *testing.T) {
			rng := newRand()
			for _, s := range sizes {
				e, q, a := block[T](rng, s, 0, 1), offset[T](rng, s.offset, s.cols, .5, 1), offset[T](rng, s.offset, s.rows, 0, 1)
				d, w, acc := offset[T](rng, s.offset, s.rows, 5, 6), offset[T](rng, s.offset, s.rows, 5, 6), offset[T](rng, s.offset, s.cols, 0, 1)
				want := make([]float64, s.cols)
				for j := range want {
					want[j] = float64(acc[j])
				}
				k.sweepScale(d, w, e, s.ld, q, acc, a)
				for r := range s.rows {
					var sum float64
					for j, v := range q {
						sum += float64(e[r*s.ld+j]) * float64(v)
					}
					near(t, s, "d", r, d[r], sum, sum, laneSum(s.cols/8))
					if s.cols == 0 {
						continue
					}
					near(t, s, "w", r, w[r], float64(a[r])/float64(d[r]), math.Abs(float64(w[r])), 1e-7)
					for j := range want {
						want[j] += float64(w[r]) * float64(e[r*s.ld+j])
					}
				}
				for j, v := range want {
					near(t, s, "acc", j, acc[j], v, v, laneSum(s.rows))
				}
			}
		})
	}
}

// TestSweepScaleError measures what the documentation says of float32 sums.
func TestSweepScaleError(t *testing.T) {
	const rows, cols = 64, 4096
	for _, k := range tables32 {
		if k.tier == Generic { // adds one after another
			continue
		}
		rng := newRand()
		e, q, a := random[float32](rng, rows*cols, 0, 1), random[float32](rng, cols, 0, 1), random[float32](rng, rows, 0, 1)
		d, w, acc := make([]float32, rows), make([]float32, rows), make([]float32, cols)
		k.sweepScale(d, w, e, cols, q, acc, a)
		var worst float64
		for r := range d {
			var sum float64
			for j, v := range q {
				sum += float64(e[r*cols+j]) * float64(v)
			}
			worst = max(worst, math.Abs(float64(d[r])/sum-1))
		}
		if !(worst <= 0x1p-20) {
			t.Errorf("%v: relative error %.3g of a sum of %d products", k.tier, worst, cols)
		}
		t.Logf("%v: largest relative error of %d sums of %d products 2^%.1f", k.tier, rows, cols, math.Log2(worst))
	}
}

func BenchmarkSweepScale(b *testing.B) { benchSweepScale[float32](b); benchSweepScale[float64](b) }

// benchSweepScale is a full iteration on a kernel in memory.
func benchSweepScale[T Float](b *testing.B) {
	for _, n := range []int{64, 200, 512, 1024, 2048, 4096} {
		e := random[T](newRand(), n*n, 0, 1)
		q, a, d, w, acc := random[T](newRand(), n, 0, 1), make([]T, n), make([]T, n), make([]T, n), make([]T, n)
		benchTiers(b, fmt.Sprintf("n=%d", n), n*n, func(b *testing.B, k *impl[T]) {
			for b.Loop() {
				k.sweepScale(d, w, e, n, q, acc, a)
			}
		})
	}
}
