package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
)

// reduceFloor makes VREDUCEPS return x - floor(x), without raising inexact.
const reduceFloor = operand.U8(0x09)

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

// exp2 holds the constants of 2^x.
type exp2 struct {
	poly          []operand.Op
	lo, hi, magic reg.VecVirtual // AVX2 only, as is the following
	half          operand.Op     // what shift takes off: then the nearest integer to x - 1/2 is the exponent and no result denormal
}

// magic127 is 1.5 2^23 + 127: added to x it leaves round(x) + 127 in the low bits.
const magic127 = 1.5*(1<<23) + 127

// exp2Sweep prepares 2^x to 1.2 ULP, for the sweeps.
func (m *machine) exp2Sweep() *exp2 {
	if m.wide() {
		return &exp2{poly: m.polynomial(coeff.Exp2Floor5[:])}
	}
	return &exp2{poly: m.polynomial(coeff.Exp2Half5[:]), lo: m.broadcast(-127), hi: m.broadcast(128), magic: m.broadcast(magic127), half: m.constant(.5)}
}

// shift prepares terms of an argument of sweep, to be added to it once.
func (e *exp2) shift(m *machine, terms []reg.VecVirtual) {
	if !m.wide() {
		for _, t := range terms {
			m.VSUBPS(e.half, t, t)
		}
	}
}

// sweep returns 2^x for each of x, and destroys x. Denormal results are 0 on AVX2, and on AVX-512 within flush.
func (e *exp2) sweep(m *machine, x []reg.VecVirtual) []reg.VecVirtual {
	r := m.vecs(len(x))
	if m.wide() {
		for i := range x {
			m.VREDUCEPS(reduceFloor, x[i], r[i])
		}
		p := m.horner(e.poly, r)
		for i := range x {
			m.VSCALEFPS(x[i], p[i], p[i])
		}
		return p
	}
	for i := range x {
		m.VMAXPS(x[i], e.lo, x[i])
		m.VMINPS(x[i], e.hi, x[i])
		m.VADDPS(e.magic, x[i], r[i])
		k := m.vec()
		m.VSUBPS(e.magic, r[i], k)
		m.VSUBPS(k, x[i], x[i])
	}
	p := m.horner(e.poly, x)
	for i := range x {
		m.VPSLLD(operand.U8(23), r[i], r[i])
		m.VMULPS(r[i], p[i], p[i])
	}
	return p
}

// exp2Full holds the constants of 2^x with all float32 results, denormals too.
type exp2Full struct {
	m             *machine
	poly          []operand.Op
	lo, hi, magic reg.VecVirtual // AVX2 only
}

func (m *machine) exp2Full() *exp2Full {
	if m.wide() {
		return &exp2Full{m: m, poly: m.polynomial(coeff.Exp2Floor6[:])}
	}
	return &exp2Full{m: m, poly: m.polynomial(coeff.Exp2Near6[:]), lo: m.broadcast(-152), hi: m.broadcast(129), magic: m.broadcast(magic127)}
}

// full returns 2^x for each of x, and destroys x.
func (e *exp2Full) full(x []reg.VecVirtual) []reg.VecVirtual {
	m := e.m
	if m.wide() {
		r := m.vecs(len(x))
		for i := range x {
			m.VREDUCEPS(reduceFloor, x[i], r[i])
		}
		p := m.horner(e.poly, r)
		for i := range x {
			m.VSCALEFPS(x[i], p[i], p[i])
		}
		return p
	}
	k := m.vecs(len(x))
	for i := range x {
		m.VMAXPS(x[i], e.lo, x[i])
		m.VMINPS(x[i], e.hi, x[i])
		m.VROUNDPS(operand.U8(8), x[i], k[i])
		m.VSUBPS(k[i], x[i], x[i])
	}
	p := m.horner(e.poly, x)
	m.scale(p, k)
	return p
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
			m.VPSLLD(operand.U8(23), e, e)
			m.VPADDD(one, e, e)
			m.VMULPS(e, p[i], p[i])
		}
	}
}
