package kernels

import (
	"math"
	"testing"
)

// TestSweepDots holds the products of rows to sums in float64.
func TestSweepDots(t *testing.T) { both(t, testSweepDots[float32], testSweepDots[float64]) }

func testSweepDots[T Float](t *testing.T) {
	rng := newRand()
	for _, s := range shapes() {
		e, q, d := block[T](rng, s, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1), offset[T](rng, s.offset, s.rows, 5, 6)
		SweepDots(d, e, s.ld, q)
		for r, got := range d {
			var want, size float64
			for j, v := range q {
				want += float64(v) * float64(e[r*s.ld+j])
				size += math.Abs(float64(v) * float64(e[r*s.ld+j]))
			}
			if err := math.Abs(float64(got) - want); !(err <= (8+float64(s.cols))*unit[T]()*size) {
				t.Fatalf("%+v: d[%d] = %v, want %v", s, r, got, want)
			}
		}
	}
}
