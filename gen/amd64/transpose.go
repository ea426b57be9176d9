package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("transpose", emitTranspose) }

// emitTranspose emits the transposing copy of AVX-512, whose registers hold a square block; AVX2 has that of package gemm.
func emitTranspose(m *machine) {
	if m.wide() {
		m.transpose()
	}
}

func (m *machine) transpose() {
	m.function("Transpose", "func(dst []float32, ldd int, x []float32, ldx, rows, cols int)",
		"sets dst[j*ldd+i] = x[i*ldx+j] for i < rows, j < cols, both positive.")
	dst, ldd, x, ldx := m.pointer("dst"), m.stride("ldd"), m.pointer("x"), m.stride("ldx")
	rows, cols := m.GP64(), m.GP64()
	m.Load(m.Param("rows"), rows)
	down, across, next, done := m.label("down"), m.label("across"), m.label("next"), m.label("done")
	lanes := operand.U32(m.lanes())
	m.Label(down)
	place := m.firstLanes(rows)
	m.Load(m.Param("cols"), cols)
	from, to := m.GP64(), m.GP64()
	m.MOVQ(x, from)
	m.MOVQ(dst, to)
	m.Label(across)
	m.Comment("Rows beyond the last read the last again.")
	columns, row := m.firstLanes(cols), m.GP64()
	m.MOVQ(from, row)
	v := m.vecs(m.lanes())
	for i := range v {
		if i > 0 {
			last := m.label("last")
			m.CMPQ(rows, operand.U32(i))
			m.JLE(operand.LabelRef(last))
			m.ADDQ(ldx, row)
			m.Label(last)
		}
		m.VMOVU_Z(operand.Mem{Base: row}, columns, v[i])
	}
	for j, column := range m.transposed(v) {
		if j > 0 {
			m.CMPQ(cols, operand.U32(j))
			m.JLE(operand.LabelRef(next))
		}
		m.VMOVU(column, place, operand.Mem{Base: to})
		m.ADDQ(ldd, to)
	}
	m.add(from, m.bytes)
	m.SUBQ(lanes, cols)
	m.JG(operand.LabelRef(across))
	m.Label(next)
	m.add(dst, m.bytes)
	for range m.lanes() {
		m.ADDQ(ldx, x)
	}
	m.SUBQ(lanes, rows)
	m.JLE(operand.LabelRef(done))
	m.JMP(operand.LabelRef(down))
	m.Label(done)
	m.ret()
}

// firstLanes returns the mask of as many lanes as n says, all of them where it says more.
func (m *machine) firstLanes(n reg.GPVirtual) reg.Register {
	bits, k, all := m.GP32(), m.K(), m.label("all")
	m.MOVL(operand.I32(-1), bits)
	m.CMPQ(n, operand.U32(m.lanes()))
	m.JGE(operand.LabelRef(all))
	m.BZHIL(n.As32(), bits, bits)
	m.Label(all)
	m.KMOVW(bits, k)
	return k
}

// transposed transposes a square block: pairs of lanes, pairs of pairs, then lanes of 128 bits in two steps.
func (m *machine) transposed(v []reg.VecVirtual) []reg.VecVirtual {
	two := func(f func(...operand.Op), x, y reg.VecVirtual, imm ...operand.Op) reg.VecVirtual {
		r := m.vec()
		f(append(imm, y, x, r)...)
		return r
	}
	n := len(v)
	if !m.double() {
		t := make([]reg.VecVirtual, n)
		for i := 0; i < n; i += 2 {
			t[i], t[i+1] = two(m.VUNPCKLPS, v[i], v[i+1]), two(m.VUNPCKHPS, v[i], v[i+1])
		}
		v = make([]reg.VecVirtual, n)
		for i := 0; i < n; i += 4 {
			for k := range 2 {
				v[i+2*k], v[i+2*k+1] = two(m.VUNPCKLPD, t[i+k], t[i+2+k]), two(m.VUNPCKHPD, t[i+k], t[i+2+k])
			}
		}
	} else {
		t := make([]reg.VecVirtual, n)
		for i := 0; i < n; i += 2 {
			t[i], t[i+1] = two(m.VUNPCKLPD, v[i], v[i+1]), two(m.VUNPCKHPD, v[i], v[i+1])
		}
		v = t
	}
	return m.transposedLanes(v)
}

// transposedLanes transposes the 4 x 4 lanes of 128 bits of the vectors of four groups: vector k of a group holds columns k, k + size,
// k + 2 size and k + 3 size of its rows, of which there are size.
func (m *machine) transposedLanes(v []reg.VecVirtual) []reg.VecVirtual {
	shuffle := choose(m, m.VSHUFF32X4, m.VSHUFF64X2)
	pick := func(x, y reg.VecVirtual, imm int) reg.VecVirtual {
		r := m.vec()
		shuffle(operand.U8(imm), y, x, r)
		return r
	}
	const evens, odds = 0b10_00_10_00, 0b11_01_11_01
	size := len(v) / 4
	out := make([]reg.VecVirtual, len(v))
	for k := range size {
		a, b, c, d := v[k], v[size+k], v[2*size+k], v[3*size+k]
		low, low2 := pick(a, b, evens), pick(c, d, evens)
		high, high2 := pick(a, b, odds), pick(c, d, odds)
		out[k], out[2*size+k] = pick(low, low2, evens), pick(low, low2, odds)
		out[size+k], out[3*size+k] = pick(high, high2, evens), pick(high, high2, odds)
	}
	return out
}
