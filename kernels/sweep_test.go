package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/dd"
	"github.com/sinkcpu/sinkcpu/internal/numtest"
)

// A shape is the size of a block, its leading dimension, and the offset of everything from an aligned start.
type shape struct{ rows, cols, ld, offset int }

// shapes are all remainders of the groups of rows and of the lanes, and blocks that are cut into several calls.
func shapes() []shape {
	var s []shape
	for rows := range 14 {
		for _, cols := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 79, 130} {
			s = append(s, shape{rows, cols, cols + rows%3, rows % 5})
		}
	}
	for cols := range 131 {
		s = append(s, shape{5, cols, cols, cols % 16})
	}
	return append(s, shape{3, 4095, 4096, 1}, shape{9, 4097, 4097, 3}, shape{2, 9000, 9001, 2}, shape{140000, 1, 1, 0}, shape{70000, 2, 3, 1})
}

// eachTier runs f as a subtest for every tier above the reference.
func eachTier[T Float](t *testing.T, f func(t *testing.T, k *impl[T])) {
	t.Helper()
	for _, k := range tables[T]()[1:] {
		t.Run("isa="+k.tier.String(), func(t *testing.T) { f(t, k) })
	}
}

// offset returns n random values that start off elements after the start of their array.
func offset[T Float](rng *rand.Rand, off, n int, lo, hi T) []T {
	return random[T](rng, off+n, lo, hi)[off:]
}

// size is the elements of a block.
func (s shape) size() int {
	if s.rows == 0 {
		return 0
	}
	return (s.rows-1)*s.ld + s.cols
}

func block[T Float](rng *rand.Rand, s shape, lo, hi T) []T {
	return offset[T](rng, s.offset, s.size(), lo, hi)
}

// both runs a test for each type of elements.
func both(t *testing.T, single, double func(t *testing.T)) {
	t.Run("float32", single)
	t.Run("float64", double)
}

// tables returns the rows of the dispatch table for T.
func tables[T Float]() []*impl[T] {
	var t any = tables32
	if !is32[T]() {
		t = tables64
	}
	return t.([]*impl[T])
}

func TestSweepRowsAndCols(t *testing.T) {
	both(t, testSweepRowsAndCols[float32], testSweepRowsAndCols[float64])
}

func testSweepRowsAndCols[T Float](t *testing.T) {
	const kappa = 7
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			c, g, f := block[T](rng, s, 0, 3), offset[T](rng, s.offset, s.cols, -9, 1), offset[T](rng, s.offset, s.rows, -1, 15)
			e, sum := block[T](rng, s, 5, 6), make([]T, s.rows)
			k.sweepRows(e, s.ld, sum, c, s.ld, kappa, g, f)
			for r := range s.rows {
				var want float64
				for j := range s.cols {
					x := float64(g[j]) - kappa*float64(c[r*s.ld+j]) + float64(f[r])
					v := math.Exp2(x)
					want += v
					if err := math.Abs(float64(e[r*s.ld+j])/v - 1); !(err <= 67*unit[T]()) {
						t.Fatalf("%+v: e[%d][%d] = %v, want %v", s, r, j, e[r*s.ld+j], v)
					}
				}
				if err := math.Abs(float64(sum[r]) - want); !(err <= 34*unit[T]()*want) {
					t.Fatalf("%+v: s[%d] = %v, want %v", s, r, sum[r], want)
				}
			}
			acc := offset[T](rng, s.offset, s.cols, 0, 1)
			want := make([]float64, s.cols)
			for j := range want {
				want[j] = float64(acc[j])
				for r := range s.rows {
					want[j] += float64(f[r]) * float64(e[r*s.ld+j])
				}
			}
			k.sweepCols(acc, e, s.ld, f)
			for j := range want {
				if err := math.Abs(float64(acc[j]) - want[j]); !(err <= (34+float64(s.rows))*unit[T]()*(math.Abs(want[j])+5)) {
					t.Fatalf("%+v: acc[%d] = %v, want %v", s, j, acc[j], want[j])
				}
			}
		}
	})
}

func TestSweepRowsSpecialValues(t *testing.T) {
	both(t, testSweepRowsSpecialValues[float32], testSweepRowsSpecialValues[float64])
}

