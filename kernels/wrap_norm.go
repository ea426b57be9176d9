//go:build (amd64 || arm64) && !purego

package kernels

func squaredDeviationsAsm[T Float](f func(x []T, mean T) T) func(x []T, mean T) T {
	return func(x []T, mean T) T {
		raceRead(x)
		var s float64
		eachChunk[T](len(x), func(i, j int) { s += float64(f(x[i:j], mean)) })
		return T(s)
	}
}

func deviationProductsAsm[T Float](f func(y, x []T, mean T) (sum, product T)) func(y, x []T, mean T) (sum, product T) {
	return func(y, x []T, mean T) (T, T) {
		raceRead(y)
		raceRead(x)
		var s, p float64
		eachChunk[T](len(x), func(i, j int) {
			a, b := f(y[i:j], x[i:j], mean)
			s, p = s+float64(a), p+float64(b)
		})
		return T(s), T(p)
	}
}

func normalizeAsm[T Float](f func(dst, x []T, scale, mean, bias T)) func(dst, x []T, scale, mean, bias T) {
	return func(dst, x []T, scale, mean, bias T) {
		raceRead(x)
		raceWrite(dst)
		eachChunk[T](len(x), func(i, j int) { f(dst[i:j], x[i:j], scale, mean, bias) })
	}
}

func normalizeBwAsm[T Float](f func(dx, dy, x []T, scale, slope, mean, offset T)) func(dx, dy, x []T, scale, slope, mean, offset T) {
	return func(dx, dy, x []T, scale, slope, mean, offset T) {
		raceRead(dy)
		raceRead(x)
		raceWrite(dx)
		eachChunk[T](len(x), func(i, j int) { f(dx[i:j], dy[i:j], x[i:j], scale, slope, mean, offset) })
	}
}

func columnSquaredDeviationsAsm[T Float](f func(acc, x []T, ldx, rows int, mean []T)) func(acc, x []T, ldx, rows int, mean []T) {
	return func(acc, x []T, ldx, rows int, mean []T) {
		raceWrite(acc)
		raceReadBlock(x, ldx, rows, len(acc))
		raceRead(mean)
		eachCall(rows, len(acc), func(r0, r1, j0, j1 int) { f(acc[j0:j1], x[r0*ldx+j0:], ldx, r1-r0, mean[j0:j1]) })
	}
}

func columnDeviationProductsAsm[T Float](f func(sum, product, y []T, ldy int, x []T, ldx, rows int, mean []T)) func(sum, product, y []T, ldy int, x []T, ldx, rows int, mean []T) {
	return func(sum, product, y []T, ldy int, x []T, ldx, rows int, mean []T) {
		raceWrite(sum)
		raceWrite(product)
		raceReadBlock(y, ldy, rows, len(sum))
		raceReadBlock(x, ldx, rows, len(sum))
		raceRead(mean)
		eachCall(rows, len(sum), func(r0, r1, j0, j1 int) {
			f(sum[j0:j1], product[j0:j1], y[r0*ldy+j0:], ldy, x[r0*ldx+j0:], ldx, r1-r0, mean[j0:j1])
		})
	}
}

func normalizeColumnsAsm[T Float](f func(dst []T, ldd int, x []T, ldx, rows int, scale, mean, bias []T)) func(dst []T, ldd int, x []T, ldx, rows int, scale, mean, bias []T) {
	return func(dst []T, ldd int, x []T, ldx, rows int, scale, mean, bias []T) {
		raceWriteBlock(dst, ldd, rows, len(scale))
		raceReadBlock(x, ldx, rows, len(scale))
		raceRead(scale)
		raceRead(mean)
		raceRead(bias)
		eachCall(rows, len(scale), func(r0, r1, j0, j1 int) {
			f(dst[r0*ldd+j0:], ldd, x[r0*ldx+j0:], ldx, r1-r0, scale[j0:j1], mean[j0:j1], bias[j0:j1])
		})
	}
}

func normalizeColumnsBwAsm[T Float](f func(dx []T, lddx int, dy []T, lddy int, x []T, ldx, rows int, scale, slope, mean, offset []T)) func(dx []T, lddx int, dy []T, lddy int, x []T, ldx, rows int, scale, slope, mean, offset []T) {
	return func(dx []T, lddx int, dy []T, lddy int, x []T, ldx, rows int, scale, slope, mean, offset []T) {
		raceWriteBlock(dx, lddx, rows, len(scale))
		raceReadBlock(dy, lddy, rows, len(scale))
		raceReadBlock(x, ldx, rows, len(scale))
		raceRead(scale)
		raceRead(slope)
		raceRead(mean)
		raceRead(offset)
		eachCall(rows, len(scale), func(r0, r1, j0, j1 int) {
			f(dx[r0*lddx+j0:], lddx, dy[r0*lddy+j0:], lddy, x[r0*ldx+j0:], ldx, r1-r0, scale[j0:j1], slope[j0:j1], mean[j0:j1], offset[j0:j1])
		})
	}
}

