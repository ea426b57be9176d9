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
			m.VFMADD213(c[k], r[i], p[i])
		}
	}
	return p
}

// clamp bounds each x by lo and hi, either of which may be nil. NaN stays NaN: it is the second source.
func (m *machine) clamp(x []reg.VecVirtual, lo, hi reg.Register) {
	for i := range x {
		if lo != nil {
			m.VMAX(x[i], lo, x[i])
		}
		if hi != nil {
			m.VMIN(x[i], hi, x[i])
		}
	}
}

// reduceFloor makes VREDUCE return x - floor(x), without raising inexact.
const reduceFloor = operand.U8(0x09)

// scaleFloor returns 2^x as p(x - floor x) 2^floor(x), for p the polynomial of 2^r on [0, 1): two instructions around the polynomial,
// right for infinities and all magnitudes. AVX-512 only.
func (m *machine) scaleFloor(poly []operand.Op) mapping {
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		r := m.vecs(len(x))
		for i := range x {
			m.VREDUCE(reduceFloor, x[i], r[i])
		}
		p := m.horner(poly, r)
		for i := range x {
			m.VSCALEF(x[i], p[i], p[i])
		}
		return p
	}
}

// exp2Fast is 2^x to 1.5 ULP for the sweeps, denormal results flushed to 0 on AVX2 (on AVX-512 within machine.flush).
type exp2Fast struct {
	apply mapping // 2^x of a shifted argument
	// shift takes 1/2 off a register on AVX2, and is to be applied once to one of the terms of x. The nearest integer to x - 1/2 is
	// then the exponent of 2^x, so that the polynomial is in [1, 2) and no result is denormal.
	shift func(term reg.VecVirtual)
	half  operand.Op // what shift subtracts, nil for nothing
}

func (m *machine) exp2Fast() exp2Fast {
	none := func(reg.VecVirtual) {}
	if m.wide() && !m.double() {
		return exp2Fast{apply: m.exp2Table(), shift: none}
	}
	if m.wide() { // five of the twelve coefficients in memory leave registers for four rows
		poly := m.polynomial(nil, coeff.Exp2Floor11[:7])
		end := m.crowd()
		poly = append(poly, m.polynomial(nil, coeff.Exp2Floor11[7:])...)
		end()
		return exp2Fast{apply: m.scaleFloor(poly), shift: none}
	}
	poly, half := m.polynomial(coeff.Exp2Half6[:], coeff.Exp2Half11[:]), m.constant(-.5)
	lo, hi, magic := m.broadcast(-m.bias()), m.broadcast(m.bias()+1), m.broadcast(m.magic(m.bias()))
	apply := func(x []reg.VecVirtual) []reg.VecVirtual {
		m.clamp(x, lo, hi)
		scale := m.vecs(len(x))
		for i := range x {
			m.VADD(magic, x[i], scale[i])
			k := m.vec()
			m.VSUB(magic, scale[i], k)
			m.VSUB(k, x[i], x[i])
		}
		p := m.horner(poly, x)
		for i := range x {
			m.VPSLL(m.exponentBits(), scale[i], scale[i])
			m.VMUL(scale[i], p[i], p[i])
		}
		return p
	}
	return exp2Fast{apply: apply, shift: func(t reg.VecVirtual) { m.VADD(half, t, t) }, half: half}
}

// exp2Table is 2^x in float32 on AVX-512 from a table of 2^(i/16), which fills a register, and r = x - floor(16 x)/16:
//
//	2^x = 2^floor(x) (T[i] + T[i] r q(r)),  i = floor(16 x) mod 16
//
// It rounds twice to the size of the result, and takes a multiplication less than a polynomial of degree 5 on [0, 1), whose own error is a
// unit in the last place. i is in the last bits of x + 1.5 2^19 rounded down; where |x| is too large for that the result is 0 or infinite,
// whatever i. An infinite x has r = 0.
func (m *machine) exp2Table() mapping {
	const floor16th = reduceFloor | operand.U8(4<<4)
	table, grid := m.copyOf(m.table("exp2", coeff.Exp2TableValues[:])), m.broadcast(1.5*(1<<19))
	q := m.polynomial(coeff.Exp2TableStep[:], nil)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		t, r := m.vecs(len(x)), m.vecs(len(x))
		for i := range x {
			m.VADDPS_RD_SAE(grid, x[i], t[i])
			m.VREDUCE(floor16th, x[i], r[i])
		}
		for i := range x {
			m.VPERMPS(table, t[i], t[i])
		}
		p := m.horner(q, r)
		for i := range x {
			m.VMUL(t[i], r[i], r[i])
			m.VFMADD213(t[i], r[i], p[i])
		}
		for i := range x {
			m.VSCALEF(x[i], p[i], p[i])
		}
		return p
	}
}

