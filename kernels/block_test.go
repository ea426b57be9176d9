package kernels

import (
	"math"
	"testing"
)

// near fails the test unless got is within tol, in float64 tol 2^-27, of want relative to scale, the sum of the magnitudes that want is made
// of. It leaves float64 4 units where float32 has one, for what want itself is off.
func near[T Float](t *testing.T, s shape, what string, i int, got T, want, scale, tol float64) {
	t.Helper()
	tol *= unit[T]() / 0x1p-24
	if err := math.Abs(float64(got) - want); !(err <= tol*scale+1e-37) {
		t.Fatalf("%+v: %s %d = %v, want %v (error %.3g of %.3g)", s, what, i, got, want, err, scale)
	}
}

// unit is the rounding unit of float32, and four of float64.
func unit[T Float]() float64 {
	if is32[T]() {
		return 0x1p-24
	}
	return 0x1p-51
}

// laneSum bounds the relative error of a sum of n terms in T, in any order.
func laneSum(n int) float64 { return 3e-7 + 6e-8*float64(n) }

func TestRowMaxAndColMax(t *testing.T) {
	both(t, testRowMaxAndColMax[float32], testRowMaxAndColMax[float64])
}

func testRowMaxAndColMax[T Float](t *testing.T) {
	const kappa = 1.5
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			c, g, f := block[T](rng, s, -2, 3), offset[T](rng, s.offset, s.cols, -9, 1), offset[T](rng, s.offset, s.rows, -1, 15)
			got, want := make([]T, s.rows), make([]T, s.rows)
			k.rowMax(got, c, s.ld, kappa, g)
			rowMaxGo(want, c, s.ld, kappa, g)
			for r := range got {
				if got[r] != want[r] { // -Inf where there are no columns
					near(t, s, "row maximum", r, got[r], float64(want[r]), math.Abs(float64(want[r]))+1, 3e-7)
				}
			}
			cols := offset[T](rng, s.offset, s.cols, 5, 9)
			wantCols := append([]T(nil), cols...)
			k.colMax(cols, c, s.ld, kappa, f)
			colMaxGo(wantCols, c, s.ld, kappa, f)
			for j := range cols {
				near(t, s, "column maximum", j, cols[j], float64(wantCols[j]), 20, 3e-7)
			}
		}
	})
}

func TestMaximaIgnoreNaN(t *testing.T) {
	both(t, testMaximaIgnoreNaN[float32], testMaximaIgnoreNaN[float64])
}

func testMaximaIgnoreNaN[T Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for _, k := range tables[T]() {
		for n := 1; n < 70; n++ {
			c, g := make([]T, 5*n), make([]T, n)
			for i := range c {
				c[i] = nan
				if i%n == n/2 {
					c[i] = 3
				}
			}
			mx := make([]T, 5)
			k.rowMax(mx, c, n, 2, g)
			cols := make([]T, n)
			for j := range cols {
				cols[j] = -inf
			}
			k.colMax(cols, c, n, 2, make([]T, 5))
			for r := range mx {
				if mx[r] != -6 {
					t.Fatalf("%v: row maximum %v of %d columns, want -6", k.tier, mx[r], n)
				}
			}
			for j, v := range cols {
				if want := map[bool]T{true: -6, false: -inf}[j == n/2]; v != want {
					t.Fatalf("%v: maximum %v of column %d, want %v", k.tier, v, j, want)
				}
			}
		}
	}
}

func TestSweepRowsDot(t *testing.T) { both(t, testSweepRowsDot[float32], testSweepRowsDot[float64]) }

