package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("network", emitNetwork) }

func emitNetwork(m *machine) {
	m.axpy()
	m.scaleBy()
	m.leakyReLU("LeakyReLU", "func(dst, x []float32, slope float32)", "sets dst[i] = x[i] where x[i] > 0, else slope x[i].", "dst", "x", "x")
	m.leakyReLU("LeakyReLUBackward", "func(dx, dy, y []float32, slope float32)", "sets dx[i] = dy[i] where y[i] > 0, else slope dy[i].", "dx", "dy", "y")
	m.backward("Softplus", "sets dx[i] = dy[i] (1 - e^-y[i]).", m.softplusBackward)
	m.backward("Sigmoid", "sets dx[i] = dy[i] y[i] (1 - y[i]).", m.sigmoidBackward)
	m.backward("Tanh", "sets dx[i] = dy[i] (1 - y[i]^2).", m.tanhBackward)
	m.adam()
	m.addRow()
	m.columnSums()
}

func (m *machine) axpy() {
	m.function("Axpy", "func(y []float32, alpha float32, x []float32)", "sets y[i] += alpha x[i] for i < len(x).")
	y, x, n, alpha := m.pointer("y"), m.pointer("x"), m.length("x"), m.scalar("alpha")
	m.each(n, 4, []reg.GPVirtual{y, x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(y, k))
			m.VFMADD231(m.memory(m.at(x, k)), alpha, v)
			m.store(v, m.at(y, k))
		}
	})
	m.ret()
}

func (m *machine) scaleBy() {
	m.function("Scale", "func(x []float32, alpha float32)", "sets x[i] *= alpha for i < len(x).")
	x, n, alpha := m.pointer("x"), m.length("x"), m.scalar("alpha")
	m.each(n, 4, []reg.GPVirtual{x}, func(count int) {
		for k := range count {
			v := m.vec()
			m.VMUL(m.memory(m.at(x, k)), alpha, v)
			m.store(v, m.at(x, k))
		}
	})
	m.ret()
}

// leakyReLU emits dst = src where the argument test is positive, else slope src.
func (m *machine) leakyReLU(name, signature, doc, dst, src, test string) {
	m.function(name, signature, doc)
	d, s, t, n := m.pointer(dst), m.pointer(src), m.pointer(test), m.length(src)
	slope, zero := m.scalar("slope"), m.zero()
	m.each(n, 4, []reg.GPVirtual{d, s, t}, func(count int) {
		for k := range count {
			v, y := m.loaded(m.at(s, k)), m.vec()
			m.VMUL(v, slope, y)
			m.moveWherePositive(m.loaded(m.at(t, k)), zero, v, y)
			m.store(y, m.at(d, k))
		}
	})
	m.ret()
}

// moveWherePositive copies the lanes of v where test > 0 into dst.
func (m *machine) moveWherePositive(test, zero, v, dst reg.VecVirtual) {
	const above = operand.U8(30) // quiet: NaN is not positive
	if m.wide() {
		k := m.K()
		m.VCMP(above, zero, test, k)
		m.VMOVU(v, k, dst)
		return
	}
	m.VCMP(above, zero, test, test)
	m.VBLENDV(test, v, dst, dst)
}

// backward emits dx = dy f'(y) for an activation whose derivative is written in its output y; prepare emits the loading of constants.
func (m *machine) backward(name, doc string, prepare func() func(dy, y []reg.VecVirtual)) {
	m.function(name+"Backward", "func(dx, dy, y []float32)", doc)
	dx, dy, y, n := m.pointer("dx"), m.pointer("dy"), m.pointer("y"), m.length("dy")
	multiply := prepare()
	m.each(n, 2, []reg.GPVirtual{dx, dy, y}, func(count int) {
		a, b := m.vecs(count), m.vecs(count)
		for k := range count {
			m.load(m.at(dy, k), a[k])
			m.load(m.at(y, k), b[k])
		}
		multiply(a, b)
		for k := range count {
			m.store(a[k], m.at(dx, k))
		}
	})
	m.ret()
}

// softplusBackward uses e^-y - 1, which keeps its accuracy where y is small. Beyond y = 40 it is -1 to float32.
func (m *machine) softplusBackward() func(dy, y []reg.VecVirtual) {
	expm1, sign, lo := m.expm1(), m.wordConstant(m.signBit()), m.broadcast(-40)
	return func(dy, y []reg.VecVirtual) {
		for i := range y {
			m.VXOR(sign, y[i], y[i])
		}
		m.clamp(y, lo, nil)
		for i, e := range expm1(y) {
			m.VXOR(sign, e, e)
			m.VMUL(e, dy[i], dy[i])
		}
	}
}

