package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// each emits body for n elements behind the pointers: a loop over unroll vectors at a time, a loop over one, and one pass with the
// tail's mask set. The body finds its vectors by at(pointer, k), k < count. n and the pointers are moved to the end.
func (m *machine) each(n reg.GPVirtual, unroll int, pointers []reg.GPVirtual, body func(count int)) {
	done := m.label("done")
	for _, count := range []int{unroll, 1} {
		loop, next := m.label("loop"), m.label("next")
		m.CMPQ(n, operand.U32(count*m.lanes()))
		m.JB(operand.LabelRef(next))
		m.Label(loop)
		body(count)
		for _, p := range pointers {
			m.add(p, count*m.bytes)
		}
		m.SUBQ(operand.U32(count*m.lanes()), n)
		m.CMPQ(n, operand.U32(count*m.lanes()))
		m.JAE(operand.LabelRef(loop))
		m.Label(next)
		if unroll == 1 {
			break
		}
	}
	m.TESTQ(n, n)
	m.JZ(operand.LabelRef(done))
	m.Comment("The tail, under a mask.")
	m.tailMask(n)
	body(1)
	m.mask = nil
	for _, p := range pointers {
		m.LEAQ(operand.Mem{Base: p, Index: n, Scale: uint8(m.size)}, p)
	}
	m.XORQ(n, n)
	m.Label(done)
}

// add moves a pointer or counter by a constant.
func (m *machine) add(r reg.Register, bytes int) { m.ADDQ(operand.U32(bytes), r) }

// tailMask sets the mask of the first n lanes, 0 < n < lanes.
func (m *machine) tailMask(n reg.GPVirtual) {
	if m.wide() {
		bits := m.GP32()
		m.MOVL(operand.I32(-1), bits)
		m.BZHIL(n.As32(), bits, bits)
		k := m.K()
		m.KMOVW(bits, k)
		m.mask = k
		return
	}
	if m.slide == nil {
		t := m.StaticGlobal("slide")
		m.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 2 * m.lanes() {
			word := uint64(0)
			if i < m.lanes() {
				word = m.signBit() | m.magnitude()
			}
			m.AppendDatum(m.datum(word))
		}
		m.slide = &t
	}
	end, y := m.GP64(), m.YMM()
	m.LEAQ(m.slide.Offset(m.bytes), end)
	m.NEGQ(n)
	m.VMOVU(operand.Mem{Base: end, Index: n, Scale: uint8(m.size)}, y)
	m.NEGQ(n)
	m.mask = y
}

// load loads a vector into r; lanes beyond the tail read as 0 and touch no memory.
func (m *machine) load(from operand.Mem, r reg.Register) {
	switch {
	case m.mask == nil:
		m.VMOVU(from, r)
	case m.wide():
		m.VMOVU_Z(from, m.mask, r)
	default:
		m.VMASKMOV(from, m.mask, r)
	}
}

// loadOr is load with lanes beyond the tail set to those of fill.
func (m *machine) loadOr(from operand.Mem, fill operand.Op, r reg.Register) {
	switch {
	case m.mask == nil:
		m.VMOVU(from, r)
	case m.wide():
		m.VMOVU(fill, r)
		m.VMOVU(from, m.mask, r)
	default:
		y := m.copyOf(fill)
		m.VMASKMOV(from, m.mask, r)
		m.VBLENDV(m.mask, r, y, r)
	}
}

// loaded returns a vector from memory in a new register.
func (m *machine) loaded(from operand.Mem) reg.VecVirtual {
	r := m.vec()
	m.load(from, r)
	return r
}

// memory returns a vector in memory as an operand: itself, or in the tail a register with what load gives.
func (m *machine) memory(from operand.Mem) operand.Op {
	if m.mask == nil {
		return from
	}
	return m.loaded(from)
}

// store stores a vector; lanes beyond the tail touch no memory.
func (m *machine) store(r reg.Register, to operand.Mem) {
	switch {
	case m.mask == nil:
		m.VMOVU(r, to)
	case m.wide():
		m.VMOVU(r, m.mask, to)
	default:
		m.VMASKMOV(r, m.mask, to)
	}
}
