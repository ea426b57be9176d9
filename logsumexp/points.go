package logsumexp

import (
	"fmt"
	"math"
	"sync"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Distances are summed from differences up to these dimensions; above them they come from inner products, |x|^2 + |y|^2 - 2<x,y>, whose
// rounding error is about 2^-24 (|x|^2 + |y|^2) in float32. A root makes that error larger where points are close, so that it starts later, and
// close points are summed from differences there too.
// In float64 differences are always taken.
const (
	directSquared = 8
	directRoot    = 64
)

// Points is the cost between two clouds, computed tile by tile from the coordinates. Its memory is that of the points.
type Points[T kernels.Float] struct {
	ground  Ground
	n, m, d int
	ox, oy  []float64 // the points as they were given, for gradients
	x, y    []T       // row-major, centred or normalised as the ground allows
	yt      []T       // y by coordinates, d rows of leading dimension ldy, or in panels; nil where a matrix is formed once
	ldy     int
	xx, yy  []T // squared lengths, for inner products
	u, v    []float64
	apart   []float64 // the mean of x less that of y, where each cloud was moved to its own
	buffers sync.Pool // of *tileGradient[T]
}

// NewPoints returns the cost between x (n x d) and y (m x d), row-major, rounded to T after what the ground allows has been taken out in
// float64, so that clouds far from the origin lose no precision:
//
//   - squared distances: each cloud moves to its own mean, weighted by a and b; what that changes are [Shifted] terms
//   - other functions of x - y: both move by the mean of all points
//   - cosine: points are scaled to length 1; a point at the origin is an error
//   - dot product: nothing
//
// Weights nil are uniform; they need not sum to 1. A coordinate that is not finite is an error. x and y are kept for gradients, not copied.
func NewPoints[T kernels.Float](ground Ground, x, y, a, b []float64, n, m, d int) (*Points[T], error) {
	return NewPointsAbout[T](ground, nil, x, y, a, b, n, m, d)
}

// NewPointsAbout is [NewPoints] for points x that are a part of a cloud whose mean under its weights is given: each part is rounded as the
// whole would be, and what is taken out of the columns is the same for every part. A nil mean is that of x.
func NewPointsAbout[T kernels.Float](ground Ground, mean, x, y, a, b []float64, n, m, d int) (*Points[T], error) {
	if mean != nil && len(mean) != d {
		return nil, fmt.Errorf("logsumexp: a mean of %d coordinates for points of dimension %d", len(mean), d)
	}
	if n < 1 || m < 1 || d < 1 || len(x) != n*d || len(y) != m*d || (a != nil && len(a) != n) || (b != nil && len(b) != m) {
		return nil, fmt.Errorf("logsumexp: %d and %d coordinates, %d and %d weights for %d and %d points of dimension %d",
			len(x), len(y), len(a), len(b), n, m, d)
	}
	for _, c := range []struct {
		name string
		x    []float64
	}{{"x", x}, {"y", y}} {
		for i, v := range c.x {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("logsumexp: coordinate %d of %s[%d] is %g, want a finite number", i%d, c.name, i/d, v)
			}
		}
	}
	p := &Points[T]{ground: ground, n: n, m: m, d: d, ox: x, oy: y}
	switch {
	case ground.kind == squared:
		p.centre(mean, x, y, a, b, 1)
	case ground.kind == halfSquared:
		p.centre(mean, x, y, a, b, .5)
	case ground.translates():
		c := pooledMean(mean, x, y, d)
		p.x, p.y = moved[T](x, c), moved[T](y, c)
	case ground.kind == cosine:
		var err error
		if p.x, err = unit[T]("x", x, d); err != nil {
			return nil, err
		}
		if p.y, err = unit[T]("y", y, d); err != nil {
			return nil, err
		}
	default:
		zero := make([]float64, d)
		p.x, p.y = moved[T](x, zero), moved[T](y, zero)
	}
	p.prepare(false)
	return p, nil
}

// prepare lays out y by coordinates, along which differences are taken, or in panels for inner products, whose squares it forms. A matrix that is
// formed once leaves y as it is.
func (p *Points[T]) prepare(once bool) {
	if !p.direct() && p.ground.radial() {
		p.xx, p.yy = squares(p.xx, p.x, p.d), squares(p.yy, p.y, p.d)
	}
	if !p.direct() {
		if !once {
			p.yt = panels(p.y, p.m, p.d)
		}
		return
	}
	p.ldy = (p.m+15)/16*16 + 16 // not a power of two, whose rows would share the same few places of the cache
	p.yt = sized(p.yt, p.d*p.ldy)
	kernels.Transpose(p.yt, p.ldy, p.y, p.d, p.m, p.d)
}

// direct reports whether tiles are summed from differences.
func (p *Points[T]) direct() bool {
	wide := unitRoundoff[T]() < 0x1p-30
	switch p.ground.kind {
	case squared, halfSquared:
		return wide || p.d <= directSquared
	case euclidean, power:
		return wide || p.d <= directRoot
	case manhattan:
		return true
	}
	return false
}

func unitRoundoff[T kernels.Float]() float64 {
	if _, ok := any(T(0)).(float32); ok {
		return 0x1p-24
	}
	return 0x1p-53
}

// Dims returns the numbers of points.
func (p *Points[T]) Dims() (n, m int) { return p.n, p.m }

// Ground returns the cost of a pair.
func (p *Points[T]) Ground() Ground { return p.ground }

// Coordinates returns the points as tiles are computed from them, row-major with d coordinates each: moved or scaled as the ground allows, and
// rounded. They must not be written to.
func (p *Points[T]) Coordinates() (x, y []T, d int) { return p.x, p.y, p.d }

