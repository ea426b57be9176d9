//go:build !purego

package kernels

import "sync"

// gemmDots are kernels for one and four rows, by one and two rows of y.
type gemmDots[T Float] [2][2]func(d *T, k int, x *T, ldx int, y *T, ldy int)

// wrap wraps the kernels: four rows or one by one, two rows of y at a time. The sums of a group are lent, for those on the stack of a call
// through a variable would be allocated.
func (kernel gemmDots[T]) wrap() func(d []T, ldd, k int, x []T, ldx, rows int, y []T, ldy, cols int) {
	lent := &sync.Pool{New: func() any { return new([4 * 4]T) }}
	return func(d []T, ldd, k int, x []T, ldx, rows int, y []T, ldy, cols int) {
		_, _, _ = d[(rows-1)*ldd+cols-1], x[(rows-1)*ldx+k-1], y[(cols-1)*ldy+k-1]
		raceReadBlock(x, ldx, rows, k)
		raceWriteBlock(d, ldd, rows, cols)
		sums := lent.Get().(*[4 * 4]T)
		for r := 0; r < rows; {
			four, step := 0, 1
			if rows-r >= 4 {
				four, step = 1, 4
			}
			for s := 0; s < cols; s += 2 {
				kernel[four][min(cols-s, 2)-1](&sums[s], k, &x[r*ldx], ldx, &y[s*ldy], ldy)
			}
			for i := range step {
				copy(d[(r+i)*ldd:][:cols], sums[4*i:])
			}
			r += step
		}
		lent.Put(sums)
	}
}
