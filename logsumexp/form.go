package logsumexp

import (
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// FormCosts sets
//
//	dst[i*ld+j] = c(x_i, y_j)
//
// for x (n x d) and y (m x d), row-major, as they are: above some dimensions costs come from inner products in float32, and points far from
// the origin lose precision there; they should go through [NewPoints]. The cosine of a point at the origin is taken as 0. The diagonal of a
// cloud against itself, y being x, is exact. dst holds n rows of leading dimension ld >= m and does not overlap x or y. A nil
// Runner runs in place; the result is the same bits for any.
func FormCosts[T kernels.Float](run kernels.Runner, ground Ground, dst []T, ld int, x, y []T, n, m, d int) {
	if len(x) < n*d || len(y) < m*d {
		panic("logsumexp: points shorter than their rows and columns")
	}
	if n == 0 || m == 0 {
		return
	}
	spares := parallel.SparesOf[formSpace[T]]()
	space := spares.Get()
	p := &space.p
	*p = Points[T]{ground: ground, n: n, m: m, d: d, x: x[:n*d], y: y[:m*d], xx: p.xx, yy: p.yy}
	if p.direct() {
		p.yt = space.yt
	}
	if ground.kind == cosine {
		p.x, _ = directions(run, p.x, d)
		p.y, _ = directions(run, p.y, d)
	}
	p.prepare(true)
	p.form(run, dst, ld)
	if p.direct() {
		space.yt = p.yt
	}
	p.x, p.y = nil, nil
	spares.Put(space)
	if ground.kind != dot && sameCloud(x, y, n, m) {
		for i := range n {
			dst[i*ld+i] = 0
		}
	}
}

// formSpace is the memory of FormCosts: what it makes of the points.
type formSpace[T kernels.Float] struct {
	p  Points[T]
	yt []T
}

// SquaredDistances sets dst[i*ld+j] = scale |x_i - y_j|^2; see [FormCosts].
func SquaredDistances[T kernels.Float](run kernels.Runner, dst []T, ld int, x, y []T, n, m, d int, scale T) {
	FormCosts(run, SqEuclidean, dst, ld, x, y, n, m, d)
	for i := 0; i < n && scale != 1; i++ {
		kernels.Scale(dst[i*ld:i*ld+m], scale)
	}
}

func sameCloud[T kernels.Float](x, y []T, n, m int) bool {
	return n == m && len(x) > 0 && len(y) > 0 && &x[0] == &y[0]
}

// PullCosts adds alpha times what the derivative w (n x m) of something by the costs means for the points: with c (n x m) the costs of
// [FormCosts],
//
//	dx_i += alpha sum_j w_ij d c(x_i, y_j)/d x_i          dy_j += alpha sum_i w_ij d c(x_i, y_j)/d y_j
//
// Either of dx and dy may be nil. For a cloud against itself y is x and dy is dx. w is overwritten. Where a cost has no derivative, at equal
// points or coordinates, it is taken as 0. Sums over differences come from products with the points, so that dx has an error of some
// units in the last place of |x| sum_j |w_ij|.
func PullCosts[T kernels.Float](run kernels.Runner, ground Ground, alpha T, w, c, x, y []T, n, m, d int, dx, dy []T) {
	switch ground.kind {
	case manhattan:
		pullSigns(run, alpha, w, x, y, n, m, d, dx, dy)
	case cosine:
		pullCosine(run, alpha, w, x, y, n, m, d, dx, dy)
	case dot:
		pullProducts(run, -alpha, w, x, y, n, m, d, dx, dy)
	default:
		if ground.kind == squared || ground.kind == halfSquared {
			alpha *= T(ground.slope(0))
		} else {
			parallel.Rows(run, n, m, func(lo, hi int) { slopes(ground, w[lo*m:hi*m], c[lo*m:hi*m]) })
		}
		PullDifferences(run, alpha, w, x, y, n, m, d, dx, dy)
	}
}

// slopes turns derivatives by costs |x-y|^p into those by |x-y|^2/2.
//
//	d/d(r^2/2) r^p = p r^(p-2)
//
// and 0 at r = 0.
func slopes[T kernels.Float](g Ground, w, c []T) {
	for j, v := range c {
		switch {
		case v <= 0:
			w[j] = 0
		case g.kind == euclidean:
			w[j] /= v
		default:
			w[j] *= T(g.p * math.Pow(float64(v), (g.p-2)/g.p))
		}
	}
}

// PullDifferences adds
//
//	dx_i += alpha sum_j w_ij (x_i - y_j)          dy_j += alpha sum_i w_ij (y_j - x_i)
//
// with sums over j of w_ij (x_i - y_j) taken as (w 1)_i x_i - (w y)_i; see [PullCosts].
func PullDifferences[T kernels.Float](run kernels.Runner, alpha T, w, x, y []T, n, m, d int, dx, dy []T) {
	if dx != nil && dy != nil && sameCloud(x, y, n, m) && &dx[0] == &dy[0] {
		addTranspose(run, w, n)
		dy = nil
	}
	if dx != nil {
		count := parallel.RowChunks(n, m+d)
		parallel.Do(run, count, pullRows[T]{alpha, w, x, dx, n, m, d, count})
		kernels.Gemm(run, false, false, n, d, m, -alpha, w, m, y, d, 1, dx, d)
	}
	if dy != nil {
		spares := parallel.SparesOf[pullSums[T]]()
		p := spares.Get()
		p.sums = sized(p.sums, m)
		clear(p.sums)
		kernels.ColumnSums(p.sums, w, m, n)
		for j, s := range p.sums {
			kernels.Axpy(dy[j*d:(j+1)*d], alpha*s, y[j*d:(j+1)*d])
		}
		spares.Put(p)
		kernels.Gemm(run, true, false, m, d, n, -alpha, w, m, x, d, 1, dy, d)
	}
}

// pullSums are the sums of the columns of w.
type pullSums[T kernels.Float] struct{ sums []T }

// pullRows adds alpha times the sum of each row of w times x to dx.
type pullRows[T kernels.Float] struct {
	alpha          T
	w, x, dx       []T
	n, m, d, count int
}

func (r *pullRows[T]) Task(k int) {
	m, d := r.m, r.d
	lo, hi := parallel.Chunk(r.n, r.count, k)
	for i := lo; i < hi; i++ {
		kernels.Axpy(r.dx[i*d:(i+1)*d], r.alpha*kernels.Sum(r.w[i*m:(i+1)*m]), r.x[i*d:(i+1)*d])
	}
}

// pullProducts adds alpha w y to dx and alpha w^T x to dy.
func pullProducts[T kernels.Float](run kernels.Runner, alpha T, w, x, y []T, n, m, d int, dx, dy []T) {
	if dx != nil {
		kernels.Gemm(run, false, false, n, d, m, alpha, w, m, y, d, 1, dx, d)
	}
	if dy != nil {
		kernels.Gemm(run, true, false, m, d, n, alpha, w, m, x, d, 1, dy, d)
	}
}

// pullCosine is the derivative of 1 - <x,y>/(|x||y|).
func pullCosine[T kernels.Float](run kernels.Runner, alpha T, w, x, y []T, n, m, d int, dx, dy []T) {
	u, lenX := directions(run, x, d)
	v, lenY := directions(run, y, d)
	for _, side := range []struct {
		dst, u, length []T
		n              int
	}{{dx, u, lenX, n}, {dy, v, lenY, m}} {
		if side.dst == nil {
			continue
		}
		g := make([]T, side.n*d)
		if &side.u[0] == &u[0] {
			pullProducts(run, -alpha, w, u, v, n, m, d, g, nil)
		} else {
			pullProducts(run, -alpha, w, u, v, n, m, d, nil, g)
		}
		addTangent(run, side.dst, g, side.u, side.length, d)
	}
}

// pullSigns is the derivative of sum_k |x_k - y_k|.
func pullSigns[T kernels.Float](run kernels.Runner, alpha T, w, x, y []T, n, m, d int, dx, dy []T) {
	if dx != nil {
		parallel.Rows(run, n, m*d, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				for j := range m {
					addSigns(dx[i*d:(i+1)*d], alpha*w[i*m+j], x[i*d:(i+1)*d], y[j*d:(j+1)*d])
				}
			}
		})
	}
	if dy != nil {
		parallel.Rows(run, m, n*d, func(lo, hi int) {
			for i := range n {
				for j := lo; j < hi; j++ {
					addSigns(dy[j*d:(j+1)*d], alpha*w[i*m+j], y[j*d:(j+1)*d], x[i*d:(i+1)*d])
				}
			}
		})
	}
}

