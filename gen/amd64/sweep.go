package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("sweep", emitSweep) }

func emitSweep(m *machine) {
	m.sweepRows("SweepRows", "s", "",
		"sets e[r*lde+j] = 2^(g[j] - kappa c[r*ldc+j] + f[r]) and s[r] += sum_j e[r*lde+j],",
		"for r < len(f), j < len(g).")
	m.sweepRows("SweepRowsDot", "d", "q",
		"sets e as SweepRows does and d[r] += sum_j e[r*lde+j] q[j].")
	m.sweepCols()
	m.sweepScale(4)
	m.sweepScale(2)
	m.rowMax()
	m.colMax()
}

// ahead is how far before its use a cost is prefetched, in bytes. A sweep over 4096 x 4096 costs (64 MiB) on a busy Zen 5 core ran at
// 5.5 G entries/s with it; 3.5 without, 4.5 with 512, 4.4 with 1024, 5.2 with 4096. At 1024 x 1024, in cache, all are the same.
const ahead = 2048

// prefetch asks for the cache line that is ahead bytes after an address; once a line.
func (m *machine) prefetch(at operand.Mem) {
	if at.Disp%64 == 0 && m.mask == nil {
		m.PREFETCHT0(at.Offset(ahead))
	}
}

func (m *machine) sweepRows(name, sum, weight string, doc ...string) {
	signature := "func(e []float32, lde int, " + sum + ", c []float32, ldc int, kappa float32, g, f []float32)"
	vectors := []string{"g"}
	if weight != "" {
		signature = signature[:len(signature)-len(" []float32)")] + ", " + weight + " []float32)"
		vectors = append(vectors, weight)
	}
	m.function(name, signature, doc...)
	sizes, unroll := []int{4, 1}, map[int]int{4: 1, 1: 4}
	if !m.wide() {
		sizes, unroll = []int{2, 1}, map[int]int{2: 2, 1: 2}
	}
	e, c := m.block("e", "lde", sizes[0]), m.block("c", "ldc", sizes[0])
	if m.wide() { // on AVX2 the exponential itself leaves no denormals
		m.flush("e")
	}
	exp, kappa, lowest := m.exp2Fast(), m.scalar("kappa"), m.minusInf()
	m.groups(m.address(m.Param("f").Len()), sizes, func(rows int) {
		shift := m.take("f", rows)
		for _, f := range shift {
			exp.shift(f)
		}
		sums := m.vecs(rows)
		for _, s := range sums {
			m.clear(s)
		}
		m.columns("g", unroll[rows], rows, []*block{e, c}, vectors, func(v []reg.GPVirtual, count int) {
			g := m.vec()
			for k := range count {
				x := m.vecs(rows)
				m.loadOr(m.at(v[0], k), lowest, g)
				for r := range x {
					m.prefetch(m.row(c, r, k))
					m.load(m.row(c, r, k), x[r])
					m.VFNMADD213(g, kappa, x[r])
					m.VADD(shift[r], x[r], x[r])
				}
				for r, y := range exp.apply(x) {
					m.store(y, m.row(e, r, k))
					if weight == "" {
						m.VADD(y, sums[r], sums[r])
					} else {
						m.VFMADD231(m.memory(m.at(v[1], k)), y, sums[r])
					}
				}
			}
		})
		m.accumulate(sum, sums, m.add3)
	})
	if m.wide() {
		m.restore("e")
	}
	m.ret()
}

// minusInf returns -Inf as a constant.
func (m *machine) minusInf() operand.Op { return m.constant(math.Inf(-1)) }

func (m *machine) sweepCols() {
	m.function("SweepCols", "func(acc, e []float32, lde int, w []float32)",
		"sets acc[j] += sum_r w[r] e[r*lde+j] for r < len(w), j < len(acc).")
	sizes := []int{8, 4, 1}
	e := m.block("e", "lde", sizes[0])
	m.flush("e")
	m.groups(m.address(m.Param("w").Len()), sizes, func(rows int) {
		w := m.take("w", rows)
		m.columns("acc", 2, rows, []*block{e}, []string{"acc"}, func(v []reg.GPVirtual, count int) {
			for k := range count {
				acc := m.loaded(m.at(v[0], k))
				for r := range w {
					m.VFMADD231(m.memory(m.row(e, r, k)), w[r], acc)
				}
				m.store(acc, m.at(v[0], k))
			}
		})
	})
	m.restore("e")
	m.ret()
}

