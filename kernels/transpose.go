package kernels

// Transpose sets dst[j*ldd+i] = x[i*ldx+j] for i < rows, j < cols. dst and x do not overlap.
func Transpose[T Float](dst []T, ldd int, x []T, ldx, rows, cols int) {
	if rows < 0 || cols < 0 {
		panic(badCount)
	}
	checkBlock(x, ldx, rows, cols)
	checkBlock(dst, ldd, cols, rows)
	if rows > 0 && cols > 0 {
		active[T]().transpose(dst, ldd, x, ldx, rows, cols)
	}
}

func transposeGo[T Float](dst []T, ldd int, x []T, ldx, rows, cols int) {
	const block = 16 // so that what is written stays in the first level of cache
	for i0 := 0; i0 < rows; i0 += block {
		i1 := min(i0+block, rows)
		for j := range cols {
			to := dst[j*ldd+i0:][:i1-i0]
			for i := range to {
				to[i] = x[(i0+i)*ldx+j]
			}
		}
	}
}