// addSigns adds w sign(x_k - y_k) to g_k, the sign taken from its bit: a branch on it is as good as random.
func addSigns[T kernels.Float](g []T, w T, x, y []T) {
	x, y = x[:len(g)], y[:len(g)]
	wide := float64(w)
	for k := range g {
		if t := x[k] - y[k]; t != 0 {
			g[k] += T(math.Copysign(1, float64(t)) * wide)
		}
	}
}

// addTranspose adds to the n x n matrix s its transpose, and clears the diagonal, which multiplies x_i - x_i.
func addTranspose[T kernels.Float](run kernels.Runner, s []T, n int) {
	parallel.Do(run, (n+symmetricTile-1)/symmetricTile, symmetrise[T]{s, n})
}

// symmetricTile is the side of the tiles of addTranspose: two of float32 are 8 KiB.
const symmetricTile = 32

type symmetrise[T kernels.Float] struct {
	s []T
	n int
}

// Task takes a row of tiles with the column that mirrors it.
func (r *symmetrise[T]) Task(ti int) {
	const tile = symmetricTile
	s, n := r.s, r.n
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
}

// directions returns the rows of x scaled to length 1, and their lengths. A row of zeros stays one: its cost is 1 and its derivative 0.
func directions[T kernels.Float](run kernels.Runner, x []T, d int) (u, length []T) {
	n := len(x) / d
	u, length = make([]T, n*d), make([]T, n)
	parallel.Rows(run, n, d, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := u[i*d : (i+1)*d]
			copy(row, x[i*d:(i+1)*d])
			if length[i] = T(math.Sqrt(float64(kernels.Dot(row, row)))); length[i] > 0 {
				kernels.Scale(row, 1/length[i])
			}
		}
	})
	return u, length
}

// addTangent undoes the scaling of rows to length 1.
//
//	forward: u = x/|x|          dx += (g - <g,u> u)/|x|
func addTangent[T kernels.Float](run kernels.Runner, dx, g, u, length []T, d int) {
	parallel.Rows(run, len(length), d, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if !(length[i] > 0) {
				continue
			}
			gi, ui, di := g[i*d:(i+1)*d], u[i*d:(i+1)*d], dx[i*d:(i+1)*d]
			kernels.Axpy(di, 1/length[i], gi)
			kernels.Axpy(di, -kernels.Dot(gi, ui)/length[i], ui)
		}
	})
}
