package main

import (
	"math"

	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
)

// A mapping returns f(x) in new or the same registers for several x, which it may destroy.
type mapping func(x []vec) []vec

// horner returns the polynomial with coefficients c, from the constant up, at each of r. FMLA adds to what it destroys, so every
// coefficient that something is added to costs a copy: pairs of coefficients in powers of r^2 halve them. The last one or two steps keep
// Horner's rounding, so that pairs gets an odd number of coefficients, which suits it. With pairs up to the last step but one, exp2 was
// off by 1.003 ULP.
func (m *machine) horner(c []vec, r []vec) []vec {
	p := make([]vec, len(r))
	steps := 1 + len(c)%2
	for i := range r {
		q := m.pairs(c[steps:], r[i])
		for k := steps - 1; k >= 0; k-- {
			p[i] = m.copyOf(c[k])
			m.VFMLA(q, r[i], p[i])
			q = p[i]
		}
	}
	return p
}

// pairs is (c[0] + c[1] r) + r^2 ((c[2] + c[3] r) + ...).
func (m *machine) pairs(c []vec, r vec) vec {
	square := m.vec()
	m.FMUL(r, r, square)
	k := (len(c) - 1) &^ 1
	q := c[k] // only read
	for top := true; k >= 0; k -= 2 {
		p := q
		if !top || k+1 < len(c) {
			p = m.copyOf(c[k])
		}
		if k+1 < len(c) {
			m.VFMLA(c[k+1], r, p)
		}
		if !top {
			m.VFMLA(q, square, p)
		}
		q, top = p, false
	}
	return q
}

// clamp bounds each x by lo and hi, either of which may be nil. NaN stays NaN.
func (m *machine) clamp(x []vec, lo, hi *vec) {
	for i := range x {
		if lo != nil {
			m.FMAX(*lo, x[i], x[i])
		}
		if hi != nil {
			m.FMIN(*hi, x[i], x[i])
		}
	}
}

func (m *machine) bound(v float32) *vec {
	r := m.broadcast(v)
	return &r
}

// exp2Fast is 2^x to 2 ULP for the sweeps, with no denormal results: they are 0.
type exp2Fast struct {
	apply mapping // 2^x of a shifted argument
	// half is to be added once to one of the terms of x. The nearest integer to x - 1/2 is then the exponent of 2^x, so that the
	// polynomial is in [1, 2) and no result is denormal.
	half vec
}

// magic127 is 1.5 2^23 + 127: added to x it leaves round(x) + 127 in the low bits.
const magic127 = 1.5*(1<<23) + 127

const exponentBits = 23

func (m *machine) exp2Fast() exp2Fast {
	poly, lo, hi, magic := m.polynomial(coeff.Exp2Half5[:]), m.bound(-127), m.bound(128), m.broadcast(magic127)
	apply := func(x []vec) []vec {
		m.clamp(x, lo, hi)
		scale := m.vecs(len(x))
		for i := range x {
			m.FADD(magic, x[i], scale[i])
			k := m.vec()
			m.FSUB(magic, scale[i], k)
			m.FSUB(k, x[i], x[i])
		}
		p := m.horner(poly, x)
		for i := range x {
			m.VSHL(exponentBits, scale[i], scale[i])
			m.FMUL(scale[i], p[i], p[i])
		}
		return p
	}
	return exp2Fast{apply, m.broadcast(-.5)}
}

// exp2 is 2^x with all float32 results, denormals too.
func (m *machine) exp2() mapping {
	poly, lo, hi, scale := m.polynomial(coeff.Exp2Near6[:]), m.bound(-152), m.bound(129), m.scale()
	return func(x []vec) []vec {
		m.clamp(x, lo, hi)
		k := m.vecs(len(x))
		for i := range x {
			m.FRINTN(x[i], k[i])
			m.FSUB(k[i], x[i], x[i])
		}
		p := m.horner(poly, x)
		scale(p, k)
		return p
	}
}

// scale multiplies each p by 2^k for integers |k| <= 250, with one rounding where the result is denormal. It destroys k.
func (m *machine) scale() func(p, k []vec) {
	one := m.broadcast(1)
	return func(p, k []vec) {
		for i := range p {
			half := m.vec()
			m.FCVTNS(k[i], k[i])
			m.SSHR(1, k[i], half)
			m.VSUB(half, k[i], k[i])
			for _, e := range []vec{half, k[i]} {
				m.VSHL(exponentBits, e, e)
				m.VADD(one, e, e)
				m.FMUL(e, p[i], p[i])
			}
		}
	}
}

// Cody and Waite's ln 2: the first part has 16 bits, so that its products with the exponents of float32 are exact.
const (
	ln2High = 0x1.62e4p-1
	ln2Low  = math.Ln2 - ln2High
)

// reduceByLn2 splits x = k ln 2 + r with |r| <= ln(2)/2, in place, and returns k + number, which is magic127 or near; for |x| < 2^20.
func (m *machine) reduceByLn2(number float32) func(x []vec) (kMagic, k []vec) {
	magic, log2e, high, low := m.broadcast(number), m.broadcast(math.Log2E), m.broadcast(ln2High), m.broadcast(ln2Low)
	return func(x []vec) (kMagic, k []vec) {
		kMagic, k = m.vecs(len(x)), m.vecs(len(x))
		for i := range x {
			m.VMOV(magic, kMagic[i])
			m.VFMLA(log2e, x[i], kMagic[i])
			m.FSUB(magic, kMagic[i], k[i])
			m.VFMLS(high, k[i], x[i])
			m.VFMLS(low, k[i], x[i])
		}
		return kMagic, k
	}
}

// exp is e^x with all float32 results, denormals too.
func (m *machine) exp() mapping {
	poly, lo, hi := m.polynomial(coeff.Exp6[:]), m.bound(-104.5), m.bound(89.5)
	reduce, scale := m.reduceByLn2(magic127), m.scale()
	return func(x []vec) []vec {
		m.clamp(x, lo, hi)
		_, k := reduce(x)
		p := m.horner(poly, x)
		scale(p, k)
		return p
	}
}

// expm1 is e^x - 1 for |x| <= 80: with em = e^r - 1 it is 2^k em + (2^k - 1), which loses nothing where k = 0.
func (m *machine) expm1() mapping {
	poly, one, reduce := m.polynomial(coeff.Expm1[:]), m.broadcast(1), m.reduceByLn2(magic127)
	return func(x []vec) []vec {
		scale, _ := reduce(x)
		q := m.horner(poly, x)
		for i, r := range x {
			less := m.vec()
			m.FMUL(r, q[i], q[i])
			m.VFMLA(q[i], r, r)
			m.VSHL(exponentBits, scale[i], scale[i])
			m.FSUB(one, scale[i], less)
			m.VFMLA(r, scale[i], less)
			q[i] = less
		}
		return q
	}
}
