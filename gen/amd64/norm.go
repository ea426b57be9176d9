package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
func (m *machine) deviation(from operand.Mem, mean reg.VecVirtual) reg.VecVirtual {
	v := m.vec()
	m.loadOr(from, mean, v)
	m.VSUB(mean, v, v)
	return v
}

// foldSums adds up the accumulators and returns the sum of their lanes.
func (m *machine) foldSums(s []reg.VecVirtual) reg.Register {
	for n := len(s) / 2; n > 0; n /= 2 {
		for i := range n {
			m.VADD(s[n+i], s[i], s[i])
		}
	}
	return m.fold(s[0], m.add3)
}

func (m *machine) zeros(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = m.zero()
	}
	return v
}

func (m *machine) squaredDeviations() {
	m.function("SquaredDeviations", "func(x []float32, mean float32) float32", "returns sum_i (x[i] - mean)^2.")
	x, n, mean, sums := m.pointer("x"), m.length("x"), m.scalar("mean"), m.zeros(4)
	m.each(n, len(sums), []reg.GPVirtual{x}, func(count int) {
		for k := range count {
			d := m.deviation(m.at(x, k), mean)
			m.VFMADD231(d, d, sums[k])
		}
	})
	m.VMOVS(m.foldSums(sums), m.address(m.ReturnIndex(0)))
	m.ret()
}

func (m *machine) deviationProducts() {
	m.function("DeviationProducts", "func(y, x []float32, mean float32) (sum, product float32)",
		"returns sum_i y[i] and sum_i y[i] (x[i] - mean) for i < len(x).")
	y, x, n, mean, sums, products := m.pointer("y"), m.pointer("x"), m.length("x"), m.scalar("mean"), m.zeros(4), m.zeros(4)
	m.each(n, len(sums), []reg.GPVirtual{y, x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(y, k))
			m.VADD(v, sums[k], sums[k])
			m.VFMADD231(m.deviation(m.at(x, k), mean), v, products[k])
		}
	})
	m.VMOVS(m.foldSums(sums), m.address(m.Return("sum")))
	m.VMOVS(m.foldSums(products), m.address(m.Return("product")))
	m.ret()
}

func (m *machine) normalize() {
	m.function("Normalize", "func(dst, x []float32, scale, mean, bias float32)", "sets dst[i] = scale (x[i] - mean) + bias for i < len(x).")
	dst, x, n := m.pointer("dst"), m.pointer("x"), m.length("x")
	scale, mean, bias := m.scalar("scale"), m.scalar("mean"), m.scalar("bias")
	m.each(n, 4, []reg.GPVirtual{dst, x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(x, k))
			m.VSUB(mean, v, v)
			m.VFMADD213(bias, scale, v)
			m.store(v, m.at(dst, k))
		}
	})
	m.ret()
}

func (m *machine) normalizeBackward() {
	m.function("NormalizeBackward", "func(dx, dy, x []float32, scale, slope, mean, offset float32)",
		"sets dx[i] = scale dy[i] + slope (x[i] - mean) + offset for i < len(x).")
	dx, dy, x, n := m.pointer("dx"), m.pointer("dy"), m.pointer("x"), m.length("x")
	scale, slope, mean, offset := m.scalar("scale"), m.scalar("slope"), m.scalar("mean"), m.scalar("offset")
	m.each(n, 4, []reg.GPVirtual{dx, dy, x}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(x, k))
			m.VSUB(mean, v, v)
			m.VFMADD213(offset, slope, v)
			m.VFMADD231(m.memory(m.at(dy, k)), scale, v)
			m.store(v, m.at(dx, k))
		}
	})
	m.ret()
}

func (m *machine) columnSquaredDeviations() {
	m.function("ColumnSquaredDeviations", "func(acc, x []float32, ldx, rows int, mean []float32)",
		"sets acc[j] += sum_r (x[r*ldx+j] - mean[j])^2 for r < rows, j < len(acc).")
	x := m.block("x", "ldx", 4)
	m.groups(m.address(m.Param("rows")), []int{4, 1}, func(rows int) {
		m.columns("acc", 1, rows, []*block{x}, []string{"acc", "mean"}, func(v []reg.GPVirtual, _ int) {
			acc, mean := m.loaded(m.at(v[0], 0)), m.loaded(m.at(v[1], 0))
			for r := range rows {
				d := m.loaded(m.row(x, r, 0))
				m.VSUB(mean, d, d)
				m.VFMADD231(d, d, acc)
			}
			m.store(acc, m.at(v[0], 0))
		})
	})
	m.ret()
}

