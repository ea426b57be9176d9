package main

// each emits body for n elements behind the pointers: a loop over unroll vectors at a time, a loop over one, and one over the few
// elements that are left, each in the first lane of a vector. The body finds its vectors by at(pointer, k), k < count. n and the
// pointers are moved to the end.
func (m *machine) each(n gp, unroll int, pointers []gp, body func(count int)) {
	counts := []int{unroll, 1}
	if unroll == 1 {
		counts = counts[1:]
	}
	for _, count := range counts {
		m.times(n, count*m.lanes(), func() {
			body(count)
			for _, p := range pointers {
				m.add(p, count*bytes)
			}
		})
	}
	tail, done := m.label("tail"), m.label("done")
	m.CBZ(n, done)
	m.Label(tail)
	m.single = true
	body(1)
	m.single = false
	for _, p := range pointers {
		m.add(p, m.size)
	}
	m.SUBS(1, n)
	m.CBNZ(n, tail)
	m.Label(done)
}

// times emits body as a loop that takes step off n while that leaves no less than 0.
func (m *machine) times(n gp, step int, body func()) {
	loop, next := m.label("loop"), m.label("next")
	m.SUBS(step, n)
	m.BLO(next)
	m.Label(loop)
	body()
	m.SUBS(step, n)
	m.BHS(loop)
	m.Label(next)
	m.add(n, step)
}

// load loads a vector; in a tail the lanes beyond it read as 0 and touch no memory.
func (m *machine) load(from mem, r vec) {
	if m.single {
		m.loadLane(from, r)
	} else {
		m.loadAll(from, r)
	}
}

// loadOr is load with lanes beyond the tail set to those of fill.
func (m *machine) loadOr(from mem, fill, r vec) {
	if !m.single {
		m.loadAll(from, r)
		return
	}
	t := m.vec()
	m.loadLane(from, t)
	m.VMOV(fill, r)
	m.VMOVLane(0, t, 0, r)
}

// loaded returns a vector from memory in a new register.
func (m *machine) loaded(from mem) vec {
	r := m.vec()
	m.load(from, r)
	return r
}

// loadedAll returns the vectors at p in new registers.
func (m *machine) loadedAll(p gp, count int) []vec {
	v := make([]vec, count)
	for k := range v {
		v[k] = m.loaded(m.at(p, k))
	}
	return v
}

// store stores a vector; lanes beyond the tail touch no memory.
func (m *machine) store(r vec, to mem) {
	if m.single {
		m.storeLane(r, to)
	} else {
		m.storeAll(r, to)
	}
}

// inPlace loads the vectors at p, lets body change them, and stores them. Where each is a chain of operations over the rows of a block, body
// goes through the vectors in turns, so that the chains run side by side.
func (m *machine) inPlace(p gp, count int, body func(v []vec)) {
	v := m.loadedAll(p, count)
	body(v)
	for k := range v {
		m.store(v[k], m.at(p, k))
	}
}
