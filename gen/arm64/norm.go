package main

func init() { register("norm", emitNorm) }

func emitNorm(m *machine) {
	m.squaredDeviations()
	m.deviationProducts()
	m.normalize()
	m.normalizeBackward()
	m.columnSquaredDeviations()
	m.columnDeviationProducts()
	m.normalizeColumns()
	m.normalizeColumnsBackward()
	m.normalizeRow()
}

// deviation returns a vector in memory less the mean; lanes beyond the tail are 0.
func (m *machine) deviation(from mem, mean vec) vec {
	v := m.vec()
	m.loadOr(from, mean, v)
	m.FSUB(mean, v, v)
	return v
}

func (m *machine) squaredDeviations() {
	m.function("SquaredDeviations", "func(x []float32, mean float32) float32", "returns sum_i (x[i] - mean)^2.")
	x, n, mean, sums := m.pointer("x"), m.length("x"), m.scalar("mean"), m.zeros(accumulators)
	m.each(n, len(sums), []gp{x}, func(count int) {
		for k := range count {
			d := m.deviation(m.at(x, k), mean)
			m.VFMLA(d, d, sums[k])
		}
	})
	m.result("ret", m.foldSums(sums))
	m.ret()
}

func (m *machine) deviationProducts() {
	m.function("DeviationProducts", "func(y, x []float32, mean float32) (sum, product float32)",
		"returns sum_i y[i] and sum_i y[i] (x[i] - mean) for i < len(x).")
	y, x, n, mean, sums, products := m.pointer("y"), m.pointer("x"), m.length("x"), m.scalar("mean"), m.zeros(accumulators), m.zeros(accumulators)
	m.each(n, len(sums), []gp{y, x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(y, k))
			m.FADD(v, sums[k], sums[k])
			m.VFMLA(m.deviation(m.at(x, k), mean), v, products[k])
		}
	})
	m.result("sum", m.foldSums(sums))
	m.result("product", m.foldSums(products))
	m.ret()
}

// normalized returns scale (x - mean) + bias for x in memory.
func (m *machine) normalized(x mem, scale, mean, bias vec) vec {
	d, v := m.loaded(x), m.copyOf(bias)
	m.FSUB(mean, d, d)
	m.VFMLA(d, scale, v)
	return v
}

func (m *machine) normalize() {
	m.function("Normalize", "func(dst, x []float32, scale, mean, bias float32)", "sets dst[i] = scale (x[i] - mean) + bias for i < len(x).")
	dst, x, n := m.pointer("dst"), m.pointer("x"), m.length("x")
	scale, mean, bias := m.scalar("scale"), m.scalar("mean"), m.scalar("bias")
	m.each(n, 4, []gp{dst, x}, func(count int) {
		for k := range count {
			m.store(m.normalized(m.at(x, k), scale, mean, bias), m.at(dst, k))
		}
	})
	m.ret()
}

func (m *machine) normalizeBackward() {
	m.function("NormalizeBackward", "func(dx, dy, x []float32, scale, slope, mean, offset float32)",
		"sets dx[i] = scale dy[i] + slope (x[i] - mean) + offset for i < len(x).")
	dx, dy, x, n := m.pointer("dx"), m.pointer("dy"), m.pointer("x"), m.length("x")
	scale, slope, mean, offset := m.scalar("scale"), m.scalar("slope"), m.scalar("mean"), m.scalar("offset")
	m.each(n, 4, []gp{dx, dy, x}, func(count int) {
		for k := range count {
			v := m.normalized(m.at(x, k), slope, mean, offset)
			m.VFMLA(m.loaded(m.at(dy, k)), scale, v)
			m.store(v, m.at(dx, k))
		}
	})
	m.ret()
}

func (m *machine) columnSquaredDeviations() {
	m.function("ColumnSquaredDeviations", "func(acc, x []float32, ldx, rows int, mean []float32)",
		"sets acc[j] += sum_r (x[r*ldx+j] - mean[j])^2 for r < rows, j < len(acc).")
	x := m.block("x", "ldx")
	m.groups(m.integer("rows"), []int{4, 1}, func(rows int) {
		m.columns("acc", 4, rows, []*block{x}, []string{"acc", "mean"}, func(v []gp, count int) {
			mean := m.loadedAll(v[1], count)
			m.inPlace(v[0], count, func(acc []vec) {
				for r := range rows {
					for k := range acc {
						d := m.loaded(m.row(x, r, k))
						m.FSUB(mean[k], d, d)
						m.VFMLA(d, d, acc[k])
					}
				}
			})
		})
	})
	m.ret()
}

