package kernels

import "math"

func rowMaxGo[T Float](mx, c []T, ldc int, kappa T, g []T) {
	for r := range mx {
		row := c[r*ldc:][:len(g)]
		m := T(math.Inf(-1))
		for j, gj := range g {
			if v := gj - kappa*row[j]; v > m {
				m = v
			}
		}
		mx[r] = m
	}
}

func colMaxGo[T Float](mx, c []T, ldc int, kappa T, f []T) {
	for r, fr := range f {
		row := c[r*ldc:][:len(mx)]
		for j, m := range mx {
			if v := fr - kappa*row[j]; v > m {
				mx[j] = v
			}
		}
	}
}

func sweepRowsGo[T Float](e []T, lde int, s, c []T, ldc int, kappa T, g, f []T) {
	for r, fr := range f {
		row, er := c[r*ldc:][:len(g)], e[r*lde:][:len(g)]
		var sum T
		for j, gj := range g {
			v := exp2Go(gj - kappa*row[j] + fr)
			er[j] = v
			sum += v
		}
		s[r] = sum
	}
}

func sweepRowsDotGo[T Float](e []T, lde int, d, c []T, ldc int, kappa T, g, f, q []T) {
	for r, fr := range f {
		row, er := c[r*ldc:][:len(g)], e[r*lde:][:len(g)]
		var sum T
		for j, gj := range g {
			v := exp2Go(gj - kappa*row[j] + fr)
			er[j] = v
			sum += v * q[j]
		}
		d[r] = sum
	}
}

func sweepColsGo[T Float](acc, e []T, lde int, w []T) {
	for r, wr := range w {
		er := e[r*lde:][:len(acc)]
		for j, v := range er {
			acc[j] += wr * v
		}
	}
}

func sweepScaleGo[T Float](rows int) func(d, e []T, lde int, q, acc, a, next []T) {
	return func(d, e []T, lde int, q, acc, a, next []T) {
		for r, ar := range a {
			w := ar / d[r]
			er, below := e[r*lde:][:len(q)], e[(r+rows)*lde:][:len(q)]
			var sum T
			for j, v := range er {
				acc[j] += w * v
				sum += below[j] * q[j]
			}
			next[r] = sum
		}
	}
}

func sweepAdjointGo[T Float](h, cbar []T, ldcbar int, e []T, lde int, q, rr, a, fbar []T) {
	for r, ar := range a {
		er, cr, fr := e[r*lde:][:len(h)], cbar[r*ldcbar:][:len(h)], fbar[r]
		for j, v := range er {
			h[j] += v * fr
			cr[j] += v * (ar*q[j] + rr[j]*fr)
		}
	}
}

func sweepValueGo[T Float](p, h, cbar []T, ldcbar int, e []T, lde int, c []T, ldc int, a []T, invEps T) {
	for r, ar := range a {
		er, cr := e[r*lde:][:len(h)], c[r*ldc:][:len(h)]
		var sum T
		for j, v := range er {
			var vc T
			if v != 0 {
				vc = v * cr[j]
			}
			sum += vc
			h[j] += ar * vc
			if cbar != nil {
				cbar[r*ldcbar+j] = ar * (v - vc*invEps)
			}
		}
		p[r] = sum
	}
}
