package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("window", emitWindow) }

// emitWindow emits the kernels for windows of 4 x 4, two places apart: on AVX-512, which picks lanes from two vectors and stores under masks.
func emitWindow(m *machine) {
	if m.wide() {
		m.gatherWindows()
		m.scatterWindows()
	}
}

// A windowLoop is what the two kernels have in common. Rows of places are cols elements, under the mask place; rows of the image are twice
// as long, in two vectors under the masks low and high. The rows i of the four elements (ki, 0) to (ki, 3) of all windows are at tap[ki] and
// one to three times ld behind.
type windowLoop struct {
	*machine
	image            reg.GPVirtual
	ld, ld3          reg.GPVirtual
	tap              [4]reg.GPVirtual
	width            reg.GPVirtual // bytes of a row of places
	place, low, high reg.Register
}

// windows loads the arguments: the taps from one argument and the image from another. Tap 0 is at row 1 of the places and tap 3 at
// row -1, where the next two rows of the image meet them.
func (m *machine) windows(taps, ld, image string) *windowLoop {
	w := &windowLoop{machine: m, image: m.pointer(image), ld: m.stride(ld), ld3: m.GP64()}
	m.LEAQ(operand.Mem{Base: w.ld, Index: w.ld, Scale: 2}, w.ld3)
	cols, bits := m.GP64(), m.GP32()
	m.Load(m.Param("cols"), cols)
	w.width = m.inBytes(m.address(m.Param("cols")))
	mask := func(shift int) reg.Register {
		k, part := m.K(), m.GP32()
		m.MOVL(operand.I32(-1), bits)
		m.BZHIL(cols.As32(), bits, bits)
		m.MOVL(bits, part)
		if shift > 0 {
			m.SHRL(operand.U8(shift), part)
		}
		m.KMOVW(part, k)
		return k
	}
	w.place = mask(0)
	m.ADDQ(cols, cols)
	w.low, w.high = mask(0), mask(m.lanes())
	w.tap[0] = m.pointer(taps)
	for i := 1; i < 4; i++ {
		w.tap[i] = m.GP64()
		m.LEAQ(operand.Mem{Base: w.tap[i-1], Index: w.ld, Scale: 4}, w.tap[i])
	}
	m.ADDQ(w.width, w.tap[0])
	m.SUBQ(w.width, w.tap[3])
	return w
}

// at addresses the row of element (ki, kj).
func (w *windowLoop) at(ki, kj int) operand.Mem {
	a := operand.Mem{Base: w.tap[ki]}
	switch kj {
	case 1, 2:
		a.Index, a.Scale = w.ld, uint8(kj)
	case 3:
		a.Index, a.Scale = w.ld3, 1
	}
	return a
}

// under returns a vector from memory, its lanes outside of the mask 0.
func (w *windowLoop) under(mask reg.Register, from operand.Mem) reg.VecVirtual {
	v := w.vec()
	w.VMOVU_Z(from, mask, v)
	return v
}

// shift moves the lanes of a vector up or down by one, zero coming in.
func (w *windowLoop) shift(v, zero reg.VecVirtual, up bool) reg.VecVirtual {
	s := w.vec()
	align := choose(w.machine, w.VALIGND, w.VALIGNQ)
	if up {
		align(operand.U8(w.lanes()-1), zero, v, s)
	} else {
		align(operand.U8(1), v, zero, s)
	}
	return s
}

// pick returns the lanes of two vectors that a table of indices names.
func (w *windowLoop) pick(index, x, y reg.VecVirtual) reg.VecVirtual {
	v := w.copyOf(index)
	choose(w.machine, w.VPERMI2PS, w.VPERMI2PD)(y, x, v)
	return v
}

// indices returns a table for pick, of the lanes of x and behind them those of y.
func (m *machine) indices(name string, of func(lane int) int) reg.VecVirtual {
	table, ok := m.constants[name]
	if !ok {
		table = m.StaticGlobal(name)
		m.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range m.lanes() {
			m.AppendDatum(m.datum(uint64(of(i))))
		}
		m.constants[name] = table
	}
	return m.copyOf(table)
}

