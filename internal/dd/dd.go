// Package dd is arithmetic of about 100 bits on pairs of float64, and the functions of package kernels in it: the oracle of tests, and
// what polynomials are fitted to. Arguments of functions are float64. Results are good to a relative 2^-90 at least where they are normal
// numbers of float64 and not within a factor of 2^100 of the smallest; they are not meant for infinities and NaN.
//
// Source: Dekker 1971; Hida, Li and Bailey 2001.
package dd

import "math"

// A Num is the unevaluated sum Hi + Lo, |Lo| at most half a unit in the last place of Hi.
type Num struct{ Hi, Lo float64 }

// Of returns x.
func Of(x float64) Num { return Num{x, 0} }

// Float64 returns the float64 nearest to x.
func (x Num) Float64() float64 { return x.Hi + x.Lo }

// The conversions to float64 below keep Go from fusing a product into the addition that follows it, as it does on arm64.

// sum returns a + b exactly.
func sum(a, b float64) Num {
	a, b = float64(a), float64(b)
	s := a + b
	t := s - a
	return Num{s, (a - (s - t)) + (b - t)}
}

// ordered returns a + b exactly for |a| >= |b|.
func ordered(a, b float64) Num {
	a, b = float64(a), float64(b)
	s := a + b
	return Num{s, b - (s - a)}
}

// Add returns x + y.
func (x Num) Add(y Num) Num {
	s, t := sum(x.Hi, y.Hi), sum(x.Lo, y.Lo)
	s = ordered(s.Hi, s.Lo+t.Hi)
	return ordered(s.Hi, s.Lo+t.Lo)
}

// Neg returns -x.
func (x Num) Neg() Num { return Num{-x.Hi, -x.Lo} }

// Sub returns x - y.
func (x Num) Sub(y Num) Num { return x.Add(y.Neg()) }

// Mul returns x y.
func (x Num) Mul(y Num) Num {
	p := float64(x.Hi * y.Hi)
	return ordered(p, math.FMA(x.Hi, y.Hi, -p)+(x.Hi*y.Lo+x.Lo*y.Hi))
}

// Div returns x / y.
func (x Num) Div(y Num) Num {
	q1 := x.Hi / y.Hi
	r := x.Sub(y.Mul(Of(q1)))
	q2 := r.Hi / y.Hi
	q3 := r.Sub(y.Mul(Of(q2))).Hi / y.Hi
	return ordered(q1, q2).Add(Of(q3))
}

// Ldexp returns x 2^e, rounded where it is denormal.
func (x Num) Ldexp(e int) Num { return Num{math.Ldexp(x.Hi, e), math.Ldexp(x.Lo, e)} }

// Horner returns the polynomial with coefficients c, from the constant up, at x.
func Horner(c []Num, x Num) Num {
	var s Num
	for i := len(c) - 1; i >= 0; i-- {
		s = s.Mul(x).Add(c[i])
	}
	return s
}
