package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("reduce", emitReduce) }

func emitReduce(m *machine) {
	m.reducer("Max", "func(x []float32) float32", "returns the largest element of x, -Inf for none, whatever is NaN.", m.max)
	m.reducer("Sum", "func(x []float32) float32", "returns sum_i x[i].", m.sum)
	m.reducer("Dot", "func(x, y []float32) float32", "returns sum_i x[i] y[i] for i < len(x).", m.dot)
	m.logSumExp()
}

// accumulators of a reduction, to hide the latency of an addition.
const accumulators = 4

// A reduction is the value an accumulator starts from, what adds the vectors at p (one for each slice) to it, and what combines two.
type reduction struct {
	start   operand.Op
	add     func(p []operand.Mem, acc reg.VecVirtual)
	combine func(x, y, dst operand.Op)
}

// reducer emits a reduction of one or two slices to one number.
func (m *machine) reducer(name, signature, doc string, prepare func() reduction) {
	m.function(name, signature, doc)
	pointers := []reg.GPVirtual{m.pointer("x")}
	if name == "Dot" {
		pointers = append(pointers, m.pointer("y"))
	}
	n := m.length("x")
	r := prepare()
	acc := m.vecs(accumulators)
	for _, a := range acc {
		m.VMOVU(r.start, a)
	}
	m.each(n, accumulators, pointers, func(count int) {
		for k := range count {
			var p []operand.Mem
			for _, base := range pointers {
				p = append(p, m.at(base, k))
			}
			r.add(p, acc[k])
		}
	})
	r.combine(acc[1], acc[0], acc[0])
	r.combine(acc[3], acc[2], acc[2])
	r.combine(acc[2], acc[0], acc[0])
	m.VMOVS(m.fold(acc[0], r.combine), m.address(m.ReturnIndex(0)))
	m.ret()
}

func (m *machine) add3(x, y, dst operand.Op) { m.VADD(x, y, dst) }
func (m *machine) max3(x, y, dst operand.Op) { m.VMAX(x, y, dst) }

func (m *machine) max() reduction {
	lowest := m.minusInf()
	add := func(p []operand.Mem, acc reg.VecVirtual) {
		x := m.vec()
		m.loadOr(p[0], lowest, x)
		m.VMAX(acc, x, acc)
	}
	return reduction{lowest, add, m.max3}
}

func (m *machine) sum() reduction {
	add := func(p []operand.Mem, acc reg.VecVirtual) { m.VADD(m.memory(p[0]), acc, acc) }
	return reduction{m.constant(0), add, m.add3}
}

func (m *machine) dot() reduction {
	add := func(p []operand.Mem, acc reg.VecVirtual) { m.VFMADD231(m.memory(p[1]), m.loaded(p[0]), acc) }
	return reduction{m.constant(0), add, m.add3}
}

// slack is how far above a lane's shift an element may lie: e^20 is no danger to a sum, and with it even rising sequences rescale
// their sums, which costs an error each time, only now and then.
const slack = 20

// logSumExp emits the reduction with a shift in each lane that follows its maximum. It rarely moves after the first vectors, so the sum
// is rescaled in a branch.
func (m *machine) logSumExp() {
	m.function("LogSumExp", "func(x []float32) (shift, sum float32)",
		"returns sum = sum_i e^(x[i] - shift), for a shift at most 20 below the largest x[i] and not above it, or the lowest float32.")
	x, n := m.pointer("x"), m.length("x")
	exp, log2e, lowest := m.exp2Fast(), m.broadcast(math.Log2E), m.minusInf()
	above, sum, shift := m.constant(slack), m.zero(), m.broadcast(m.pick(-math.MaxFloat32, -math.MaxFloat64))

	// expOf returns e^(v - shift), and destroys v.
	expOf := func(v reg.VecVirtual) reg.VecVirtual {
		m.VSUB(shift, v, v)
		if exp.half == nil {
			m.VMUL(log2e, v, v)
		} else {
			m.VFMADD213(exp.half, log2e, v)
		}
		return exp.apply([]reg.VecVirtual{v})[0]
	}
	// move makes top, which is no smaller, the shift and scales the sum, by 1 exactly in the lanes that stay.
	move := func(top reg.VecVirtual) {
		defer m.crowd()()
		m.VSUB(top, shift, shift)
		m.VMUL(log2e, shift, shift)
		m.VMUL(m.exp2()([]reg.VecVirtual{shift})[0], sum, sum)
		m.VMOVU(top, shift)
	}
	unroll := 4
	if m.wide() {
		unroll = 8
	}
	m.each(n, unroll, []reg.GPVirtual{x}, func(count int) {
		same := m.label("same")
		v := m.vecs(count)
		for k := range v {
			m.loadOr(m.at(x, k), lowest, v[k])
		}
		top := m.copyOf(shift)
		for _, w := range v {
			m.VMAX(top, w, top)
		}
		rise := m.vec()
		m.VSUB(shift, top, rise)
		m.jumpUnlessAnyAbove(rise, above, same)
		move(top)
		m.Label(same)
		for _, w := range v {
			m.VADD(expOf(w), sum, sum)
		}
	})
	m.Comment("Bring the lanes to one shift.")
	top := m.vec()
	m.VBROADCAST(m.fold(shift, m.max3), top)
	move(top)
	m.VMOVS(top.AsX(), m.address(m.Return("shift")))
	m.VMOVS(m.fold(sum, m.add3), m.address(m.Return("sum")))
	m.ret()
}

// jumpUnlessAnyAbove jumps to the label when no lane of x is above that of y.
func (m *machine) jumpUnlessAnyAbove(x reg.VecVirtual, y operand.Op, label string) {
	const above = operand.U8(30) // quiet
	if m.wide() {
		k := m.K()
		m.VCMP(above, y, x, k)
		m.KORTESTW(k, k)
	} else {
		t, bits := m.vec(), m.GP32()
		m.VCMP(above, y, x, t)
		m.VMOVMSK(t, bits)
		m.TESTL(bits, bits)
	}
	m.JZ(operand.LabelRef(label))
}
