package logsumexp

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// AddGradient adds to dx (n x d) and dy (m x d), row-major, the derivatives of
//
//	sum_k w[k] c(x_i, y_{j0+k})
//
// with respect to the points, at the coordinates that were given. Either of dx and dy may be nil. Where the derivative does not exist, at
// equal points or coordinates, it is taken as 0.
func (p *Points[T]) AddGradient(dx, dy []float64, i, j0 int, w []float64) {
	d := p.d
	x := p.ox[i*d : (i+1)*d]
	if p.ground.radial() {
		p.addRadial(dx, dy, x, i, j0, w)
		return
	}
	row := make([]float64, 2*d)
	gx, gy := row[:d], row[d:]
	for k, wk := range w {
		if wk == 0 {
			continue
		}
		j := j0 + k
		p.pairGradient(gx, gy, x, p.oy[j*d:(j+1)*d])
		for l := range d {
			if dx != nil {
				dx[i*d+l] += wk * gx[l]
			}
			if dy != nil {
				dy[j*d+l] += wk * gy[l]
			}
		}
	}
}

// AddCoordinates adds to dx (n x d) the derivative by the points of the rows as they were given, of something that is a sum of costs with weights
// whose sums over rows are rows, and whose derivative by [Points.Coordinates] is g (n x d).
//
//	|x-y|^2, moved apart by t   dx_i += g_i + 2 rows_i t             half of that for |x-y|^2/2
//	1 - <x^,y^>                 dx_i += (g_i - <g_i,x^> x^)/|x|      x^ = x/|x|, taken as free in g
//
// and g_i where points were moved alike, or not at all.
func (p *Points[T]) AddCoordinates(dx []float64, g []T, rows []float64) {
	d := p.d
	for i := range p.n {
		to, from := dx[i*d:(i+1)*d], g[i*d:(i+1)*d]
		if p.ground.kind == cosine {
			addTangents(to, from, p.ox[i*d:(i+1)*d])
			continue
		}
		for k, v := range from {
			to[k] += float64(v)
		}
		if p.apart != nil {
			kernels.Axpy(to, rows[i]*p.ground.slope(0), p.apart)
		}
	}
}

// addTangents adds (g - <g,x^> x^)/|x|.
func addTangents[T kernels.Float](dst []float64, g []T, x []float64) {
	size := math.Sqrt(kernels.Dot(x, x))
	var along float64
	for k, v := range g {
		along += float64(v) * x[k] / size
	}
	for k, v := range g {
		dst[k] += (float64(v) - along*x[k]/size) / size
	}
}

// addRadial is AddGradient for functions of |x-y|.
func (p *Points[T]) addRadial(dx, dy, x []float64, i, j0 int, w []float64) {
	d := p.d
	row := make([]float64, 2*d)
	gx, z := row[:d], row[d:]
	constant := p.ground.kind == squared || p.ground.kind == halfSquared
	slope := p.ground.slope(0)
	for k, wk := range w {
		if wk == 0 {
			continue
		}
		j := j0 + k
		y := p.oy[j*d:][:len(z)]
		var s float64
		for l := range z {
			z[l] = x[l] - y[l]
			s += z[l] * z[l]
		}
		if !constant {
			slope = p.ground.slope(s)
		}
		f := wk * slope
		for l, v := range z {
			gx[l] += f * v
		}
		if dy != nil {
			to := dy[j*d:][:len(z)]
			for l, v := range z {
				to[l] -= f * v
			}
		}
	}
	for l := 0; l < d && dx != nil; l++ {
		dx[i*d+l] += gx[l]
	}
}

