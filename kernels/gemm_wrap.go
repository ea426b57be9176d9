//go:build (amd64 || arm64) && !purego

package kernels

// packRowsAsm wraps the transposing copies of four and of two rows. A panel of A, mr wide, needs no zeros after its last row: the
// micro-kernel for as many rows as are left reads no others.
func packRowsAsm[T Float](mr int, four, two func(dst *T, width int, x *T, ld, k int)) func(dst []T, width int, x []T, ld, rows, k int) {
	return func(dst []T, width int, x []T, ld, rows, k int) {
		_, _ = dst[width*k-1], x[(rows-1)*ld+k-1]
		raceReadBlock(x, ld, rows, k)
		i := 0
		for ; i+4 <= rows; i += 4 {
			four(&dst[i], width, &x[i*ld], ld, k)
		}
		for ; i+2 <= rows; i += 2 {
			two(&dst[i], width, &x[i*ld], ld, k)
		}
		end := width
		if width == mr {
			end = rows
		}
		if i < end {
			packRestGo(dst[i:], width, x[min(i*ld, len(x)):], ld, rows-i, end-i, k)
		}
	}
}

// packRestGo packs the last row, and zeros after it up to end.
func packRestGo[T Float](dst []T, width int, x []T, ld, rows, end, k int) {
	for i := range end {
		for l := range k {
			v := T(0)
			if i < rows {
				v = x[i*ld+l]
			}
			dst[l*width+i] = v
		}
	}
}
