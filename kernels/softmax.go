package kernels

// Softmax sets
//
//	dst[i] = e^x[i] / sum_j e^x[j]
//
// shifted by the largest x[j], so that nothing overflows. len(dst) must equal len(x); dst may be x. Where the largest is +Inf, or all are
// -Inf, or one is NaN, the result is NaN. An exponential is within 1 ULP of that of the rounded difference from the largest, and the sum has
// the error of [Sum].
func Softmax[T Float](dst, x []T) {
	sameLen(dst, x)
	t := active[T]()
	sum := t.expSum(dst, x, t.max(x))
	t.scale(dst, 1/sum)
}

func expSumGo[T Float](dst, x []T, shift T) T {
	var sum float64
	for i, v := range x {
		e := exp64(float64(v - shift))
		dst[i] = T(e)
		sum += e
	}
	return T(sum)
}
