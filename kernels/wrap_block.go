//go:build (amd64 || arm64) && !purego

package kernels

import "math"

// chunkCols is the columns of a call on a block: few enough that T lanes lose little, and that the vectors along the columns stay in the
// first level of cache.
const chunkCols = 4096

// eachCall runs f on rows [r0, r1) and columns [j0, j1) for the calls that a block is cut into.
func eachCall(rows, cols int, f func(r0, r1, j0, j1 int)) {
	eachPiece(rows, cols, max(1, chunkBlock/max(1, min(cols, chunkCols))), chunkCols, f)
}

// eachPiece runs f on the pieces of step rows and width columns of a block.
func eachPiece(rows, cols, step, width int, f func(r0, r1, j0, j1 int)) {
	for r := 0; r < rows; r += step {
		for j := 0; j < cols; j += width {
			f(r, min(r+step, rows), j, min(j+width, cols))
		}
	}
}

func rowMaxAsm[T Float](f func(mx, c []T, ldc int, kappa T, g []T)) func(mx, c []T, ldc int, kappa T, g []T) {
	return func(mx, c []T, ldc int, kappa T, g []T) {
		raceReadBlock(c, ldc, len(mx), len(g))
		raceRead(g)
		raceWrite(mx)
		for r := range mx {
			mx[r] = T(math.Inf(-1))
		}
		eachCall(len(mx), len(g), func(r0, r1, j0, j1 int) {
			f(mx[r0:r1], c[r0*ldc+j0:], ldc, kappa, g[j0:j1])
		})
	}
}

func colMaxAsm[T Float](f func(mx, c []T, ldc int, kappa T, f []T)) func(mx, c []T, ldc int, kappa T, f []T) {
	return func(mx, c []T, ldc int, kappa T, fr []T) {
		raceReadBlock(c, ldc, len(fr), len(mx))
		raceRead(fr)
		raceWrite(mx)
		eachCall(len(fr), len(mx), func(r0, r1, j0, j1 int) {
			f(mx[j0:j1], c[r0*ldc+j0:], ldc, kappa, fr[r0:r1])
		})
	}
}

func sweepRowsAsm[T Float](f func(e []T, lde int, s, c []T, ldc int, kappa T, g, f []T)) func(e []T, lde int, s, c []T, ldc int, kappa T, g, f []T) {
	return func(e []T, lde int, s, c []T, ldc int, kappa T, g, fr []T) {
		raceWriteBlock(e, lde, len(fr), len(g))
		raceReadBlock(c, ldc, len(fr), len(g))
		raceRead(g)
		raceRead(fr)
		clear(s)
		eachCall(len(fr), len(g), func(r0, r1, j0, j1 int) {
			f(e[r0*lde+j0:], lde, s[r0:r1], c[r0*ldc+j0:], ldc, kappa, g[j0:j1], fr[r0:r1])
		})
	}
}

func sweepRowsDotAsm[T Float](f func(e []T, lde int, d, c []T, ldc int, kappa T, g, f, q []T)) func(e []T, lde int, d, c []T, ldc int, kappa T, g, f, q []T) {
	return func(e []T, lde int, d, c []T, ldc int, kappa T, g, fr, q []T) {
		raceWriteBlock(e, lde, len(fr), len(g))
		raceReadBlock(c, ldc, len(fr), len(g))
		raceRead(g)
		raceRead(fr)
		raceRead(q)
		clear(d)
		eachCall(len(fr), len(g), func(r0, r1, j0, j1 int) {
			f(e[r0*lde+j0:], lde, d[r0:r1], c[r0*ldc+j0:], ldc, kappa, g[j0:j1], fr[r0:r1], q[j0:j1])
		})
	}
}

func sweepColsAsm[T Float](f func(acc, e []T, lde int, w []T)) func(acc, e []T, lde int, w []T) {
	return func(acc, e []T, lde int, w []T) {
		raceWrite(acc)
		raceReadBlock(e, lde, len(w), len(acc))
		raceRead(w)
		eachCall(len(w), len(acc), func(r0, r1, j0, j1 int) {
			f(acc[j0:j1], e[r0*lde+j0:], lde, w[r0:r1])
		})
	}
}

func sweepScaleAsm[T Float](f func(d, e []T, lde int, q, acc, a, next []T)) func(d, e []T, lde int, q, acc, a, next []T) {
	return func(d, e []T, lde int, q, acc, a, next []T) {
		raceRead(d)
		raceReadBlock(e, lde, len(a), len(q))
		raceRead(q)
		raceWrite(acc)
		raceRead(a)
		raceWrite(next)
		clear(next)
		f(d, e, lde, q, acc, a, next)
	}
}

