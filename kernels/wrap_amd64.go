//go:build amd64 && !purego

package kernels

// Assembly cannot be preempted, and the garbage collector waits for the longest call: so these wrappers cut their arguments into calls
// of at most 100 us.

// chunk is the elements of a call of an element-wise kernel. The slowest run at 1 G elements/s.
const chunk = 1 << 16

// mapAsm wraps a kernel dst[i] = f(x[i]).
func mapAsm(f func(dst, x []float32)) func(dst, x []float32) {
	return func(dst, x []float32) {
		raceRead(x)
		raceWrite(dst)
		for len(x) > chunk {
			f(dst[:chunk], x[:chunk])
			dst, x = dst[chunk:], x[chunk:]
		}
		f(dst, x)
	}
}

const (
	// chunkCols is the columns of a call on a block: few enough that float32 lanes lose little, and that the vectors along the
	// columns stay in the first level of cache.
	chunkCols = 4096
	// chunkBlock is the entries of a call on a block.
	chunkBlock = 1 << 17
)

// eachCall runs f for the calls that a block of rows x cols is cut into.
func eachCall(rows, cols int, f func(r0, r1, j0, j1 int)) {
	step := max(1, chunkBlock/max(1, min(cols, chunkCols)))
	for r := 0; r < rows; r += step {
		for j := 0; j < cols; j += chunkCols {
			f(r, min(r+step, rows), j, min(j+chunkCols, cols))
		}
	}
}

func sweepRowsAsm(f func(e []float32, lde int, s, c []float32, ldc int, kappa float32, g, f []float32)) func(e []float32, lde int, s, c []float32, ldc int, kappa float32, g, f []float32) {
	return func(e []float32, lde int, s, c []float32, ldc int, kappa float32, g, fr []float32) {
		raceWriteBlock(e, lde, len(fr), len(g))
		raceReadBlock(c, ldc, len(fr), len(g))
		raceRead(g)
		raceRead(fr)
		clear(s)
		eachCall(len(fr), len(g), func(r0, r1, j0, j1 int) {
			f(e[r0*lde+j0:], lde, s[r0:r1], c[r0*ldc+j0:], ldc, kappa, g[j0:j1], fr[r0:r1])
		})
	}
}

func sweepColsAsm(f func(acc, e []float32, lde int, w []float32)) func(acc, e []float32, lde int, w []float32) {
	return func(acc, e []float32, lde int, w []float32) {
		raceWrite(acc)
		raceReadBlock(e, lde, len(w), len(acc))
		raceRead(w)
		eachCall(len(w), len(acc), func(r0, r1, j0, j1 int) {
			f(acc[j0:j1], e[r0*lde+j0:], lde, w[r0:r1])
		})
	}
}
