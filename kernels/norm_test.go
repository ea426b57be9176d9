package kernels

import (
	"math"
	"testing"
)

func TestNormalization(t *testing.T) { both(t, testNormalization[float32], testNormalization[float64]) }

func testNormalization[T Float](t *testing.T) {
	const mean, scale, slope, bias = 2.5, 1.25, -.75, .5
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		eachLength(func(n, off int) {
			s := shape{cols: n, offset: off}
			x, y := offset[T](rng, off, n, 2, 3), offset[T](rng, (off+3)%16, n, -1, 1)
			weight, shift := offset[T](rng, (off+1)%16, n, -1, 1), offset[T](rng, (off+2)%16, n, -1, 1)
			var squares, sum, product float64
			for i, v := range x {
				d := float64(v) - mean
				squares, sum, product = squares+d*d, sum+float64(y[i]), product+float64(y[i])*d
			}
			lanes := laneSum(min(n, 1<<16) / 16)
			near(t, s, "squares", 0, k.squaredDeviations(x, mean), squares, squares, lanes)
			gotSum, gotProduct := k.deviationProducts(y, x, mean)
			near(t, s, "sum", 0, gotSum, sum, float64(n), lanes)
			near(t, s, "product", 0, gotProduct, product, float64(n)/2, lanes)
			forward, backward, layer := make([]T, n), make([]T, n), make([]T, n)
			k.normalize(forward, x, scale, mean, bias)
			k.normalizeBw(backward, y, x, scale, slope, mean, bias)
			k.normalizeRow(layer, x, mean, scale, weight, shift)
			for i, v := range x {
				d := float64(v) - mean
				near(t, s, "normalised", i, forward[i], scale*d+bias, 2, 1.2e-7)
				near(t, s, "dx", i, backward[i], scale*float64(y[i])+slope*d+bias, 3, 1.8e-7)
				near(t, s, "row", i, layer[i], float64(weight[i])*d*scale+float64(shift[i]), 2, 1.8e-7)
			}
		})
	})
}

func TestColumnNormalization(t *testing.T) {
	both(t, testColumnNormalization[float32], testColumnNormalization[float64])
}

func testColumnNormalization[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			x, y, forward, backward := block[T](rng, s, 2, 3), block[T](rng, s, -1, 1), block[T](rng, s, 9, 9), block[T](rng, s, 9, 9)
			mean, scale := offset[T](rng, s.offset, s.cols, 2, 3), offset[T](rng, s.offset, s.cols, -1, 1)
			slope, bias := offset[T](rng, s.offset, s.cols, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1)
			squares, sum, product := make([]T, s.cols), make([]T, s.cols), make([]T, s.cols)
			k.columnSquaredDeviations(squares, x, s.ld, s.rows, mean)
			k.columnDeviationProducts(sum, product, y, s.ld, x, s.ld, s.rows, mean)
			k.normalizeColumns(forward, s.ld, x, s.ld, s.rows, scale, mean, bias)
			k.normalizeColumnsBw(backward, s.ld, y, s.ld, x, s.ld, s.rows, scale, slope, mean, bias)
			for j := range s.cols {
				var wantSquares, wantSum, wantProduct float64
				for r := range s.rows {
					i := r*s.ld + j
					d := float64(x[i]) - float64(mean[j])
					wantSquares, wantSum, wantProduct = wantSquares+d*d, wantSum+float64(y[i]), wantProduct+float64(y[i])*d
					near(t, s, "normalised", i, forward[i], float64(scale[j])*d+float64(bias[j]), 2, 1.2e-7)
					near(t, s, "dx", i, backward[i], float64(scale[j])*float64(y[i])+float64(slope[j])*d+float64(bias[j]), 3, 1.8e-7)
				}
				near(t, s, "squares", j, squares[j], wantSquares, 1+wantSquares, laneSum(s.rows))
				near(t, s, "sum", j, sum[j], wantSum, 1+float64(s.rows), laneSum(s.rows))
				near(t, s, "product", j, product[j], wantProduct, 1+float64(s.rows), laneSum(s.rows))
			}
		}
	})
}

func TestRMSProp(t *testing.T) { both(t, testRMSProp[float32], testRMSProp[float64]) }

func testRMSProp[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		step := &RMSPropStep[T]{Rate: .003, Decay: .99, Eps: 1e-2, Momentum: .5, WeightDecay: .01}
		eachLength(func(n, off int) {
			p, g, v, u := offset[T](rng, off, n, -1, 1), offset[T](rng, (off+1)%16, n, -1, 1), offset[T](rng, (off+2)%16, n, 0, 1), offset[T](rng, (off+3)%16, n, -1, 1)
			for _, momentum := range []bool{false, true} {
				p2, v2, u2 := append([]T(nil), p...), append([]T(nil), v...), append([]T(nil), u...)
				if !momentum {
					k.rmsprop(p2, g, v2, nil, step)
				} else {
					k.rmsprop(p2, g, v2, u2, step)
				}
				for i := range p {
					grad := float64(g[i]) + float64(step.WeightDecay)*float64(p[i])
					second := float64(step.Decay)*float64(v[i]) + (1-float64(step.Decay))*grad*grad
					q := grad / (math.Sqrt(second) + float64(step.Eps))
					if momentum {
						q += float64(step.Momentum) * float64(u[i])
						near(t, shape{cols: n, offset: off}, "u", i, u2[i], q, 1+math.Abs(q), 1e-6)
					}
					near(t, shape{cols: n, offset: off}, "v", i, v2[i], second, 1, 2e-7)
					near(t, shape{cols: n, offset: off}, "p", i, p2[i], float64(p[i])-float64(step.Rate)*q, 1, 3e-7)
				}
			}
		})
	})
}

func TestClamp(t *testing.T) { both(t, testClamp[float32], testClamp[float64]) }

func testClamp[T Float](t *testing.T) {
	inf, nan, zero := T(math.Inf(1)), T(math.NaN()), T(0)
	special := []T{nan, inf, -inf, zero, -zero, 1, -1, .5}
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		eachLength(func(n, off int) {
			x := offset[T](rng, off, n, -2, 2)
			for i := range x {
				if rng.IntN(4) == 0 {
					x[i] = special[rng.IntN(len(special))]
				}
			}
			got, want := make([]T, n), make([]T, n)
			for _, b := range [][2]T{{-1, 1}, {0, 0}, {-inf, .5}, {0, inf}} {
				k.clamp(got, x, b[0], b[1])
				clampGo(want, x, b[0], b[1])
				same(t, "Clamp", got, want)
			}
		})
	})
}

func TestAddRowLeakyReLU(t *testing.T) {
	both(t, testAddRowLeakyReLU[float32], testAddRowLeakyReLU[float64])
}

// testAddRowLeakyReLU compares with the two kernels that it fuses, bit for bit.
func testAddRowLeakyReLU[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		rng := newRand()
		for _, s := range shapes() {
			x, bias := block[T](rng, s, -1, 1), offset[T](rng, s.offset, s.cols, -1, 1)
			want := append([]T(nil), x...)
			k.addRow(want, s.ld, s.rows, bias)
			for r := range s.rows {
				k.leakyReLU(want[r*s.ld:][:s.cols], want[r*s.ld:][:s.cols], .2)
			}
			k.addRowLeakyReLU(x, s.ld, s.rows, bias, .2)
			same(t, "AddRowLeakyReLU", x, want)
		}
	})
}
