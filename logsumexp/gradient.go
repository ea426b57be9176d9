package logsumexp

import "math"

// AddGradient adds to dx (n x d) and dy (m x d), row-major, the derivatives of
//
//	sum_k w[k] c(x_i, y_{j0+k})
//
// with respect to the points, at the coordinates that were given. Either of dx and dy may be nil. Where the derivative does not exist, at
// equal points or coordinates, it is taken as 0.
func (p *Points[T]) AddGradient(dx, dy []float64, i, j0 int, w []float64) {
	d := p.d
	x := p.ox[i*d : (i+1)*d]
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