// pairs emits body for each pair of rows of the image: first for the even row, which windows meet with elements 1 and, but for the first
// pair, 3, then for the odd row, with elements 2 and, but for the last pair, 0.
func (w *windowLoop) pairs(body func(ki, other int, skip string)) {
	rows := w.GP64()
	w.Load(w.Param("rows"), rows)
	done, loop, odd, next := w.label("done"), w.label("loop"), w.label("odd"), w.label("next")
	w.TESTQ(rows, rows)
	w.JZ(operand.LabelRef(done))
	w.Label(loop)
	w.CMPQ(rows, w.address(w.Param("rows")))
	body(1, 3, odd)
	w.Label(odd)
	w.CMPQ(rows, operand.U32(1))
	body(2, 0, next)
	w.Label(next)
	for _, p := range w.tap {
		w.ADDQ(w.width, p)
	}
	w.SUBQ(operand.U32(1), rows)
	w.JNZ(operand.LabelRef(loop))
	w.Label(done)
	w.ret()
}

func (m *machine) gatherWindows() {
	m.function("GatherWindows", "func(dst []float32, ldd int, x []float32, rows, cols int)",
		"takes the windows of 4 x 4 elements, two places apart, from an image of 2 rows x 2 cols with a border of one zero, cols at most a vector:",
		"", "\tdst[(4*ki+kj)*ldd+i*cols+j] = x[2*i+ki-1][2*j+kj-1]  for i < rows, j < cols")
	w := m.windows("dst", "ldd", "x")
	zero := m.zero()
	evens, odds := m.indices("evens", func(i int) int { return 2 * i }), m.indices("odds", func(i int) int { return 2*i + 1 })
	m.Comment("The border: row 0 of elements 0 and the last row of elements 3.")
	border, none := m.GP64(), m.label("none")
	m.Load(m.Param("rows"), border)
	m.TESTQ(border, border)
	m.JZ(operand.LabelRef(none))
	m.IMULQ(w.width, border)
	for _, p := range []reg.GPVirtual{w.tap[0], w.tap[3]} {
		old := m.GP64()
		m.MOVQ(p, old)
		if p == w.tap[0] {
			m.SUBQ(w.width, p)
		} else {
			m.ADDQ(border, p)
		}
		ki := 0
		if p == w.tap[3] {
			ki = 3
		}
		for kj := range 4 {
			m.VMOVU(zero, w.place, w.at(ki, kj))
		}
		m.MOVQ(old, p)
	}
	m.Label(none)
	w.pairs(func(ki, other int, skip string) {
		a, b := w.under(w.low, operand.Mem{Base: w.image}), w.under(w.high, operand.Mem{Base: w.image, Disp: m.bytes})
		m.LEAQ(operand.Mem{Base: w.image, Index: w.width, Scale: 2}, w.image)
		e, o := w.pick(evens, a, b), w.pick(odds, a, b)
		v := []reg.VecVirtual{w.shift(o, zero, true), e, o, w.shift(e, zero, false)}
		for kj := range v {
			m.VMOVU(v[kj], w.place, w.at(ki, kj))
		}
		m.JE(operand.LabelRef(skip))
		for kj := range v {
			m.VMOVU(v[kj], w.place, w.at(other, kj))
		}
	})
}

func (m *machine) scatterWindows() {
	m.function("ScatterWindows", "func(dst, x []float32, ldx, rows, cols int, bias float32)",
		"undoes GatherWindows: it sets the image to the sums of the elements that lie on each pixel, and the bias:",
		"", "\tdst[u][v] = bias + sum of x[(4*ki+kj)*ldx+i*cols+j] over 2*i+ki-1 = u, 2*j+kj-1 = v")
	w := m.windows("x", "ldx", "dst")
	zero, bias, n := m.zero(), m.scalar("bias"), m.lanes()
	firsts := m.indices("firsts", func(i int) int { return i/2 + i%2*n })
	lasts := m.indices("lasts", func(i int) int { return n/2 + i/2 + i%2*n })
	w.pairs(func(ki, other int, skip string) {
		alone := m.label("alone")
		v := make([]reg.VecVirtual, 4)
		for kj := range v {
			v[kj] = w.under(w.place, w.at(ki, kj))
		}
		m.JE(operand.LabelRef(alone))
		for kj := range v {
			m.VADD(w.under(w.place, w.at(other, kj)), v[kj], v[kj])
		}
		m.Label(alone)
		m.VADD(w.shift(v[3], zero, true), v[1], v[1])
		m.VADD(w.shift(v[0], zero, false), v[2], v[2])
		m.VADD(bias, v[1], v[1])
		m.VADD(bias, v[2], v[2])
		m.VMOVU(w.pick(firsts, v[1], v[2]), w.low, operand.Mem{Base: w.image})
		m.VMOVU(w.pick(lasts, v[1], v[2]), w.high, operand.Mem{Base: w.image, Disp: m.bytes})
		m.LEAQ(operand.Mem{Base: w.image, Index: w.width, Scale: 2}, w.image)
	})
}
