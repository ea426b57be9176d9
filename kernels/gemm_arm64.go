//go:build arm64 && !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

// gemmRowsNEON are the micro-kernels for 8, 4, 2 and 1 rows of mrNEON, nr columns wide.
type gemmRowsNEON[T Float] [4]func(k int, alpha T, a *T, lda int, b *T, ldb int, beta T, c *T, ldc, cols int)

const mrNEON = 8

// gemmNEON sets the tile of float32. The depth of both is that of the tiles of amd64, where it was measured: a panel of B takes 24 KiB.
func gemmNEON(t *impl[float32]) {
	t.transpose = transposeRows(asm.GemmPackRows4F32NEON)
	t.gemm = gemmTile[float32]{
		mr: mrNEON, nr: 12, kc: 512, mc: 2016, nc: 3072,
		update:   gemmRowsNEON[float32]{asm.Gemm8x12F32NEON, asm.Gemm4x12F32NEON, asm.Gemm2x12F32NEON, asm.Gemm1x12F32NEON}.update(12),
		packRows: packRowsAsm[float32]{mr: mrNEON, four: asm.GemmPackRows4F32NEON, two: asm.GemmPackRows2F32NEON}.pack,
		packCols: packColsNEON(asm.GemmPackColsAF32NEON, asm.GemmPackColsBF32NEON),
		dots: gemmDots[float32]{
			{asm.GemmDots1x1F32NEON, asm.GemmDots1x2F32NEON},
			{asm.GemmDots4x1F32NEON, asm.GemmDots4x2F32NEON},
		}.wrap(),
	}
}

// gemm64NEON sets the tile of float64.
func gemm64NEON(t *impl[float64]) {
	t.transpose = transposeRows(asm.GemmPackRows4F64NEON)
	t.gemm = gemmTile[float64]{
		mr: mrNEON, nr: 6, kc: 512, mc: 1008, nc: 1536,
		update:   gemmRowsNEON[float64]{asm.Gemm8x6F64NEON, asm.Gemm4x6F64NEON, asm.Gemm2x6F64NEON, asm.Gemm1x6F64NEON}.update(6),
		packRows: packRowsAsm[float64]{mr: mrNEON, four: asm.GemmPackRows4F64NEON, two: asm.GemmPackRows2F64NEON}.pack,
		packCols: packColsNEON(asm.GemmPackColsAF64NEON, asm.GemmPackColsBF64NEON),
		dots: gemmDots[float64]{
			{asm.GemmDots1x1F64NEON, asm.GemmDots1x2F64NEON},
			{asm.GemmDots4x1F64NEON, asm.GemmDots4x2F64NEON},
		}.wrap(),
	}
}

// update wraps the micro-kernels: it takes as many of them as a tile needs.
func (kernels gemmRowsNEON[T]) update(nr int) gemmUpdate[T] {
	return func(k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, rows, cols int, _ *T) {
		_, _, _ = a[(k-1)*lda+rows-1], b[(k-1)*ldb+nr-1], c[(rows-1)*ldc+cols-1]
		raceWriteBlock(c, ldc, rows, cols)
		i := 0
		for half, kernel := range kernels {
			for step := mrNEON >> half; rows-i >= step; i += step {
				kernel(k, alpha, &a[i], lda, &b[0], ldb, beta, &c[i*ldc], ldc, cols)
			}
		}
	}
}

// packColsNEON wraps the copies of whole panels of A, mrNEON wide, and of B.
func packColsNEON[T Float](a, b func(dst *T, x *T, ld, k int)) func(dst []T, width int, x []T, ld, cols, k int) {
	return func(dst []T, width int, x []T, ld, cols, k int) {
		if cols < width {
			packColsGo(dst, width, x, ld, cols, k)
			return
		}
		_, _ = dst[width*k-1], x[(k-1)*ld+cols-1]
		raceReadBlock(x, ld, k, cols)
		kernel := b
		if width == mrNEON {
			kernel = a
		}
		kernel(&dst[0], &x[0], ld, k)
	}
}
