package kernels

// RMSPropStep holds the scalars of one step of RMSProp.
type RMSPropStep[T Float] struct {
	Rate        T // learning rate
	Decay       T // of the second moment
	Eps         T // added to the root of the second moment
	Momentum    T // of u
	WeightDecay T // factor of the parameter that is added to its gradient
}

// RMSProp updates parameters p, the second moment v and, unless it is nil, the momentum u with the gradient grad:
//
//	g    = grad[i] + WeightDecay p[i]
//	v[i] = Decay v[i] + (1-Decay) g^2
//	u[i] = Momentum u[i] + g / (sqrt(v[i]) + Eps)
//	p[i] = p[i] - Rate u[i]
//
// Without u the quotient takes its place. All have the same length and do not overlap. Source: Tieleman and Hinton 2012, lecture 6.5, with
// the momentum and the decay of PyTorch.
func RMSProp[T Float](p, grad, v, u []T, c *RMSPropStep[T]) {
	sameLen(p, grad)
	sameLen(p, v)
	if u != nil {
		sameLen(p, u)
	}
	active[T]().rmsprop(p, grad, v, u, c)
}

// Clamp sets dst[i] to lo where x[i] is below, to hi where it is above, and else to x[i]; NaN stays. lo <= hi.
//
// len(dst) must equal len(x); dst may be x.
func Clamp[T Float](dst, x []T, lo, hi T) {
	sameLen(dst, x)
	active[T]().clamp(dst, x, lo, hi)
}

// AddRowLeakyReLU is [AddRow] followed by [LeakyReLU] in one pass:
//
//	v            = dst[r*ldd+j] + bias[j]
//	dst[r*ldd+j] = v where v > 0, else slope v
//
// for r < rows, j < len(bias).
func AddRowLeakyReLU[T Float](dst []T, ldd, rows int, bias []T, slope T) {
	checkRows(rows)
	checkBlock(dst, ldd, rows, len(bias))
	active[T]().addRowLeakyReLU(dst, ldd, rows, bias, slope)
}