func (m *machine) sigmoidBackward() func(dy, y []reg.VecVirtual) {
	one := m.broadcast(1)
	return func(dy, y []reg.VecVirtual) {
		for i := range y {
			t := m.vec()
			m.VSUB(y[i], one, t)
			m.VMUL(y[i], dy[i], dy[i])
			m.VMUL(t, dy[i], dy[i])
		}
	}
}

func (m *machine) tanhBackward() func(dy, y []reg.VecVirtual) {
	one := m.constant(1)
	return func(dy, y []reg.VecVirtual) {
		for i := range y {
			m.VFNMADD213(one, y[i], y[i])
			m.VMUL(y[i], dy[i], dy[i])
		}
	}
}

func (m *machine) adam() {
	m.function("Adam", "func(p, grad, m, v []float32, beta1, oneMinusBeta1, beta2, oneMinusBeta2, stepSize, invSqrtBias2, eps, weightDecay float32)",
		"updates i < len(grad) elements:",
		"",
		"\tm[i] = beta1 m[i] + oneMinusBeta1 grad[i]",
		"\tv[i] = beta2 v[i] + oneMinusBeta2 grad[i]^2",
		"\tp[i] -= weightDecay p[i] + stepSize m[i] / (sqrt(v[i]) invSqrtBias2 + eps)")
	p, grad, mom, vel, n := m.pointer("p"), m.pointer("grad"), m.pointer("m"), m.pointer("v"), m.length("grad")
	beta1, rest1, beta2, rest2 := m.scalar("beta1"), m.scalar("oneMinusBeta1"), m.scalar("beta2"), m.scalar("oneMinusBeta2")
	step, bias, eps, decay := m.scalar("stepSize"), m.scalar("invSqrtBias2"), m.scalar("eps"), m.scalar("weightDecay")
	m.each(n, 1, []reg.GPVirtual{p, grad, mom, vel}, func(count int) {
		for k := range count {
			g, t, a, b := m.loaded(m.at(grad, k)), m.vec(), m.vec(), m.vec()
			m.VMUL(g, rest1, a)
			m.VFMADD231(m.memory(m.at(mom, k)), beta1, a)
			m.store(a, m.at(mom, k))

			m.VMUL(g, g, g)
			m.VMUL(rest2, g, b)
			m.VFMADD231(m.memory(m.at(vel, k)), beta2, b)
			m.store(b, m.at(vel, k))

			m.VSQRT(b, b)
			m.VFMADD213(eps, bias, b)
			m.VMUL(step, a, a)
			m.VDIV(b, a, a)
			m.load(m.at(p, k), t)
			m.VFMADD231(t, decay, a)
			m.VSUB(a, t, t)
			m.store(t, m.at(p, k))
		}
	})
	m.ret()
}

func (m *machine) addRow() {
	m.function("AddRow", "func(dst []float32, ldd, rows int, bias []float32)", "sets dst[r*ldd+j] += bias[j] for r < rows, j < len(bias).")
	dst := m.block("dst", "ldd", 4)
	m.groups(m.address(m.Param("rows")), []int{4, 1}, func(rows int) {
		m.columns("bias", 1, rows, []*block{dst}, []string{"bias"}, func(v []reg.GPVirtual, _ int) {
			b := m.loaded(m.at(v[0], 0))
			for r := range rows {
				t := m.vec()
				m.VADD(m.memory(m.row(dst, r, 0)), b, t)
				m.store(t, m.row(dst, r, 0))
			}
		})
	})
	m.ret()
}

func (m *machine) columnSums() {
	m.function("ColumnSums", "func(acc, x []float32, ldx, rows int)", "sets acc[j] += sum_r x[r*ldx+j] for r < rows, j < len(acc).")
	x := m.block("x", "ldx", 8)
	m.groups(m.address(m.Param("rows")), []int{8, 4, 1}, func(rows int) {
		m.columns("acc", 1, rows, []*block{x}, []string{"acc"}, func(v []reg.GPVirtual, _ int) {
			sum := m.loaded(m.at(v[0], 0))
			for r := range rows {
				m.VADD(m.memory(m.row(x, r, 0)), sum, sum)
			}
			m.store(sum, m.at(v[0], 0))
		})
	})
	m.ret()
}
