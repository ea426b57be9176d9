package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("distance", emitDistance) }

func emitDistance(m *machine) {
	m.addDistances("AddSquaredDistances", "sets dst[j] += sum_k (x[k] - yt[k*ldy+j])^2 for j < len(dst), k < len(x).",
		func() func(t, acc reg.VecVirtual) {
			return func(t, acc reg.VecVirtual) { m.VFMADD231(t, t, acc) }
		})
	m.addDistances("AddAbsoluteDistances", "sets dst[j] += sum_k |x[k] - yt[k*ldy+j]| for j < len(dst), k < len(x).",
		func() func(t, acc reg.VecVirtual) {
			abs := m.wordConstant(m.magnitude())
			return func(t, acc reg.VecVirtual) {
				m.VAND(abs, t, t)
				m.VADD(t, acc, acc)
			}
		})
	m.addNorms()
	m.elementwise("Sqrt", "sets dst[i] = sqrt(x[i]) for i < len(x).", (*machine).sqrt)
}

// addDistances emits the sum over coordinates of a function of the difference; prepare loads constants, and what it returns adds the
// function of t to acc and may destroy t.
func (m *machine) addDistances(name, doc string, prepare func() func(t, acc reg.VecVirtual)) {
	m.function(name, "func(dst, x, yt []float32, ldy int)", doc)
	dst, yt, n, ldy := m.pointer("dst"), m.pointer("yt"), m.length("dst"), m.stride("ldy")
	add := prepare()
	m.each(n, 4, []reg.GPVirtual{dst, yt}, func(count int) {
		acc := m.vecs(count)
		for k := range acc {
			m.load(m.at(dst, k), acc[k])
		}
		x, y, d := m.pointer("x"), m.GP64(), m.length("x")
		coordinate, done := m.label("coordinate"), m.label("done")
		m.MOVQ(yt, y)
		m.TESTQ(d, d)
		m.JZ(operand.LabelRef(done))
		m.Label(coordinate)
		v := m.vec()
		m.VBROADCAST(operand.Mem{Base: x}, v)
		for k := range acc {
			t := m.vec()
			m.VSUB(m.memory(m.at(y, k)), v, t)
			add(t, acc[k])
		}
		m.add(x, m.size)
		m.ADDQ(ldy, y)
		m.DECQ(d)
		m.JNZ(operand.LabelRef(coordinate))
		m.Label(done)
		for k := range acc {
			m.store(acc[k], m.at(dst, k))
		}
	})
	m.ret()
}

func (m *machine) addNorms() {
	m.function("AddNorms", "func(dst []float32, x float32, y []float32)", "sets dst[j] = max(0, dst[j] + x + y[j]) for j < len(dst).")
	dst, y, n, x, zero := m.pointer("dst"), m.pointer("y"), m.length("dst"), m.scalar("x"), m.zero()
	m.each(n, 4, []reg.GPVirtual{dst, y}, func(count int) {
		for k := range count {
			v := m.vec()
			m.VADD(m.memory(m.at(dst, k)), x, v)
			m.VADD(m.memory(m.at(y, k)), v, v)
			m.VMAX(v, zero, v) // NaN stays
			m.store(v, m.at(dst, k))
		}
	})
	m.ret()
}

func (m *machine) sqrt() mapping {
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		for i := range x {
			m.VSQRT(x[i], x[i])
		}
		return x
	}
}
