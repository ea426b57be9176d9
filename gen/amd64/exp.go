package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
)

// A mapping returns f(x) in new or the same registers for several x, which it may destroy. Working on several at once shares the loads
// of constants on AVX2.
type mapping func(x []reg.VecVirtual) []reg.VecVirtual

// horner returns the polynomial with coefficients c, from the constant up, at each of r.
func (m *machine) horner(c []operand.Op, r []reg.VecVirtual) []reg.VecVirtual {
	n := len(c) - 1
	p := make([]reg.VecVirtual, len(r))
	for i := range r {
		p[i] = m.copyOf(c[n])
	}
	for k := n - 1; k >= 0; k-- {
		for i := range r {
			m.VFMADD213PS(c[k], r[i], p[i])
		}
	}
	return p
}

// clamp bounds each x by lo and hi, either of which may be nil. NaN stays NaN: it is the second source.
func (m *machine) clamp(x []reg.VecVirtual, lo, hi reg.Register) {
	for i := range x {
		if lo != nil {
			m.VMAXPS(x[i], lo, x[i])
		}
		if hi != nil {
			m.VMINPS(x[i], hi, x[i])
		}
	}
}

// reduceFloor makes VREDUCEPS return x - floor(x), without raising inexact.
const reduceFloor = operand.U8(0x09)

// scaleFloor returns 2^x as p(x - floor x) 2^floor(x), for p the polynomial of 2^r on [0, 1): two instructions around the polynomial,
// right for infinities and all magnitudes. AVX-512 only.
func (m *machine) scaleFloor(poly []operand.Op) mapping {
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		r := m.vecs(len(x))
		for i := range x {
			m.VREDUCEPS(reduceFloor, x[i], r[i])
		}
		p := m.horner(poly, r)
		for i := range x {
			m.VSCALEFPS(x[i], p[i], p[i])
		}
		return p
	}
}

// exp2Fast is 2^x to 2.5 ULP (1.75 on AVX2) for the sweeps, denormal results flushed to 0 on AVX2 (on AVX-512 within machine.flush).
type exp2Fast struct {
	apply mapping // 2^x of a shifted argument
	// shift takes 1/2 off a register on AVX2, and is to be applied once to one of the terms of x. The nearest integer to x - 1/2 is
	// then the exponent of 2^x, so that the polynomial is in [1, 2) and no result is denormal.
	shift func(term reg.VecVirtual)
	half  operand.Op // what shift subtracts, nil for nothing
}

// magic127 is 1.5 2^23 + 127: added to x it leaves round(x) + 127 in the low bits.
const magic127 = 1.5*(1<<23) + 127

const exponentBits = operand.U8(23)

func (m *machine) exp2Fast() exp2Fast {
	if m.wide() {
		return exp2Fast{apply: m.scaleFloor(m.polynomial(coeff.Exp2Floor5[:])), shift: func(reg.VecVirtual) {}}
	}
	poly, half := m.polynomial(coeff.Exp2Half5[:]), m.constant(-.5)
	lo, hi, magic := m.broadcast(-127), m.broadcast(128), m.broadcast(magic127)
	apply := func(x []reg.VecVirtual) []reg.VecVirtual {
		m.clamp(x, lo, hi)
		scale := m.vecs(len(x))
		for i := range x {
			m.VADDPS(magic, x[i], scale[i])
			k := m.vec()
			m.VSUBPS(magic, scale[i], k)
			m.VSUBPS(k, x[i], x[i])
		}
		p := m.horner(poly, x)
		for i := range x {
			m.VPSLLD(exponentBits, scale[i], scale[i])
			m.VMULPS(scale[i], p[i], p[i])
		}
		return p
	}
	return exp2Fast{apply: apply, shift: func(t reg.VecVirtual) { m.VADDPS(half, t, t) }, half: half}
}

