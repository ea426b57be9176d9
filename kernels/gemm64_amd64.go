//go:build amd64 && !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

var (
	gemmRows64AVX2 = gemmRows[float64]{
		1: asm.Gemm1x8F64AVX2, 2: asm.Gemm2x8F64AVX2, 3: asm.Gemm3x8F64AVX2,
		4: asm.Gemm4x8F64AVX2, 5: asm.Gemm5x8F64AVX2, 6: asm.Gemm6x8F64AVX2,
	}
	gemmRows64AVX512 = gemmRows[float64]{
		1: asm.Gemm1x16F64AVX512, 2: asm.Gemm2x16F64AVX512, 3: asm.Gemm3x16F64AVX512, 4: asm.Gemm4x16F64AVX512,
		5: asm.Gemm5x16F64AVX512, 6: asm.Gemm6x16F64AVX512, 7: asm.Gemm7x16F64AVX512, 8: asm.Gemm8x16F64AVX512,
		9: asm.Gemm9x16F64AVX512, 10: asm.Gemm10x16F64AVX512, 11: asm.Gemm11x16F64AVX512, 12: asm.Gemm12x16F64AVX512,
		13: asm.Gemm13x16F64AVX512, 14: asm.Gemm14x16F64AVX512,
	}
	gemmDeep64AVX2 = gemmRows[float64]{
		1: asm.GemmRows1x8F64AVX2, 2: asm.GemmRows2x8F64AVX2, 3: asm.GemmRows3x8F64AVX2,
		4: asm.GemmRows4x8F64AVX2, 5: asm.GemmRows5x8F64AVX2, 6: asm.GemmRows6x8F64AVX2,
	}
	gemmDeep64AVX512 = gemmRows[float64]{
		1: asm.GemmRows1x16F64AVX512, 2: asm.GemmRows2x16F64AVX512, 3: asm.GemmRows3x16F64AVX512, 4: asm.GemmRows4x16F64AVX512,
		5: asm.GemmRows5x16F64AVX512, 6: asm.GemmRows6x16F64AVX512, 7: asm.GemmRows7x16F64AVX512, 8: asm.GemmRows8x16F64AVX512,
		9: asm.GemmRows9x16F64AVX512, 10: asm.GemmRows10x16F64AVX512, 11: asm.GemmRows11x16F64AVX512, 12: asm.GemmRows12x16F64AVX512,
		13: asm.GemmRows13x16F64AVX512, 14: asm.GemmRows14x16F64AVX512,
	}
)

// gemm64AVX2 sets the tile of AVX2.
func gemm64AVX2(t *impl[float64]) {
	t.gemm = gemmTile[float64]{
		mr: 6, nr: 8, kc: 512, mc: 1008, nc: 1536,
		update:     gemmRows64AVX2.update(8),
		updateRows: gemmDeep64AVX2.updateRows(8),
		packRows:   packRowsAsm[float64]{mr: 6, four: asm.GemmPackRows4F64AVX2, two: asm.GemmPackRows2F64AVX2}.pack,
		packCols:   packColsAsm(6, asm.GemmPackColsAF64AVX2, asm.GemmPackColsBF64AVX2),
		packWideB:  packWideAsm(8, asm.GemmPackWideBF64AVX2),
		dots: gemmDots[float64]{
			{asm.GemmDots1x1F64AVX2, asm.GemmDots1x2F64AVX2},
			{asm.GemmDots4x1F64AVX2, asm.GemmDots4x2F64AVX2},
		}.dots,
	}
}

// gemm64AVX512 sets the tile of AVX-512.
func gemm64AVX512(t *impl[float64]) {
	t.gemm = gemmTile[float64]{
		mr: 14, nr: 16, kc: 384, mc: 1008, nc: 1536,
		update:     gemmRows64AVX512.update(0),
		updateRows: gemmDeep64AVX512.updateRows(0),
		masked:     true,
		packRows: packRowsAsm[float64]{
			mr: 14, four: asm.GemmPackRows4F64AVX512, two: asm.GemmPackRows2F64AVX512,
			wholeA: asm.GemmPackWholeAF64AVX512, wholeB: asm.GemmPackWholeBF64AVX512,
		}.pack,
		packCols:  packColsAsm(14, asm.GemmPackColsAF64AVX512, asm.GemmPackColsBF64AVX512),
		packWideB: packWideAsm(16, asm.GemmPackWideBF64AVX512),
		packWideA: packWideAsm(14, asm.GemmPackWideAF64AVX512),
		dots: gemmDots[float64]{
			{asm.GemmDots1x1F64AVX512, asm.GemmDots1x2F64AVX512},
			{asm.GemmDots4x1F64AVX512, asm.GemmDots4x2F64AVX512},
		}.dots,
	}
}
