package kernels

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/numtest"
)

// lengths are all up to 130, and one to either side of powers of two, up to beyond the size of a call; of those last one in short runs.
func lengths() []int {
	var n []int
	for i := range 131 {
		n = append(n, i)
	}
	const chunk = 1 << 16 // the elements of a call of assembly
	for p := 256; p <= 4096; p *= 2 {
		n = append(n, p-1, p, p+1)
	}
	if testing.Short() {
		return append(n, chunk+1)
	}
	return append(n, chunk-1, chunk, chunk+1, 2*chunk+5)
}

// eachLength runs f for all lengths and, for the short ones, all alignments.
func eachLength(f func(n, off int)) {
	for _, n := range lengths() {
		f(n, n%16)
		if n < 40 {
			for off := range 16 {
				f(n, off)
			}
		}
	}
}

func TestReductions(t *testing.T) { both(t, testReductions[float32], testReductions[float64]) }

func testReductions[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		eachLength(func(n, off int) {
			x, y := offset[T](rng, off, n, -1, 1), offset[T](rng, off, n, -1, 1)
			var sum, dot, abs float64
			top := math.Inf(-1)
			for i, v := range x {
				sum, dot, abs = sum+float64(v), dot+float64(v)*float64(y[i]), abs+1
				top = max(top, float64(v))
			}
			s := shape{cols: n, offset: off}
			near(t, s, "sum", 0, k.sum(x), sum, abs, laneSum(min(n, 1<<16)/32)/4)
			near(t, s, "dot", 0, k.dot(x, y), dot, abs, laneSum(min(n, 1<<16)/32)/4)
			if got := k.max(x); float64(got) != top {
				t.Fatalf("%+v: max %v, want %v", s, got, top)
			}
		})
	})
}

func TestMaxAnywhere(t *testing.T) { both(t, testMaxAnywhere[float32], testMaxAnywhere[float64]) }

func testMaxAnywhere[T Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for _, k := range tables[T]() {
		for n := 1; n < 140; n++ {
			x := make([]T, n)
			for i := range x {
				x[i] = -3
			}
			for i := range x {
				x[i] = -1
				if got := k.max(x); got != -1 {
					t.Fatalf("%v: max %v with -1 at %d of %d", k.tier, got, i, n)
				}
				x[i] = nan
				if got := k.max(x); n > 1 && got != -3 || n == 1 && got != -inf {
					t.Fatalf("%v: max %v with NaN at %d of %d", k.tier, got, i, n)
				}
				x[i] = -3
			}
		}
		if got := k.max(nil); got != -inf {
			t.Errorf("%v: max of nothing is %v", k.tier, got)
		}
	}
}

func logSumExp64[T Float](x []T) float64 {
	m := math.Inf(-1)
	for _, v := range x {
		m = max(m, float64(v))
	}
	if math.IsInf(m, 0) {
		return m
	}
	var s, lost float64 // Kahan's sum
	for _, v := range x {
		y := math.Exp(float64(v)-m) - lost
		next := s + y
		s, lost = next, next-s-y
	}
	return m + math.Log(s)
}

func TestLogSumExp(t *testing.T) { both(t, testLogSumExp[float32], testLogSumExp[float64]) }

func testLogSumExp[T Float](t *testing.T) {
	for _, k := range tables[T]() {
		t.Run("isa="+k.tier.String(), func(t *testing.T) {
			rng := newRand()
			for _, width := range []T{0, 1, 20, 200, 1e5} {
				eachLength(func(n, off int) {
					x := offset[T](rng, off, n, -width, width)
					if n > 1 && n%3 == 0 { // rising, so that the maximum moves in every vector
						for i := range x {
							x[i] = 2 * width * (T(i)/T(n) - .5)
						}
					}
					want := logSumExp64(x)
					if got := float64(k.logSumExp(x)); got != want && !(math.Abs(got-want) <= unit[T]()*(17+2.2*math.Abs(want))) {
						t.Fatalf("length %d of width %v: %v, want %v", n, width, got, want)
					}
				})
			}
		})
	}
}

func TestLogSumExpSpecialValues(t *testing.T) {
	both(t, testLogSumExpSpecialValues[float32], testLogSumExpSpecialValues[float64])
}