// exp2 is 2^x with all float32 results, denormals too. It reduces to the nearest integer, which is exact; x - floor(x) is not, just
// below 0.
func (m *machine) exp2() mapping {
	const nearest = operand.U8(0x08)
	poly := m.polynomial(coeff.Exp2Near6[:])
	var lo, hi reg.Register
	if !m.wide() {
		lo, hi = m.broadcast(-152), m.broadcast(129)
	}
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		m.clamp(x, lo, hi)
		k := m.vecs(len(x))
		for i := range x {
			if m.wide() { // VREDUCEPS takes an infinity to 0
				m.VRNDSCALEPS(nearest, x[i], k[i])
				m.VREDUCEPS(nearest, x[i], x[i])
			} else {
				m.VROUNDPS(nearest, x[i], k[i])
				m.VSUBPS(k[i], x[i], x[i])
			}
		}
		p := m.horner(poly, x)
		m.scale(p, k)
		return p
	}
}

// scale multiplies each p by 2^k for integers |k| <= 250, with one rounding where the result is denormal. It destroys k.
func (m *machine) scale(p, k []reg.VecVirtual) {
	if m.wide() {
		for i := range p {
			m.VSCALEFPS(k[i], p[i], p[i])
		}
		return
	}
	one := m.float(1)
	for i := range p {
		half := m.vec()
		m.VCVTPS2DQ(k[i], k[i])
		m.VPSRAD(operand.U8(1), k[i], half)
		m.VPSUBD(half, k[i], k[i])
		for _, e := range []reg.VecVirtual{half, k[i]} {
			m.VPSLLD(exponentBits, e, e)
			m.VPADDD(one, e, e)
			m.VMULPS(e, p[i], p[i])
		}
	}
}

// Cody and Waite's ln 2: the first part has 16 bits, so that its products with the exponents of float32 are exact.
const (
	ln2High = 0x1.62e4p-1
	ln2Low  = math.Ln2 - ln2High
)

// reduceByLn2 splits x = k ln 2 + r with |r| <= ln(2)/2, in place, and returns k + magic; for |x| < 2^20.
func (m *machine) reduceByLn2(magic reg.Register) func(x []reg.VecVirtual) (kMagic, k []reg.VecVirtual) {
	log2e, high, low := m.constant(math.Log2E), m.constant(ln2High), m.constant(ln2Low)
	return func(x []reg.VecVirtual) (kMagic, k []reg.VecVirtual) {
		kMagic, k = m.vecs(len(x)), m.vecs(len(x))
		for i := range x {
			m.VMOVUPS(x[i], kMagic[i])
			m.VFMADD132PS(log2e, magic, kMagic[i])
			m.VSUBPS(magic, kMagic[i], k[i])
			m.VFNMADD231PS(high, k[i], x[i])
			m.VFNMADD231PS(low, k[i], x[i])
		}
		return kMagic, k
	}
}

// exp is e^x with all float32 results, denormals too.
func (m *machine) exp() mapping {
	poly := m.polynomial(coeff.Exp6[:])
	lo, hi, reduce := m.broadcast(-104.5), m.broadcast(89.5), m.reduceByLn2(m.broadcast(magic127))
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		m.clamp(x, lo, hi)
		_, k := reduce(x)
		p := m.horner(poly, x)
		m.scale(p, k)
		return p
	}
}

// expm1 is e^x - 1 for |x| <= 80: with em = e^r - 1 it is 2^k em + (2^k - 1), which loses nothing where k = 0.
func (m *machine) expm1() mapping {
	poly, one := m.polynomial(coeff.Expm1[:]), m.constant(1)
	reduce := m.reduceByLn2(m.broadcast(magic127))
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		scale, _ := reduce(x)
		q := m.horner(poly, x)
		for i, r := range x {
			m.VMULPS(r, q[i], q[i])
			m.VFMADD213PS(r, r, q[i])
			m.VPSLLD(exponentBits, scale[i], scale[i])
			less := m.vec()
			m.VSUBPS(one, scale[i], less)
			m.VFMADD213PS(less, scale[i], q[i])
		}
		return q
	}
}
