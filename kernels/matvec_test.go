package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestGemv compares all shapes of gemmShapes' kind with sums in float64: both transpositions, beta, leading dimensions, and more rows or
// columns than one task takes.
func TestGemv(t *testing.T) { both(t, testGemv[float32], testGemv[float64]) }

func testGemv[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, tab *impl[T]) {
		rng := newRand()
		sizes := [][2]int{{1, 1}, {1, 300}, {300, 1}, {2, 3}, {5, 7}, {3, 1000}, {1000, 3}, {64, 64}, {33, 130}, {257, 4100}, {4100, 66}, {9000, 40}}
		for i, size := range sizes {
			for _, trans := range []bool{false, true} {
				for _, beta := range []T{0, 1, -.5} {
					testGemvOf(t, tab, rng, trans, size[0], size[1], i%3, beta)
				}
			}
		}
	})
}

func testGemvOf[T Float](t *testing.T, tab *impl[T], rng *rand.Rand, trans bool, m, n, more int, beta T) {
	const alpha = -1.5
	lda := n + more
	rows, depth := m, n
	if trans {
		rows, depth = n, m
	}
	a, x, y := random[T](rng, m*lda, -1, 1), random[T](rng, depth, -1, 1), random[T](rng, rows, -1, 1)
	want := make([]float64, rows)
	for i := range m {
		for j := range n {
			r, l := i, j
			if trans {
				r, l = j, i
			}
			want[r] += float64(a[i*lda+j]) * float64(x[l])
		}
	}
	for r := range want {
		want[r] *= alpha
		if beta != 0 {
			want[r] += float64(beta) * float64(y[r])
		} else {
			y[r] = T(math.NaN())
		}
	}
	gemm(&tab.gemm, nil, trans, false, rows, 1, depth, alpha, a, lda, x, 1, beta, y, 1)
	for r := range y {
		near(t, shape{rows: m, cols: n, ld: lda}, "y", r, y[r], want[r], 1+1.5*float64(depth)/2, laneSum(depth))
	}
}

// TestGemvRunner runs tasks in another order: the same bits.
func TestGemvRunner(t *testing.T) {
	rng := newRand()
	const m, n = 6000, 70
	a, x, z := random[float64](rng, m*n, -1, 1), random[float64](rng, m, -1, 1), random[float64](rng, n, -1, 1)
	for _, trans := range []bool{false, true} {
		in, out := z, m
		if trans {
			in, out = x, n
		}
		plain, other := make([]float64, out), make([]float64, out)
		Gemv(nil, trans, m, n, 1, a, n, in, 0, plain)
		Gemv(backwards{}, trans, m, n, 1, a, n, in, 0, other)
		same(t, "Gemv on a runner", other, plain)
		if allocs := testing.AllocsPerRun(10, func() { Gemv(nil, trans, m, n, 1, a, n, in, 0, plain) }); allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	}
}

// backwards is a Runner that starts with the last task.
type backwards struct{}

func (backwards) For(n int, body func(i int)) {
	for i := n - 1; i >= 0; i-- {
		body(i)
	}
}

func TestGer(t *testing.T) { both(t, testGer[float32], testGer[float64]) }

func testGer[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			a, x, y := block[T](rng, s, -1, 1), offset[T](rng, s.offset, s.rows, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1)
			got := append([]T(nil), a...)
			k.ger(got, s.ld, 2.5, x, y)
			for i, v := range a {
				r, j := i/s.ld, i%s.ld
				want := float64(v)
				if r < s.rows && j < s.cols {
					want += 2.5 * float64(x[r]) * float64(y[j])
				}
				near(t, s, "a", i, got[i], want, 3.5, 1.2e-7)
			}
		}
	})
}

func TestAddWeightedRows(t *testing.T) {
	both(t, testAddWeightedRows[float32], testAddWeightedRows[float64])
}

func testAddWeightedRows[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			x, acc, w := block[T](rng, s, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1), offset[T](rng, s.offset, s.rows, -1, 1)
			want := make([]float64, s.cols)
			for j := range want {
				want[j] = float64(acc[j])
				for r, v := range w {
					want[j] += -.75 * float64(v) * float64(x[r*s.ld+j])
				}
			}
			k.addWeightedRows(acc, x, s.ld, -.75, w)
			for j := range acc {
				near(t, s, "sum", j, acc[j], want[j], 1+float64(s.rows)/2, laneSum(s.rows))
			}
		}
	})
}

// TestWeightedRowsKeepDenormals: unlike the sweeps, products with vectors keep them.
func TestWeightedRowsKeepDenormals(t *testing.T) {
	for _, k := range tables[float32]() {
		acc := make([]float32, 40)
		x := make([]float32, 40)
		for i := range x {
			x[i] = 0x1p-140
		}
		k.addWeightedRows(acc, x, 40, 1, []float32{.5})
		for _, v := range acc {
			if v != 0x1p-141 {
				t.Fatalf("%v: %g, want %g", k.tier, v, 0x1p-141)
			}
		}
	}
}