func testLogSumExpSpecialValues[T Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for _, k := range tables[T]() {
		for _, n := range []int{1, 2, 7, 8, 9, 16, 33, 128, 300, 1 << 17} {
			fill := func(all, one T) []T {
				x := make([]T, n)
				for i := range x {
					x[i] = all
				}
				x[n/2] = one
				return x
			}
			for _, tc := range []struct{ all, one, want T }{
				{-inf, -inf, -inf}, {-inf, 5, 5}, {0, inf, inf}, {inf, inf, inf}, {nan, inf, inf}, {-1e30, 1e30, 1e30}, {-inf, nan, nan}, {0, nan, nan},
				{-math.MaxFloat32, 1, 1}, {-math.MaxFloat32, math.MaxFloat32, math.MaxFloat32}, {-inf, -math.MaxFloat32, -math.MaxFloat32},
			} {
				if n == 1 {
					tc.want = tc.one
				}
				if got := k.logSumExp(fill(tc.all, tc.one)); got != tc.want && !(got != got && tc.want != tc.want) && !(math.Abs(float64(got/tc.want)-1) < 2.1*unit[T]()) {
					t.Errorf("%v: %d of %v and one %v: %v, want %v", k.tier, n-1, tc.all, tc.one, got, tc.want)
				}
			}
		}
	}
}

func TestAxpyAndScale(t *testing.T) { both(t, testAxpyAndScale[float32], testAxpyAndScale[float64]) }

func testAxpyAndScale[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		eachLength(func(n, off int) {
			x, y := offset[T](rng, off, n, -1, 1), offset[T](rng, (off+3)%16, n, -1, 1)
			want := append([]T(nil), y...)
			k.axpy(y, 1.25, x)
			axpyGo(want, 1.25, x)
			for i := range y {
				near(t, shape{cols: n, offset: off}, "y", i, y[i], float64(want[i]), 2.25, 1.2e-7)
			}
			copy(want, x)
			k.scale(x, -.3)
			scaleGo(want, -.3)
			for i := range x {
				if x[i] != want[i] {
					t.Fatalf("scaled %v to %v, want %v", i, x[i], want[i])
				}
			}
		})
	})
}

func TestLeakyReLU(t *testing.T) { both(t, testLeakyReLU[float32], testLeakyReLU[float64]) }

func testLeakyReLU[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		eachLength(func(n, off int) {
			x, dy := offset[T](rng, off, n, -1, 1), offset[T](rng, off, n, -1, 1)
			edges := numtest.Edges()
			for i := range x {
				if rng.IntN(3) == 0 {
					x[i] = T(edges[rng.IntN(len(edges))])
				}
			}
			got, want := make([]T, n), make([]T, n)
			for _, slope := range []T{0, .2} {
				k.leakyReLU(got, x, slope)
				leakyReLUGo(want, x, slope)
				same(t, "LeakyReLU", got, want)
				k.leakyReLUBw(got, dy, x, slope)
				leakyReLUBwGo(want, dy, x, slope)
				same(t, "LeakyReLUBackward", got, want)
			}
		})
	})
}

// same fails the test unless got and want are equal, NaN included.
func same[T Float](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
			t.Fatalf("%s: element %d of %d is %v, want %v", what, i, len(want), got[i], want[i])
		}
	}
}

func TestActivationBackwards(t *testing.T) {
	both(t, testActivationBackwards[float32], testActivationBackwards[float64])
}