func testSweepRowsDot[T Float](t *testing.T) {
	const kappa = 4
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			c, g, f, q := block[T](rng, s, 0, 3), offset[T](rng, s.offset, s.cols, -9, 1), offset[T](rng, s.offset, s.rows, -1, 15), offset[T](rng, s.offset, s.cols, -1, 1)
			e, sum, d, e2 := block[T](rng, s, 0, 0), make([]T, s.rows), make([]T, s.rows), block[T](rng, s, 0, 0)
			k.sweepRows(e, s.ld, sum, c, s.ld, kappa, g, f)
			k.sweepRowsDot(e2, s.ld, d, c, s.ld, kappa, g, f, q)
			for r := range s.rows {
				var want, scale float64
				for j := range s.cols {
					i := r*s.ld + j
					if e[i] != e2[i] {
						t.Fatalf("%+v: e[%d] is %v from SweepRows and %v from SweepRowsDot", s, i, e[i], e2[i])
					}
					want += float64(e[i]) * float64(q[j])
					scale += math.Abs(float64(e[i]) * float64(q[j]))
				}
				near(t, s, "d", r, d[r], want, scale, laneSum(s.cols/8))
			}
		}
	})
}

func TestSweepAdjoint(t *testing.T) { both(t, testSweepAdjoint[float32], testSweepAdjoint[float64]) }

func testSweepAdjoint[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			e, cbar := block[T](rng, s, 0, 1), block[T](rng, s, -1, 1)
			h, q, rr := offset[T](rng, s.offset, s.cols, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1)
			a, fbar := offset[T](rng, s.offset, s.rows, 0, 1), offset[T](rng, s.offset, s.rows, -1, 1)
			wantC, wantH := append([]T(nil), cbar...), append([]T(nil), h...)
			sweepAdjointGo(wantH, wantC, s.ld, e, s.ld, q, rr, a, fbar)
			k.sweepAdjoint(h, cbar, s.ld, e, s.ld, q, rr, a, fbar)
			for i := range cbar {
				near(t, s, "cbar", i, cbar[i], float64(wantC[i]), 3, 3e-7)
			}
			for j := range h {
				near(t, s, "h", j, h[j], float64(wantH[j]), 1+float64(s.rows)/4, laneSum(s.rows))
			}
		}
	})
}

func TestSweepValue(t *testing.T) { both(t, testSweepValue[float32], testSweepValue[float64]) }

func testSweepValue[T Float](t *testing.T) {
	const invEps = 2.5
	inf, nan := T(math.Inf(1)), T(math.NaN())
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			e, c := block[T](rng, s, 0, 1), block[T](rng, s, 0, 3)
			for i := range e { // forbidden pairs: e = 0 whatever c is
				if rng.IntN(4) == 0 {
					e[i], c[i] = 0, []T{inf, nan, -inf, 7}[rng.IntN(4)]
				}
			}
			h, cbar, a := offset[T](rng, s.offset, s.cols, 0, 1), block[T](rng, s, 9, 9), offset[T](rng, s.offset, s.rows, 0, 1)
			h2, p, p2 := append([]T(nil), h...), make([]T, s.rows), make([]T, s.rows)
			wantH, wantP, wantC := append([]T(nil), h...), make([]T, s.rows), append([]T(nil), cbar...)
			sweepValueGo(wantP, wantH, wantC, s.ld, e, s.ld, c, s.ld, a, invEps)
			k.sweepValue(p, h, cbar, s.ld, e, s.ld, c, s.ld, a, invEps)
			k.sweepValue(p2, h2, nil, 0, e, s.ld, c, s.ld, a, invEps)
			for r := range p {
				near(t, s, "p", r, p[r], float64(wantP[r]), 1+float64(wantP[r]), 3*laneSum(s.cols)/4)
				near(t, s, "p without gradient", r, p2[r], float64(wantP[r]), 1+float64(wantP[r]), 3*laneSum(s.cols)/4)
			}
			for j := range h {
				near(t, s, "h", j, h[j], float64(wantH[j]), 1+float64(wantH[j]), laneSum(s.rows)/2)
				near(t, s, "h without gradient", j, h2[j], float64(wantH[j]), 1+float64(wantH[j]), laneSum(s.rows)/2)
			}
			for i := range cbar {
				near(t, s, "cbar", i, cbar[i], float64(wantC[i]), 1+math.Abs(float64(wantC[i])), 1e-6)
			}
		}
	})
}

func TestAddRowAndColumnSums(t *testing.T) {
	both(t, testAddRowAndColumnSums[float32], testAddRowAndColumnSums[float64])
}

