package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("distance", emitDistance) }

func emitDistance(m *machine) {
	m.addDistances("AddSquaredDistances", "sets dst[j] += sum_k (x[k] - yt[k*ldy+j])^2 for j < len(dst), k < len(x).", m.squares)
	m.addDistances("AddAbsoluteDistances", "sets dst[j] += sum_k |x[k] - yt[k*ldy+j]| for j < len(dst), k < len(x).", m.magnitudes)
	m.distances("SquaredDistances", "sets dst[r*ldd+j] = sum_k (x[r*ldx+k] - yt[k*ldy+j])^2 for r < rows, j < len(yt), k < d, d > 0.", m.squares)
	m.distances("AbsoluteDistances", "sets dst[r*ldd+j] = sum_k |x[r*ldx+k] - yt[k*ldy+j]| for r < rows, j < len(yt), k < d, d > 0.", m.magnitudes)
	m.addNorms()
	m.elementwise("Sqrt", "sets dst[i] = sqrt(x[i]) for i < len(x).", (*machine).sqrt)
}

// squares loads what is needed to add t^2 to acc.
func (m *machine) squares() func(t, acc reg.VecVirtual) {
	return func(t, acc reg.VecVirtual) { m.VFMADD231(t, t, acc) }
}

// magnitudes loads what is needed to add |t| to acc; it destroys t.
func (m *machine) magnitudes() func(t, acc reg.VecVirtual) {
	abs := m.wordConstant(m.magnitude())
	return func(t, acc reg.VecVirtual) {
		m.VAND(abs, t, t)
		m.VADD(t, acc, acc)
	}
}

// distances emits the distances of several points to the points in the columns of yt, whose length is the number of columns. The sums of
// a group of rows stay in registers while the coordinates pass.
func (m *machine) distances(name, doc string, prepare func() func(t, acc reg.VecVirtual)) {
	m.function(name, "func(dst []float32, ldd int, x []float32, ldx int, yt []float32, ldy, rows, d int)", doc)
	dst, x, ldy := m.block("dst", "ldd", 4), m.block("x", "ldx", 4), m.stride("ldy")
	add := prepare()
	m.groups(m.address(m.Param("rows")), []int{4, 1}, func(rows int) {
		m.columns("yt", map[int]int{4: 2, 1: 4}[rows], rows, []*block{dst}, []string{"yt"}, func(v []reg.GPVirtual, count int) {
			acc := make([][]reg.VecVirtual, rows)
			for r := range acc {
				for range count {
					acc[r] = append(acc[r], m.zero())
				}
			}
			y, d, coordinate := m.GP64(), m.GP64(), m.label("coordinate")
			m.MOVQ(v[0], y)
			m.MOVQ(m.address(m.Param("d")), d)
			m.Load(m.Param("x").Base(), x.p)
			m.Label(coordinate)
			ys := m.vecs(count)
			for k := range ys {
				m.load(m.at(y, k), ys[k])
			}
			for r := range acc {
				xr := m.vec()
				m.VBROADCAST(m.row(x, r, 0), xr)
				for k := range ys {
					t := m.vec()
					m.VSUB(ys[k], xr, t)
					add(t, acc[r][k])
				}
			}
			m.add(x.p, m.size)
			m.ADDQ(ldy, y)
			m.DECQ(d)
			m.JNZ(operand.LabelRef(coordinate))
			for r := range acc {
				for k := range acc[r] {
					m.store(acc[r][k], m.row(dst, r, k))
				}
			}
		})
		for range rows {
			m.ADDQ(x.odd[1], m.address(m.Param("x").Base()))
		}
	})
	m.ret()
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