func testActivationBackwards[T Float](t *testing.T) {
	for _, tc := range []struct {
		name   string
		f      func(k *impl[T]) func(dx, dy, y []T)
		want   func(y float64) float64
		lo, hi T // of the output y
		tol    float64
	}{
		{"softplus", func(k *impl[T]) func(dx, dy, y []T) { return k.softplusBw }, func(y float64) float64 { return -math.Expm1(-y) }, 0, 20, 3e-7},
		{"softplus of small values", func(k *impl[T]) func(dx, dy, y []T) { return k.softplusBw }, func(y float64) float64 { return -math.Expm1(-y) }, 0, 1e-5, 3e-7},
		{"softplus of large values", func(k *impl[T]) func(dx, dy, y []T) { return k.softplusBw }, func(y float64) float64 { return -math.Expm1(-y) }, 0, 1e6, 3e-7},
		{"sigmoid", func(k *impl[T]) func(dx, dy, y []T) { return k.sigmoidBw }, func(y float64) float64 { return y * (1 - y) }, 0, 1, 3e-7},
		{"tanh", func(k *impl[T]) func(dx, dy, y []T) { return k.tanhBw }, func(y float64) float64 { return (1 - y) * (1 + y) }, -1, 1, 3e-7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rng := newRand()
			eachLength(func(n, off int) {
				dy, y := offset[T](rng, off, n, -2, 2), offset[T](rng, off, n, tc.lo, tc.hi)
				want, dx := make([]float64, n), make([]T, n)
				for i := range want {
					want[i] = float64(dy[i]) * tc.want(float64(y[i]))
				}
				for _, k := range tables[T]() {
					tc.f(k)(dx, dy, y)
					for i := range dx {
						near(t, shape{cols: n, offset: off}, "dx by tier "+k.tier.String(), i, dx[i], want[i], math.Abs(want[i])+1e-45, tc.tol)
					}
				}
			})
		})
	}
}

func TestAdam(t *testing.T) { both(t, testAdam[float32], testAdam[float64]) }

func testAdam[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		step := &AdamStep[T]{Beta1: .9, Beta2: .99, StepSize: .003, InvSqrtBias2: 1.7, Eps: 1e-8, WeightDecay: .01}
		eachLength(func(n, off int) {
			p, g, m, v := offset[T](rng, off, n, -1, 1), offset[T](rng, (off+1)%16, n, -1, 1), offset[T](rng, (off+2)%16, n, -1, 1), offset[T](rng, (off+3)%16, n, 0, 1)
			if n > 3 {
				g[3], m[3], v[3] = 0, 0, 0
			}
			p2, m2, v2 := append([]T(nil), p...), append([]T(nil), m...), append([]T(nil), v...)
			k.adam(p, g, m, v, step)
			adamGo(p2, g, m2, v2, step)
			s := shape{cols: n, offset: off}
			for i := range p {
				near(t, s, "m", i, m[i], float64(m2[i]), 1, 2e-7)
				near(t, s, "v", i, v[i], float64(v2[i]), 1, 2e-7)
				near(t, s, "p", i, p[i], float64(p2[i]), 1, 3e-7)
			}
		})
	})
}

func TestExpSum(t *testing.T) { both(t, testExpSum[float32], testExpSum[float64]) }

func testExpSum[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		eachLength(func(n, off int) {
			x, dst, want := offset[T](rng, off, n, -20, 3), make([]T, n), 0.
			sum := k.expSum(dst, x, 3)
			for i, v := range x {
				e := math.Exp(float64(v - 3))
				want += e
				near(t, shape{cols: n, offset: off}, "e", i, dst[i], e, e, 1.2e-7)
			}
			near(t, shape{cols: n, offset: off}, "sum", 0, sum, want, want, laneSum(min(n, 1<<16)/16))
		})
	})
}

func TestSoftmax(t *testing.T) { both(t, testSoftmax[float32], testSoftmax[float64]) }

func testSoftmax[T Float](t *testing.T) {
	inf, nan := T(math.Inf(1)), T(math.NaN())
	for _, x := range [][]T{{}, {3}, {1, 2, 3}, {1e4, 0, 1e4}, {-inf, 0, 1}, {-3e38, -3e38}} {
		y := make([]T, len(x))
		Softmax(y, x)
		var sum float64
		for _, v := range x {
			sum += math.Exp(float64(v) - float64(maxGo(x)))
		}
		for i, v := range x {
			if want := math.Exp(float64(v)-float64(maxGo(x))) / sum; !(math.Abs(float64(y[i])-want) <= 2e-7) {
				t.Errorf("softmax of %v is %v, want %v at %d", x, y, want, i)
			}
		}
	}
	for _, x := range [][]T{{inf, 0}, {-inf, -inf}, {nan, 1}, {1, nan}} {
		y := make([]T, len(x))
		if Softmax(y, x); y[0] == y[0] {
			t.Errorf("softmax of %v is %v, want NaN", x, y)
		}
	}
}
