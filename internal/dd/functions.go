package dd

import "math"

// ln2 to 160 bits.
var (
	ln2      = Num{0x1.62e42fefa39efp-01, 0x1.abc9e3b39803fp-56}
	ln2Third = 0x1.7b57a079a1934p-111
	log2e    = Of(1).Div(ln2)
)

// rest are the coefficients of (e^r - 1 - r - r^2/2) / r^3 by Taylor, which leave 2^-100 of e^r - 1 for |r| < .022.
var rest = func() (c [11]Num) {
	f := Of(2)
	for i := range c {
		f = f.Mul(Of(float64(i + 3)))
		c[i] = Of(1).Div(f)
	}
	return c
}()

// small returns e^r - 1 for |r| < .36, by e^r - 1 = u (u + 2) for u = e^(r/2) - 1, four times.
func small(r Num) Num {
	const halvings = 4
	r = r.Ldexp(-halvings)
	r2 := r.Mul(r)
	u := r.Add(r2.Ldexp(-1)).Add(r2.Mul(r).Mul(Horner(rest[:], r)))
	for range halvings {
		u = u.Mul(u.Add(Of(2)))
	}
	return u
}

// Exp returns e^x. A result that float64 does not hold is 0 or infinite.
func Exp(x Num) Num {
	p, k := exp(x)
	return p.Ldexp(k)
}

// exp returns e^x as p 2^k.
func exp(x Num) (p Num, k int) {
	n := math.Round(x.Hi / math.Ln2)
	r := x.Sub(ln2.Mul(Of(n))).Sub(Of(ln2Third * n))
	return Of(1).Add(small(r)), int(n)
}

// Scaled is a result p 2^k that need not be a float64.
type Scaled struct {
	P Num
	K int
}

// ExpScaled returns e^x.
func ExpScaled(x float64) Scaled {
	p, k := exp(Of(x))
	return Scaled{p, k}
}

// Exp2Scaled returns 2^x.
func Exp2Scaled(x float64) Scaled {
	n := math.Round(x)
	return Scaled{Of(1).Add(small(ln2.Mul(Of(x - n)))), int(n)}
}

// Expm1 returns e^x - 1.
func Expm1(x Num) Num {
	if math.Abs(x.Hi) < .35 {
		return small(x)
	}
	return Exp(x).Sub(Of(1))
}

// Log returns log x for x > 0.
func Log(x Num) Num {
	f, e := math.Frexp(x.Hi)
	if f < math.Sqrt2/2 {
		f, e = 2*f, e-1
	}
	m := Num{f, math.Ldexp(x.Lo, -e)}
	return ln2.Mul(Of(float64(e))).Add(Log1p(m.Sub(Of(1))))
}

// Log1p returns log(1+x) for x > -1, by a step of third order on e^y = 1 + x from package math's.
func Log1p(x Num) Num {
	if x.Hi < -.5 || x.Hi > 1 {
		return Log(x.Add(Of(1)))
	}
	y := Of(math.Log1p(x.Hi))
	e := Expm1(y)
	d := x.Sub(e).Div(e.Add(Of(1)))
	return y.Add(d).Sub(d.Mul(d).Ldexp(-1))
}

// Log2 returns log2 x for x > 0.
func Log2(x Num) Num {
	f, e := math.Frexp(x.Hi)
	if f < math.Sqrt2/2 {
		f, e = 2*f, e-1
	}
	m := Num{f, math.Ldexp(x.Lo, -e)}
	return Log1p(m.Sub(Of(1))).Mul(log2e).Add(Of(float64(e)))
}

// Tanh returns tanh x.
func Tanh(x float64) Num {
	if math.Abs(x) > 40 {
		return Of(math.Copysign(1, x))
	}
	e := Expm1(Of(2 * x))
	return e.Div(e.Add(Of(2)))
}

// Sigmoid returns 1/(1 + e^-x).
func Sigmoid(x float64) Num {
	u := Exp(Of(-math.Abs(x)))
	d := u.Add(Of(1))
	if x < 0 {
		return u.Div(d)
	}
	return Of(1).Div(d)
}

// Softplus returns log(1 + e^x).
func Softplus(x float64) Num {
	l := Log1p(Exp(Of(-math.Abs(x))))
	if x > 0 {
		return l.Add(Of(x))
	}
	return l
}
