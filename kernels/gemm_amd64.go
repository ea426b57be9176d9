//go:build amd64 && !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

// gemmRows are the micro-kernels of a tier by their number of rows; those for a packed A, or for one that lies in rows.
type gemmRows[T Float] []func(k int, alpha T, a *T, lda int, b *T, ldb int, beta T, c *T, ldc, cols int, next *T)

var (
	gemmRowsAVX2 = gemmRows[float32]{
		1: asm.Gemm1x16F32AVX2, 2: asm.Gemm2x16F32AVX2, 3: asm.Gemm3x16F32AVX2,
		4: asm.Gemm4x16F32AVX2, 5: asm.Gemm5x16F32AVX2, 6: asm.Gemm6x16F32AVX2,
	}
	gemmRowsAVX512 = gemmRows[float32]{
		1: asm.Gemm1x32F32AVX512, 2: asm.Gemm2x32F32AVX512, 3: asm.Gemm3x32F32AVX512, 4: asm.Gemm4x32F32AVX512,
		5: asm.Gemm5x32F32AVX512, 6: asm.Gemm6x32F32AVX512, 7: asm.Gemm7x32F32AVX512, 8: asm.Gemm8x32F32AVX512,
		9: asm.Gemm9x32F32AVX512, 10: asm.Gemm10x32F32AVX512, 11: asm.Gemm11x32F32AVX512, 12: asm.Gemm12x32F32AVX512,
		13: asm.Gemm13x32F32AVX512, 14: asm.Gemm14x32F32AVX512,
	}
	gemmDeepAVX2 = gemmRows[float32]{
		1: asm.GemmRows1x16F32AVX2, 2: asm.GemmRows2x16F32AVX2, 3: asm.GemmRows3x16F32AVX2,
		4: asm.GemmRows4x16F32AVX2, 5: asm.GemmRows5x16F32AVX2, 6: asm.GemmRows6x16F32AVX2,
	}
	gemmDeepAVX512 = gemmRows[float32]{
		1: asm.GemmRows1x32F32AVX512, 2: asm.GemmRows2x32F32AVX512, 3: asm.GemmRows3x32F32AVX512, 4: asm.GemmRows4x32F32AVX512,
		5: asm.GemmRows5x32F32AVX512, 6: asm.GemmRows6x32F32AVX512, 7: asm.GemmRows7x32F32AVX512, 8: asm.GemmRows8x32F32AVX512,
		9: asm.GemmRows9x32F32AVX512, 10: asm.GemmRows10x32F32AVX512, 11: asm.GemmRows11x32F32AVX512, 12: asm.GemmRows12x32F32AVX512,
		13: asm.GemmRows13x32F32AVX512, 14: asm.GemmRows14x32F32AVX512,
	}
)

// The depth kc weighs reading and writing C once for each kc against a panel of A and one of B, 14 and 32 wide, beside each other in the
// caches. On a Zen 5, GFLOP/s of AVX-512 at m=n=k=1024 and 4096, the mean of four runs: 240 and 232 with kc = 256, 234 and 230 with 352,
// 234 and 228 with 384, 231 and 223 with 512. Tasks of 168 rows instead of 112, mc from 1008 to 4200 and nc from 2048 to 4096 change
// nothing, nor do buffers in huge pages.

// gemmAVX2 sets the tile of AVX2.
func gemmAVX2(t *impl[float32]) {
	t.gemm = gemmTile[float32]{
		mr: 6, nr: 16, kc: 512, mc: 2016, nc: 3072,
		update:     gemmRowsAVX2.update(16),
		updateRows: gemmDeepAVX2.updateRows(16),
		packRows:   packRowsAsm[float32]{mr: 6, four: asm.GemmPackRows4F32AVX2, two: asm.GemmPackRows2F32AVX2}.pack,
		packCols:   packColsAsm(6, asm.GemmPackColsAF32AVX2, asm.GemmPackColsBF32AVX2),
		packWideB:  packWideAsm(16, asm.GemmPackWideBF32AVX2),
		dots: gemmDots[float32]{
			{asm.GemmDots1x1F32AVX2, asm.GemmDots1x2F32AVX2},
			{asm.GemmDots4x1F32AVX2, asm.GemmDots4x2F32AVX2},
		}.dots,
	}
}

