//go:build !purego

package kernels

// transposeBlocks wraps the transposing copy of square blocks: for calls of at most 16 rows or few columns.
func transposeBlocks[T Float](f func(dst []T, ldd int, x []T, ldx, rows, cols int)) func(dst []T, ldd int, x []T, ldx, rows, cols int) {
	return func(dst []T, ldd int, x []T, ldx, rows, cols int) {
		_, _ = dst[(cols-1)*ldd+rows-1], x[(rows-1)*ldx+cols-1]
		raceReadBlock(x, ldx, rows, cols)
		raceWriteBlock(dst, ldd, cols, rows)
		step := max(16, transposeTask/cols&^15)
		for i := 0; i < rows; i += step {
			for j := 0; j < cols; j += transposeTask {
				f(dst[j*ldd+i:], ldd, x[i*ldx+j:], ldx, min(step, rows-i), min(transposeTask, cols-j))
			}
		}
	}
}
