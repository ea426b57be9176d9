package kernels

// Exp sets dst[i] = e^x[i].
//
// len(dst) must equal len(x); dst may be x. Overflow gives +Inf, underflow goes through the denormals to 0. Within 1 ULP.
func Exp[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().exp(dst, x)
}

// Exp2 sets dst[i] = 2^x[i].
//
// len(dst) must equal len(x); dst may be x. Overflow gives +Inf, underflow goes through the denormals to 0. Within 1 ULP.
func Exp2[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().exp2(dst, x)
}

// Expm1 sets dst[i] = e^x[i] - 1, exact to its last bits for small x[i] too.
//
// len(dst) must equal len(x); dst may be x. Within 2 ULP.
func Expm1[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().expm1(dst, x)
}

// Log sets dst[i] to the natural logarithm of x[i]: -Inf for 0, NaN below.
//
// len(dst) must equal len(x); dst may be x. Within 1 ULP.
func Log[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().log(dst, x)
}

// Log2 sets dst[i] to the binary logarithm of x[i]: -Inf for 0, NaN below, exact for powers of 2.
//
// len(dst) must equal len(x); dst may be x. Within 2 ULP.
func Log2[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().log2(dst, x)
}

// Log1p sets dst[i] = log(1 + x[i]), exact to its last bits for small x[i] too: -Inf for -1, NaN below.
//
// len(dst) must equal len(x); dst may be x. Within 2 ULP.
func Log1p[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().log1p(dst, x)
}

// Softplus sets dst[i] = log(1 + e^x[i]), without overflow.
//
// len(dst) must equal len(x); dst may be x. Within 2 ULP.
func Softplus[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().softplus(dst, x)
}

// Sigmoid sets dst[i] = 1/(1 + e^-x[i]).
//
// len(dst) must equal len(x); dst may be x. Within 2 ULP.
func Sigmoid[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().sigmoid(dst, x)
}

// Tanh sets dst[i] = tanh(x[i]).
//
// len(dst) must equal len(x); dst may be x. Within 2 ULP.
func Tanh[T Float](dst, x []T) {
	sameLen(dst, x)
	active[T]().tanh(dst, x)
}

// Max returns the largest element of x, -Inf for none. NaN is not propagated.
func Max[T Float](x []T) T { return active[T]().max(x) }

// Sum returns the sum of x, accumulated over vector lanes in the precision of T.
func Sum[T Float](x []T) T { return active[T]().sum(x) }

// Dot returns sum_i x[i] y[i]. len(x) must equal len(y).
func Dot[T Float](x, y []T) T {
	sameLen(x, y)
	return active[T]().dot(x, y)
}

// LogSumExp returns
//
//	log(sum_i e^x[i])
//
// in one pass, shifted by a running maximum so that it neither overflows nor loses small terms. It is -Inf for no element or when all
// are -Inf, and +Inf when one is +Inf. The error is about 1e-7 (1 + |result|) for float32,
// and 3e-16 for float64.
func LogSumExp[T Float](x []T) T { return active[T]().logSumExp(x) }

func sameLen[T Float](x, y []T) {
	if len(x) != len(y) {
		panic(badLen)
	}
}
