package main

func init() { register("update", emitUpdate) }

func emitUpdate(m *machine) {
	m.rmsprop(false)
	m.rmsprop(true)
	m.clampTo()
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
	pointers := []gp{p, grad, vel}
	var u gp
	var inertia vec
	if momentum {
		u, inertia = m.pointer("u"), m.scalar("momentum")
		pointers = append(pointers, u)
	}
	m.each(n, 2, pointers, func(count int) {
		for k := range count {
			g, x, v := m.loaded(m.at(grad, k)), m.loaded(m.at(p, k)), m.vec()
			m.VFMLA(x, weight, g)
			m.FMUL(g, g, v)
			m.FMUL(rest, v, v)
			m.VFMLA(m.loaded(m.at(vel, k)), decay, v)
			m.store(v, m.at(vel, k))
			m.FSQRT(v, v)
			m.FADD(eps, v, v)
			m.FDIV(v, g, g)
			if momentum {
				m.VFMLA(m.loaded(m.at(u, k)), inertia, g)
				m.store(g, m.at(u, k))
			}
			m.VFMLS(g, rate, x)
			m.store(x, m.at(p, k))
		}
	})
	m.ret()
}

// clampTo emits the public clamp; the method clamp is a piece of other kernels.
func (m *machine) clampTo() {
	m.function("Clamp", "func(dst, x []float32, lo, hi float32)", "sets dst[i] = x[i], or lo where it is below, hi where it is above; NaN stays.")
	dst, x, n, lo, hi := m.pointer("dst"), m.pointer("x"), m.length("x"), m.scalar("lo"), m.scalar("hi")
	m.each(n, 4, []gp{dst, x}, func(count int) {
		v := m.loadedAll(x, count)
		m.clamp(v, &lo, &hi)
		for k := range v {
			m.store(v[k], m.at(dst, k))
		}
	})
	m.ret()
}

func (m *machine) addRowLeakyReLU() {
	m.function("AddRowLeakyReLU", "func(dst []float32, ldd, rows int, bias []float32, slope float32)",
		"sets v = dst[r*ldd+j] + bias[j], dst[r*ldd+j] = v where v > 0, else slope v, for r < rows, j < len(bias).")
	dst, slope := m.block("dst", "ldd"), m.scalar("slope")
	m.groups(m.integer("rows"), []int{4, 1}, func(rows int) {
		m.columns("bias", 2, rows, []*block{dst}, []string{"bias"}, func(v []gp, count int) {
			for k := range count {
				b := m.loaded(m.at(v[0], k))
				for r := range rows {
					t := m.loaded(m.row(dst, r, k))
					m.FADD(b, t, t)
					m.store(m.leaky(t, t, slope), m.row(dst, r, k))
				}
			}
		})
	})
	m.ret()
}
