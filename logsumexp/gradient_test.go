package logsumexp_test

import (
	"math"
	"testing"

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
