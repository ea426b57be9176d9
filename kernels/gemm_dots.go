//go:build (amd64 || arm64) && !purego

package kernels

// gemmDots are kernels for one and four rows, by one and two rows of y.
type gemmDots[T Float] [2][2]func(d *T, k int, x *T, ldx int, y *T, ldy int)

// dots wraps the kernels: four rows or one by one, two rows of y at a time.
func (kernel gemmDots[T]) dots(d []T, k int, x []T, ldx, rows int, y []T, ldy, cols int) {
	_, _, _ = d[thin*thin-1], x[(rows-1)*ldx+k-1], y[(cols-1)*ldy+k-1]
	raceReadBlock(x, ldx, rows, k)
	four, step := 0, 1
	if rows == 4 {
		four, step = 1, 4
	}
	for r := 0; r < rows; r += step {
		for s := 0; s < cols; s += 2 {
			kernel[four][min(cols-s, 2)-1](&d[r*thin+s], k, &x[r*ldx], ldx, &y[s*ldy], ldy)
		}
	}
}
