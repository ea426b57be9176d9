//go:build !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

// winogradChunk bounds the elements of one call.
const winogradChunk = 1 << 12

// winogradAsm wraps the kernels of one tier.
func winogradAsm[T Float](kernels [winogradMaps]winogradKernel[T], reduces bool) [winogradMaps]winogradKernel[T] {
	for m, f := range kernels {
		kernels[m] = func(v []T, ldv int, x []T, row, col, n int) {
			side := winogradSide[m]
			_, _ = v[(winogradPoints*winogradPoints-1)*ldv+n-1], x[(side-1)*(row+col)+n-1]
			raceTile := raceReadBlock[T]
			if reduces {
				raceReadBlock(v, ldv, winogradPoints*winogradPoints, n)
				raceTile = raceWriteBlock[T]
			} else {
				raceWriteBlock(v, ldv, winogradPoints*winogradPoints, n)
			}
			for i := range side {
				raceTile(x[i*row:], col, side, n)
			}
			for e := 0; e < n; e += winogradChunk {
				f(v[e:], ldv, x[e:], row, col, min(winogradChunk, n-e))
			}
		}
	}
	return kernels
}

// A winogradSpilled kernel keeps what its registers do not hold in work, 25 vectors of AVX2.
type winogradSpilled[T Float] func(v []T, ldv int, x []T, row, col, n int, work []T)

func (f winogradSpilled[T]) kernel() winogradKernel[T] {
	return func(v []T, ldv int, x []T, row, col, n int) {
		var work [winogradPoints * winogradPoints * 8]T
		f(v, ldv, x, row, col, n, work[:])
	}
}

func winogradAVX2(t *impl[float32]) {
	type kernel = winogradSpilled[float32]
	t.winogradExpand = winogradAsm([winogradMaps]winogradKernel[float32]{
		kernel(asm.WinogradInputExpandF32AVX2).kernel(), kernel(asm.WinogradOutputExpandF32AVX2).kernel(), kernel(asm.WinogradFilterExpandF32AVX2).kernel(),
	}, false)
	t.winogradReduce = winogradAsm([winogradMaps]winogradKernel[float32]{
		kernel(asm.WinogradInputReduceF32AVX2).kernel(), kernel(asm.WinogradOutputReduceF32AVX2).kernel(), kernel(asm.WinogradFilterReduceF32AVX2).kernel(),
	}, true)
	t.transpose = transposeRows(asm.GemmPackRows4F32AVX2)
}

func winogradAVX512(t *impl[float32]) {
	t.winogradExpand = winogradAsm([winogradMaps]winogradKernel[float32]{
		asm.WinogradInputExpandF32AVX512, asm.WinogradOutputExpandF32AVX512, asm.WinogradFilterExpandF32AVX512,
	}, false)
	t.winogradReduce = winogradAsm([winogradMaps]winogradKernel[float32]{
		asm.WinogradInputReduceF32AVX512, asm.WinogradOutputReduceF32AVX512, asm.WinogradFilterReduceF32AVX512,
	}, true)
	t.transpose = transposeBlocks(asm.TransposeF32AVX512)
}

func winograd64AVX2(t *impl[float64]) {
	type kernel = winogradSpilled[float64]
	t.winogradExpand = winogradAsm([winogradMaps]winogradKernel[float64]{
		kernel(asm.WinogradInputExpandF64AVX2).kernel(), kernel(asm.WinogradOutputExpandF64AVX2).kernel(), kernel(asm.WinogradFilterExpandF64AVX2).kernel(),
	}, false)
	t.winogradReduce = winogradAsm([winogradMaps]winogradKernel[float64]{
		kernel(asm.WinogradInputReduceF64AVX2).kernel(), kernel(asm.WinogradOutputReduceF64AVX2).kernel(), kernel(asm.WinogradFilterReduceF64AVX2).kernel(),
	}, true)
	t.transpose = transposeRows(asm.GemmPackRows4F64AVX2)
}

func winograd64AVX512(t *impl[float64]) {
	t.winogradExpand = winogradAsm([winogradMaps]winogradKernel[float64]{
		asm.WinogradInputExpandF64AVX512, asm.WinogradOutputExpandF64AVX512, asm.WinogradFilterExpandF64AVX512,
	}, false)
	t.winogradReduce = winogradAsm([winogradMaps]winogradKernel[float64]{
		asm.WinogradInputReduceF64AVX512, asm.WinogradOutputReduceF64AVX512, asm.WinogradFilterReduceF64AVX512,
	}, true)
	t.transpose = transposeBlocks(asm.TransposeF64AVX512)
}
