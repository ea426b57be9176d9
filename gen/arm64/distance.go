package main

func init() { register("distance", emitDistance) }

func emitDistance(m *machine) {
	m.addDistances("AddSquaredDistances", "sets dst[j] += sum_k (x[k] - yt[k*ldy+j])^2 for j < len(dst), k < len(x).", m.square)
	m.addDistances("AddAbsoluteDistances", "sets dst[j] += sum_k |x[k] - yt[k*ldy+j]| for j < len(dst), k < len(x).", m.magnitude)
	m.distances("SquaredDistances", "sets dst[r*ldd+j] = sum_k (x[r*ldx+k] - yt[k*ldy+j])^2 for r < rows, j < len(yt), k < d, d > 0.", m.square)
	m.distances("AbsoluteDistances", "sets dst[r*ldd+j] = sum_k |x[r*ldx+k] - yt[k*ldy+j]| for r < rows, j < len(yt), k < d, d > 0.", m.magnitude)
	m.addNorms()
	m.elementwise("Sqrt", "sets dst[i] = sqrt(x[i]) for i < len(x).", (*machine).sqrt)
}

// square adds t^2 to acc.
func (m *machine) square(t, acc vec) { m.VFMLA(t, t, acc) }

// magnitude adds |t| to acc; it destroys t.
func (m *machine) magnitude(t, acc vec) {
	m.FABS(t, t)
	m.FADD(t, acc, acc)
}

// distances emits the distances of several points to the points in the columns of yt, whose length is the number of columns. The sums of
// a group of rows stay in registers while the coordinates pass.
func (m *machine) distances(name, doc string, add func(t, acc vec)) {
	m.function(name, "func(dst []float32, ldd int, x []float32, ldx int, yt []float32, ldy, rows, d int)", doc)
	dst, x, ldy := m.block("dst", "ldd"), m.block("x", "ldx"), m.stride("ldy")
	m.groups(m.integer("rows"), []int{4, 1}, func(rows int) {
		m.columns("yt", map[int]int{4: 4, 1: 8}[rows], rows, []*block{dst}, []string{"yt"}, func(v []gp, count int) {
			acc := make([][]vec, rows)
			for r := range acc {
				acc[r] = m.zeros(count)
			}
			y, d, coordinate := m.gp(), m.integer("d"), m.label("coordinate")
			m.MOVD(v[0], y)
			m.start(x, rows)
			m.Label(coordinate)
			ys := make([]vec, count)
			for k := range ys {
				ys[k] = m.loaded(m.at(y, k))
			}
			for r := range acc {
				xr := m.vec()
				m.VLD1RP(x.rows[r], xr)
				for k := range ys {
					t := m.vec()
					m.FSUB(ys[k], xr, t)
					add(t, acc[r][k])
				}
			}
			m.ADD(ldy, y, y)
			m.SUBS(1, d)
			m.CBNZ(d, coordinate)
			for r := range acc {
				for k := range acc[r] {
					m.store(acc[r][k], m.row(dst, r, k))
				}
			}
		})
		m.next(x, rows)
	})
	m.ret()
}

// addDistances emits the sum over coordinates of a function of the difference; add adds that function of t to acc and may destroy t.
func (m *machine) addDistances(name, doc string, add func(t, acc vec)) {
	m.function(name, "func(dst, x, yt []float32, ldy int)", doc)
	dst, yt, n, ldy := m.pointer("dst"), m.pointer("yt"), m.length("dst"), m.stride("ldy")
	m.each(n, 4, []gp{dst, yt}, func(count int) {
		acc := m.vecs(count)
		for k := range acc {
			m.load(m.at(dst, k), acc[k])
		}
		x, y, d := m.pointer("x"), m.gp(), m.length("x")
		coordinate, done := m.label("coordinate"), m.label("done")
		m.MOVD(yt, y)
		m.CBZ(d, done)
		m.Label(coordinate)
		v := m.vec()
		m.VLD1RP(x, v)
		for k := range acc {
			t := m.loaded(m.at(y, k))
			m.FSUB(t, v, t)
			add(t, acc[k])
		}
		m.ADD(ldy, y, y)
		m.SUBS(1, d)
		m.CBNZ(d, coordinate)
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
	m.each(n, 4, []gp{dst, y}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(dst, k))
			m.FADD(v, x, v)
			m.FADD(m.loaded(m.at(y, k)), v, v)
			m.FMAX(zero, v, v) // NaN stays
			m.store(v, m.at(dst, k))
		}
	})
	m.ret()
}

func (m *machine) sqrt() mapping {
	return func(x []vec) []vec {
		for i := range x {
			m.FSQRT(x[i], x[i])
		}
		return x
	}
}
