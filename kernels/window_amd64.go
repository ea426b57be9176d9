//go:build !purego

package kernels

// windowRows bounds the rows of one call of a kernel.
const windowRows = 4096

func gatherWindowsAsm[T Float](lanes int, f func(dst []T, ldd int, x []T, rows, cols int)) func(dst []T, ldd int, x []T, rows, cols int) {
	return func(dst []T, ldd int, x []T, rows, cols int) {
		if cols > lanes || rows > windowRows {
			gatherWindowsGo(dst, ldd, x, rows, cols)
			return
		}
		raceWriteBlock(dst, ldd, 16, rows*cols)
		raceRead(x[:4*rows*cols])
		f(dst, ldd, x, rows, cols)
	}
}

func scatterWindowsAsm[T Float](lanes int, f func(dst, x []T, ldx, rows, cols int, bias T)) func(dst, x []T, ldx, rows, cols int, bias T) {
	return func(dst, x []T, ldx, rows, cols int, bias T) {
		if cols > lanes || rows > windowRows {
			scatterWindowsGo(dst, x, ldx, rows, cols, bias)
			return
		}
		raceWrite(dst[:4*rows*cols])
		raceReadBlock(x, ldx, 16, rows*cols)
		f(dst, x, ldx, rows, cols, bias)
	}
}