// exp2 is 2^x with all results, denormals too. It reduces to the nearest integer, which is exact; x - floor(x) is not, just
// below 0.
func (m *machine) exp2() mapping {
	const nearest = operand.U8(0x08)
	poly := m.polynomial(coeff.Exp2Near6[:], coeff.Exp2Near11[:])
	var lo, hi reg.Register
	if !m.wide() {
		lo, hi = m.broadcast(m.pick(-152, -1077)), m.broadcast(m.bias()+2)
	}
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		m.clamp(x, lo, hi)
		k := m.vecs(len(x))
		for i := range x {
			if m.wide() { // VREDUCE takes an infinity to 0
				m.VRNDSCALE(nearest, x[i], k[i])
				m.VREDUCE(nearest, x[i], x[i])
			} else {
				m.VROUND(nearest, x[i], k[i])
				m.VSUB(k[i], x[i], x[i])
			}
		}
		p := m.horner(poly, x)
		m.scale(p, k)
		return p
	}
}

// scale multiplies each p by 2^k for integers |k| <= 250, or 1080 for float64, with one rounding where the result is denormal. It destroys k.
func (m *machine) scale(p, k []reg.VecVirtual) {
	if m.wide() {
		for i := range p {
			m.VSCALEF(k[i], p[i], p[i])
		}
		return
	}
	one := m.float(1)
	for i := range p {
		half := m.vec()
		if m.double() { // k in the low half of each lane; the shift to the exponent drops what the halves above it become
			m.VADD(m.float(m.magic(0)), k[i], k[i])
		} else {
			m.VCVTPS2DQ(k[i], k[i])
		}
		m.VPSRAD(operand.U8(1), k[i], half)
		m.VPSUBD(half, k[i], k[i])
		for _, e := range []reg.VecVirtual{half, k[i]} {
			m.VPSLL(m.exponentBits(), e, e)
			m.VPADD(one, e, e)
			m.VMUL(e, p[i], p[i])
		}
	}
}

// Cody and Waite's ln 2: the first part has 16 bits, or 42 for float64, so that its products with exponents are exact.
const (
	ln2High = 0x1.62e4p-1
	ln2Low  = math.Ln2 - ln2High

	ln2HighDouble = 0x1.62e42fefa38p-1
	ln2LowDouble  = math.Ln2 - ln2HighDouble
)

func (e *element) ln2() (high, low float64) {
	return e.pick(ln2High, ln2HighDouble), e.pick(ln2Low, ln2LowDouble)
}

// reduceByLn2 splits x = k ln 2 + r with |r| <= ln(2)/2, in place, and returns k + magic; for |x| < 2^20. The products k high are exact for |k| < 2^8, or 2^11 for float64.
func (m *machine) reduceByLn2(magic reg.Register) func(x []reg.VecVirtual) (kMagic, k []reg.VecVirtual) {
	ln2High, ln2Low := m.ln2()
	log2e, high, low := m.constant(math.Log2E), m.constant(ln2High), m.constant(ln2Low)
	return func(x []reg.VecVirtual) (kMagic, k []reg.VecVirtual) {
		kMagic, k = m.vecs(len(x)), m.vecs(len(x))
		for i := range x {
			m.VMOVU(x[i], kMagic[i])
			m.VFMADD132(log2e, magic, kMagic[i])
			m.VSUB(magic, kMagic[i], k[i])
			m.VFNMADD231(high, k[i], x[i])
			m.VFNMADD231(low, k[i], x[i])
		}
		return kMagic, k
	}
}

// exp is e^x with all results, denormals too.
func (m *machine) exp() mapping {
	poly := m.polynomial(coeff.Exp6[:], coeff.Exp11[:])
	lo, hi, reduce := m.broadcast(m.pick(-104.5, -746)), m.broadcast(m.pick(89.5, 710.5)), m.reduceByLn2(m.broadcast(m.magic(m.bias())))
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
	poly, one := m.polynomial(coeff.Expm1[:], coeff.Expm1Double[:]), m.constant(1)
	reduce := m.reduceByLn2(m.broadcast(m.magic(m.bias())))
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		scale, _ := reduce(x)
		q := m.horner(poly, x)
		for i, r := range x {
			m.VMUL(r, q[i], q[i])
			m.VFMADD213(r, r, q[i])
			m.VPSLL(m.exponentBits(), scale[i], scale[i])
			less := m.vec()
			m.VSUB(one, scale[i], less)
			m.VFMADD213(less, scale[i], q[i])
		}
		return q
	}
}
