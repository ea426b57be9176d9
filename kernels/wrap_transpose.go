//go:build (amd64 || arm64) && !purego

package kernels

// transposeTask bounds the elements of one call of a kernel.
const transposeTask = 1 << 15

// transposeRows wraps the transposing copy of four rows.
func transposeRows[T Float](four func(dst *T, width int, x *T, ld, k int)) func(dst []T, ldd int, x []T, ldx, rows, cols int) {
	return func(dst []T, ldd int, x []T, ldx, rows, cols int) {
		_, _ = dst[(cols-1)*ldd+rows-1], x[(rows-1)*ldx+cols-1]
		raceReadBlock(x, ldx, rows, cols)
		raceWriteBlock(dst, ldd, cols, rows)
		i := 0
		for ; i+4 <= rows; i += 4 {
			for j := 0; j < cols; j += transposeTask {
				four(&dst[j*ldd+i], ldd, &x[i*ldx+j], ldx, min(transposeTask, cols-j))
			}
		}
		if i < rows {
			transposeGo(dst[i:], ldd, x[i*ldx:], ldx, rows-i, cols)
		}
	}
}
