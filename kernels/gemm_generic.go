package kernels

// gemmGo is the tile of the reference tier.
//
// kc and the rest matter little here: the micro-kernel is bound by its scalar multiplications.
func gemmGo[T Float]() gemmTile[T] {
	return gemmTile[T]{
		mr: 4, nr: 4, kc: 256, mc: 1024, nc: 2048,
		update: gemmUpdateGo[T], packRows: packRowsGo[T], packCols: packColsGo[T], dots: gemmDotsGo[T],
		weighted: addWeightedRowsGo[T], axpy: axpyGo[T],
	}
}

// gemmUpdateGo updates a tile of 4 x 4 as two of 4 x 2, whose sums and factors fit in 16 registers.
func gemmUpdateGo[T Float](k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, rows, cols int, _ *T) {
	if rows < 4 {
		for i := range rows {
			for j := range cols {
				store(&c[i*ldc+j], alpha*sumGo1(k, a[i:], lda, b[j:], ldb), beta)
			}
		}
		return
	}
	for j := 0; j < cols; j += 2 {
		var d [8]T
		sumGo4x2(&d, k, a, lda, b[j:], ldb)
		for i := range 4 {
			for s := range min(2, cols-j) {
				store(&c[i*ldc+j+s], alpha*d[2*i+s], beta)
			}
		}
	}
}

// sumGo1 is sum_l a[l*lda] b[l*ldb].
func sumGo1[T Float](k int, a []T, lda int, b []T, ldb int) T {
	var s T
	for l := range k {
		s += a[l*lda] * b[l*ldb]
	}
	return s
}

// sumGo4x2 sets d[2*i+j] = sum_l a[l*lda+i] b[l*ldb+j].
func sumGo4x2[T Float](d *[8]T, k int, a []T, lda int, b []T, ldb int) {
	var s00, s01, s10, s11, s20, s21, s30, s31 T
	for l := range k {
		u, v := a[l*lda:][:4], b[l*ldb:][:2]
		v0, v1 := v[0], v[1]
		s00 += u[0] * v0
		s01 += u[0] * v1
		s10 += u[1] * v0
		s11 += u[1] * v1
		s20 += u[2] * v0
		s21 += u[2] * v1
		s30 += u[3] * v0
		s31 += u[3] * v1
	}
	*d = [8]T{s00, s01, s10, s11, s20, s21, s30, s31}
}

func packRowsGo[T Float](dst []T, width int, x []T, ld, rows, k int) {
	for i := range width {
		if i >= rows {
			for l := range k {
				dst[l*width+i] = 0
			}
			continue
		}
		for l, v := range x[i*ld:][:k] {
			dst[l*width+i] = v
		}
	}
}

func packColsGo[T Float](dst []T, width int, x []T, ld, cols, k int) {
	for l := range k {
		row := dst[l*width:][:width]
		clear(row[copy(row, x[l*ld:][:cols]):])
	}
}

func gemmDotsGo[T Float](d []T, ldd, k int, x []T, ldx, rows int, y []T, ldy, cols int) {
	for r := range rows {
		row := x[r*ldx:][:k]
		for s := range cols {
			d[r*ldd+s] = dotGo4(row, y[s*ldy:][:k])
		}
	}
}

// dotGo4 is the sum of x[l] y[l] in four interleaved sums, which hide the latency of an addition.
func dotGo4[T Float](x, y []T) T {
	var s0, s1, s2, s3 T
	y = y[:len(x)]
	l := 0
	for ; l+4 <= len(x); l += 4 {
		u, v := x[l:l+4:l+4], y[l:l+4:l+4]
		s0 += u[0] * v[0]
		s1 += u[1] * v[1]
		s2 += u[2] * v[2]
		s3 += u[3] * v[3]
	}
	for ; l < len(x); l++ {
		s0 += x[l] * y[l]
	}
	return (s0 + s2) + (s1 + s3)
}
