package kernels

import "math"

// Package math's exponentials and binary logarithm are off by more than a unit in the last place, some of them on one architecture only, and
// so are not the reference for float64.

// exp64 splits x = k ln 2 + p + e, with e what rounding loses of p.
func exp64(x float64) float64 {
	const high, low = 0x1.62e42feep-1, math.Ln2 - 0x1.62e42feep-1 // the product of the first with k is exact
	switch {
	case !(x > -746):
		if x != x {
			return x
		}
		return 0
	case x > 710:
		return math.Inf(1)
	}
	k := math.RoundToEven(x * math.Log2E)
	hi, lo := x-k*high, k*low
	p := hi - lo
	return expParts(p, (hi-p)-lo, int(k))
}

// exp2In64 splits 2^x = 2^k e^(p+e).
func exp2In64(x float64) float64 {
	switch {
	case !(x > -1076):
		if x != x {
			return x
		}
		return 0
	case x >= 1024:
		return math.Inf(1)
	}
	const ln2, rest = 0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56
	k := math.RoundToEven(x)
	r := x - k
	p := r * ln2
	return expParts(p, math.FMA(r, ln2, -p)+r*rest, int(k))
}

// expParts returns 2^k e^(p+e) for |p| < .35 by Taylor's polynomial of degree 13, whose truncation is below 2^-57.
func expParts(p, e float64, k int) float64 {
	const c2, c3, c4, c5, c6, c7 = 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040
	const c8, c9, c10, c11, c12, c13 = 1. / 40320, 1. / 362880, 1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800
	p2 := p * p
	p4 := p2 * p2
	q := (c2 + p*c3) + p2*(c4+p*c5) + p4*((c6+p*c7)+p2*(c8+p*c9)+p4*((c10+p*c11)+p2*(c12+p*c13)))
	y := 1 + (p + (e + p2*q))
	if k < -1000 || k > 1000 {
		return math.Ldexp(y, k)
	}
	return y * math.Float64frombits(uint64(k+1023)<<52)
}

// log64 is package math's but for denormals, which its assembly for amd64 takes for 0x1p-1023.
func log64(x float64) float64 {
	if !(x > 0 && x < 0x1p-1022) {
		return math.Log(x)
	}
	const high, low = 0x1.62e42feep-1, math.Ln2 - 0x1.62e42feep-1
	return -54*high + (math.Log(x*0x1p54) - 54*low)
}

// log2In64 is e + log(m)/ln 2 for x = 2^e m, with m around 1, so that nothing cancels.
func log2In64(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	return float64(e) + math.Log1p(m-1)*math.Log2E
}

// sigmoid64 is u/(1+u) for x < 0 and 1/(1+u) above, u = e^-|x|, with the rounding of the sum and of the quotient put back.
func sigmoid64(x float64) float64 {
	u := exp64(-math.Abs(x))
	n := 1.
	if x < 0 {
		n = u
	}
	d := 1 + u
	q := n / d
	return q + (math.FMA(-q, d, n)-q*(u-(d-1)))/d
}