func TestCosine(t *testing.T) { both(t, testCosine[float32], testCosine[float64]) }

func testCosine[T Float](t *testing.T) {
	rng := newRand()
	eachLength(func(n, off int) {
		x, y := offset[T](rng, off, n, -1, 1), offset[T](rng, (off+5)%16, n, -1, 1)
		var xy, xx, yy float64
		for i, v := range x {
			xy, xx, yy = xy+float64(v)*float64(y[i]), xx+float64(v)*float64(v), yy+float64(y[i])*float64(y[i])
		}
		want := 0.
		if n > 0 {
			want = xy / math.Sqrt(xx) / math.Sqrt(yy)
		}
		near(t, shape{cols: n, offset: off}, "cosine", 0, Cosine(x, y), want, 1, laneSum(min(n, 1<<16)/16))
		if n > 0 {
			near(t, shape{cols: n, offset: off}, "cosine with itself", 0, Cosine(x, x), 1, 1, 3e-7)
		}
	})
	small, large := T(math.SmallestNonzeroFloat32), T(math.MaxFloat32)
	inf, nan := T(math.Inf(1)), T(math.NaN())
	for _, tc := range []struct {
		x, y []T
		want float64
	}{
		{[]T{0, 0}, []T{1, 2}, 0}, {[]T{1, 2}, []T{0, 0}, 0}, {[]T{small, 0}, []T{small, small}, math.Sqrt(.5)},
		{[]T{large, large}, []T{-large, -large}, -1}, {[]T{large, 0}, []T{small, -small}, math.Sqrt(.5)},
		{[]T{inf, 1}, []T{1, 1}, math.NaN()}, {[]T{1, 1}, []T{nan, 1}, math.NaN()}, {[]T{0, 0}, []T{1, nan}, math.NaN()},
	} {
		got := float64(Cosine(tc.x, tc.y))
		if got != got && tc.want != tc.want {
			continue
		}
		if !(math.Abs(got-tc.want) <= 3e-7) {
			t.Errorf("cosine of %v and %v is %v, want %v", tc.x, tc.y, got, tc.want)
		}
	}
}

func TestCosineDistances(t *testing.T) {
	both(t, testCosineDistances[float32], testCosineDistances[float64])
}

func testCosineDistances[T Float](t *testing.T) {
	for _, k := range tables[T]() {
		rng := newRand()
		eachLength(func(n, off int) {
			dst, y := offset[T](rng, off, n, -1, 2), offset[T](rng, off, n, 0, 2)
			want := make([]float64, n)
			for j, v := range dst {
				want[j] = max(0, 1-float64(v)*.75*float64(y[j]))
			}
			k.cosineDistances(dst, .75, y)
			for j := range dst {
				near(t, shape{cols: n, offset: off}, "distance", j, dst[j], want[j], 4, 1.2e-7)
			}
		})
		nan := []T{T(math.NaN())}
		if k.cosineDistances(nan, 1, []T{1}); nan[0] == nan[0] {
			t.Errorf("%v: NaN becomes %v", k.tier, nan[0])
		}
	}
}

// TestSyrk compares a triangle with Gemm's and looks for writes outside of it.
func TestSyrk(t *testing.T) { both(t, testSyrk[float32], testSyrk[float64]) }

func testSyrk[T Float](t *testing.T) {
	const poison = 77
	eachTier(t, func(t *testing.T, tab *impl[T]) {
		rng := newRand()
		for _, n := range []int{1, 2, 5, 14, 15, 33, 100} {
			for _, k := range []int{0, 1, 40, 600} {
				for _, upper := range []bool{false, true} {
					for _, trans := range []bool{false, true} {
						lda, ldc := k+1, n+2
						if trans {
							lda = n + 3
						}
						a := random[T](rng, max(n, k)*lda+8, -1, 1)
						c := random[T](rng, n*ldc, -1, 1)
						beta := []T{0, 1, .5}[(n+k)%3]
						want := append([]T(nil), c...)
						gemm(&tab.gemm, nil, trans, !trans, n, n, k, 1.25, a, lda, a, lda, beta, want, ldc)
						for i := range c {
							r, j := i/ldc, i%ldc
							inside := j < n && (j >= r) == upper || j == r
							if j >= n {
								inside = false
							}
							switch {
							case !inside:
								c[i], want[i] = poison, poison
							case beta == 0:
								c[i] = T(math.NaN())
							}
						}
						syrk(&tab.gemm, backwards{}, upper, trans, n, k, 1.25, a, lda, beta, c, ldc)
						for i := range c {
							near(t, shape{rows: n, cols: k, ld: ldc}, "c", i, c[i], float64(want[i]), 1+float64(k), laneSum(k))
							if want[i] == poison && c[i] != poison {
								t.Fatalf("n=%d k=%d upper=%v trans=%v: element %d outside of the triangle was written", n, k, upper, trans, i)
							}
						}
					}
				}
			}
		}
	})
}
