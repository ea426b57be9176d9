package main

import "math"

func init() { register("reduce", emitReduce) }

func emitReduce(m *machine) {
	m.reducer("Max", "func(x []float32) float32", "returns the largest element of x, -Inf for none, whatever is NaN.", m.max)
	m.reducer("Sum", "func(x []float32) float32", "returns sum_i x[i].", m.sum)
	m.reducer("Dot", "func(x, y []float32) float32", "returns sum_i x[i] y[i] for i < len(x).", m.dot)
	m.logSumExp()
}

// accumulators of a reduction, to hide the latency of an addition. Eight also keep as many partial sums as AVX2 does.
const accumulators = 8

// A reduction is the value an accumulator starts from, what adds the vectors at p (one for each slice) to it, and what combines two.
type reduction struct {
	start   vec
	add     func(p []mem, acc vec)
	combine combination
}

// foldSums returns the sum of the lanes of all of a power of two of accumulators, which it destroys.
func (m *machine) foldSums(s []vec) vec { return m.foldAccumulators(s, m.addition()) }

func (m *machine) foldAccumulators(s []vec, op combination) vec {
	for n := len(s) / 2; n > 0; n /= 2 {
		for k := range n {
			op.lanes(s[k+n], s[k], s[k])
		}
	}
	return m.fold(s[0], op)
}

// reducer emits a reduction of one or two slices to one number.
func (m *machine) reducer(name, signature, doc string, prepare func() reduction) {
	m.function(name, signature, doc)
	pointers := []gp{m.pointer("x")}
	if name == "Dot" {
		pointers = append(pointers, m.pointer("y"))
	}
	n := m.length("x")
	r := prepare()
	acc := m.vecs(accumulators)
	for _, a := range acc {
		m.VMOV(r.start, a)
	}
	m.each(n, accumulators, pointers, func(count int) {
		for k := range count {
			var p []mem
			for _, base := range pointers {
				p = append(p, m.at(base, k))
			}
			r.add(p, acc[k])
		}
	})
	m.result("ret", m.foldAccumulators(acc, r.combine))
	m.ret()
}

// max compares, because FMAXNM would let a signalling NaN through.
func (m *machine) max() reduction {
	lowest := m.broadcast(math.Inf(-1))
	add := func(p []mem, acc vec) {
		x, above := m.vec(), m.vec()
		m.loadOr(p[0], lowest, x)
		m.FCMGT(acc, x, above)
		m.VBIT(above, x, acc)
	}
	return reduction{lowest, add, m.maximum()}
}

func (m *machine) sum() reduction {
	add := func(p []mem, acc vec) { m.FADD(m.loaded(p[0]), acc, acc) }
	return reduction{m.zero(), add, m.addition()}
}

func (m *machine) dot() reduction {
	add := func(p []mem, acc vec) { m.VFMLA(m.loaded(p[1]), m.loaded(p[0]), acc) }
	return reduction{m.zero(), add, m.addition()}
}

// slack is how far above a lane's shift an element may lie: e^20 is no danger to a sum, and with it even rising sequences rescale
// their sums, which costs an error each time, only now and then.
const slack = 20

// logSumExp emits the reduction with a shift in each lane that follows its maximum. It rarely moves after the first vectors, so the sums
// are rescaled in a branch. Four sums lose no more than a vector of 16 lanes does.
func (m *machine) logSumExp() {
	m.function("LogSumExp", "func(x []float32) (shift, sum float32)",
		"returns sum = sum_i e^(x[i] - shift), for a shift at most 20 below the largest x[i] and not above it, or the lowest float32.")
	x, n := m.pointer("x"), m.length("x")
	exp, log2e, lowest := m.exp2Fast(), m.broadcast(math.Log2E), m.broadcast(math.Inf(-1))
	above, shift, sums := m.broadcast(slack), m.broadcast(m.pick(-math.MaxFloat32, -math.MaxFloat64)), m.zeros(4)

	// expOf returns e^(v - shift), and destroys v.
	expOf := func(v []vec) []vec {
		y := make([]vec, len(v))
		for i := range v {
			m.FSUB(shift, v[i], v[i])
			y[i] = m.copyOf(exp.half)
			m.VFMLA(log2e, v[i], y[i])
		}
		return exp.apply(y)
	}
	// move makes top, which is no smaller, the shift and scales the sums, by 1 exactly in the lanes that stay.
	move := func(top vec) {
		defer m.crowd()()
		m.FSUB(top, shift, shift)
		m.FMUL(log2e, shift, shift)
		factor := m.exp2()([]vec{shift})[0]
		for _, s := range sums {
			m.FMUL(factor, s, s)
		}
		m.VMOV(top, shift)
	}
	m.each(n, len(sums), []gp{x}, func(count int) {
		same := m.label("same")
		v := m.vecs(count)
		for k := range v {
			m.loadOr(m.at(x, k), lowest, v[k])
		}
		top := m.copyOf(shift)
		for _, w := range v {
			m.FMAXNM(w, top, top)
		}
		rise := m.vec()
		m.FSUB(shift, top, rise)
		m.jumpUnlessAnyAbove(rise, above, same)
		move(top)
		m.Label(same)
		for k := 0; k < count; k += together {
			for i, y := range expOf(v[k:min(k+together, count)]) {
				m.FADD(y, sums[k+i], sums[k+i])
			}
		}
	})
	m.Commentf("Bring the lanes to one shift.")
	top := m.fold(shift, m.maximum())
	move(top)
	m.FADD(sums[1], sums[0], sums[0])
	m.FADD(sums[3], sums[2], sums[2])
	m.FADD(sums[2], sums[0], sums[0])
	m.result("shift", top)
	m.result("sum", m.fold(sums[0], m.addition()))
	m.ret()
}

// jumpUnlessAnyAbove jumps to the label when no lane of x is above that of y.
func (m *machine) jumpUnlessAnyAbove(x, y vec, label string) {
	t, count := m.vec(), m.gp()
	m.FCMGT(y, x, t)
	m.VADDV(t, t) // minus the number of lanes that are
	m.VMOVOut(0, t, count)
	m.CBZW(count, label)
}