// pairGradient sets gx and gy to the derivatives of c(x, y).
//
//	|x-y|^p                 gx = p |x-y|^(p-2) (x-y)            gy = -gx
//	sum_k |x_k-y_k|         gx = sign(x-y)                      gy = -gx
//	1 - <x,y>/(|x||y|)      gx = (<x^,y^> x^ - y^)/|x|          gy alike, x^ = x/|x|
//	-<x,y>                  gx = -y                             gy = -x
func (p *Points[T]) pairGradient(gx, gy, x, y []float64) {
	switch p.ground.kind {
	case dot:
		for l := range x {
			gx[l], gy[l] = -y[l], -x[l]
		}
	case cosine:
		var xx, yy, xy float64
		for l, v := range x {
			xx, yy, xy = xx+v*v, yy+y[l]*y[l], xy+v*y[l]
		}
		lx, ly := math.Sqrt(xx), math.Sqrt(yy)
		c := xy / (lx * ly)
		for l, v := range x {
			gx[l] = (c*v/lx - y[l]/ly) / lx
			gy[l] = (c*y[l]/ly - v/lx) / ly
		}
	case manhattan:
		for l, v := range x {
			gx[l] = 0
			if t := v - y[l]; t != 0 {
				gx[l] = math.Copysign(1, t)
			}
			gy[l] = -gx[l]
		}
	default:
		var s float64
		for l, v := range x {
			gx[l] = v - y[l]
			s += gx[l] * gx[l]
		}
		f := p.ground.slope(s)
		for l, v := range gx {
			gx[l], gy[l] = f*v, -f*v
		}
	}
}

// slope returns the factor of x-y in the derivative of a radial cost, at |x-y|^2 = s.
func (g Ground) slope(s float64) float64 {
	switch {
	case g.kind == squared:
		return 2
	case g.kind == halfSquared:
		return 1
	case s == 0:
		return 0
	case g.kind == euclidean:
		return 1 / math.Sqrt(s)
	}
	return g.p * math.Pow(s, g.p/2-1)
}

// AddGradientTile adds to dx (n x d) and dy (m x d), row-major, the derivatives of
//
//	sum_ij w_ij c(x_i, y_j)          over rows i0 to i1-1 and columns j0 to j1-1, w of leading dimension j1-j0
//
// with respect to the points, at the coordinates that were given: what [Points.AddGradient] does row by row in float64, by products in T.
// w is overwritten. Either of dx and dy may be nil.
func (p *Points[T]) AddGradientTile(dx, dy []float64, i0, i1, j0, j1 int, w []T) {
	d, rows, cols := p.d, i1-i0, j1-j0
	w = w[:rows*cols]
	t, _ := p.buffers.Get().(*tileGradient[T])
	if t == nil {
		t = new(tileGradient[T])
	}
	defer p.buffers.Put(t)
	x, y, ground := p.x[i0*d:i1*d], p.y[j0*d:j1*d], p.ground
	if ground.kind == cosine { // the tiles' points are directions
		x, y = rounded[T](p.ox[i0*d:i1*d]), rounded[T](p.oy[j0*d:j1*d])
	}
	if ground.radial() && ground.kind != squared && ground.kind != halfSquared {
		t.c = resized(t.c, rows*cols)
		p.fill(nil, t.c, cols, i0, i1, j0, j1)
	}
	var gx, gy []T
	if dx != nil {
		t.x = resized(t.x, rows*d)
		gx = t.x
		clear(gx)
	}
	if dy != nil {
		t.y = resized(t.y, cols*d)
		gy = t.y
		clear(gy)
	}
	if p.apart != nil { // clouds at their own means: x - y is longer by that between the means
		slope := ground.slope(0)
		for i := 0; i < rows && dx != nil; i++ {
			kernels.Axpy(dx[(i0+i)*d:(i0+i+1)*d], slope*float64(kernels.Sum(w[i*cols:(i+1)*cols])), p.apart)
		}
		if dy != nil {
			t.sums = resized(t.sums, cols)
			clear(t.sums)
			kernels.ColumnSums(t.sums, w, cols, rows)
			for j, s := range t.sums {
				kernels.Axpy(dy[(j0+j)*d:(j0+j+1)*d], -slope*float64(s), p.apart)
			}
		}
	}
	PullCosts(nil, ground, 1, w, t.c, x, y, rows, cols, d, gx, gy)
	for k, v := range gx {
		dx[i0*d+k] += float64(v)
	}
	for k, v := range gy {
		dy[j0*d+k] += float64(v)
	}
}

// tileGradient is the memory of [Points.AddGradientTile].
type tileGradient[T kernels.Float] struct{ x, y, c, sums []T }

func rounded[T kernels.Float](x []float64) []T {
	out := make([]T, len(x))
	for k, v := range x {
		out[k] = T(v)
	}
	return out
}

func resized[T any](x []T, size int) []T {
	if cap(x) < size {
		return make([]T, size)
	}
	return x[:size]
}
