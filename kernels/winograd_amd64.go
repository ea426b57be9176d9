//go:build !purego

package kernels

import "github.com/sinkcpu/sinkcpu/asm"

// winogradChunk bounds the elements of one call.
const winogradChunk = 1 << 12

// winogradAsm wraps the kernels of one tier.
func winogradAsm[T Float](kernels winogradKernels[T], reduces bool) winogradKernels[T] {
	for m := range kernels {
		for shape, f := range kernels[m] {
			if f != nil {
				kernels[m][shape] = winogradChunks(winogradMap(m), winogradShape(shape), f, reduces)
			}
		}
	}
	return kernels
}

func winogradChunks[T Float](m winogradMap, shape winogradShape, f winogradKernel[T], reduces bool) winogradKernel[T] {
	rows, cols := shape.sides(m)
	last := winogradPoints*(winogradLines(m, rows)-1) + winogradLines(m, cols) - 1
	raceTile, racePoints := raceReadBlock[T], raceWriteBlock[T]
	if reduces {
		raceTile, racePoints = racePoints, raceTile
	}
	return func(v []T, ldv int, x []T, row, col, n int) {
		_, _ = v[last*ldv+n-1], x[(rows-1)*row+(cols-1)*col+n-1]
		for p := range winogradLines(m, rows) {
			racePoints(v[winogradPoints*p*ldv:], ldv, winogradLines(m, cols), n)
		}
		for i := range rows {
			raceTile(x[i*row:], col, cols, n)
		}
		for e := 0; e < n; e += winogradChunk {
			f(v[e:], ldv, x[e:], row, col, min(winogradChunk, n-e))
		}
	}
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
	t.winogradExpand = winogradAsm(winogradKernels[float32]{
		{kernel(asm.WinogradInputExpandF32AVX2).kernel(), kernel(asm.WinogradInputExpand5x4F32AVX2).kernel(), kernel(asm.WinogradInputExpand4x5F32AVX2).kernel(), kernel(asm.WinogradInputExpand4x4F32AVX2).kernel()},
		{kernel(asm.WinogradOutputExpandF32AVX2).kernel(), kernel(asm.WinogradOutputExpand4x3F32AVX2).kernel(), kernel(asm.WinogradOutputExpand3x4F32AVX2).kernel(), kernel(asm.WinogradOutputExpand3x3F32AVX2).kernel()},
		{kernel(asm.WinogradFilterExpandF32AVX2).kernel()},
	}, false)
	t.winogradReduce = winogradAsm(winogradKernels[float32]{
		{kernel(asm.WinogradInputReduceF32AVX2).kernel(), kernel(asm.WinogradInputReduce5x4F32AVX2).kernel(), kernel(asm.WinogradInputReduce4x5F32AVX2).kernel(), kernel(asm.WinogradInputReduce4x4F32AVX2).kernel()},
		{kernel(asm.WinogradOutputReduceF32AVX2).kernel(), kernel(asm.WinogradOutputReduce4x3F32AVX2).kernel(), kernel(asm.WinogradOutputReduce3x4F32AVX2).kernel(), kernel(asm.WinogradOutputReduce3x3F32AVX2).kernel()},
		{kernel(asm.WinogradFilterReduceF32AVX2).kernel()},
	}, true)
	t.transpose = transposeRows(asm.GemmPackRows4F32AVX2)
}