func testSweepRowsSpecialValues[T Float](t *testing.T) {
	inf, top := T(math.Inf(1)), T(127)
	if !is32[T]() {
		top = 1023
	}
	eachTier(t, func(t *testing.T, k *impl[T]) {
		for _, tc := range []struct {
			c, g, f, want T
		}{
			{inf, 3, 5, 0}, {inf, -inf, 0, 0}, {1, -inf, 0, 0}, {1e7, 0, 0, 0}, {1e38, 0, 0, 0}, {0, -1e6, 0, 0}, {-1e30, 0, 0, inf},
			{0, top, 0, T(math.Ldexp(1, int(top)))}, {0, top + 1.25, 0, inf}, {0, 0, 0, 1}, {0, 2 - top, 0, T(math.Ldexp(1, int(2-top)))}, {0, -33 - top, 0, 0},
			{T(math.NaN()), 0, 0, T(math.NaN())}, {0, T(math.NaN()), 0, T(math.NaN())},
		} {
			for _, n := range []int{1, 8, 16, 35} {
				c, g := make([]T, n), make([]T, n)
				for j := range n {
					c[j], g[j] = tc.c, tc.g
				}
				e, s := make([]T, n), make([]T, 1)
				k.sweepRows(e, n, s, c, n, 1, g, []T{tc.f})
				for j, v := range e {
					if !(v == tc.want || math.Abs(float64(v/tc.want)-1) < 3.4*unit[T]() || v != v && tc.want != tc.want) {
						t.Fatalf("n=%d: 2^(%v - %v + %v) = %v at %d, want %v", n, tc.g, tc.c, tc.f, v, j, tc.want)
					}
				}
				if want := T(n) * tc.want; !(s[0] == want || math.Abs(float64(s[0]/want)-1) < 17*unit[T]() || s[0] != s[0] && want != want) {
					t.Fatalf("n=%d: sum of 2^(%v - %v + %v) = %v", n, tc.g, tc.c, tc.f, s[0])
				}
			}
		}
	})
}

// sweepULPs are the errors that SweepRows documents, for float32 and float64.
var sweepULPs = map[Tier][2]float64{Generic: {.6, 1}, AVX2: {1.5, 1.5}, AVX512: {1.5, 1.5}, NEON: {2, 1.5}}

// TestSweepExponential measures the exponential inside SweepRows: kappa = 0 and f = 0 leave 2^g.
func TestSweepExponential(t *testing.T) {
	both(t, testSweepExponential[float32], testSweepExponential[float64])
}

func testSweepExponential[T Float](t *testing.T) {
	const n = 4096
	g, e, s, c := make([]T, n), make([]T, n), make([]T, 1), make([]T, n)
	bias, precision, maxBias := T(127), 0, 1e-8
	if !is32[T]() {
		bias, precision, maxBias = 1023, 1, 2e-17
	}
	blocks := 250
	if testing.Short() {
		blocks = 25
	}
	for _, k := range tables[T]() {
		t.Run("isa="+k.tier.String(), func(t *testing.T) {
			rng := newRand()
			worst, at, mean, count := 0., T(0), 0., 0
			for block := range blocks {
				for i := range g {
					switch {
					case block < blocks/2: // every binade, evenly
						g[i] = 1.01 - bias + (2*bias-.2)*T(block*n+i)/T(blocks/2*n)
					case 5*block < 4*blocks: // where plans live
						g[i] = -25 + 26*T(rng.Float64())
					default: // around 0, where rounding an argument below an integer hurts most
						g[i] = T(math.Ldexp(rng.Float64()-.5, -rng.IntN(30)))
					}
				}
				k.sweepRows(e, n, s, c, n, 0, g, []T{0})
				for i, v := range g {
					x := float64(v)
					if k.tier == AVX2 || k.tier == NEON { // takes 1/2 off f, and so rounds the exponent there
						x = float64(v-.5) + .5
					}
					want := dd.Exp2Scaled(x)
					exact := want.P.Ldexp(want.K)
					u := 0.
					if is32[T]() {
						u = numtest.ULP(float32(e[i]), exact.Float64())
					} else {
						u = ulp64(float64(e[i]), want)
					}
					if !(u <= worst) {
						worst, at = u, v
					}
					if 5*block < 4*blocks {
						mean += dd.Of(float64(e[i])).Sub(exact).Hi / exact.Hi
						count++
					}
				}
			}
			mean /= float64(count)
			if !(worst <= sweepULPs[k.tier][precision]) || !(math.Abs(mean) <= maxBias) {
				t.Errorf("error %.3f ULP at %v, mean error %.2e", worst, at, mean)
			}
			t.Logf("largest error %.4f ULP, at %v; mean error %.2e", worst, at, mean)
		})
	}
}

func TestSweepBlock(t *testing.T) {
	for cols, want := range map[int]int{0: 32, 1: 32, 64: 32, 200: 32, 512: 16, 1000: 8, 1024: 8, 2048: 4, 1 << 18: 4, 1<<18 + 1: 1} {
		if got := SweepBlock(cols); got != want {
			t.Errorf("SweepBlock(%d) = %d, want %d", cols, got, want)
		}
	}
}
