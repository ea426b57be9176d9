package logsumexp

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The largest slope is that of the derivatives that PullCosts makes of single entries; for the cosine it is at least that.
func TestMaxSlope(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, m, d = 5, 7, 3
	x, y := make([]float64, n*d), make([]float64, m*d)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for i := range y {
		y[i] = rng.NormFloat64()
	}
	for _, name := range []string{"sqeuclidean", "halfsqeuclidean", "euclidean", "l1", "cosine", "dot", "pow:1.5"} {
		g, err := ParseGround(name)
		if err != nil {
			t.Fatal(err)
		}
		c, w := make([]float64, n*m), make([]float64, n*m)
		FormCosts(nil, g, c, m, x, y, n, m, d)
		var want float64
		for k := range w {
			clear(w)
			w[k] = 1
			dx := make([]float64, n*d)
			PullCosts(nil, g, 1, w, c, x, y, n, m, d, dx, nil)
			var norm float64
			for _, v := range dx {
				norm += v * v
			}
			want = max(want, math.Sqrt(norm))
		}
		got := MaxSlope(g, c, x, y, d)
		if name == "cosine" && got >= want && got <= 10*want {
			continue
		}
		if !(math.Abs(got-want) <= 1e-9*want) {
			t.Errorf("%s: %.12g, want %.12g", name, got, want)
		}
	}
}
