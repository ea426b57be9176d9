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
		sum[u] = m.vecs(rows * columns)
		for _, s := range sum[u] {
			m.VMOVI(s)
		}
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
		m.storeS(m.fold(s, m.addition()), mem{d, 4 * (i/columns*4 + i%columns)})
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

// gemmPackRows emits the transposing copy of four rows.
func (m *machine) gemmPackRows() {
	m.function("GemmPackRows4", "func(dst *float32, width int, x *float32, ld, k int)", "sets dst[l*width+i] = x[i*ld+l] for i < 4, l < k.")
	k, dst, width, x := m.integer("k"), m.integer("dst"), m.stride("width"), m.rowPointers("x", "ld", 4)
	m.times(k, lanes, func() {
		v := m.vecs(4)
		for i := range v {
			m.loadQ(mem{x[i], 0}, v[i])
			m.add(x[i], bytes)
		}
		for _, t := range m.transposed(v) {
			m.storeQ(t, mem{dst, 0})
			m.ADD(width, dst, dst)
		}
	})
	m.times(k, 1, func() {
		for i := range x {
			s := m.vec()
			m.loadS(mem{x[i], 0}, s)
			m.add(x[i], 4)
			m.storeS(s, mem{dst, 4 * i})
		}
		m.ADD(width, dst, dst)
	})
	m.ret()
}

// transposed returns the columns of a 4 x 4 block of rows.
func (m *machine) transposed(v []vec) []vec {
	even, odd, t := m.vecs(2), m.vecs(2), m.vecs(4)
	m.VZIP1(v[2], v[0], even[0])
	m.VZIP2(v[2], v[0], even[1])
	m.VZIP1(v[3], v[1], odd[0])
	m.VZIP2(v[3], v[1], odd[1])
	for half := range even {
		m.VZIP1(odd[half], even[half], t[2*half])
		m.VZIP2(odd[half], even[half], t[2*half+1])
	}
	return t
}

// gemmPackCols emits the copy of width contiguous vectors.
func (m *machine) gemmPackCols(side string, width int) {
	m.function("GemmPackCols"+side, "func(dst *float32, x *float32, ld, k int)",
		fmt.Sprintf("sets dst[l*%d+i] = x[l*ld+i] for i < %d, l < k.", width, width))
	k, dst, x, ld := m.integer("k"), m.integer("dst"), m.integer("x"), m.stride("ld")
	m.times(k, 1, func() {
		v := m.vecs(width / lanes)
		for i := range v {
			m.loadQ(m.at(x, i), v[i])
		}
		for i := range v {
			m.storeQ(v[i], m.at(dst, i))
		}
		m.ADD(ld, x, x)
		m.add(dst, 4*width)
	})
	m.ret()
}
