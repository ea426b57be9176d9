package generative

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// cost is a ground cost between rows, with its derivative by both clouds.
type cost[T kernels.Float] struct {
	ground logsumexp.Ground
	power  float64 // p of |x-y|^p, for the grounds that are one
	scale  float64 // of that power
}

func newCost[T kernels.Float](name string) (c cost[T], err error) {
	if c.ground, err = logsumexp.ParseGround(name); err != nil {
		return c, err
	}
	c.scale = 1
	switch c.ground {
	case logsumexp.SqEuclidean:
		c.power = 2
	case logsumexp.HalfSqEuclidean:
		c.power, c.scale = 2, .5
	case logsumexp.Euclidean:
		c.power = 1
	case logsumexp.L1, logsumexp.Cosine, logsumexp.DotProduct:
	default:
		if c.power, err = strconv.ParseFloat(strings.TrimPrefix(c.ground.String(), "pow:"), 64); err != nil {
			return c, fmt.Errorf("generative: cost %q has no derivative here", name)
		}
	}
	return c, nil
}

// rows cuts n rows of that much work each into tasks, by sizes only.
func rows(n, work int) int { return parallel.Chunks(n, 1+16384/(work+1), 256) }

// eachRow runs body on row 0 to n-1.
func eachRow(run kernels.Runner, n, work int, body func(i int)) {
	count := rows(n, work)
	parallel.For(run, count, func(k int) {
		lo, hi := parallel.Chunk(n, count, k)
		for i := lo; i < hi; i++ {
			body(i)
		}
	})
}

// form sets dst (n x m) to the costs between x (n x d) and y (m x d). The diagonal of a cloud against itself is exact.
func (c cost[T]) form(run kernels.Runner, dst, x, y []T, n, m, d int) {
	switch {
	case c.power > 0:
		logsumexp.SquaredDistances(run, dst, m, x, y, n, m, d, T(c.scale))
		eachRow(run, n, m, func(i int) { c.root(dst[i*m : (i+1)*m]) })
	case c.ground == logsumexp.L1:
		eachRow(run, n, m*d, func(i int) {
			xi := x[i*d : (i+1)*d]
			for j := range m {
				var s T
				for k, v := range y[j*d : (j+1)*d] {
					s += max(xi[k]-v, v-xi[k])
				}
				dst[i*m+j] = s
			}
		})
	case c.ground == logsumexp.Cosine:
		u, _ := directions(run, x, n, d)
		v, _ := directions(run, y, m, d)
		kernels.Gemm(run, false, true, n, m, d, -1, u, d, v, d, 0, dst, m)
		eachRow(run, n, m, func(i int) {
			for j, v := range dst[i*m : (i+1)*m] {
				dst[i*m+j] = max(0, 1+v)
			}
		})
	default: // the dot product
		kernels.Gemm(run, false, true, n, m, d, -1, x, d, y, d, 0, dst, m)
	}
	if n == m && c.ground != logsumexp.DotProduct && &x[0] == &y[0] {
		for i := range n {
			dst[i*m+i] = 0
		}
	}
}

// root turns squared distances into their powers.
func (c cost[T]) root(row []T) {
	switch c.power {
	case 2:
	case 1:
		for j, v := range row {
			row[j] = T(math.Sqrt(float64(v)))
		}
	default:
		for j, v := range row {
			row[j] = T(math.Pow(float64(v), c.power/2))
		}
	}
}

// slope sets the row of cotangents of costs to that of half-squared distances r^2/2; at r = 0 the slope is taken as 0 where it is not finite.
//
//	forward: C = scale r^p          d/d(r^2/2) = scale p r^(p-2)
func (c cost[T]) slope(cbar, row []T) {
	if c.power == 2 {
		kernels.Scale(cbar, T(2*c.scale))
		return
	}
	for j, v := range row {
		switch {
		case v <= 0:
			cbar[j] = 0
		case c.power == 1:
			cbar[j] /= v
		default:
			cbar[j] *= T(c.power * math.Pow(float64(v), (c.power-2)/c.power))
		}
	}
}

// pull adds alpha times what the cotangent cbar (n x m) of the costs c0 means for x to dx and for y to dy, either of which may be nil.
// Where y is x, dy is dx. cbar is overwritten.
func (c cost[T]) pull(run kernels.Runner, alpha T, cbar, c0, x, y []T, n, m, d int, dx, dy []T) {
	switch {
	case c.power > 0:
		eachRow(run, n, m, func(i int) { c.slope(cbar[i*m:(i+1)*m], c0[i*m:(i+1)*m]) })
		pullDifferences(run, alpha, cbar, x, y, n, m, d, dx, dy)
	case c.ground == logsumexp.L1:
		pullSigns(run, alpha, cbar, x, y, n, m, d, dx, dy)
	case c.ground == logsumexp.Cosine:
		u, lenX := directions(run, x, n, d)
		v, lenY := directions(run, y, m, d)
		if dx != nil {
			g := make([]T, n*d)
			kernels.Gemm(run, false, false, n, d, m, -alpha, cbar, m, v, d, 0, g, d)
			addTangent(run, dx, g, u, lenX, n, d)
		}
		if dy != nil {
			g := make([]T, m*d)
			kernels.Gemm(run, true, false, m, d, n, -alpha, cbar, m, u, d, 0, g, d)
			addTangent(run, dy, g, v, lenY, m, d)
		}
	default:
		if dx != nil {
			kernels.Gemm(run, false, false, n, d, m, -alpha, cbar, m, y, d, 1, dx, d)
		}
		if dy != nil {
			kernels.Gemm(run, true, false, m, d, n, -alpha, cbar, m, x, d, 1, dy, d)
		}
	}
}