func (m *machine) columnDeviationProducts() {
	m.function("ColumnDeviationProducts", "func(sum, product, y []float32, ldy int, x []float32, ldx, rows int, mean []float32)",
		"sets, for r < rows, j < len(sum):", "",
		"\tsum[j]     += sum_r y[r*ldy+j]",
		"\tproduct[j] += sum_r y[r*ldy+j] (x[r*ldx+j] - mean[j])")
	y, x := m.block("y", "ldy", 4), m.block("x", "ldx", 4)
	m.groups(m.address(m.Param("rows")), []int{4, 1}, func(rows int) {
		m.columns("sum", 1, rows, []*block{y, x}, []string{"sum", "product", "mean"}, func(v []reg.GPVirtual, _ int) {
			sum, product, mean := m.loaded(m.at(v[0], 0)), m.loaded(m.at(v[1], 0)), m.loaded(m.at(v[2], 0))
			for r := range rows {
				u, d := m.loaded(m.row(y, r, 0)), m.loaded(m.row(x, r, 0))
				m.VADD(u, sum, sum)
				m.VSUB(mean, d, d)
				m.VFMADD231(d, u, product)
			}
			m.store(sum, m.at(v[0], 0))
			m.store(product, m.at(v[1], 0))
		})
	})
	m.ret()
}

// rowByRow emits body for the vectors of one row after the other: of matrices, each with its leading dimension, and of vectors along the
// columns, of which the first gives their number. The leading dimensions stay in memory, so that many matrices fit in the registers.
func (m *machine) rowByRow(matrices [][2]string, vectors []string, body func(matrix, vector []reg.GPVirtual)) {
	var p []reg.GPVirtual
	for _, a := range matrices {
		p = append(p, m.pointer(a[0]))
	}
	m.groups(m.address(m.Param("rows")), []int{1}, func(int) {
		n := m.length(vectors[0])
		var v []reg.GPVirtual
		for _, name := range vectors {
			v = append(v, m.pointer(name))
		}
		m.each(n, 1, append(append([]reg.GPVirtual{}, p...), v...), func(int) { body(p, v) })
		bytes := m.inBytes(m.address(m.Param(vectors[0]).Len()))
		for i, a := range matrices {
			step := m.stride(a[1])
			m.SUBQ(bytes, step)
			m.ADDQ(step, p[i])
		}
	})
	m.ret()
}

func (m *machine) normalizeColumns() {
	m.function("NormalizeColumns", "func(dst []float32, ldd int, x []float32, ldx, rows int, scale, mean, bias []float32)",
		"sets dst[r*ldd+j] = scale[j] (x[r*ldx+j] - mean[j]) + bias[j] for r < rows, j < len(scale).")
	m.rowByRow([][2]string{{"dst", "ldd"}, {"x", "ldx"}}, []string{"scale", "mean", "bias"}, func(matrix, vector []reg.GPVirtual) {
		v := m.loaded(m.at(matrix[1], 0))
		m.VSUB(m.memory(m.at(vector[1], 0)), v, v)
		m.VFMADD213(m.memory(m.at(vector[2], 0)), m.loaded(m.at(vector[0], 0)), v)
		m.store(v, m.at(matrix[0], 0))
	})
}

func (m *machine) normalizeColumnsBackward() {
	m.function("NormalizeColumnsBackward",
		"func(dx []float32, lddx int, dy []float32, lddy int, x []float32, ldx, rows int, scale, slope, mean, offset []float32)",
		"sets dx[r*lddx+j] = scale[j] dy[r*lddy+j] + slope[j] (x[r*ldx+j] - mean[j]) + offset[j] for r < rows, j < len(scale).")
	m.rowByRow([][2]string{{"dx", "lddx"}, {"dy", "lddy"}, {"x", "ldx"}}, []string{"scale", "slope", "mean", "offset"}, func(matrix, vector []reg.GPVirtual) {
		v := m.loaded(m.at(matrix[2], 0))
		m.VSUB(m.memory(m.at(vector[2], 0)), v, v)
		m.VFMADD213(m.memory(m.at(vector[3], 0)), m.loaded(m.at(vector[1], 0)), v)
		m.VFMADD231(m.memory(m.at(matrix[1], 0)), m.loaded(m.at(vector[0], 0)), v)
		m.store(v, m.at(matrix[0], 0))
	})
}

func (m *machine) normalizeRow() {
	m.function("NormalizeRow", "func(dst, x []float32, mean, inv float32, weight, bias []float32)",
		"sets dst[j] = weight[j] ((x[j] - mean) inv) + bias[j] for j < len(x).")
	dst, x, weight, bias, n := m.pointer("dst"), m.pointer("x"), m.pointer("weight"), m.pointer("bias"), m.length("x")
	mean, inv := m.scalar("mean"), m.scalar("inv")
	m.each(n, 2, []reg.GPVirtual{dst, x, weight, bias}, func(count int) {
		for k := range count {
			v := m.loaded(m.at(x, k))
			m.VSUB(mean, v, v)
			m.VMUL(inv, v, v)
			m.VFMADD213(m.memory(m.at(bias, k)), m.loaded(m.at(weight, k)), v)
			m.store(v, m.at(dst, k))
		}
	})
	m.ret()
}
