package main

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
	m.each(n, 4, []gp{y, x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(y, k))
			m.VFMLA(m.loaded(m.at(x, k)), alpha, v)
			m.store(v, m.at(y, k))
		}
	})
	m.ret()
}

func (m *machine) scaleBy() {
	m.function("Scale", "func(x []float32, alpha float32)", "sets x[i] *= alpha for i < len(x).")
	x, n, alpha := m.pointer("x"), m.length("x"), m.scalar("alpha")
	m.each(n, 4, []gp{x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(x, k))
			m.FMUL(v, alpha, v)
			m.store(v, m.at(x, k))
		}
	})
	m.ret()
}

// leakyReLU emits dst = src where the argument test is positive, else slope src.
func (m *machine) leakyReLU(name, signature, doc, dst, src, test string) {
	m.function(name, signature, doc)
	d, s, n, slope := m.pointer(dst), m.pointer(src), m.length(src), m.scalar("slope")
	pointers := []gp{d, s}
	t := s
	if test != src {
		t = m.pointer(test)
		pointers = append(pointers, t)
	}
	m.each(n, 4, pointers, func(count int) {
		for k := range count {
			v := m.loaded(m.at(s, k))
			decides := v
			if test != src {
				decides = m.loaded(m.at(t, k))
			}
			m.store(m.leaky(v, decides, slope), m.at(d, k))
		}
	})
	m.ret()
}

// leaky returns v where test > 0, else slope v.
func (m *machine) leaky(v, test, slope vec) vec {
	y, positive := m.vec(), m.vec()
	m.FMUL(v, slope, y)
	m.FCMGTZero(test, positive)
	m.VBIT(positive, v, y)
	return y
}

// backward emits dx = dy f'(y) for an activation whose derivative is written in its output y; prepare emits the loading of constants.
func (m *machine) backward(name, doc string, prepare func() func(dy, y []vec)) {
	m.function(name+"Backward", "func(dx, dy, y []float32)", doc)
	dx, dy, y, n := m.pointer("dx"), m.pointer("dy"), m.pointer("y"), m.length("dy")
	multiply := prepare()
	m.each(n, 2, []gp{dx, dy, y}, func(count int) {
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
func (m *machine) softplusBackward() func(dy, y []vec) {
	expm1, lo := m.expm1(), m.bound(-40)
	return func(dy, y []vec) {
		for i := range y {
			m.FNEG(y[i], y[i])
		}
		m.clamp(y, lo, nil)
		for i, e := range expm1(y) {
			m.FNEG(e, e)
			m.FMUL(e, dy[i], dy[i])
		}
	}
}

func (m *machine) sigmoidBackward() func(dy, y []vec) {
	one := m.broadcast(1)
	return func(dy, y []vec) {
		for i := range y {
			t := m.vec()
			m.FSUB(y[i], one, t)
			m.FMUL(y[i], dy[i], dy[i])
			m.FMUL(t, dy[i], dy[i])
		}
	}
}

func (m *machine) tanhBackward() func(dy, y []vec) {
	one := m.broadcast(1)
	return func(dy, y []vec) {
		for i := range y {
			t := m.copyOf(one)
			m.VFMLS(y[i], y[i], t)
			m.FMUL(t, dy[i], dy[i])
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
	m.each(n, 2, []gp{p, grad, mom, vel}, func(count int) {
		for k := range count {
			g, a, b, d := m.loaded(m.at(grad, k)), m.vec(), m.vec(), m.copyOf(eps)
			m.FMUL(g, rest1, a)
			m.VFMLA(m.loaded(m.at(mom, k)), beta1, a)
			m.store(a, m.at(mom, k))

			m.FMUL(g, g, g)
			m.FMUL(rest2, g, b)
			m.VFMLA(m.loaded(m.at(vel, k)), beta2, b)
			m.store(b, m.at(vel, k))

			m.FSQRT(b, b)
			m.VFMLA(b, bias, d)
			m.FMUL(step, a, a)
			m.FDIV(d, a, a)
			t := m.loaded(m.at(p, k))
			m.VFMLA(t, decay, a)
			m.FSUB(a, t, t)
			m.store(t, m.at(p, k))
		}
	})
	m.ret()
}

func (m *machine) addRow() {
	m.function("AddRow", "func(dst []float32, ldd, rows int, bias []float32)", "sets dst[r*ldd+j] += bias[j] for r < rows, j < len(bias).")
	dst := m.block("dst", "ldd")
	m.groups(m.integer("rows"), []int{4, 1}, func(rows int) {
		m.columns("bias", 2, rows, []*block{dst}, []string{"bias"}, func(v []gp, count int) {
			for k := range count {
				b := m.loaded(m.at(v[0], k))
				for r := range rows {
					t := m.loaded(m.row(dst, r, k))
					m.FADD(b, t, t)
					m.store(t, m.row(dst, r, k))
				}
			}
		})
	})
	m.ret()
}

func (m *machine) columnSums() {
	m.function("ColumnSums", "func(acc, x []float32, ldx, rows int)", "sets acc[j] += sum_r x[r*ldx+j] for r < rows, j < len(acc).")
	x := m.block("x", "ldx")
	m.groups(m.integer("rows"), []int{8, 4, 1}, func(rows int) {
		m.columns("acc", 4, rows, []*block{x}, []string{"acc"}, func(v []gp, count int) {
			m.inPlace(v[0], count, func(sum []vec) {
				for r := range rows {
					for k := range sum {
						m.FADD(m.loaded(m.row(x, r, k)), sum[k], sum[k])
					}
				}
			})
		})
	})
	m.ret()
}