func normalizeRowAsm[T Float](f func(dst, x []T, mean, inv T, weight, bias []T)) func(dst, x []T, mean, inv T, weight, bias []T) {
	return func(dst, x []T, mean, inv T, weight, bias []T) {
		raceRead(x)
		raceRead(weight)
		raceRead(bias)
		raceWrite(dst)
		eachChunk[T](len(x), func(i, j int) { f(dst[i:j], x[i:j], mean, inv, weight[i:j], bias[i:j]) })
	}
}

func rmspropAsm[T Float](plain func(p, grad, v []T, rate, decay, oneMinusDecay, eps, weightDecay T), momentum func(p, grad, v, u []T, rate, decay, oneMinusDecay, eps, weightDecay, momentum T)) func(p, grad, v, u []T, c *RMSPropStep[T]) {
	return func(p, grad, v, u []T, c *RMSPropStep[T]) {
		raceRead(grad)
		raceWrite(p)
		raceWrite(v)
		if u == nil {
			eachChunk[T](len(grad), func(i, j int) {
				plain(p[i:j], grad[i:j], v[i:j], c.Rate, c.Decay, 1-c.Decay, c.Eps, c.WeightDecay)
			})
			return
		}
		raceWrite(u)
		eachChunk[T](len(grad), func(i, j int) {
			momentum(p[i:j], grad[i:j], v[i:j], u[i:j], c.Rate, c.Decay, 1-c.Decay, c.Eps, c.WeightDecay, c.Momentum)
		})
	}
}

func clampAsm[T Float](f func(dst, x []T, lo, hi T)) func(dst, x []T, lo, hi T) {
	return func(dst, x []T, lo, hi T) {
		raceRead(x)
		raceWrite(dst)
		eachChunk[T](len(x), func(i, j int) { f(dst[i:j], x[i:j], lo, hi) })
	}
}

func addRowLeakyReLUAsm[T Float](f func(dst []T, ldd, rows int, bias []T, slope T)) func(dst []T, ldd, rows int, bias []T, slope T) {
	return func(dst []T, ldd, rows int, bias []T, slope T) {
		raceWriteBlock(dst, ldd, rows, len(bias))
		raceRead(bias)
		eachCall(rows, len(bias), func(r0, r1, j0, j1 int) { f(dst[r0*ldd+j0:], ldd, r1-r0, bias[j0:j1], slope) })
	}
}

func addWeightedRowsAsm[T Float](f func(acc, x []T, ldx int, alpha T, w []T)) func(acc, x []T, ldx int, alpha T, w []T) {
	return func(acc, x []T, ldx int, alpha T, w []T) {
		raceWrite(acc)
		raceReadBlock(x, ldx, len(w), len(acc))
		raceRead(w)
		eachCall(len(w), len(acc), func(r0, r1, j0, j1 int) { f(acc[j0:j1], x[r0*ldx+j0:], ldx, alpha, w[r0:r1]) })
	}
}

func gerAsm[T Float](f func(a []T, lda int, alpha T, x, y []T)) func(a []T, lda int, alpha T, x, y []T) {
	return func(a []T, lda int, alpha T, x, y []T) {
		raceWriteBlock(a, lda, len(x), len(y))
		raceRead(x)
		raceRead(y)
		eachCall(len(x), len(y), func(r0, r1, j0, j1 int) { f(a[r0*lda+j0:], lda, alpha, x[r0:r1], y[j0:j1]) })
	}
}

func cosineSumsAsm[T Float](f func(x, y []T) (xy, xx, yy T)) func(x, y []T) (xy, xx, yy T) {
	return func(x, y []T) (T, T, T) {
		raceRead(x)
		raceRead(y)
		var xy, xx, yy float64
		eachChunk[T](len(x), func(i, j int) {
			a, b, c := f(x[i:j], y[i:j])
			xy, xx, yy = xy+float64(a), xx+float64(b), yy+float64(c)
		})
		return T(xy), T(xx), T(yy)
	}
}

func cosineDistancesAsm[T Float](f func(dst []T, x T, y []T)) func(dst []T, x T, y []T) {
	return addNormsAsm(f)
}

func expSumAsm[T Float](f func(dst, x []T, shift T) T) func(dst, x []T, shift T) T {
	return func(dst, x []T, shift T) T {
		raceRead(x)
		raceWrite(dst)
		var s float64
		eachChunk[T](len(x), func(i, j int) { s += float64(f(dst[i:j], x[i:j], shift)) })
		return T(s)
	}
}
