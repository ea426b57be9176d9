package numtest

import (
	"math"
	"testing"
)

// cubic is out_k = v_k^3 + v_0, whose gradient is known; the backward pass multiplies it by factor and adds offset.
func cubic[T float32 | float64](factor, offset T) (forward func() []T, backward func(w []T) []Leaf[T]) {
	v := []T{0.5, -1, 1.5, 0.75}
	out, dv := make([]T, len(v)), make([]T, len(v))
	forward = func() []T {
		for k, x := range v {
			out[k] = x*x*x + v[0]
		}
		return out
	}
	backward = func(w []T) []Leaf[T] {
		clear(dv)
		for k, x := range v {
			dv[k] += factor*w[k]*3*x*x + offset
			dv[0] += factor * w[k]
		}
		return []Leaf[T]{{"v", v, dv}}
	}
	return forward, backward
}

func TestGrad(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testGrad[float32](t, 1e-3) })
	t.Run("float64", func(t *testing.T) { testGrad[float64](t, 1e-9) })
}

// testGrad checks that Grad accepts a right gradient and rejects one that is off by the fraction small.
func testGrad[T float32 | float64](t *testing.T, small T) {
	nan := T(math.NaN())
	for seed := range uint64(20) {
		for _, c := range []struct {
			factor, offset T
			right          bool
		}{{1, 0, true}, {1 + small, 0, false}, {1 - small, 0, false}, {1, small, false}, {0, 0, false}, {-1, 0, false}, {nan, 0, false}} {
			if err := gradOf(seed, c.factor, c.offset); (err == nil) != c.right {
				t.Errorf("seed %d, factor %v, offset %v: %v", seed, c.factor, c.offset, err)
			}
		}
	}
}

// A gradient that is zero, or of the wrong length, proves nothing and is refused.
func TestGradRefusesNothing(t *testing.T) {
	out, v := []float64{2}, []float64{1}
	constant := func() []float64 { return out }
	for _, leaf := range []Leaf[float64]{{"v", v, []float64{0}}, {"v", v, nil}, {"v", nil, nil}} {
		if Grad(1, constant, func([]float64) []Leaf[float64] { return []Leaf[float64]{leaf} }) == nil {
			t.Errorf("Grad accepts %v", leaf)
		}
	}
}

func gradOf[T float32 | float64](seed uint64, factor, offset T) error {
	forward, backward := cubic(factor, offset)
	return Grad(seed, forward, backward)
}