// sweepScale emits one update of the rows and the column sums after it, rows at a time: while a group of them is multiplied, which comes
// from far away, the one above, which is at hand, is added to the columns.
func (m *machine) sweepScale(rows int) {
	m.function(fmt.Sprintf("SweepScale%d", rows), "func(d, e []float32, lde int, q, acc, a, next []float32)",
		fmt.Sprintf("sets acc[j] += sum_r (a[r] / d[r]) e[r*lde+j] and next[r] += sum_j e[(r+%d)*lde+j] q[j],", rows),
		fmt.Sprintf("for r < len(a), a multiple of %d, j < len(q). next is d from element %d on.", rows, rows))
	e := m.block("e", "lde", 2*rows)
	m.flush("e")
	m.groups(m.address(m.Param("a").Len()), []int{rows}, func(rows int) {
		w, dots := m.take("a", rows), m.zeros(rows)
		for r, d := range m.take("d", rows) {
			m.VDIV(d, w[r], w[r])
		}
		m.columns("q", 2, rows, []*block{e}, []string{"q", "acc"}, func(v []reg.GPVirtual, count int) {
			for k := range count {
				q, acc := m.loaded(m.at(v[0], k)), m.loaded(m.at(v[1], k))
				for r := range w {
					m.VFMADD231(m.memory(m.row(e, rows+r, k)), q, dots[r])
					m.VFMADD231(m.memory(m.row(e, r, k)), w[r], acc)
				}
				m.store(acc, m.at(v[1], k))
			}
		})
		m.accumulate("next", dots, m.add3)
	})
	m.restore("e")
	m.ret()
}

func (m *machine) rowMax() {
	m.function("RowMax", "func(mx, c []float32, ldc int, kappa float32, g []float32)",
		"sets mx[r] = max(mx[r], max_j (g[j] - kappa c[r*ldc+j])) for r < len(mx), j < len(g).")
	c, kappa, lowest := m.block("c", "ldc", 4), m.scalar("kappa"), m.minusInf()
	m.groups(m.address(m.Param("mx").Len()), []int{4, 1}, func(rows int) {
		mx := m.vecs(rows)
		for _, v := range mx {
			m.VMOVU(lowest, v)
		}
		m.columns("g", 4/rows, rows, []*block{c}, []string{"g"}, func(v []reg.GPVirtual, count int) {
			g := m.vec()
			for k := range count {
				m.loadOr(m.at(v[0], k), lowest, g)
				for r := range mx {
					m.prefetch(m.row(c, r, k))
					x := m.loaded(m.row(c, r, k))
					m.VFNMADD213(g, kappa, x)
					m.VMAX(mx[r], x, mx[r])
				}
			}
		})
		m.accumulate("mx", mx, m.max3)
	})
	m.ret()
}

func (m *machine) colMax() {
	m.function("ColMax", "func(mx, c []float32, ldc int, kappa float32, f []float32)",
		"sets mx[j] = max(mx[j], max_r (f[r] - kappa c[r*ldc+j])) for r < len(f), j < len(mx).")
	c, kappa := m.block("c", "ldc", 8), m.scalar("kappa")
	m.groups(m.address(m.Param("f").Len()), []int{8, 4, 1}, func(rows int) {
		f := m.take("f", rows)
		m.columns("mx", m.perLine(), rows, []*block{c}, []string{"mx"}, func(v []reg.GPVirtual, count int) {
			for k := range count {
				mx := m.loaded(m.at(v[0], k))
				for r := range f {
					m.prefetch(m.row(c, r, k))
					x := m.loaded(m.row(c, r, k))
					m.VFNMADD213(f[r], kappa, x)
					m.VMAX(mx, x, mx)
				}
				m.store(mx, m.at(v[0], k))
			}
		})
	})
	m.ret()
}
