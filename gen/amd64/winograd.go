package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("winograd", emitWinograd) }

// emitWinograd emits the transforms of F(4 x 4, 2 x 2), from and to tiles of vectors; package kernels has the matrices. Those of inputs and
// outputs have tiles without the last row or column too.
func emitWinograd(m *machine) {
	input := winogradMatrix{5, winogradPoints, (*machine).winogradInput, (*machine).winogradInputBack}
	output := winogradMatrix{4, winogradPoints, (*machine).winogradOutputBack, (*machine).winogradOutput}
	filter := winogradMatrix{2, winogradPoints, (*machine).winogradFilter, (*machine).winogradFilterBack}
	shortInput := winogradMatrix{4, winogradPoints - 1, (*machine).winogradInput, (*machine).winogradInputBack}
	shortOutput := winogradMatrix{3, winogradPoints - 1, (*machine).winogradOutputBack, (*machine).winogradOutput}
	ofInput, ofOutput := []float64{2, 4, 5}, []float64{1. / 2, 1. / 4, 1. / 8}
	for _, t := range []winogradTransform{
		{"Input", "", input, input, true, ofInput},
		{"Input", "5x4", input, shortInput, true, ofInput},
		{"Input", "4x5", shortInput, input, true, ofInput},
		{"Input", "4x4", shortInput, shortInput, true, ofInput},
		{"Output", "", output, output, false, ofOutput},
		{"Output", "4x3", output, shortOutput, false, ofOutput},
		{"Output", "3x4", shortOutput, output, false, ofOutput},
		{"Output", "3x3", shortOutput, shortOutput, false, ofOutput},
		{"Filter", "", filter, filter, true, []float64{2. / 3, 1. / 3, 1. / 6, 1. / 4}},
	} {
		m.winogradExpand(t)
		m.winogradReduce(t)
	}
}

// winogradPoints is the number of points that a tile is evaluated at along a side, unless its last element is missing.
const winogradPoints = 5

// A winogradMatrix has a row for each of points and side columns, and is applied by expand, its transpose by reduce. Where the last
// column is missing, so is the point at infinity, and both take and give one number less.
type winogradMatrix struct {
	side, points   int
	expand, reduce func(m *machine, k []operand.Op, x []reg.VecVirtual) []reg.VecVirtual
}

// A winogradTransform is a matrix for the rows of a tile, and one for its columns.
type winogradTransform struct {
	name, shape string
	rows, cols  winogradMatrix
	adds        bool // whether what is reduced adds to its destination
	constants   []float64
}

// A winogradLoop is what the kernels have in common: the values at the points at v, ld apart, the tile at x, its rows and columns row and
// col apart. On AVX2, whose registers do not hold 25 vectors, they lie in work between the two stages.
type winogradLoop struct {
	*machine
	v, x, ld, row, col, n, work reg.GPVirtual
	slots                       [winogradPoints][winogradPoints]reg.VecVirtual
	constants                   []operand.Op
}

func (m *machine) winogradArguments(t winogradTransform) *winogradLoop {
	w := &winogradLoop{machine: m, v: m.pointer("v"), ld: m.stride("ldv"), x: m.pointer("x"), row: m.stride("row"), col: m.stride("col"), n: m.GP64()}
	m.Load(m.Param("n"), w.n)
	if !m.wide() {
		w.work = m.pointer("work")
	}
	for _, c := range t.constants {
		w.constants = append(w.constants, m.constant(c))
	}
	return w
}

func (w *winogradLoop) keep(i, j int, v reg.VecVirtual) {
	if w.wide() {
		w.slots[i][j] = v
	} else {
		w.VMOVU(v, w.at(w.work, winogradPoints*i+j))
	}
}

func (w *winogradLoop) kept(i, j int) reg.VecVirtual {
	if w.wide() {
		return w.slots[i][j]
	}
	return w.copyOf(w.at(w.work, winogradPoints*i+j))
}

// walk calls f with an address for each of count steps from p on.
func (w *winogradLoop) walk(p, step reg.GPVirtual, count int, f func(i int, at operand.Mem)) {
	at := w.GP64()
	w.MOVQ(p, at)
	for i := range count {
		f(i, operand.Mem{Base: at})
		if i+1 < count {
			w.ADDQ(step, at)
		}
	}
}