func sweepAdjointAsm[T Float](f func(h, cbar []T, ldcbar int, e []T, lde int, q, rr, a, fbar []T)) func(h, cbar []T, ldcbar int, e []T, lde int, q, rr, a, fbar []T) {
	return func(h, cbar []T, ldcbar int, e []T, lde int, q, rr, a, fbar []T) {
		raceWrite(h)
		raceWriteBlock(cbar, ldcbar, len(a), len(h))
		raceReadBlock(e, lde, len(a), len(h))
		raceRead(q)
		raceRead(rr)
		raceRead(a)
		raceRead(fbar)
		eachCall(len(a), len(h), func(r0, r1, j0, j1 int) {
			f(h[j0:j1], cbar[r0*ldcbar+j0:], ldcbar, e[r0*lde+j0:], lde, q[j0:j1], rr[j0:j1], a[r0:r1], fbar[r0:r1])
		})
	}
}

func sweepValueAsm[T Float](value func(p, h, e []T, lde int, c []T, ldc int, a []T), grad func(p, h, cbar []T, ldcbar int, e []T, lde int, c []T, ldc int, a []T, invEps T)) func(p, h, cbar []T, ldcbar int, e []T, lde int, c []T, ldc int, a []T, invEps T) {
	return func(p, h, cbar []T, ldcbar int, e []T, lde int, c []T, ldc int, a []T, invEps T) {
		raceWrite(h)
		raceReadBlock(e, lde, len(a), len(h))
		raceReadBlock(c, ldc, len(a), len(h))
		raceRead(a)
		clear(p)
		if cbar == nil {
			eachCall(len(a), len(h), func(r0, r1, j0, j1 int) {
				value(p[r0:r1], h[j0:j1], e[r0*lde+j0:], lde, c[r0*ldc+j0:], ldc, a[r0:r1])
			})
			return
		}
		raceWriteBlock(cbar, ldcbar, len(a), len(h))
		eachCall(len(a), len(h), func(r0, r1, j0, j1 int) {
			grad(p[r0:r1], h[j0:j1], cbar[r0*ldcbar+j0:], ldcbar, e[r0*lde+j0:], lde, c[r0*ldc+j0:], ldc, a[r0:r1], invEps)
		})
	}
}

func addRowAsm[T Float](f func(dst []T, ldd, rows int, bias []T)) func(dst []T, ldd, rows int, bias []T) {
	return func(dst []T, ldd, rows int, bias []T) {
		raceWriteBlock(dst, ldd, rows, len(bias))
		raceRead(bias)
		eachCall(rows, len(bias), func(r0, r1, j0, j1 int) { f(dst[r0*ldd+j0:], ldd, r1-r0, bias[j0:j1]) })
	}
}

func columnSumsAsm[T Float](f func(acc, x []T, ldx, rows int)) func(acc, x []T, ldx, rows int) {
	return func(acc, x []T, ldx, rows int) {
		raceWrite(acc)
		raceReadBlock(x, ldx, rows, len(acc))
		eachCall(rows, len(acc), func(r0, r1, j0, j1 int) { f(acc[j0:j1], x[r0*ldx+j0:], ldx, r1-r0) })
	}
}

func addDistancesAsm[T Float](f func(dst, x, yt []T, ldy int)) func(dst, x, yt []T, ldy int) {
	return func(dst, x, yt []T, ldy int) {
		raceWrite(dst)
		raceRead(x)
		raceReadBlock(yt, ldy, len(x), len(dst))
		eachCall(len(x), len(dst), func(k0, k1, j0, j1 int) { f(dst[j0:j1], x[k0:k1], yt[k0*ldy+j0:], ldy) })
	}
}

func distancesAsm[T Float](f func(dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, d int)) func(dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int) {
	return func(dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int) {
		raceWriteBlock(dst, ldd, rows, cols)
		raceReadBlock(x, ldx, rows, d)
		raceReadBlock(yt, ldy, d, cols)
		width := max(64, chunkCols/(1+d/8)) // few where every one of many coordinates may miss the caches
		step := max(4, chunkBlock/(max(1, min(cols, width))*(1+d/8)))
		eachPiece(rows, cols, step, width, func(r0, r1, j0, j1 int) {
			f(dst[r0*ldd+j0:], ldd, x[r0*ldx:], ldx, yt[j0:j1], ldy, r1-r0, d)
		})
	}
}