// gemmAVX512 sets the tile of AVX-512.
func gemmAVX512(t *impl[float32]) {
	t.gemm = gemmTile[float32]{
		mr: 14, nr: 32, kc: 352, mc: 2016, nc: 3072,
		update:     gemmRowsAVX512.update(0),
		updateRows: gemmDeepAVX512.updateRows(0),
		masked:     true,
		packRows: packRowsAsm[float32]{
			mr: 14, four: asm.GemmPackRows4F32AVX512, two: asm.GemmPackRows2F32AVX512,
			wholeA: asm.GemmPackWholeAF32AVX512, wholeB: asm.GemmPackWholeBF32AVX512,
		}.pack,
		packCols:  packColsAsm(14, asm.GemmPackColsAF32AVX512, asm.GemmPackColsBF32AVX512),
		packWideB: packWideAsm(32, asm.GemmPackWideBF32AVX512),
		packWideA: packWideAsm(14, asm.GemmPackWideAF32AVX512),
		dots: gemmDots[float32]{
			{asm.GemmDots1x1F32AVX512, asm.GemmDots1x2F32AVX512},
			{asm.GemmDots4x1F32AVX512, asm.GemmDots4x2F32AVX512},
		}.dots,
	}
}

// update wraps the micro-kernels for a packed A; nr is how many columns they read, 0 for as many as there are.
func (kernel gemmRows[T]) update(nr int) gemmUpdate[T] {
	return func(k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, rows, cols int, next *T) {
		_, _, _ = a[(k-1)*lda+rows-1], b[(k-1)*ldb+max(nr, cols)-1], c[(rows-1)*ldc+cols-1]
		raceWriteBlock(c, ldc, rows, cols)
		kernel[rows](k, alpha, &a[0], lda, &b[0], ldb, beta, &c[0], ldc, cols, next)
	}
}

// updateRows wraps the micro-kernels for an A that lies in rows.
func (kernel gemmRows[T]) updateRows(nr int) gemmUpdate[T] {
	return func(k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, rows, cols int, next *T) {
		_, _, _ = a[(rows-1)*lda+k-1], b[(k-1)*ldb+max(nr, cols)-1], c[(rows-1)*ldc+cols-1]
		raceWriteBlock(c, ldc, rows, cols)
		kernel[rows](k, alpha, &a[0], lda, &b[0], ldb, beta, &c[0], ldc, cols, next)
	}
}

// packColsAsm wraps the copies for panels of A, mr wide, and of B.
func packColsAsm[T Float](mr int, a, b func(dst *T, x *T, ld, cols, k int)) func(dst []T, width int, x []T, ld, cols, k int) {
	return func(dst []T, width int, x []T, ld, cols, k int) {
		_, _ = dst[width*k-1], x[(k-1)*ld+cols-1]
		raceReadBlock(x, ld, k, cols)
		kernel := b
		if width == mr {
			kernel = a
		}
		kernel(&dst[0], &x[0], ld, cols, k)
	}
}

// gemmDots are kernels for groups of one and of four rows, by one and two rows of y.
type gemmDots[T Float] [2][2]func(d *T, ldd, k int, x *T, ldx int, y *T, ldy, groups int)

// dots wraps the kernels: groups of four rows, then single rows. More than two rows of y take another pass, group by group.
func (kernel gemmDots[T]) dots(d []T, ldd, k int, x []T, ldx, rows int, y []T, ldy, cols int) {
	_, _, _ = d[(rows-1)*ldd+cols-1], x[(rows-1)*ldx+k-1], y[(cols-1)*ldy+k-1]
	raceReadBlock(x, ldx, rows, k)
	raceWriteBlock(d, ldd, rows, cols)
	for r := 0; r < rows; {
		four, step := 0, 1
		if rows-r >= 4 {
			four, step = 1, 4
		}
		groups := 1
		if cols <= 2 {
			groups = (rows - r) / step
		}
		for s := 0; s < cols; s += 2 {
			kernel[four][min(cols-s, 2)-1](&d[r*ldd+s], ldd, k, &x[r*ldx], ldx, &y[s*ldy], ldy, groups)
		}
		r += groups * step
	}
}