func testAddRowAndColumnSums[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			x, bias := block[T](rng, s, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1)
			want := append([]T(nil), x...)
			addRowGo(want, s.ld, s.rows, bias)
			acc := offset[T](rng, s.offset, s.cols, 0, 1)
			wantAcc := make([]float64, s.cols)
			for j := range wantAcc {
				wantAcc[j] = float64(acc[j])
				for r := range s.rows {
					wantAcc[j] += float64(x[r*s.ld+j])
				}
			}
			k.columnSums(acc, x, s.ld, s.rows)
			for j := range acc {
				near(t, s, "column sum", j, acc[j], wantAcc[j], 1+float64(s.rows)/2, laneSum(s.rows))
			}
			k.addRow(x, s.ld, s.rows, bias)
			for i := range x {
				if x[i] != want[i] {
					t.Fatalf("%+v: element %d is %v after AddRow, want %v", s, i, x[i], want[i])
				}
			}
		}
	})
}

func TestAddDistances(t *testing.T) { both(t, testAddDistances[float32], testAddDistances[float64]) }

func testAddDistances[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			yt, x := block[T](rng, s, -1, 1), offset[T](rng, s.offset, s.rows, -1, 1)
			squared, absolute := offset[T](rng, s.offset, s.cols, 0, 1), offset[T](rng, s.offset, s.cols, 0, 1)
			wantS, wantA := make([]float64, s.cols), make([]float64, s.cols)
			for j := range s.cols {
				wantS[j], wantA[j] = float64(squared[j]), float64(absolute[j])
				for k, v := range x {
					d := float64(v) - float64(yt[k*s.ld+j])
					wantS[j] += d * d
					wantA[j] += math.Abs(d)
				}
			}
			k.addSquared(squared, x, yt, s.ld)
			k.addAbsolute(absolute, x, yt, s.ld)
			for j := range s.cols {
				near(t, s, "squared distance", j, squared[j], wantS[j], wantS[j], laneSum(s.rows)/2)
				near(t, s, "absolute distance", j, absolute[j], wantA[j], wantA[j], laneSum(s.rows)/2)
			}
		}
	})
}

func TestDistances(t *testing.T) { both(t, testDistances[float32], testDistances[float64]) }

func testDistances[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for i, s := range shapes() {
			d := 1 + i%9
			points, across := shape{s.rows, d, d + i%2, s.offset}, shape{d, s.cols, s.cols + i%3, s.offset}
			x, yt, dst, other := block[T](rng, points, -1, 1), block[T](rng, across, -1, 1), block[T](rng, s, 5, 6), block[T](rng, s, 5, 6)
			k.squared(dst, s.ld, x, points.ld, yt, across.ld, s.rows, s.cols, d)
			k.absolute(other, s.ld, x, points.ld, yt, across.ld, s.rows, s.cols, d)
			for r := range s.rows {
				for j := range s.cols {
					var squared, absolute float64
					for k := range d {
						t := float64(x[r*points.ld+k]) - float64(yt[k*across.ld+j])
						squared, absolute = squared+t*t, absolute+math.Abs(t)
					}
					near(t, s, "squared distance", j, dst[r*s.ld+j], squared, squared, laneSum(d))
					near(t, s, "absolute distance", j, other[r*s.ld+j], absolute, absolute, laneSum(d))
				}
			}
		}
	})
}

func TestAddNorms(t *testing.T) { both(t, testAddNorms[float32], testAddNorms[float64]) }

func testAddNorms[T Float](t *testing.T) {
	nan := T(math.NaN())
	for _, k := range tables[T]() {
		eachLength(func(n, off int) {
			rng := newRand()
			dst, y := offset[T](rng, off, n, -2, 1), offset[T](rng, off, n, 0, 1)
			want := make([]T, n)
			for j := range dst {
				if rng.IntN(20) == 0 {
					y[j] = nan
				}
				want[j] = max(0, dst[j]+.25+y[j])
			}
			k.addNorms(dst, .25, y)
			same(t, "AddNorms", dst, want)
		})
	}
}