func (m *machine) winogradSignature() string {
	s := "func(v []float32, ldv int, x []float32, row, col, n int"
	if !m.wide() {
		s += ", work []float32"
	}
	return s + ")"
}

// walkPoints calls f with an address for each point of the transform.
func (w *winogradLoop) walkPoints(t winogradTransform, f func(p, q int, at operand.Mem)) {
	w.walk(w.v, w.ld, winogradPoints*(t.rows.points-1)+t.cols.points, func(k int, at operand.Mem) {
		if k%winogradPoints < t.cols.points {
			f(k/winogradPoints, k%winogradPoints, at)
		}
	})
}

func (m *machine) winogradExpand(t winogradTransform) {
	m.function("Winograd"+t.name+"Expand"+t.shape, m.winogradSignature(), "sets the vectors v of n elements, ldv apart, of the points to M X M^T for a tile X of vectors.")
	w := m.winogradArguments(t)
	m.each(w.n, 1, []reg.GPVirtual{w.v, w.x}, func(int) {
		w.walk(w.x, w.col, t.cols.side, func(j int, column operand.Mem) {
			in := make([]reg.VecVirtual, t.rows.side)
			w.walk(column.Base.(reg.GPVirtual), w.row, t.rows.side, func(i int, at operand.Mem) { in[i] = m.loaded(at) })
			for p, v := range t.rows.expand(m, w.constants, in) {
				w.keep(p, j, v)
			}
		})
		var out []reg.VecVirtual
		w.walkPoints(t, func(p, q int, at operand.Mem) {
			if q == 0 {
				in := make([]reg.VecVirtual, t.cols.side)
				for j := range in {
					in[j] = w.kept(p, j)
				}
				out = t.cols.expand(m, w.constants, in)
			}
			m.store(out[q], at)
		})
	})
	m.ret()
}

func (m *machine) winogradReduce(t winogradTransform) {
	verb := "sets"
	if t.adds {
		verb = "adds to"
	}
	m.function("Winograd"+t.name+"Reduce"+t.shape, m.winogradSignature(), verb+" a tile X of vectors M^T V M for the vectors v of n elements, ldv apart, of the points.")
	w := m.winogradArguments(t)
	m.each(w.n, 1, []reg.GPVirtual{w.v, w.x}, func(int) {
		in := make([]reg.VecVirtual, t.cols.points)
		w.walkPoints(t, func(p, q int, at operand.Mem) {
			in[q] = m.loaded(at)
			if q == t.cols.points-1 {
				for j, v := range t.cols.reduce(m, w.constants, in) {
					w.keep(p, j, v)
				}
			}
		})
		w.walk(w.x, w.col, t.cols.side, func(j int, column operand.Mem) {
			in := make([]reg.VecVirtual, t.rows.points)
			for p := range in {
				in[p] = w.kept(p, j)
			}
			out := t.rows.reduce(m, w.constants, in)
			w.walk(column.Base.(reg.GPVirtual), w.row, t.rows.side, func(i int, at operand.Mem) {
				if t.adds {
					m.VADD(m.memory(at), out[i], out[i])
				}
				m.store(out[i], at)
			})
		})
	})
	m.ret()
}

// sumOf, differenceOf, plus and minus return x + y, x - y, x + k y and x - k y in a new register.
func (m *machine) sumOf(x, y reg.VecVirtual) reg.VecVirtual {
	r := m.vec()
	m.VADD(y, x, r)
	return r
}

func (m *machine) differenceOf(x, y reg.VecVirtual) reg.VecVirtual {
	r := m.vec()
	m.VSUB(y, x, r)
	return r
}

func (m *machine) plus(x reg.VecVirtual, k operand.Op, y reg.VecVirtual) reg.VecVirtual {
	r := m.copyOf(x)
	m.VFMADD231(k, y, r)
	return r
}

func (m *machine) minus(x reg.VecVirtual, k operand.Op, y reg.VecVirtual) reg.VecVirtual {
	r := m.copyOf(x)
	m.VFNMADD231(k, y, r)
	return r
}

