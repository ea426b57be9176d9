package main

import "github.com/mmcloughlin/avo/reg"

func init() { register("update", emitUpdate) }

func emitUpdate(m *machine) {
	m.rmsprop(false)
	m.rmsprop(true)
	m.clamp1()
	m.addRowLeakyReLU()
}

func (m *machine) rmsprop(momentum bool) {
	name, arguments, step := "RMSProp", "func(p, grad, v []float32, rate, decay, oneMinusDecay, eps, weightDecay float32)",
		"\tp[i] -= rate g / (sqrt(v[i]) + eps)"
	if momentum {
		name, arguments, step = "RMSPropMomentum", "func(p, grad, v, u []float32, rate, decay, oneMinusDecay, eps, weightDecay, momentum float32)",
			"\tu[i] = momentum u[i] + g / (sqrt(v[i]) + eps),  p[i] -= rate u[i]"
	}
	m.function(name, arguments, "updates i < len(grad) elements:", "",
		"\tg = grad[i] + weightDecay p[i],  v[i] = decay v[i] + oneMinusDecay g^2", step)
	p, grad, vel, n := m.pointer("p"), m.pointer("grad"), m.pointer("v"), m.length("grad")
	rate, decay, rest, eps, weight := m.scalar("rate"), m.scalar("decay"), m.scalar("oneMinusDecay"), m.scalar("eps"), m.scalar("weightDecay")
	pointers := []reg.GPVirtual{p, grad, vel}
	var u reg.GPVirtual
	var inertia reg.VecVirtual
	if momentum {
		u, inertia = m.pointer("u"), m.scalar("momentum")
		pointers = append(pointers, u)
	}
	m.each(n, 1, pointers, func(int) {
		g, x, v := m.loaded(m.at(grad, 0)), m.loaded(m.at(p, 0)), m.vec()
		m.VFMADD231(x, weight, g)
		m.VMUL(g, g, v)
		m.VMUL(rest, v, v)
		m.VFMADD231(m.memory(m.at(vel, 0)), decay, v)
		m.store(v, m.at(vel, 0))
		m.VSQRT(v, v)
		m.VADD(eps, v, v)
		m.VDIV(v, g, g)
		if momentum {
			m.VFMADD231(m.memory(m.at(u, 0)), inertia, g)
			m.store(g, m.at(u, 0))
		}
		m.VFNMADD231(g, rate, x)
		m.store(x, m.at(p, 0))
	})
	m.ret()
}

func (m *machine) clamp1() {
	m.function("Clamp", "func(dst, x []float32, lo, hi float32)", "sets dst[i] = x[i], or lo where it is below, hi where it is above; NaN stays.")
	dst, x, n, lo, hi := m.pointer("dst"), m.pointer("x"), m.length("x"), m.scalar("lo"), m.scalar("hi")
	m.each(n, 4, []reg.GPVirtual{dst, x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(x, k))
			m.VMAX(v, lo, v) // of a NaN and a number these return the first operand
			m.VMIN(v, hi, v)
			m.store(v, m.at(dst, k))
		}
	})
	m.ret()
}

func (m *machine) addRowLeakyReLU() {
	m.function("AddRowLeakyReLU", "func(dst []float32, ldd, rows int, bias []float32, slope float32)",
		"sets v = dst[r*ldd+j] + bias[j], dst[r*ldd+j] = v where v > 0, else slope v, for r < rows, j < len(bias).")
	dst, slope, zero := m.block("dst", "ldd", 4), m.scalar("slope"), m.zero()
	m.groups(m.address(m.Param("rows")), []int{4, 1}, func(rows int) {
		m.columns("bias", 1, rows, []*block{dst}, []string{"bias"}, func(v []reg.GPVirtual, _ int) {
			b := m.loaded(m.at(v[0], 0))
			for r := range rows {
				t, y := m.vec(), m.vec()
				m.VADD(m.memory(m.row(dst, r, 0)), b, t)
				m.VMUL(t, slope, y)
				m.moveWherePositive(m.copyOf(t), zero, t, y)
				m.store(y, m.row(dst, r, 0))
			}
		})
	})
	m.ret()
}
