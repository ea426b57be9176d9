package kernels

// SquaredDistances sets a block to the squared distances of points x, one in a row, to points whose coordinates k lie in rows of yt:
//
//	dst[r*ldd+j] = sum_k (x[r*ldx+k] - yt[k*ldy+j])^2
//
// for r < rows, j < cols, k < d. It is meant for few coordinates; for many, form inner products with [Gemm] and use [AddNorms]. dst does not
// overlap x or yt.
func SquaredDistances[T Float](dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int) {
	checkDistances(dst, ldd, x, ldx, yt, ldy, rows, cols, d)
	if d == 0 {
		scaleBlock(dst, ldd, rows, cols, 0)
		return
	}
	active[T]().squared(dst, ldd, x, ldx, yt, ldy, rows, cols, d)
}

// AbsoluteDistances sets a block to the L1 distances of points x, one in a row, to points whose coordinates k lie in rows of yt:
//
//	dst[r*ldd+j] = sum_k |x[r*ldx+k] - yt[k*ldy+j]|
//
// for r < rows, j < cols, k < d. dst does not overlap x or yt.
func AbsoluteDistances[T Float](dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int) {
	checkDistances(dst, ldd, x, ldx, yt, ldy, rows, cols, d)
	if d == 0 {
		scaleBlock(dst, ldd, rows, cols, 0)
		return
	}
	active[T]().absolute(dst, ldd, x, ldx, yt, ldy, rows, cols, d)
}

func checkDistances[T Float](dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int) {
	if rows < 0 || cols < 0 || d < 0 {
		panic("kernels: negative dimension")
	}
	checkBlock(dst, ldd, rows, cols)
	checkBlock(x, ldx, rows, d)
	checkBlock(yt, ldy, d, cols)
}

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
