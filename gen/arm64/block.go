package main

// A block is a matrix argument, worked on in groups of rows.
type block struct {
	p, ld gp   // the first row of the group, and the bytes from a row to the next
	rows  []gp // the current column of each row of the group
}

// block loads a matrix argument.
func (m *machine) block(name, ld string) *block {
	return &block{p: m.pointer(name), ld: m.stride(ld)}
}

// row addresses vector k of row r of the group.
func (m *machine) row(b *block, r, k int) mem { return m.at(b.rows[r], k) }

// start points at the first column of a group of rows.
func (m *machine) start(b *block, rows int) {
	b.rows = make([]gp, rows)
	for r := range b.rows {
		b.rows[r] = m.gp()
		if r == 0 {
			m.MOVD(b.p, b.rows[0])
		} else {
			m.ADD(b.ld, b.rows[r-1], b.rows[r])
		}
	}
}

// next moves the block to the group below.
func (m *machine) next(b *block, rows int) {
	shift := map[int]int{1: 0, 2: 1, 4: 2, 8: 3}[rows]
	m.ADDShifted(b.ld, shift, b.p, b.p)
}

// groups emits body for groups of rows, the size of each group the largest of sizes that still fits. count is counted down.
func (m *machine) groups(count gp, sizes []int, body func(rows int)) {
	for _, rows := range sizes {
		m.Commentf("Rows at once: %d.", rows)
		m.times(count, rows, func() { body(rows) })
	}
}

// take returns the next values of a vector argument of the rows, each in all lanes, and moves the pointer past them.
func (m *machine) take(p gp, rows int) []vec {
	v := m.vecs(rows)
	for _, r := range v {
		m.VLD1RP(p, r)
	}
	return v
}

// columns emits body for all columns of a group of rows, then moves every block to the next group. vectors are arguments along the
// columns; the body gets pointers to them.
func (m *machine) columns(width string, unroll, rows int, blocks []*block, vectors []string, body func(v []gp, count int)) {
	n := m.length(width)
	var v []gp
	for _, name := range vectors {
		v = append(v, m.pointer(name))
	}
	moved := v[:len(v):len(v)]
	for _, b := range blocks {
		m.start(b, rows)
		moved = append(moved, b.rows...)
	}
	m.each(n, unroll, moved, func(count int) { body(v, count) })
	for _, b := range blocks {
		m.next(b, rows)
	}
}

// A combination joins vectors lane by lane, and neighbours in pairs.
type combination struct{ lanes, pairs func(y, x, dst vec) }

func (m *machine) addition() combination { return combination{m.FADD, m.FADDP} }
func (m *machine) maximum() combination  { return combination{m.FMAXNM, m.FMAXNMP} }

// accumulate reduces each of v over its lanes and combines the results into the next elements behind p, which it moves past them.
func (m *machine) accumulate(p gp, v []vec, op combination) {
	for n := m.lanes(); len(v) >= n; v = v[n:] {
		x, old := m.foldAll(v[:n], op), m.vec()
		m.loadAll(mem{p, 0}, old)
		op.lanes(old, x, x)
		m.storeAll(x, mem{p, 0})
		m.add(p, bytes)
	}
	for i := range v {
		x, old := m.fold(v[i], op), m.vec()
		m.loadLane(mem{p, 0}, old)
		op.lanes(old, x, x)
		m.storeLane(x, mem{p, 0})
		m.add(p, m.size)
	}
}

// fold returns the combination of all lanes in all lanes.
func (m *machine) fold(v vec, op combination) vec {
	x := m.vec()
	op.pairs(v, v, x)
	if !m.double() {
		op.pairs(x, x, x)
	}
	return x
}

// foldAll returns the combinations of all lanes of as many vectors as there are lanes in the lanes of one.
func (m *machine) foldAll(v []vec, op combination) vec {
	for len(v) > 1 {
		var half []vec
		for i := 0; i < len(v); i += 2 {
			x := m.vec()
			op.pairs(v[i+1], v[i], x)
			half = append(half, x)
		}
		v = half
	}
	return v[0]
}
