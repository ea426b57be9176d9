package main

import "github.com/mmcloughlin/avo/operand"

// An element is the type of a kernel's numbers.
type element struct {
	suffix string // of function names
	goType string
	size   int // bytes
}

var (
	float32s = &element{"F32", "float32", 4}
	float64s = &element{"F64", "float64", 8}
	elements = []*element{float32s, float64s}
)

func (e *element) double() bool { return e.size == 8 }

// pick returns the value that belongs to the element.
func (e *element) pick(single, double float64) float64 {
	if e.double() {
		return double
	}
	return single
}

// bias is that of the exponent, and fraction the bits below it.
func (e *element) bias() float64     { return e.pick(127, 1023) }
func (e *element) fraction() uint    { return uint(e.pick(23, 52)) }
func (e *element) signBit() uint64   { return 1 << (8*e.size - 1) }
func (e *element) magnitude() uint64 { return e.signBit() - 1 }

// exponentBits shifts an integer to where the exponent is.
func (e *element) exponentBits() operand.U8 { return operand.U8(e.fraction()) }

// magic returns 1.5 2^fraction + offset: added to |x| < 2^(fraction-2) it leaves round(x) + offset in the low bits.
func (e *element) magic(offset float64) float64 {
	return 1.5*float64(uint64(1)<<e.fraction()) + offset
}

// choose returns the instruction for the machine's elements. The methods below are named after the instructions, without the letter of the
// type at the end.
func choose[instruction any](m *machine, single, double instruction) instruction {
	if m.double() {
		return double
	}
	return single
}

func (m *machine) VADD(ops ...operand.Op)    { choose(m, m.VADDPS, m.VADDPD)(ops...) }
func (m *machine) VAND(ops ...operand.Op)    { choose(m, m.VANDPS, m.VANDPD)(ops...) }
func (m *machine) VBLENDM(ops ...operand.Op) { choose(m, m.VBLENDMPS, m.VBLENDMPD)(ops...) }
func (m *machine) VBLENDV(mask, y, x, dst operand.Op) {
	choose(m, m.VBLENDVPS, m.VBLENDVPD)(mask, y, x, dst)
}
func (m *machine) VCMP(ops ...operand.Op)       { choose(m, m.VCMPPS, m.VCMPPD)(ops...) }
func (m *machine) VDIV(ops ...operand.Op)       { choose(m, m.VDIVPS, m.VDIVPD)(ops...) }
func (m *machine) VFMADD132(ops ...operand.Op)  { choose(m, m.VFMADD132PS, m.VFMADD132PD)(ops...) }
func (m *machine) VFMADD213(ops ...operand.Op)  { choose(m, m.VFMADD213PS, m.VFMADD213PD)(ops...) }
func (m *machine) VFMADD231(ops ...operand.Op)  { choose(m, m.VFMADD231PS, m.VFMADD231PD)(ops...) }
func (m *machine) VFNMADD213(ops ...operand.Op) { choose(m, m.VFNMADD213PS, m.VFNMADD213PD)(ops...) }
func (m *machine) VFNMADD231(ops ...operand.Op) { choose(m, m.VFNMADD231PS, m.VFNMADD231PD)(ops...) }
func (m *machine) VMASKMOV(from, mask, to operand.Op) {
	choose(m, m.VMASKMOVPS, m.VMASKMOVPD)(from, mask, to)
}
func (m *machine) VMAX(ops ...operand.Op) { choose(m, m.VMAXPS, m.VMAXPD)(ops...) }
func (m *machine) VMIN(ops ...operand.Op) { choose(m, m.VMINPS, m.VMINPD)(ops...) }
func (m *machine) VMOVMSK(x, bits operand.Op) {
	choose(m, m.VMOVMSKPS, m.VMOVMSKPD)(x, bits)
}
func (m *machine) VMUL(ops ...operand.Op)  { choose(m, m.VMULPS, m.VMULPD)(ops...) }
func (m *machine) VMOVU(ops ...operand.Op) { choose(m, m.VMOVUPS, m.VMOVUPD)(ops...) }
func (m *machine) VMOVU_Z(x, k, dst operand.Op) {
	choose(m, m.VMOVUPS_Z, m.VMOVUPD_Z)(x, k, dst)
}
func (m *machine) VMUL_Z(y, x, k, dst operand.Op) {
	choose(m, m.VMULPS_Z, m.VMULPD_Z)(y, x, k, dst)
}
func (m *machine) VOR(ops ...operand.Op)       { choose(m, m.VORPS, m.VORPD)(ops...) }
func (m *machine) VREDUCE(ops ...operand.Op)   { choose(m, m.VREDUCEPS, m.VREDUCEPD)(ops...) }
func (m *machine) VRNDSCALE(ops ...operand.Op) { choose(m, m.VRNDSCALEPS, m.VRNDSCALEPD)(ops...) }
func (m *machine) VROUND(how, x, dst operand.Op) {
	choose(m, m.VROUNDPS, m.VROUNDPD)(how, x, dst)
}
func (m *machine) VSCALEF(ops ...operand.Op)    { choose(m, m.VSCALEFPS, m.VSCALEFPD)(ops...) }
func (m *machine) VSQRT(ops ...operand.Op)      { choose(m, m.VSQRTPS, m.VSQRTPD)(ops...) }
func (m *machine) VSUB(ops ...operand.Op)       { choose(m, m.VSUBPS, m.VSUBPD)(ops...) }
func (m *machine) VXOR(ops ...operand.Op)       { choose(m, m.VXORPS, m.VXORPD)(ops...) }
func (m *machine) VBROADCAST(ops ...operand.Op) { choose(m, m.VBROADCASTSS, m.VBROADCASTSD)(ops...) }
func (m *machine) VMOVS(ops ...operand.Op)      { choose(m, m.VMOVSS, m.VMOVSD)(ops...) }
func (m *machine) VPADD(ops ...operand.Op)      { choose(m, m.VPADDD, m.VPADDQ)(ops...) }
func (m *machine) VPMOV2M(x, k operand.Op) {
	choose(m, m.VPMOVD2M, m.VPMOVQ2M)(x, k)
}
func (m *machine) VPSLL(ops ...operand.Op)     { choose(m, m.VPSLLD, m.VPSLLQ)(ops...) }
func (m *machine) VGETEXP(ops ...operand.Op)   { choose(m, m.VGETEXPPS, m.VGETEXPPD)(ops...) }
func (m *machine) VGETMANT(ops ...operand.Op)  { choose(m, m.VGETMANTPS, m.VGETMANTPD)(ops...) }
func (m *machine) VFIXUPIMM(ops ...operand.Op) { choose(m, m.VFIXUPIMMPS, m.VFIXUPIMMPD)(ops...) }
func (m *machine) VPSUB(ops ...operand.Op)     { choose(m, m.VPSUBD, m.VPSUBQ)(ops...) }
func (m *machine) VPSRL(ops ...operand.Op)     { choose(m, m.VPSRLD, m.VPSRLQ)(ops...) }