func (m *machine) times(k operand.Op, x reg.VecVirtual) reg.VecVirtual {
	r := m.vec()
	m.VMUL(k, x, r)
	return r
}

func (m *machine) winogradInput(k []operand.Op, x []reg.VecVirtual) []reg.VecVirtual {
	two, four, five := k[0], k[1], k[2]
	a, b := m.differenceOf(x[0], x[2]), m.differenceOf(x[1], x[3])
	c, d := m.times(four, x[2]), m.times(four, x[3])
	m.VSUB(x[0], c, c)
	m.VSUB(x[1], d, d)
	v := []reg.VecVirtual{m.plus(a, two, b), m.minus(a, two, b), m.sumOf(c, d), m.differenceOf(c, d)}
	if len(x) > len(v) {
		last := m.times(four, x[4])
		m.VADD(x[0], last, last)
		m.VFNMADD231(five, x[2], last)
		v = append(v, last)
	}
	return v
}

func (m *machine) winogradInputBack(k []operand.Op, v []reg.VecVirtual) []reg.VecVirtual {
	two, four, five := k[0], k[1], k[2]
	s, t, u, w := m.sumOf(v[0], v[1]), m.differenceOf(v[0], v[1]), m.sumOf(v[2], v[3]), m.differenceOf(v[2], v[3])
	first := m.differenceOf(s, u)
	third := m.times(four, u)
	m.VSUB(s, third, third)
	fourth := m.times(four, w)
	m.VFNMADD231(two, t, fourth)
	second := m.times(two, t)
	m.VSUB(w, second, second)
	x := []reg.VecVirtual{first, second, third, fourth}
	if len(v) > len(x) {
		m.VADD(v[4], first, first)
		m.VFNMADD231(five, v[4], third)
		x = append(x, m.times(four, v[4]))
	}
	return x
}

func (m *machine) winogradOutput(k []operand.Op, v []reg.VecVirtual) []reg.VecVirtual {
	half, quarter, eighth := k[0], k[1], k[2]
	s, t, u, w := m.sumOf(v[0], v[1]), m.differenceOf(v[0], v[1]), m.sumOf(v[2], v[3]), m.differenceOf(v[2], v[3])
	y := []reg.VecVirtual{m.sumOf(s, u), m.plus(w, half, t), m.plus(u, quarter, s)}
	if len(v) > winogradPoints-1 {
		last := m.plus(w, eighth, t)
		m.VADD(v[4], last, last)
		y = append(y, last)
	}
	return y
}

func (m *machine) winogradOutputBack(k []operand.Op, y []reg.VecVirtual) []reg.VecVirtual {
	half, quarter := k[0], k[1]
	a, c := m.plus(y[0], quarter, y[2]), m.sumOf(y[0], y[2])
	b, d := y[1], y[1]
	if len(y) > 3 {
		b, d = m.plus(y[1], quarter, y[3]), m.sumOf(y[1], y[3])
	}
	v := []reg.VecVirtual{m.plus(a, half, b), m.minus(a, half, b), m.sumOf(c, d), m.differenceOf(c, d)}
	if len(y) > 3 {
		v = append(v, m.copyOf(y[3]))
	}
	return v
}

func (m *machine) winogradFilter(k []operand.Op, g []reg.VecVirtual) []reg.VecVirtual {
	a, b := m.times(k[0], g[1]), m.times(k[1], g[0])
	c, d := m.times(k[2], g[1]), m.times(k[2], g[0])
	return []reg.VecVirtual{m.sumOf(a, b), m.differenceOf(a, b), m.sumOf(c, d), m.differenceOf(c, d), m.times(k[3], g[0])}
}

func (m *machine) winogradFilterBack(k []operand.Op, v []reg.VecVirtual) []reg.VecVirtual {
	s, t, u, w := m.sumOf(v[0], v[1]), m.differenceOf(v[0], v[1]), m.sumOf(v[2], v[3]), m.differenceOf(v[2], v[3])
	first, second := m.times(k[1], t), m.times(k[0], s)
	m.VFMADD231(k[2], w, first)
	m.VFMADD231(k[3], v[4], first)
	m.VFMADD231(k[2], u, second)
	return []reg.VecVirtual{first, second}
}
