package main

import "fmt"

// gemmDots emits the products of rows of x with one or two rows of y, all contiguous along k.
func (m *machine) gemmDots(rows, columns int) {
	m.function(fmt.Sprintf("GemmDots%dx%d", rows, columns),
		"func(d *float32, k int, x *float32, ldx int, y *float32, ldy int)",
		"sets", "", fmt.Sprintf("\td[4*r+s] = sum_l x[r*ldx+l] y[s*ldy+l]    r < %d, s < %d, l < k", rows, columns))
	k := m.integer("k")
	x, y := m.rowPointers("x", "ldx", rows), m.rowPointers("y", "ldy", columns)
	unroll := min(8, 16/(rows*columns)) // enough sums to cover the latency of a multiplication on four ports
	sum := make([][]vec, unroll)
	for u := range sum {
		sum[u] = m.zeros(rows * columns)
	}
	m.each(k, unroll, append(append([]gp{}, x...), y...), func(count int) {
		for u := range count {
			var ys []vec
			for _, p := range y {
				ys = append(ys, m.loaded(m.at(p, u)))
			}
			for r, p := range x {
				xr := m.loaded(m.at(p, u))
				for s, v := range ys {
					m.VFMLA(v, xr, sum[u][r*columns+s])
				}
			}
		}
	})
	d := m.integer("d")
	for i, s := range sum[0] {
		for u := unroll / 2; u > 0; u /= 2 {
			for v := range u {
				m.FADD(sum[v+u][i], sum[v][i], sum[v][i])
			}
		}
		m.storeLane(m.fold(s, m.addition()), mem{d, m.size * (i/columns*4 + i%columns)})
	}
	m.ret()
}

// rowPointers returns pointers to n rows of a parameter.
func (m *machine) rowPointers(name, ld string, n int) []gp {
	p := []gp{m.integer(name)}
	if n == 1 {
		return p
	}
	step := m.stride(ld)
	for len(p) < n {
		next := m.gp()
		m.ADD(step, p[len(p)-1], next)
		p = append(p, next)
	}
	return p
}

// gemmPackRows emits the transposing copy of four or two rows.
func (m *machine) gemmPackRows(rows int) {
	m.function(fmt.Sprintf("GemmPackRows%d", rows), "func(dst *float32, width int, x *float32, ld, k int)",
		fmt.Sprintf("sets dst[l*width+i] = x[i*ld+l] for i < %d, l < k.", rows))
	k, dst, width, x := m.integer("k"), m.integer("dst"), m.stride("width"), m.rowPointers("x", "ld", rows)
	store := m.storeAll
	if rows*m.size < bytes {
		store = m.storeHalf
	}
	m.times(k, m.lanes(), func() {
		v := m.vecs(rows)
		for i := range v {
			m.loadAll(mem{x[i], 0}, v[i])
			m.add(x[i], bytes)
		}
		for _, column := range m.transposed(v) {
			for i, t := range column {
				store(t, m.at(dst, i))
			}
			m.ADD(width, dst, dst)
		}
	})
	m.times(k, 1, func() {
		for i := range x {
			s := m.vec()
			m.loadLane(mem{x[i], 0}, s)
			m.add(x[i], m.size)
			m.storeLane(s, mem{dst, m.size * i})
		}
		m.ADD(width, dst, dst)
	})
	m.ret()
}

// transposed returns the columns of a block of four or two rows of one vector: each two vectors, one, or the lower half of one.
func (m *machine) transposed(v []vec) (columns [][]vec) {
	switch {
	case len(v) == 4 && m.double():
		a, b := m.zipped(v[0], v[1]), m.zipped(v[2], v[3])
		return [][]vec{{a[0], b[0]}, {a[1], b[1]}}
	case len(v) == 4:
		even, odd := m.zipped(v[0], v[2]), m.zipped(v[1], v[3])
		for half := range even {
			z := m.zipped(even[half], odd[half])
			columns = append(columns, z[:1], z[1:])
		}
		return columns
	}
	for _, z := range m.zipped(v[0], v[1]) {
		columns = append(columns, []vec{z})
		if !m.double() {
			second := m.vec()
			m.VDUPHigh(z, second)
			columns = append(columns, []vec{second})
		}
	}
	return columns
}

// zipped returns the lanes of x and y in turns, the lower and the upper ones.
func (m *machine) zipped(x, y vec) [2]vec {
	lower, upper := m.vec(), m.vec()
	m.VZIP1(y, x, lower)
	m.VZIP2(y, x, upper)
	return [2]vec{lower, upper}
}

// gemmPackCols emits the copy of width contiguous vectors.
func (m *machine) gemmPackCols(side string, width int) {
	m.function("GemmPackCols"+side, "func(dst *float32, x *float32, ld, k int)",
		fmt.Sprintf("sets dst[l*%d+i] = x[l*ld+i] for i < %d, l < k.", width, width))
	k, dst, x, ld := m.integer("k"), m.integer("dst"), m.integer("x"), m.stride("ld")
	m.times(k, 1, func() {
		v := m.vecs(width / m.lanes())
		for i := range v {
			m.loadAll(m.at(x, i), v[i])
		}
		for i := range v {
			m.storeAll(v[i], m.at(dst, i))
		}
		m.ADD(ld, x, x)
		m.add(dst, m.size*width)
	})
	m.ret()
}
