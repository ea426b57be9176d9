//go:build (amd64 || arm64) && !purego

package kernels

// packRowsAsm are the transposing copies of a tier: of four and of two rows, and, nil where a tier has none, of a whole panel of A and of
// wholeRows rows of B.
type packRowsAsm[T Float] struct {
	mr             int
	four, two      func(dst *T, width int, x *T, ld, k int)
	wholeA, wholeB func(dst *T, x *T, ld, k int)
}

const wholeRows = 16

// pack copies a panel. One of A, mr wide, needs no zeros after its last row: the micro-kernel for as many rows as are left reads no others.
func (p packRowsAsm[T]) pack(dst []T, width int, x []T, ld, rows, k int) {
	_, _ = dst[width*k-1], x[(rows-1)*ld+k-1]
	raceReadBlock(x, ld, rows, k)
	i, end := 0, width
	switch {
	case width == p.mr && rows == width && p.wholeA != nil:
		p.wholeA(&dst[0], &x[0], ld, k)
		return
	case width == p.mr:
		end = rows
	case p.wholeB != nil:
		for ; i+wholeRows <= rows; i += wholeRows {
			p.wholeB(&dst[i], &x[i*ld], ld, k)
		}
	}
	for ; i+4 <= rows; i += 4 {
		p.four(&dst[i], width, &x[i*ld], ld, k)
	}
	for ; i+2 <= rows; i += 2 {
		p.two(&dst[i], width, &x[i*ld], ld, k)
	}
	if i < end {
		packRestGo(dst[i:], width, x[min(i*ld, len(x)):], ld, rows-i, end-i, k)
	}
}

// packWideAsm wraps the copy of panels of the given width that lie side by side.
func packWideAsm[T Float](width int, kernel func(dst *T, panel int, x *T, ld, k int)) func(dst []T, panel int, x []T, ld, k int) {
	return func(dst []T, panel int, x []T, ld, k int) {
		_, _ = dst[(panelsBeside-1)*panel+width*k-1], x[(k-1)*ld+panelsBeside*width-1]
		raceReadBlock(x, ld, k, panelsBeside*width)
		kernel(&dst[0], panel, &x[0], ld, k)
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
