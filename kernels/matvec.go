package kernels

import "math"

// Gemv computes
//
//	y = alpha op(A) x + beta y
//
// where A is m x n, row-major with leading dimension lda, and op(A) is A, or its transpose where trans. len(x) and len(y) are n and m, or m
// and n where trans. y overlaps neither A nor x.
//
// y is not read where beta = 0, nor A and x where alpha = 0. An element of y is a sum in an order that depends on m, n and trans only: the
// same bits for any Runner. The work is one read of A, with software prefetching. Like [Gemm] it keeps buffers for later calls.
func Gemv[T Float](run Runner, trans bool, m, n int, alpha T, a []T, lda int, x []T, beta T, y []T) {
	if m < 0 || n < 0 {
		panic("kernels: negative dimension")
	}
	checkBlock(a, lda, m, n)
	if trans {
		m, n = n, m
	}
	if len(x) != n || len(y) != m {
		panic(badLen)
	}
	gemm(&active[T]().gemm, run, trans, false, m, 1, n, alpha, a, lda, x, 1, beta, y, 1)
}

// Ger adds a product of two vectors to a matrix:
//
//	a[r*lda+j] += alpha x[r] y[j]
//
// for r < len(x), j < len(y). a overlaps neither x nor y. Every element is rounded twice, once where alpha = 1.
func Ger[T Float](a []T, lda int, alpha T, x, y []T) {
	checkBlock(a, lda, len(x), len(y))
	active[T]().ger(a, lda, alpha, x, y)
}

// AddWeightedRows adds a weighted sum of the rows of a matrix, such as that of points by a row of a plan:
//
//	acc[j] += sum_r w[r] x[r*ldx+j]
//
// for r < len(w), j < len(acc). acc overlaps neither x nor w. For many sums over the same rows use [Gemm].
func AddWeightedRows[T Float](acc, x []T, ldx int, w []T) {
	checkBlock(x, ldx, len(w), len(acc))
	active[T]().addWeightedRows(acc, x, ldx, 1, w)
}

// Cosine returns the cosine of the angle between two vectors,
//
//	sum_i x[i] y[i] / (|x| |y|)
//
// on [-1, 1], and 0 where one of them is all zeros. len(x) must equal len(y). The error is that of a sum of len(x) terms in T; sums that
// overflow, or underflow, are formed again in float64 with the vectors scaled, so the length of finite vectors does not matter. An
// infinite or NaN element gives NaN.
func Cosine[T Float](x, y []T) T {
	sameLen(x, y)
	xy, xx, yy := active[T]().cosineSums(x, y)
	if !cosineFits(xx) || !cosineFits(yy) {
		return cosineScaled(x, y)
	}
	return T(max(-1, min(1, float64(xy)/(math.Sqrt(float64(xx))*math.Sqrt(float64(yy))))))
}

// cosineFits tells whether a sum of squares has not overflowed, and is so large that what underflows in single terms does not matter.
func cosineFits[T Float](sum T) bool {
	low := math.Ldexp(1, -900)
	if is32[T]() {
		low = 0x1p-80
	}
	return float64(sum) >= low && sum-sum == 0
}

// cosineScaled is Cosine in float64 of vectors scaled by their largest elements.
func cosineScaled[T Float](x, y []T) T {
	var top, other float64
	for i, v := range x {
		top, other = max(top, math.Abs(float64(v))), max(other, math.Abs(float64(y[i])))
	}
	if top == 0 || other == 0 {
		return T(0 * (top + other)) // NaN where one is not finite
	}
	var xy, xx, yy float64
	for i, v := range x {
		a, b := float64(v)/top, float64(y[i])/other
		xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
	}
	return T(max(-1, min(1, xy/(math.Sqrt(xx)*math.Sqrt(yy)))))
}

// CosineDistances turns inner products, as [Gemm] forms them, into cosine distances:
//
//	dst[j] = max(0, 1 - dst[j] x y[j])
//
// for dst[j] = <u, v_j>, x = 1/|u|, y[j] = 1/|v_j|. len(dst) must equal len(y). NaN is propagated.
func CosineDistances[T Float](dst []T, x T, y []T) {
	sameLen(dst, y)
	active[T]().cosineDistances(dst, x, y)
}
