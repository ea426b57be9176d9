package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
	cbar, e := m.block("cbar", "ldcbar", 4), m.block("e", "lde", 4)
	m.flush("e")
	m.groups(m.address(m.Param("a").Len()), []int{4, 1}, func(rows int) {
		a, fbar := m.take("a", rows), m.take("fbar", rows)
		m.columns("h", m.perLine(), rows, []*block{cbar, e}, []string{"h", "q", "rr"}, func(v []reg.GPVirtual, count int) {
			for k := range count {
				h, q, rr := m.loaded(m.at(v[0], k)), m.loaded(m.at(v[1], k)), m.loaded(m.at(v[2], k))
				for r := range a {
					m.prefetch(m.row(cbar, r, k))
					x, t, c := m.loaded(m.row(e, r, k)), m.vec(), m.loaded(m.row(cbar, r, k))
					m.VFMADD231(fbar[r], x, h)
					m.VMUL(q, a[r], t)
					m.VFMADD231(rr, fbar[r], t)
					m.VFMADD231(t, x, c)
					m.store(c, m.row(cbar, r, k))
				}
				m.store(h, m.at(v[0], k))
			}
		})
	})
	m.restore("e")
	m.ret()
}

func (m *machine) sweepValue(name string, gradient bool, doc ...string) {
	signature := "func(p, h, e []float32, lde int, c []float32, ldc int, a []float32)"
	if gradient {
		signature = "func(p, h, cbar []float32, ldcbar int, e []float32, lde int, c []float32, ldc int, a []float32, invEps float32)"
	}
	m.function(name, signature, doc...)
	var cbar *block
	var blocks []*block
	rowsAtOnce := 4
	if gradient {
		rowsAtOnce = 2 // three blocks of four rows leave too few pointers
		cbar = m.block("cbar", "ldcbar", rowsAtOnce)
		blocks = append(blocks, cbar)
	}
	e, c := m.block("e", "lde", rowsAtOnce), m.block("c", "ldc", rowsAtOnce)
	blocks = append(blocks, e, c)
	m.flush("e")
	var invEps reg.VecVirtual
	if gradient {
		invEps = m.scalar("invEps")
	}
	zero := m.zero()
	m.groups(m.address(m.Param("a").Len()), []int{rowsAtOnce, 1}, func(rows int) {
		a, sums := m.take("a", rows), m.vecs(rows)
		for _, s := range sums {
			m.clear(s)
		}
		m.columns("h", m.perLine(), rows, blocks, []string{"h"}, func(v []reg.GPVirtual, count int) {
			for k := range count {
				h := m.loaded(m.at(v[0], k))
				for r := range a {
					m.prefetch(m.row(c, r, k))
					x := m.loaded(m.row(e, r, k))
					xc := m.productOrZero(x, m.row(c, r, k), zero)
					m.VADD(xc, sums[r], sums[r])
					m.VFMADD231(xc, a[r], h)
					if gradient {
						m.VFNMADD231(xc, invEps, x)
						m.VMUL(a[r], x, x)
						m.store(x, m.row(cbar, r, k))
					}
				}
				m.store(h, m.at(v[0], k))
			}
		})
		m.accumulate("p", sums, m.add3)
	})
	m.restore("e")
	m.ret()
}

// productOrZero returns x y, or 0 where x = 0 whatever y in memory is.
func (m *machine) productOrZero(x reg.VecVirtual, y operand.Mem, zero reg.VecVirtual) reg.VecVirtual {
	const notEqual = operand.U8(4)
	p := m.loaded(y)
	if m.wide() {
		k := m.K()
		m.VCMP(notEqual, zero, x, k)
		m.VMUL_Z(p, x, k, p)
		return p
	}
	t := m.vec()
	m.VCMP(notEqual, zero, x, t)
	m.VMUL(p, x, p)
	m.VAND(t, p, p)
	return p
}
