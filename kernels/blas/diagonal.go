package blas

import (
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

const (
	// diagonalBlock is the greatest order of a diagonal block of M, whose rows are copied and worked off in strips of Y. On a Zen 5
	// with AVX-512, Strsm of order 1024 on as many columns makes 206 GFLOP/s with 64, 194 with 128, 171 with 256; Sgemm makes 214.
	diagonalBlock = 64
	// diagonalRows is the number of rows of it between two calls of GEMM: 12 and 14 are equal.
	diagonalRows = 12
	// stripSize is the number of elements of a strip of Y, which stays in the second level of cache.
	stripSize = 1 << 14
)

// A diagonal is a diagonal block of a triangular matrix M, as a block of its own.
type diagonal[T kernels.Float] struct {
	solve, lower bool
	order        int
	alpha        T   // what solve scales Y by; the product has it in m
	m            []T // order x order: -M, or alpha M; of the diagonal M, or alpha M
}

// diagonal treats rows [i0, i1) of M.
func (t *triangular[T]) diagonal(i0, i1 int, alpha T) {
	n := i1 - i0
	buf := borrow[T](n * n)
	defer giveBack(buf)
	d := &diagonal[T]{solve: t.solve, lower: t.lower, order: n, alpha: alpha, m: *buf}
	t.copyBlock(d, i0)
	width := max(64, (stripSize/n+31)&^31)
	parallel.For(t.run, (t.across+width-1)/width, func(strip int) {
		j := strip * width
		w := min(width, t.across-j)
		if t.right {
			d.transposed(t.b[j*t.ldb+i0:], t.ldb, w)
		} else {
			d.strip(t.b[i0*t.ldb+j:], t.ldb, w)
		}
	})
}

// copyBlock copies the triangle of M that starts at (i0, i0).
func (t *triangular[T]) copyBlock(d *diagonal[T], i0 int) {
	factor := d.alpha
	if d.solve {
		factor = -1
	}
	row, col := t.lda, 1
	if t.flip {
		row, col = 1, t.lda
	}
	a := t.a[i0*t.lda+i0:]
	for i := range d.order {
		m := d.m[i*d.order:][:d.order]
		k0, k1 := d.beside(i, i+1)
		for k := k0; k < k1; k++ {
			m[k] = factor * a[i*row+k*col]
		}
		m[i] = 1
		if !t.unit {
			m[i] = a[i*row+i*col]
		}
		if !d.solve {
			m[i] *= factor
		}
	}
}

// beside returns the columns of the triangle outside columns [r0, r1), for those rows: what is left of them, or right.
func (d *diagonal[T]) beside(r0, r1 int) (k0, k1 int) {
	if d.lower {
		return 0, r0
	}
	return r1, d.order
}

// transposed is strip for w columns of Y that are rows of b.
func (d *diagonal[T]) transposed(b []T, ldb, w int) {
	buf := borrow[T](d.order * w)
	defer giveBack(buf)
	transpose(*buf, w, b, ldb, w, d.order)
	d.strip(*buf, w, w)
	transpose(b, ldb, *buf, w, d.order, w)
}

// strip treats w columns of Y.
func (d *diagonal[T]) strip(y []T, ldy, w int) {
	blocks := (d.order + diagonalRows - 1) / diagonalRows
	for i := range blocks {
		if d.lower != d.solve {
			i = blocks - 1 - i
		}
		r0 := i * diagonalRows
		r1 := min(r0+diagonalRows, d.order)
		if d.solve {
			d.add(r0, r1, d.alpha, y, ldy, w)
			d.within(r0, r1, y, ldy, w)
		} else {
			d.within(r0, r1, y, ldy, w)
			d.add(r0, r1, 1, y, ldy, w)
		}
	}
}

// add sets Y[r0:r1] = beta Y[r0:r1] + m Y[the rows beside].
func (d *diagonal[T]) add(r0, r1 int, beta T, y []T, ldy, w int) {
	k0, k1 := d.beside(r0, r1)
	if k0 < k1 {
		kernels.Gemm(nil, false, false, r1-r0, w, k1-k0, 1, d.m[r0*d.order+k0:], d.order, y[k0*ldy:], ldy, beta, y[r0*ldy:], ldy)
		return
	}
	if beta != 1 {
		for r := r0; r < r1; r++ {
			kernels.Scale(y[r*ldy:][:w], beta)
		}
	}
}

// within treats rows [r0, r1) as far as they depend on one another.
func (d *diagonal[T]) within(r0, r1 int, y []T, ldy, w int) {
	for i := range r1 - r0 {
		r := r0 + i
		if d.lower != d.solve {
			r = r1 - 1 - i
		}
		k0, k1 := r0, r
		if !d.lower {
			k0, k1 = r+1, r1
		}
		row, m := y[r*ldy:][:w], d.m[r*d.order:][:d.order]
		if !d.solve && m[r] != 1 {
			kernels.Scale(row, m[r])
		}
		if k0 < k1 {
			kernels.AddWeightedRows(row, y[k0*ldy:], ldy, m[k0:k1])
		}
		if d.solve && m[r] != 1 {
			divide(row, m[r])
		}
	}
}

// divide sets x = x / v, by the reciprocal where it is a normal number.
func divide[T kernels.Float](x []T, v T) {
	r := 1 / v
	if size := max(r, -r); size >= smallest[T]() && size <= 1/smallest[T]() {
		kernels.Scale(x, r)
		return
	}
	for i := range x {
		x[i] /= v
	}
}

// smallest is the least positive normal number.
func smallest[T kernels.Float]() T {
	if _, is32 := any(T(0)).(float32); is32 {
		return T(math.Float32frombits(1 << 23))
	}
	return T(math.Float64frombits(1 << 52))
}

// transpose sets dst[j*ldd+i] = src[i*lds+j], i < rows, j < cols, in squares that fit in few lines of cache.
func transpose[T kernels.Float](dst []T, ldd int, src []T, lds, rows, cols int) {
	const side = 16
	for i0 := 0; i0 < rows; i0 += side {
		n := min(side, rows-i0)
		for j0 := 0; j0 < cols; j0 += side {
			for j := j0; j < min(j0+side, cols); j++ {
				to, at := dst[j*ldd+i0:][:n], i0*lds+j
				for i := range to {
					to[i] = src[at]
					at += lds
				}
			}
		}
	}
}