// Shift returns the terms that were taken out of the cost, nil for none.
func (p *Points[T]) Shift() (u, v []float64) { return p.u, p.v }

// Tile fills buf with costs.
func (p *Points[T]) Tile(buf []T, i0, i1, j0, j1 int) (c []T, ld int) {
	ld = j1 - j0
	p.fill(nil, buf, ld, i0, i1, j0, j1)
	return buf, ld
}

// Form returns the whole matrix in memory. A nil Runner runs in place; the result is the same bits for any.
func (p *Points[T]) Form(run kernels.Runner) *Stored[T] {
	c := make([]T, p.n*p.m)
	p.form(run, c, p.m)
	return &Stored[T]{c: c, n: p.n, m: p.m, ld: p.m, u: p.u, v: p.v, rounding: p.rounding()}
}

// form sets dst to the whole matrix.
func (p *Points[T]) form(run kernels.Runner, dst []T, ld int) {
	if !p.direct() {
		p.fill(run, dst, ld, 0, p.n, 0, p.m)
		return
	}
	count := parallel.RowChunks(p.n, p.m*p.d)
	parallel.Do(run, count, formRows[T]{p, dst, ld, count})
}

// formRows is a part of form.
type formRows[T kernels.Float] struct {
	p         *Points[T]
	dst       []T
	ld, count int
}

func (r *formRows[T]) Task(k int) {
	lo, hi := parallel.Chunk(r.p.n, r.count, k)
	r.p.fill(nil, r.dst[lo*r.ld:], r.ld, lo, hi, 0, r.p.m)
}

// fill sets dst, of leading dimension ld, to the costs of a tile.
func (p *Points[T]) fill(run kernels.Runner, dst []T, ld, i0, i1, j0, j1 int) {
	if !p.direct() {
		p.fromProducts(run, dst, ld, i0, i1, j0, j1)
		return
	}
	rows, cols := i1-i0, j1-j0
	if p.ground.kind == manhattan {
		p.absolute(dst, ld, i0, j0, rows, cols)
		return
	}
	kernels.SquaredDistances(dst, ld, p.x[i0*p.d:], p.d, p.yt[j0:], p.ldy, rows, cols, p.d)
	for i := range rows {
		p.finish(dst[i*ld:][:cols])
	}
}

// manyTerms is how many terms an L1 distance adds one after the other, and absoluteRows how many rows at a time have such a part in memory: in float32
// the error of d equal terms, whose rounding agrees, is up to d/4 units.
const (
	manyTerms    = 256
	absoluteRows = 16
)

// absoluteScratch is a part of L1 distances.
type absoluteScratch[T kernels.Float] struct{ part []T }

// absolute sets dst to L1 distances.
func (p *Points[T]) absolute(dst []T, ld, i0, j0, rows, cols int) {
	kernels.AbsoluteDistances(dst, ld, p.x[i0*p.d:], p.d, p.yt[j0:], p.ldy, rows, cols, min(p.d, manyTerms))
	if p.d <= manyTerms {
		return
	}
	spares := parallel.SparesOf[absoluteScratch[T]]()
	s := spares.Get()
	s.part = sized(s.part, min(rows, absoluteRows)*cols)
	for lo := 0; lo < rows; lo += absoluteRows {
		some := min(absoluteRows, rows-lo)
		for k := manyTerms; k < p.d; k += manyTerms {
			kernels.AbsoluteDistances(s.part, cols, p.x[(i0+lo)*p.d+k:], p.d, p.yt[k*p.ldy+j0:], p.ldy, some, cols, min(p.d-k, manyTerms))
			for i := range some {
				kernels.Axpy(dst[(lo+i)*ld:][:cols], 1, s.part[i*cols:][:cols])
			}
		}
	}
	spares.Put(s)
}

// finish turns sums of squares into costs.
func (p *Points[T]) finish(row []T) {
	switch p.ground.kind {
	case halfSquared:
		kernels.Scale(row, .5)
	case euclidean:
		kernels.Sqrt(row, row)
	case power:
		for j, v := range row {
			row[j] = T(math.Pow(float64(v), p.ground.p/2))
		}
	}
}

// fromProducts fills a tile from inner products.
func (p *Points[T]) fromProducts(run kernels.Runner, dst []T, ld, i0, i1, j0, j1 int) {
	n, m := i1-i0, j1-j0
	alpha := T(-1)
	if p.ground.radial() {
		alpha = -2
	}
	if p.yt != nil && n > thinRows && n <= maxRows {
		p.panelProducts(dst, ld, i0, i1, j0, j1, alpha)
	} else {
		kernels.Gemm(run, false, true, n, m, p.d, alpha, p.x[i0*p.d:], p.d, p.y[j0*p.d:], p.d, 0, dst, ld)
	}
	if p.ground.kind == dot {
		return
	}
	count := parallel.RowChunks(n, m)
	parallel.Do(run, count, finishRows[T]{p, dst, ld, i0, j0, n, m, count})
}

// finishRows turns products into costs, in a tile of n x m from i0 and j0 on.
type finishRows[T kernels.Float] struct {
	p                        *Points[T]
	dst                      []T
	ld, i0, j0, n, m, chunks int
}

func (r *finishRows[T]) Task(k int) {
	p := r.p
	lo, hi := parallel.Chunk(r.n, r.chunks, k)
	for i := lo; i < hi; i++ {
		row := r.dst[i*r.ld:][:r.m]
		if p.ground.kind == cosine {
			for j, v := range row {
				row[j] = max(0, 1+v)
			}
			continue
		}
		kernels.AddNorms(row, p.xx[r.i0+i], p.yy[r.j0:r.j0+r.m])
		if p.ground.rooted() {
			p.sumNear(row, r.i0+i, r.j0)
		}
		p.finish(row)
	}
}
