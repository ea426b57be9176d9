package main

func init() { register("matvec", emitMatvec) }

func emitMatvec(m *machine) {
	m.addWeightedRows()
	m.ger()
	m.cosineSums()
	m.cosineDistances()
}

func (m *machine) addWeightedRows() {
	m.function("AddWeightedRows", "func(acc, x []float32, ldx int, alpha float32, w []float32)",
		"sets acc[j] += sum_r (alpha w[r]) x[r*ldx+j] for r < len(w), j < len(acc).")
	x, pw, count, alpha := m.block("x", "ldx"), m.pointer("w"), m.length("w"), m.scalar("alpha")
	m.groups(count, []int{8, 4, 1}, func(rows int) {
		w := m.take(pw, rows)
		for _, v := range w {
			m.FMUL(alpha, v, v)
		}
		m.columns("acc", 4, rows, []*block{x}, []string{"acc"}, func(v []gp, count int) {
			m.inPlace(v[0], count, func(acc []vec) {
				for r, weight := range w {
					for k := range acc {
						m.VFMLA(m.loaded(m.row(x, r, k)), weight, acc[k])
					}
				}
			})
		})
	})
	m.ret()
}

func (m *machine) ger() {
	m.function("Ger", "func(a []float32, lda int, alpha float32, x, y []float32)",
		"sets a[r*lda+j] += (alpha x[r]) y[j] for r < len(x), j < len(y).")
	a, px, count, alpha := m.block("a", "lda"), m.pointer("x"), m.length("x"), m.scalar("alpha")
	m.groups(count, []int{4, 1}, func(rows int) {
		x := m.take(px, rows)
		for _, v := range x {
			m.FMUL(alpha, v, v)
		}
		m.columns("y", 2, rows, []*block{a}, []string{"y"}, func(v []gp, count int) {
			for k := range count {
				y := m.loaded(m.at(v[0], k))
				for r := range x {
					t := m.loaded(m.row(a, r, k))
					m.VFMLA(y, x[r], t)
					m.store(t, m.row(a, r, k))
				}
			}
		})
	})
	m.ret()
}

// cosineSums emits three reductions in one pass.
func (m *machine) cosineSums() {
	m.function("CosineSums", "func(x, y []float32) (xy, xx, yy float32)",
		"returns sum_i x[i] y[i], sum_i x[i]^2 and sum_i y[i]^2 for i < len(x).")
	x, y, n := m.pointer("x"), m.pointer("y"), m.length("x")
	const unroll = 4
	sums := [3][]vec{m.zeros(unroll), m.zeros(unroll), m.zeros(unroll)}
	m.each(n, unroll, []gp{x, y}, func(count int) {
		for k := range count {
			a, b := m.loaded(m.at(x, k)), m.loaded(m.at(y, k))
			m.VFMLA(a, b, sums[0][k])
			m.VFMLA(a, a, sums[1][k])
			m.VFMLA(b, b, sums[2][k])
		}
	})
	for i, name := range []string{"xy", "xx", "yy"} {
		m.result(name, m.foldSums(sums[i]))
	}
	m.ret()
}

func (m *machine) cosineDistances() {
	m.function("CosineDistances", "func(dst []float32, x float32, y []float32)", "sets dst[j] = max(0, 1 - dst[j] x y[j]) for j < len(dst).")
	dst, y, n, x, zero, one := m.pointer("dst"), m.pointer("y"), m.length("dst"), m.scalar("x"), m.zero(), m.broadcast(1)
	m.each(n, 4, []gp{dst, y}, func(count int) {
		for k := range count {
			v, d := m.loaded(m.at(dst, k)), m.copyOf(one)
			m.FMUL(v, x, v)
			m.VFMLS(m.loaded(m.at(y, k)), v, d)
			m.FMAX(zero, d, d) // NaN stays
			m.store(d, m.at(dst, k))
		}
	})
	m.ret()
}