func (m *machine) columnDeviationProducts() {
	m.function("ColumnDeviationProducts", "func(sum, product, y []float32, ldy int, x []float32, ldx, rows int, mean []float32)",
		"sets, for r < rows, j < len(sum):", "",
		"\tsum[j]     += sum_r y[r*ldy+j]",
		"\tproduct[j] += sum_r y[r*ldy+j] (x[r*ldx+j] - mean[j])")
	y, x := m.block("y", "ldy"), m.block("x", "ldx")
	m.groups(m.integer("rows"), []int{4, 1}, func(rows int) {
		m.columns("sum", 2, rows, []*block{y, x}, []string{"sum", "product", "mean"}, func(v []gp, count int) {
			mean := m.loadedAll(v[2], count)
			m.inPlace(v[0], count, func(sum []vec) {
				m.inPlace(v[1], count, func(product []vec) {
					for r := range rows {
						for k := range sum {
							u, d := m.loaded(m.row(y, r, k)), m.loaded(m.row(x, r, k))
							m.FADD(u, sum[k], sum[k])
							m.FSUB(mean[k], d, d)
							m.VFMLA(d, u, product[k])
						}
					}
				})
			})
		})
	})
	m.ret()
}

func (m *machine) normalizeColumns() {
	m.function("NormalizeColumns", "func(dst []float32, ldd int, x []float32, ldx, rows int, scale, mean, bias []float32)",
		"sets dst[r*ldd+j] = scale[j] (x[r*ldx+j] - mean[j]) + bias[j] for r < rows, j < len(scale).")
	dst, x := m.block("dst", "ldd"), m.block("x", "ldx")
	m.groups(m.integer("rows"), []int{4, 1}, func(rows int) {
		m.columns("scale", 2, rows, []*block{dst, x}, []string{"scale", "mean", "bias"}, func(v []gp, count int) {
			scale, mean, bias := m.loadedAll(v[0], count), m.loadedAll(v[1], count), m.loadedAll(v[2], count)
			for r := range rows {
				for k := range count {
					m.store(m.normalized(m.row(x, r, k), scale[k], mean[k], bias[k]), m.row(dst, r, k))
				}
			}
		})
	})
	m.ret()
}

func (m *machine) normalizeColumnsBackward() {
	m.function("NormalizeColumnsBackward",
		"func(dx []float32, lddx int, dy []float32, lddy int, x []float32, ldx, rows int, scale, slope, mean, offset []float32)",
		"sets dx[r*lddx+j] = scale[j] dy[r*lddy+j] + slope[j] (x[r*ldx+j] - mean[j]) + offset[j] for r < rows, j < len(scale).")
	dx, dy, x := m.block("dx", "lddx"), m.block("dy", "lddy"), m.block("x", "ldx")
	vectors := []string{"scale", "slope", "mean", "offset"}
	m.groups(m.integer("rows"), []int{2, 1}, func(rows int) { // three blocks of four rows leave too few pointers
		m.columns("scale", 2, rows, []*block{dx, dy, x}, vectors, func(v []gp, count int) {
			scale, slope, mean, offset := m.loadedAll(v[0], count), m.loadedAll(v[1], count), m.loadedAll(v[2], count), m.loadedAll(v[3], count)
			for r := range rows {
				for k := range count {
					t := m.normalized(m.row(x, r, k), slope[k], mean[k], offset[k])
					m.VFMLA(m.loaded(m.row(dy, r, k)), scale[k], t)
					m.store(t, m.row(dx, r, k))
				}
			}
		})
	})
	m.ret()
}

func (m *machine) normalizeRow() {
	m.function("NormalizeRow", "func(dst, x []float32, mean, inv float32, weight, bias []float32)",
		"sets dst[j] = weight[j] ((x[j] - mean) inv) + bias[j] for j < len(x).")
	dst, x, weight, bias, n := m.pointer("dst"), m.pointer("x"), m.pointer("weight"), m.pointer("bias"), m.length("x")
	mean, inv := m.scalar("mean"), m.scalar("inv")
	m.each(n, 2, []gp{dst, x, weight, bias}, func(count int) {
		for k := range count {
			v, b := m.loaded(m.at(x, k)), m.loaded(m.at(bias, k))
			m.FSUB(mean, v, v)
			m.FMUL(inv, v, v)
			m.VFMLA(m.loaded(m.at(weight, k)), v, b)
			m.store(b, m.at(dst, k))
		}
	})
	m.ret()
}
