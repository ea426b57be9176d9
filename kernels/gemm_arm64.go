//go:build arm64 && !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

// gemmNEON is the tile of NEON. Its depth is that of the tiles of amd64, where it was measured: a panel of B takes 24 KiB.
func gemmNEON() gemmTile[float32] {
	return gemmTile[float32]{
		mr: 8, nr: 12, kc: 512, mc: 2016, nc: 3072,
		update: gemmUpdateNEON, packRows: packRowsNEON, packCols: packColsNEON,
		dots: gemmDots[float32]{
			{asm.GemmDots1x1F32NEON, asm.GemmDots1x2F32NEON},
			{asm.GemmDots4x1F32NEON, asm.GemmDots4x2F32NEON},
		}.dots,
		weighted: addWeightedRowsGo[float32], axpy: axpyAsm(asm.AxpyF32NEON),
	}
}

// gemmUpdateNEON has kernels for 8, 4, 2 and 1 rows, and takes as many of them as a tile needs.
func gemmUpdateNEON(k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc, rows, cols int) {
	const nr = 12
	_, _, _ = a[(k-1)*lda+rows-1], b[(k-1)*ldb+nr-1], c[(rows-1)*ldc+cols-1]
	raceWriteBlock(c, ldc, rows, cols)
	for i := 0; i < rows; {
		kernel, step := asm.Gemm1x12F32NEON, 1
		switch left := rows - i; {
		case left >= 8:
			kernel, step = asm.Gemm8x12F32NEON, 8
		case left >= 4:
			kernel, step = asm.Gemm4x12F32NEON, 4
		case left >= 2:
			kernel, step = asm.Gemm2x12F32NEON, 2
		}
		kernel(k, alpha, &a[i], lda, &b[0], ldb, beta, &c[i*ldc], ldc, cols)
		i += step
	}
}

// packRowsNEON packs full panels four rows at a time; both widths are multiples of four.
func packRowsNEON(dst []float32, width int, x []float32, ld, rows, k int) {
	if rows < width {
		packRowsGo(dst, width, x, ld, rows, k)
		return
	}
	_, _ = dst[width*k-1], x[(rows-1)*ld+k-1]
	raceReadBlock(x, ld, rows, k)
	for i := 0; i < rows; i += 4 {
		asm.GemmPackRows4F32NEON(&dst[i], width, &x[i*ld], ld, k)
	}
}

func packColsNEON(dst []float32, width int, x []float32, ld, cols, k int) {
	if cols < width {
		packColsGo(dst, width, x, ld, cols, k)
		return
	}
	_, _ = dst[width*k-1], x[(k-1)*ld+cols-1]
	raceReadBlock(x, ld, k, cols)
	if width == 8 {
		asm.GemmPackColsAF32NEON(&dst[0], &x[0], ld, k)
	} else {
		asm.GemmPackColsBF32NEON(&dst[0], &x[0], ld, k)
	}
}
