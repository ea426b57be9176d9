package kernels

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/convolution"
)

// TestWinograd takes the outputs of a window of 2 x 2, and both gradients, in the way of the maps, and compares them with the definition.
func TestWinograd(t *testing.T) { both(t, testWinograd[float32], testWinograd[float64]) }

func testWinograd[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		for _, n := range []int{1, 3, 16, 37} {
			for s := range winogradShapes {
				testWinogradShape(t, k, s, n)
			}
		}
	})
}

func testWinogradShape[T Float](t *testing.T, k *impl[T], shape winogradShape, n int) {
	u := math.Ldexp(1, -52)
	if is32[T]() {
		u = math.Ldexp(1, -23)
	}
	rng := newRand()
	random := func(vectors int) []T {
		x := make([]T, vectors*n)
		fill(rng, x, -1, 1)
		return x
	}
	down, across := shape.sides(convolution.Output)
	d, g, dy := random((down+1)*(across+1)), random(4), random(down*across) // inputs, window, gradient of the outputs
	y, dd, dg := random(down*across), random((down+1)*(across+1)), random(4)
	wantY, wantD, wantG := make([]T, len(y)), append([]T(nil), dd...), append([]T(nil), dg...)
	for i := range 4 * down * across {
		a, b, c := i/4/across, i/4%across, i%4 // place of the output and of the window
		for e := range n {
			at, in, of := (across*a+b)*n+e, ((across+1)*(a+1-c/2)+b+1-c%2)*n+e, c*n+e
			wantY[at] += g[of] * d[in]
			wantD[in] += g[of] * dy[at]
			wantG[of] += dy[at] * d[in]
		}
	}
	of := func(m winogradMap) (s winogradShape, row int) {
		if !winogradWhole(m) {
			s = shape
		}
		_, cols := s.sides(m)
		return s, cols * n
	}
	points := func(m winogradMap, x []T) []T {
		v := make([]T, 25*n)
		s, row := of(m)
		k.winogradExpand[m][s](v, n, x, row, n, n)
		return v
	}
	back := func(m winogradMap, x, v, w []T) {
		product := make([]T, 25*n)
		for i := range product {
			product[i] = v[i] * w[i]
		}
		s, row := of(m)
		k.winogradReduce[m][s](product, n, x, row, n, n)
	}
	vd, vg, vy := points(convolution.Input, d), points(convolution.Filter, g), points(convolution.Output, dy)
	back(convolution.Output, y, vd, vg)
	back(convolution.Input, dd, vy, vg)
	back(convolution.Filter, dg, vy, vd)
	for _, c := range []struct {
		name      string
		got, want []T
	}{{"outputs", y, wantY}, {"gradient of the inputs", dd, wantD}, {"gradient of the window", dg, wantG}} {
		for i := range c.want {
			if !(math.Abs(float64(c.got[i]-c.want[i])) <= 100*u) {
				t.Fatalf("n = %d, %d x %d, %s: element %d is %v, want %v", n, down, across, c.name, i, c.got[i], c.want[i])
			}
		}
	}
}

func TestTranspose(t *testing.T) { both(t, testTranspose[float32], testTranspose[float64]) }

func testTranspose[T Float](t *testing.T) {
	eachTier(t, func(t *testing.T, k *impl[T]) {
		for rows := 1; rows < 20; rows++ {
			for cols := 1; cols < 40; cols++ {
				x, y := make([]T, rows*(cols+1)), make([]T, cols*(rows+2))
				for i := range x {
					x[i] = T(i + 1)
				}
				k.transpose(y[:len(y)-2], rows+2, x[:len(x)-1], cols+1, rows, cols)
				for i, v := range y {
					j, r := i/(rows+2), i%(rows+2)
					if r < rows && v != x[r*(cols+1)+j] || r >= rows && v != 0 {
						t.Fatalf("%d x %d: row %d, column %d is %v", rows, cols, j, r, v)
					}
				}
			}
		}
	})
}
