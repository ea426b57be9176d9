package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A block is a matrix argument; p points at the current column of the first row of the current group of rows. The odd multiples of the
// leading dimension are kept, so that x86's scales 1, 2, 4 reach eight rows.
type block struct {
	p   reg.GPVirtual
	odd map[int]reg.GPVirtual // byte strides of 1, 3, 5, 7 rows
}

// block loads a matrix argument of which groups of up to rows rows are worked on at once.
func (m *machine) block(name, ld string, rows int) *block {
	b := &block{p: m.pointer(name), odd: map[int]reg.GPVirtual{1: m.stride(ld)}}
	for k := 3; k < rows; k += 2 {
		r := m.GP64()
		m.LEAQ(operand.Mem{Base: b.odd[k-2], Index: b.odd[1], Scale: 2}, r)
		b.odd[k] = r
	}
	return b
}

// row addresses vector k of row r of the group.
func (m *machine) row(b *block, r, k int) operand.Mem {
	a := operand.Mem{Base: b.p, Disp: k * m.bytes}
	if r > 0 {
		scale := 1
		for r%2 == 0 {
			r, scale = r/2, scale*2
		}
		a.Index, a.Scale = b.odd[r], uint8(scale)
	}
	return a
}

// next moves the block from the end of a group of rows to the start of the one below it; bytes is the width of the matrix.
func (m *machine) next(b *block, rows int, bytes reg.Register) {
	m.SUBQ(bytes, b.p)
	for _, step := range []int{8, 4, 2, 1} {
		if rows >= step {
			m.LEAQ(operand.Mem{Base: b.p, Index: b.odd[1], Scale: uint8(step)}, b.p)
			rows -= step
		}
	}
}

// groups emits body for groups of rows, the size of each group the largest of sizes that still fits. count is an argument in memory
// and is counted down.
func (m *machine) groups(count operand.Mem, sizes []int, body func(rows int)) {
	for _, rows := range sizes {
		loop, smaller := m.label("rows"), m.label("fewer")
		m.CMPQ(count, operand.U32(rows))
		m.JB(operand.LabelRef(smaller))
		m.Label(loop)
		m.Commentf("Rows at once: %d.", rows)
		body(rows)
		m.SUBQ(operand.U32(rows), count)
		m.CMPQ(count, operand.U32(rows))
		m.JAE(operand.LabelRef(loop))
		m.Label(smaller)
	}
}

// take returns the next values of a vector argument of the rows, each in all lanes, and moves the argument in memory past them.
func (m *machine) take(name string, rows int) []reg.VecVirtual {
	p, v := m.pointer(name), m.vecs(rows)
	for r := range v {
		m.VBROADCAST(operand.Mem{Base: p, Disp: m.size * r}, v[r])
	}
	m.ADDQ(operand.U32(m.size*rows), m.address(m.Param(name).Base()))
	return v
}

// columns emits body for all columns of a group of rows, then moves every block to the next group. vectors are arguments along the
// columns; the body gets pointers to them.
func (m *machine) columns(width string, unroll, rows int, blocks []*block, vectors []string, body func(v []reg.GPVirtual, count int)) {
	n := m.length(width)
	var moved []reg.GPVirtual
	for _, name := range vectors {
		moved = append(moved, m.pointer(name))
	}
	v := moved
	for _, b := range blocks {
		moved = append(moved, b.p)
	}
	m.each(n, unroll, moved, func(count int) { body(v, count) })
	bytes := m.inBytes(m.address(m.Param(width).Len()))
	for _, b := range blocks {
		m.next(b, rows, bytes)
	}
}

// accumulate reduces each of v over its lanes by op and combines the results into the next elements of a vector argument of the rows.
func (m *machine) accumulate(name string, v []reg.VecVirtual, op func(x, y, dst operand.Op)) {
	p := m.pointer(name)
	if n := 16 / m.size; len(v)%n == 0 {
		for i := 0; i < len(v); i += n {
			x := m.foldAll(v[i:i+n], op)
			op(operand.Mem{Base: p, Disp: m.size * i}, x, x)
			m.VMOVU(x, operand.Mem{Base: p, Disp: m.size * i})
		}
	} else {
		for i := range v {
			x, at := m.fold(v[i], op), operand.Mem{Base: p, Disp: m.size * i}
			old := m.XMM()
			m.VMOVS(at, old)
			op(old, x, x)
			m.VMOVS(x, at)
		}
	}
	m.ADDQ(operand.U32(m.size*len(v)), m.address(m.Param(name).Base()))
}

// to128 combines the parts of a vector to an XMM register.
func (m *machine) to128(v reg.VecVirtual, op func(x, y, dst operand.Op)) reg.Register {
	if m.wide() {
		y := m.YMM()
		m.VEXTRACTF64X4(operand.U8(1), v, y)
		op(y, v.AsY(), y)
		v = y
	}
	x := m.XMM()
	m.VEXTRACTF128(operand.U8(1), v, x)
	op(x, v.AsX(), x)
	return x
}

// fold returns the combination of all lanes in the first lane of an XMM register.
func (m *machine) fold(v reg.VecVirtual, op func(x, y, dst operand.Op)) reg.Register {
	x, t := m.to128(v, op), m.XMM()
	m.VSHUFPS(operand.U8(0b1110), x, x, t)
	op(t, x, x)
	if m.double() {
		return x
	}
	m.VMOVSHDUP(x, t)
	op(t, x, x)
	return x
}

// foldAll returns the combinations of all lanes of each of several vectors in the lanes of an XMM register, which are as many.
func (m *machine) foldAll(v []reg.VecVirtual, op func(x, y, dst operand.Op)) reg.Register {
	x := make([]reg.Register, len(v))
	for i := range x {
		x[i] = m.to128(v[i], op)
	}
	pair := func(a, b reg.Register, even, odd operand.U8) reg.Register {
		s, t := m.XMM(), m.XMM()
		m.VSHUFPS(even, b, a, s)
		m.VSHUFPS(odd, b, a, t)
		op(t, s, s)
		return s
	}
	if m.double() {
		s, t := m.XMM(), m.XMM()
		m.VUNPCKLPD(x[1], x[0], s)
		m.VUNPCKHPD(x[1], x[0], t)
		op(t, s, s)
		return s
	}
	return pair(pair(x[0], x[1], 0x88, 0xdd), pair(x[2], x[3], 0x88, 0xdd), 0x88, 0xdd)
}
