package kernels

import "math"

// The references of norm.go, update.go and matvec.go.

func squaredDeviationsGo[T Float](x []T, mean T) T {
	var s float64
	for _, v := range x {
		d := float64(v) - float64(mean)
		s += d * d
	}
	return T(s)
}

func deviationProductsGo[T Float](y, x []T, mean T) (sum, product T) {
	var s, p float64
	for i, v := range y {
		s += float64(v)
		p += float64(v) * (float64(x[i]) - float64(mean))
	}
	return T(s), T(p)
}

func normalizeGo[T Float](dst, x []T, scale, mean, bias T) {
	for i, v := range x {
		dst[i] = scale*(v-mean) + bias
	}
}

func normalizeBwGo[T Float](dx, dy, x []T, scale, slope, mean, offset T) {
	for i, v := range x {
		dx[i] = scale*dy[i] + (slope*(v-mean) + offset)
	}
}

func columnSquaredDeviationsGo[T Float](acc, x []T, ldx, rows int, mean []T) {
	for r := range rows {
		row := x[r*ldx:]
		for j := range acc {
			d := row[j] - mean[j]
			acc[j] += d * d
		}
	}
}

func columnDeviationProductsGo[T Float](sum, product, y []T, ldy int, x []T, ldx, rows int, mean []T) {
	for r := range rows {
		u, v := y[r*ldy:], x[r*ldx:]
		for j := range sum {
			sum[j] += u[j]
			product[j] += u[j] * (v[j] - mean[j])
		}
	}
}

func normalizeColumnsGo[T Float](dst []T, ldd int, x []T, ldx, rows int, scale, mean, bias []T) {
	for r := range rows {
		to, from := dst[r*ldd:], x[r*ldx:]
		for j, a := range scale {
			to[j] = a*(from[j]-mean[j]) + bias[j]
		}
	}
}

func normalizeColumnsBwGo[T Float](dx []T, lddx int, dy []T, lddy int, x []T, ldx, rows int, scale, slope, mean, offset []T) {
	for r := range rows {
		to, u, v := dx[r*lddx:], dy[r*lddy:], x[r*ldx:]
		for j, a := range scale {
			to[j] = a*u[j] + (slope[j]*(v[j]-mean[j]) + offset[j])
		}
	}
}

func normalizeRowGo[T Float](dst, x []T, mean, inv T, weight, bias []T) {
	for j, v := range x {
		dst[j] = weight[j]*((v-mean)*inv) + bias[j]
	}
}

func rmspropGo[T Float](p, grad, v, u []T, c *RMSPropStep[T]) {
	for i, g := range grad {
		g += c.WeightDecay * p[i]
		v[i] = c.Decay*v[i] + (1-c.Decay)*g*g
		g /= T(math.Sqrt(float64(v[i]))) + c.Eps
		if u != nil {
			g += c.Momentum * u[i]
			u[i] = g
		}
		p[i] -= c.Rate * g
	}
}

func clampGo[T Float](dst, x []T, lo, hi T) {
	for i, v := range x {
		switch {
		case v < lo:
			v = lo
		case v > hi:
			v = hi
		}
		dst[i] = v
	}
}

func addRowLeakyReLUGo[T Float](dst []T, ldd, rows int, bias []T, slope T) {
	for r := range rows {
		row := dst[r*ldd:]
		for j, b := range bias {
			v := row[j] + b
			if !(v > 0) {
				v *= slope
			}
			row[j] = v
		}
	}
}

func addWeightedRowsGo[T Float](acc, x []T, ldx int, alpha T, w []T) {
	for r, v := range w {
		axpyGo(acc, alpha*v, x[r*ldx:][:len(acc)])
	}
}

func gerGo[T Float](a []T, lda int, alpha T, x, y []T) {
	for r, v := range x {
		axpyGo(a[r*lda:][:len(y)], alpha*v, y)
	}
}

func cosineSumsGo[T Float](x, y []T) (xy, xx, yy T) { return dotGo(x, y), dotGo(x, x), dotGo(y, y) }

func cosineDistancesGo[T Float](dst []T, x T, y []T) {
	for j, v := range dst {
		dst[j] = max(0, 1-v*x*y[j])
	}
}
