package logsumexp_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// TestGradientMeetsDifferences: derivatives of a weighted sum of costs against central differences of the formulas.
func TestGradientMeetsDifferences(t *testing.T) {
	const n, m, d, h = 3, 4, 3, 1e-5
	w := []float64{.3, -1.2, 2, .7}
	for _, name := range grounds {
		x, y := draw(1, n, d, 0), draw(2, m, d, .5)
		g, err := logsumexp.ParseGround(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := logsumexp.NewPoints[float64](g, x, y, nil, nil, n, m, d)
		if err != nil {
			t.Fatal(err)
		}
		dx, dy := make([]float64, n*d), make([]float64, m*d)
		p.AddGradient(dx, dy, 1, 1, w[1:])
		value := func() (s float64) {
			for j := 1; j < m; j++ {
				s += w[j] * pairCost(name, x[d:2*d], y[j*d:(j+1)*d])
			}
			return s
		}
		check := func(what string, at []float64, got []float64) {
			for k, keep := range at {
				at[k] = keep + h
				up := value()
				at[k] = keep - h
				down := value()
				at[k] = keep
				// Central differences: h^2/6 of the third derivative, a few units here, and rounding of 1e-16 over h.
				if want := (up - down) / (2 * h); !(math.Abs(got[k]-want) <= 1e-7*(1+math.Abs(want))) {
					t.Errorf("%s: d/d%s[%d] is %g, differences give %g", name, what, k, got[k], want)
				}
			}
		}
		check("x", x, dx)
		check("y", y, dy)
	}
}

// TestGradientAtEqualPoints: the derivative is 0 where it does not exist.
func TestGradientAtEqualPoints(t *testing.T) {
	for _, name := range []string{"sqeuclidean", "euclidean", "l1", "pow:1.5", "pow:3"} {
		g, err := logsumexp.ParseGround(name)
		if err != nil {
			t.Fatal(err)
		}
		x := []float64{1, 2}
		p, err := logsumexp.NewPoints[float64](g, x, x, nil, nil, 1, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		dx := make([]float64, 2)
		p.AddGradient(dx, nil, 0, 0, []float64{1})
		if dx[0] != 0 || dx[1] != 0 {
			t.Errorf("%s: %v", name, dx)
		}
	}
}

// TestGradientTiles: a tile's pull by products is that of its rows pair by pair, in clouds far apart and far from the origin too.
func TestGradientTiles(t *testing.T) {
	for _, d := range []int{2, 9, 70} {
		for _, name := range grounds {
			t.Run(fmt.Sprintf("%s/d=%d/f32", name, d), func(t *testing.T) { testGradientTiles[float32](t, name, d, 2e-5) })
			t.Run(fmt.Sprintf("%s/d=%d/f64", name, d), func(t *testing.T) { testGradientTiles[float64](t, name, d, 1e-12) })
		}
	}
}

func testGradientTiles[T kernels.Float](t *testing.T, name string, d int, tol float64) {
	const n, m, i0, i1, j0, j1 = 9, 12, 2, 8, 3, 11
	g, err := logsumexp.ParseGround(name)
	if err != nil {
		t.Fatal(err)
	}
	offset := 0.
	if name == "sqeuclidean" {
		offset = 50 // the cloud of columns alone
	}
	x, y := draw(1, n, d, 0), draw(2, m, d, offset)
	p, err := logsumexp.NewPoints[T](g, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	weights := draw(3, i1-i0, j1-j0, 0)
	w := make([]T, len(weights))
	for k, v := range weights {
		w[k] = T(v)
	}
	want, got := [2][]float64{make([]float64, n*d), make([]float64, m*d)}, [2][]float64{make([]float64, n*d), make([]float64, m*d)}
	for i := i0; i < i1; i++ {
		p.AddGradient(want[0], want[1], i, j0, weights[(i-i0)*(j1-j0):(i-i0+1)*(j1-j0)])
	}
	p.AddGradientTile(got[0], got[1], i0, i1, j0, j1, w)
	for side := range want {
		var size, worst float64
		for k, v := range want[side] {
			size = max(size, math.Abs(v))
			if e := math.Abs(got[side][k] - v); !(e <= worst) {
				worst = e
			}
		}
		if !(worst <= tol*size) {
			t.Errorf("side %d: error %.2g of the largest entry %.2g", side, worst/size, size)
		}
	}
}

// TestPullCosts: the derivative of sum_ij w_ij c_ij at points as they are, both clouds apart and one cloud in both places, against
// differences.
func TestPullCosts(t *testing.T) {
	const n, d, h = 5, 3, 1e-5
	for _, name := range grounds {
		g, err := logsumexp.ParseGround(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, self := range []bool{false, true} {
			x := draw(1, n, d, .3)
			y := x
			if !self {
				y = draw(2, n, d, .5)
			}
			w := draw(3, n, n, 0)
			if self && name != "dot" {
				for i := range n {
					w[i*n+i] = 0 // a cost that is 0 whatever x is; the difference of a rounded root is not
				}
			}
			c := make([]float64, n*n)
			value := func() (s float64) {
				logsumexp.FormCosts(nil, g, c, n, x, y, n, n, d)
				for k, v := range w {
					s += v * c[k]
				}
				return s
			}
			value()
			dx, dy := make([]float64, n*d), make([]float64, n*d)
			if self {
				dy = dx
			}
			logsumexp.PullCosts(nil, g, 2, slices.Clone(w), c, x, y, n, n, d, dx, dy)
			for side, at := range [][]float64{x, y} {
				for k, keep := range at {
					at[k] = keep + h
					up := value()
					at[k] = keep - h
					down := value()
					at[k] = keep
					want, got := 2*(up-down)/(2*h), [][]float64{dx, dy}[side][k]
					if !(math.Abs(got-want) <= 1e-6*(1+math.Abs(want))) {
						t.Errorf("%s, self %v, side %d: derivative %d is %g, differences give %g", name, self, side, k, got, want)
					}
				}
			}
		}
	}
}
