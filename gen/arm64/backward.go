package main

func init() { register("backward", emitBackward) }

// emitBackward emits what works on a block whose plan e is at hand: the adjoint of an iteration, and the value with its gradient.
func emitBackward(m *machine) {
	m.sweepAdjoint()
	m.sweepValue("SweepValue", false,
		"sets p[r] += sum_j e[r*lde+j] c[r*ldc+j] and h[j] += sum_r a[r] e[r*lde+j] c[r*ldc+j] for r < len(a), j < len(h);",
		"e = 0 counts as 0.")
	m.sweepValue("SweepValueGrad", true,
		"does what SweepValue does and sets cbar[r*ldcbar+j] = a[r] e[r*lde+j] (1 - c[r*ldc+j] invEps).")
}

func (m *machine) sweepAdjoint() {
	m.function("SweepAdjoint", "func(h, cbar []float32, ldcbar int, e []float32, lde int, q, rr, a, fbar []float32)",
		"sets h[j] += sum_r e[r*lde+j] fbar[r] and cbar[r*ldcbar+j] += e[r*lde+j] (a[r] q[j] + rr[j] fbar[r])",
		"for r < len(a), j < len(h).")
	cbar, e := m.block("cbar", "ldcbar"), m.block("e", "lde")
	pa, pf, count := m.pointer("a"), m.pointer("fbar"), m.length("a")
	m.groups(count, []int{4, 1}, func(rows int) {
		a, fbar := m.take(pa, rows), m.take(pf, rows)
		m.columns("h", 2, rows, []*block{cbar, e}, []string{"h", "q", "rr"}, func(v []gp, count int) {
			for k := range count {
				h, q, rr := m.loaded(m.at(v[0], k)), m.loaded(m.at(v[1], k)), m.loaded(m.at(v[2], k))
				for r := range a {
					m.prefetch(m.row(cbar, r, k))
					x, t, c := m.loaded(m.row(e, r, k)), m.vec(), m.loaded(m.row(cbar, r, k))
					m.VFMLA(fbar[r], x, h)
					m.FMUL(q, a[r], t)
					m.VFMLA(rr, fbar[r], t)
					m.VFMLA(t, x, c)
					m.store(c, m.row(cbar, r, k))
				}
				m.store(h, m.at(v[0], k))
			}
		})
	})
	m.ret()
}

func (m *machine) sweepValue(name string, gradient bool, doc ...string) {
	signature := "func(p, h, e []float32, lde int, c []float32, ldc int, a []float32)"
	if gradient {
		signature = "func(p, h, cbar []float32, ldcbar int, e []float32, lde int, c []float32, ldc int, a []float32, invEps float32)"
	}
	m.function(name, signature, doc...)
	e, c := m.block("e", "lde"), m.block("c", "ldc")
	blocks := []*block{e, c}
	var cbar *block
	var invEps vec
	if gradient {
		cbar, invEps = m.block("cbar", "ldcbar"), m.scalar("invEps")
		blocks = append(blocks, cbar)
	}
	p, pa, count := m.pointer("p"), m.pointer("a"), m.length("a")
	zero := m.zero()
	sizes := []int{4, 1}
	if gradient {
		sizes[0] = 2 // three blocks of four rows leave too few pointers
	}
	m.groups(count, sizes, func(rows int) {
		a, sums := m.take(pa, rows), m.zeros(rows)
		m.columns("h", 2, rows, blocks, []string{"h"}, func(v []gp, count int) {
			for k := range count {
				h := m.loaded(m.at(v[0], k))
				for r := range a {
					m.prefetch(m.row(c, r, k))
					x := m.loaded(m.row(e, r, k))
					xc := m.productOrZero(x, m.row(c, r, k), zero)
					m.FADD(xc, sums[r], sums[r])
					m.VFMLA(xc, a[r], h)
					if gradient {
						m.VFMLS(xc, invEps, x)
						m.FMUL(a[r], x, x)
						m.store(x, m.row(cbar, r, k))
					}
				}
				m.store(h, m.at(v[0], k))
			}
		})
		m.accumulate(p, sums, m.addition())
	})
	m.ret()
}

// productOrZero returns x y, or 0 where x = 0 whatever y in memory is.
func (m *machine) productOrZero(x vec, y mem, zero vec) vec {
	p, isZero := m.loaded(y), m.vec()
	m.FMUL(p, x, p)
	m.FCMEQZero(x, isZero)
	m.VBIT(isZero, zero, p)
	return p
}
