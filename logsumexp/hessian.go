package logsumexp

import "math"

// Tangent sets dc[k] to the change of c(x_i, y_{j0+k}) where points change by dx (n x d) and dy (m x d), to first order; either may be nil.
//
//	dc_k = <dc/dx, dx_i> + <dc/dy, dy_{j0+k}>
func (p *Points[T]) Tangent(dc []float64, i, j0 int, dx, dy []float64) {
	d := p.d
	row := make([]float64, 2*d)
	gx, gy := row[:d], row[d:]
	for k := range dc {
		j := j0 + k
		p.pairGradient(gx, gy, p.ox[i*d:(i+1)*d], p.oy[j*d:(j+1)*d])
		dc[k] = 0
		for l := range d {
			if dx != nil {
				dc[k] += gx[l] * dx[i*d+l]
			}
			if dy != nil {
				dc[k] += gy[l] * dy[j*d+l]
			}
		}
	}
}

// AddHessian adds to hx (n x d) and hy (m x d) the change, to first order, of the derivatives of
//
//	sum_k w[k] c(x_i, y_{j0+k})
//
// by the points where those change by dx and dy. Any of them may be nil. Where a second derivative does not exist, at equal points or
// coordinates, it is taken as 0.
func (p *Points[T]) AddHessian(hx, hy []float64, i, j0 int, w, dx, dy []float64) {
	d := p.d
	buf := make([]float64, 4*d)
	cx, cy, tx, ty := buf[:d], buf[d:2*d], buf[2*d:3*d], buf[3*d:]
	if dx != nil {
		copy(tx, dx[i*d:(i+1)*d])
	}
	for k, wk := range w {
		if wk == 0 {
			continue
		}
		j := j0 + k
		if dy != nil {
			copy(ty, dy[j*d:(j+1)*d])
		}
		p.ground.pairHessian(cx, cy, p.ox[i*d:(i+1)*d], p.oy[j*d:(j+1)*d], tx, ty)
		for l := range d {
			if hx != nil {
				hx[i*d+l] += wk * cx[l]
			}
			if hy != nil {
				hy[j*d+l] += wk * cy[l]
			}
		}
	}
}

// pairHessian sets cx and cy to the changes of the derivatives of c(x, y) where x changes by tx and y by ty.
//
//	|x-y|^p, z = x-y, t = tx-ty     cx = p |z|^(p-2) (t + (p-2) <z,t> z/|z|^2)          cy = -cx
//	sum_k |x_k-y_k|                 0
//	-<x,y>                          cx = -ty                                          cy = -tx
//	1 - <x^,y^>, x^ = x/|x|         the change of (<x^,y^> x^ - y^)/|x|               cy alike
func (g Ground) pairHessian(cx, cy, x, y, tx, ty []float64) {
	switch g.kind {
	case manhattan:
		clear(cx)
		clear(cy)
	case dot:
		for l := range x {
			cx[l], cy[l] = -ty[l], -tx[l]
		}
	case cosine:
		cosineHessian(cx, cy, x, y, tx, ty)
	default:
		var s, zt float64
		for l, v := range x {
			z := v - y[l]
			s, zt = s+z*z, zt+z*(tx[l]-ty[l])
		}
		slope, bend := g.slope(s), 0.
		switch {
		case g.kind == euclidean && s > 0:
			bend = -slope / s
		case g.kind == power && s > 0:
			bend = (g.p - 2) * slope / s
		}
		for l, v := range x {
			cx[l] = slope*(tx[l]-ty[l]) + bend*zt*(v-y[l])
			cy[l] = -cx[l]
		}
	}
}

// cosineHessian is pairHessian for the cosine: with u = x/|x|, v = y/|y| and c = <u,v>,
//
//	du = (tx - <u,tx> u)/|x|,   dc = <du,v> + <u,dv>,   cx = (dc u + c du - dv)/|x| - (c u - v) <u,tx>/|x|^2
func cosineHessian(cx, cy, x, y, tx, ty []float64) {
	var xx, yy, xy, xt, yt, xs, ys float64
	for l, v := range x {
		xx, yy, xy = xx+v*v, yy+y[l]*y[l], xy+v*y[l]
		xt, yt = xt+v*tx[l], yt+y[l]*ty[l]
		xs, ys = xs+v*ty[l], ys+y[l]*tx[l]
	}
	lx, ly := math.Sqrt(xx), math.Sqrt(yy)
	c, ut, vt := xy/(lx*ly), xt/lx, yt/ly // <u,v>, <u,tx>, <v,ty>
	dc := (ys/ly-c*ut)/lx + (xs/lx-c*vt)/ly
	for l := range x {
		u, v := x[l]/lx, y[l]/ly
		du, dv := (tx[l]-ut*u)/lx, (ty[l]-vt*v)/ly
		cx[l] = (dc*u+c*du-dv)/lx - (c*u-v)*ut/xx
		cy[l] = (dc*v+c*dv-du)/ly - (c*v-u)*vt/yy
	}
}