func winogradAVX512(t *impl[float32]) {
	t.winogradExpand = winogradAsm(winogradKernels[float32]{
		{asm.WinogradInputExpandF32AVX512, asm.WinogradInputExpand5x4F32AVX512, asm.WinogradInputExpand4x5F32AVX512, asm.WinogradInputExpand4x4F32AVX512},
		{asm.WinogradOutputExpandF32AVX512, asm.WinogradOutputExpand4x3F32AVX512, asm.WinogradOutputExpand3x4F32AVX512, asm.WinogradOutputExpand3x3F32AVX512},
		{asm.WinogradFilterExpandF32AVX512},
	}, false)
	t.winogradReduce = winogradAsm(winogradKernels[float32]{
		{asm.WinogradInputReduceF32AVX512, asm.WinogradInputReduce5x4F32AVX512, asm.WinogradInputReduce4x5F32AVX512, asm.WinogradInputReduce4x4F32AVX512},
		{asm.WinogradOutputReduceF32AVX512, asm.WinogradOutputReduce4x3F32AVX512, asm.WinogradOutputReduce3x4F32AVX512, asm.WinogradOutputReduce3x3F32AVX512},
		{asm.WinogradFilterReduceF32AVX512},
	}, true)
	t.transpose = transposeBlocks(asm.TransposeF32AVX512)
}

func winograd64AVX2(t *impl[float64]) {
	type kernel = winogradSpilled[float64]
	t.winogradExpand = winogradAsm(winogradKernels[float64]{
		{kernel(asm.WinogradInputExpandF64AVX2).kernel(), kernel(asm.WinogradInputExpand5x4F64AVX2).kernel(), kernel(asm.WinogradInputExpand4x5F64AVX2).kernel(), kernel(asm.WinogradInputExpand4x4F64AVX2).kernel()},
		{kernel(asm.WinogradOutputExpandF64AVX2).kernel(), kernel(asm.WinogradOutputExpand4x3F64AVX2).kernel(), kernel(asm.WinogradOutputExpand3x4F64AVX2).kernel(), kernel(asm.WinogradOutputExpand3x3F64AVX2).kernel()},
		{kernel(asm.WinogradFilterExpandF64AVX2).kernel()},
	}, false)
	t.winogradReduce = winogradAsm(winogradKernels[float64]{
		{kernel(asm.WinogradInputReduceF64AVX2).kernel(), kernel(asm.WinogradInputReduce5x4F64AVX2).kernel(), kernel(asm.WinogradInputReduce4x5F64AVX2).kernel(), kernel(asm.WinogradInputReduce4x4F64AVX2).kernel()},
		{kernel(asm.WinogradOutputReduceF64AVX2).kernel(), kernel(asm.WinogradOutputReduce4x3F64AVX2).kernel(), kernel(asm.WinogradOutputReduce3x4F64AVX2).kernel(), kernel(asm.WinogradOutputReduce3x3F64AVX2).kernel()},
		{kernel(asm.WinogradFilterReduceF64AVX2).kernel()},
	}, true)
	t.transpose = transposeRows(asm.GemmPackRows4F64AVX2)
}

func winograd64AVX512(t *impl[float64]) {
	t.winogradExpand = winogradAsm(winogradKernels[float64]{
		{asm.WinogradInputExpandF64AVX512, asm.WinogradInputExpand5x4F64AVX512, asm.WinogradInputExpand4x5F64AVX512, asm.WinogradInputExpand4x4F64AVX512},
		{asm.WinogradOutputExpandF64AVX512, asm.WinogradOutputExpand4x3F64AVX512, asm.WinogradOutputExpand3x4F64AVX512, asm.WinogradOutputExpand3x3F64AVX512},
		{asm.WinogradFilterExpandF64AVX512},
	}, false)
	t.winogradReduce = winogradAsm(winogradKernels[float64]{
		{asm.WinogradInputReduceF64AVX512, asm.WinogradInputReduce5x4F64AVX512, asm.WinogradInputReduce4x5F64AVX512, asm.WinogradInputReduce4x4F64AVX512},
		{asm.WinogradOutputReduceF64AVX512, asm.WinogradOutputReduce4x3F64AVX512, asm.WinogradOutputReduce3x4F64AVX512, asm.WinogradOutputReduce3x3F64AVX512},
		{asm.WinogradFilterReduceF64AVX512},
	}, true)
	t.transpose = transposeBlocks(asm.TransposeF64AVX512)
}
