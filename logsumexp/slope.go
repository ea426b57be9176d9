package logsumexp

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// MaxSlope returns the largest |d c(x_i, y_j)/d x_i| over the pairs of x (n x d) and y (m x d), c (n x m) being the costs of [FormCosts].
//
//	sqeuclidean 2 sqrt(c), halfsqeuclidean sqrt(2 c), euclidean 1, l1 sqrt(d), dot |y_j|, pow:P P c^(1-1/P)
//	cosine sin(x_i, y_j)/|x_i|, of which 1/|x_i| is returned
//
// A power below 1 has no bound; equal points are passed over there.
func MaxSlope[T kernels.Float](ground Ground, c, x, y []T, d int) float64 {
	switch ground.kind {
	case squared:
		return 2 * math.Sqrt(float64(kernels.Max(c)))
	case halfSquared:
		return math.Sqrt(2 * float64(kernels.Max(c)))
	case euclidean:
		return 1
	case manhattan:
		return math.Sqrt(float64(d))
	case cosine:
		return 1 / extremeNorm(x, d, func(a, b float64) bool { return a < b })
	case dot:
		return extremeNorm(y, d, func(a, b float64) bool { return a > b })
	}
	var slope float64
	for _, v := range c {
		if v > 0 {
			slope = max(slope, ground.p*math.Pow(float64(v), 1-1/ground.p))
		}
	}
	return slope
}

// extremeNorm returns the norm of a row that none beats; norms of 0 are passed over, and 1 is that of no row.
func extremeNorm[T kernels.Float](x []T, d int, beats func(a, b float64) bool) float64 {
	best := 0.
	for ; len(x) >= d; x = x[d:] {
		if norm := math.Sqrt(float64(kernels.Dot(x[:d], x[:d]))); norm > 0 && (best == 0 || beats(norm, best)) {
			best = norm
		}
	}
	if best == 0 {
		return 1
	}
	return best
}
