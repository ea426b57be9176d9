package kernels

// AddSquaredDistances adds the squared distances of a point x to points whose coordinates k lie in rows of yt:
//
//	dst[j] += sum_k (x[k] - yt[k*ldy+j])^2
//
// for j < len(dst), k < len(x). It is meant for few coordinates; for many, form inner products with [Gemm] and use [AddNorms].
func AddSquaredDistances[T Float](dst, x, yt []T, ldy int) {
	checkBlock(yt, ldy, len(x), len(dst))
	active[T]().addSquared(dst, x, yt, ldy)
}

// AddAbsoluteDistances adds the L1 distances of a point x to points whose coordinates k lie in rows of yt:
//
//	dst[j] += sum_k |x[k] - yt[k*ldy+j]|
//
// for j < len(dst), k < len(x).
func AddAbsoluteDistances[T Float](dst, x, yt []T, ldy int) {
	checkBlock(yt, ldy, len(x), len(dst))
	active[T]().addAbsolute(dst, x, yt, ldy)
}

// AddNorms turns inner products into squared distances:
//
//	dst[j] = max(0, dst[j] + x + y[j])
//
// for dst[j] = -2 <u, v_j>, x = |u|^2, y[j] = |v_j|^2. len(dst) must equal len(y). NaN is propagated.
func AddNorms[T Float](dst []T, x T, y []T) {
	sameLen(dst, y)
	active[T]().addNorms(dst, x, y)
}

// Sqrt sets dst[i] to the square root of x[i], correctly rounded; NaN for x[i] < 0.
//
// len(dst) must equal len(x); dst may be x.
func Sqrt[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().sqrt(dst, x)
}