// pullDifferences adds
//
//	dx_i += alpha sum_j w_ij (x_i - y_j)          dy_j += alpha sum_i w_ij (y_j - x_i)
//
// with sums over j of w_ij (x_i - y_j) taken as (w 1)_i x_i - (w y)_i. For a cloud against itself, x = y and dx = dy, w is overwritten.
func pullDifferences[T kernels.Float](run kernels.Runner, alpha T, w, x, y []T, n, m, d int, dx, dy []T) {
	if n == m && dx != nil && dy != nil && &x[0] == &y[0] && &dx[0] == &dy[0] {
		addTranspose(run, w, n)
		dy = nil
	}
	if dx != nil {
		sum := make([]T, n)
		eachRow(run, n, m, func(i int) { sum[i] = alpha * kernels.Sum(w[i*m:(i+1)*m]) })
		addScaledRows(run, dx, sum, x, n, d)
		kernels.Gemm(run, false, false, n, d, m, -alpha, w, m, y, d, 1, dx, d)
	}
	if dy != nil {
		sum := make([]T, m)
		for i := range n {
			kernels.Axpy(sum, alpha, w[i*m:(i+1)*m])
		}
		addScaledRows(run, dy, sum, y, m, d)
		kernels.Gemm(run, true, false, m, d, n, -alpha, w, m, x, d, 1, dy, d)
	}
}

// addTranspose adds to the n x n matrix s its transpose, and clears the diagonal, which multiplies x_i - x_i.
func addTranspose[T kernels.Float](run kernels.Runner, s []T, n int) {
	const tile = 32 // two tiles of float32 are 8 KiB
	parallel.For(run, (n+tile-1)/tile, func(ti int) {
		for tj := range ti + 1 {
			for i := ti * tile; i < min(n, (ti+1)*tile); i++ {
				for j := tj * tile; j < min(i, (tj+1)*tile); j++ {
					v := s[i*n+j] + s[j*n+i]
					s[i*n+j], s[j*n+i] = v, v
				}
				if ti == tj {
					s[i*n+i] = 0
				}
			}
		}
	})
}

// addScaledRows adds s_i x_i to dx_i.
func addScaledRows[T kernels.Float](run kernels.Runner, dx, s, x []T, n, d int) {
	eachRow(run, n, d, func(i int) { kernels.Axpy(dx[i*d:(i+1)*d], s[i], x[i*d:(i+1)*d]) })
}

// pullSigns is the derivative of sum_k |x_k - y_k|, taken as 0 where x_k = y_k.
func pullSigns[T kernels.Float](run kernels.Runner, alpha T, w, x, y []T, n, m, d int, dx, dy []T) {
	signs := func(g, from []T, to []T, count int, weight func(j int) T) {
		for j := range count {
			wj := alpha * weight(j)
			for k, v := range to[j*d : (j+1)*d] {
				switch {
				case from[k] > v:
					g[k] += wj
				case from[k] < v:
					g[k] -= wj
				}
			}
		}
	}
	if dx != nil {
		eachRow(run, n, m*d, func(i int) {
			signs(dx[i*d:(i+1)*d], x[i*d:(i+1)*d], y, m, func(j int) T { return w[i*m+j] })
		})
	}
	if dy != nil {
		eachRow(run, m, n*d, func(j int) {
			signs(dy[j*d:(j+1)*d], y[j*d:(j+1)*d], x, n, func(i int) T { return w[i*m+j] })
		})
	}
}

// directions returns the rows of x scaled to length 1, and their lengths. A row of zeros stays one: its cost is 1 and its derivative 0.
func directions[T kernels.Float](run kernels.Runner, x []T, n, d int) (u, length []T) {
	u, length = make([]T, n*d), make([]T, n)
	eachRow(run, n, d, func(i int) {
		row := u[i*d : (i+1)*d]
		copy(row, x[i*d:(i+1)*d])
		if length[i] = T(math.Sqrt(float64(kernels.Dot(row, row)))); length[i] > 0 {
			kernels.Scale(row, 1/length[i])
		}
	})
	return u, length
}

// addTangent undoes the scaling of rows to length 1.
//
//	forward: u = x/|x|          dx += (g - <g,u> u)/|x|
func addTangent[T kernels.Float](run kernels.Runner, dx, g, u, length []T, n, d int) {
	eachRow(run, n, d, func(i int) {
		if !(length[i] > 0) {
			return
		}
		gi, ui, di := g[i*d:(i+1)*d], u[i*d:(i+1)*d], dx[i*d:(i+1)*d]
		kernels.Axpy(di, 1/length[i], gi)
		kernels.Axpy(di, -kernels.Dot(gi, ui)/length[i], ui)
	})
}
