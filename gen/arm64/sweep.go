package main

import (
	"fmt"
	"math"
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

// ahead is how far before its use a cost is prefetched, in bytes: as on amd64, where it was measured.
const ahead = 2048

// prefetch asks for the cache line that is ahead bytes after an address, at most twice a line.
func (m *machine) prefetch(at mem) {
	if at.disp%32 == 0 && !m.single {
		m.PRFM(mem{at.base, at.disp + ahead}, forLoad)
	}
}

// together is the vectors whose exponentials are formed side by side, for processors that do not look far ahead: what registers allow.
const together = 2

func (m *machine) sweepRows(name, sum, weight string, doc ...string) {
	signature := "func(e []float32, lde int, " + sum + ", c []float32, ldc int, kappa float32, g, f []float32)"
	vectors := []string{"g"}
	if weight != "" {
		signature = signature[:len(signature)-len(" []float32)")] + ", " + weight + " []float32)"
		vectors = append(vectors, weight)
	}
	m.function(name, signature, doc...)
	e, c, f, s, count := m.block("e", "lde"), m.block("c", "ldc"), m.pointer("f"), m.pointer(sum), m.length("f")
	exp, kappa, lowest := m.exp2Fast(), m.scalar("kappa"), m.broadcast(math.Inf(-1))
	m.groups(count, []int{4, 1}, func(rows int) {
		shift := m.take(f, rows)
		for _, v := range shift {
			m.FADD(exp.half, v, v)
		}
		sums := m.zeros(rows)
		m.columns("g", 2, rows, []*block{e, c}, vectors, func(v []gp, count int) {
			for k := range count {
				g, weights := m.vec(), m.vec()
				m.loadOr(m.at(v[0], k), lowest, g)
				if weight != "" {
					m.load(m.at(v[1], k), weights)
				}
				for r := 0; r < rows; r += together {
					x := m.vecs(min(together, rows-r))
					for i := range x {
						m.prefetch(m.row(c, r+i, k))
						m.FADD(shift[r+i], g, x[i])
						m.VFMLS(m.loaded(m.row(c, r+i, k)), kappa, x[i])
					}
					for i, y := range exp.apply(x) {
						m.store(y, m.row(e, r+i, k))
						if weight == "" {
							m.FADD(y, sums[r+i], sums[r+i])
						} else {
							m.VFMLA(weights, y, sums[r+i])
						}
					}
				}
			}
		})
		m.accumulate(s, sums, m.addition())
	})
	m.ret()
}

func (m *machine) sweepCols() {
	m.function("SweepCols", "func(acc, e []float32, lde int, w []float32)",
		"sets acc[j] += sum_r w[r] e[r*lde+j] for r < len(w), j < len(acc).")
	e, w, count := m.block("e", "lde"), m.pointer("w"), m.length("w")
	m.groups(count, []int{8, 4, 1}, func(rows int) {
		weights := m.take(w, rows)
		m.columns("acc", 4, rows, []*block{e}, []string{"acc"}, func(v []gp, count int) {
			m.inPlace(v[0], count, func(acc []vec) {
				for r, x := range weights {
					for k := range acc {
						m.VFMLA(m.loaded(m.row(e, r, k)), x, acc[k])
					}
				}
			})
		})
	})
	m.ret()
}

// sweepScale emits one update of the rows and the column sums after it, rows at a time: while a group of them is multiplied, which comes
// from far away, the one above, which is at hand, is added to the columns.
func (m *machine) sweepScale(rows int) {
	m.function(fmt.Sprintf("SweepScale%d", rows), "func(d, e []float32, lde int, q, acc, a, next []float32)",
		fmt.Sprintf("sets acc[j] += sum_r (a[r] / d[r]) e[r*lde+j] and next[r] += sum_j e[(r+%d)*lde+j] q[j],", rows),
		fmt.Sprintf("for r < len(a), a multiple of %d, j < len(q). next is d from element %d on.", rows, rows))
	e, pd, pa, next, count := m.block("e", "lde"), m.pointer("d"), m.pointer("a"), m.pointer("next"), m.length("a")
	below := &block{p: m.gp(), ld: e.ld}
	m.MOVD(e.p, below.p)
	m.next(below, rows)
	m.groups(count, []int{rows}, func(rows int) {
		w, dots := m.take(pa, rows), m.zeros(rows)
		for r, d := range m.take(pd, rows) {
			m.FDIV(d, w[r], w[r])
		}
		m.columns("q", 2, rows, []*block{e, below}, []string{"q", "acc"}, func(v []gp, count int) {
			q := m.loadedAll(v[0], count)
			m.inPlace(v[1], count, func(acc []vec) {
				for r, x := range w {
					for k := range acc {
						m.VFMLA(m.loaded(m.row(below, r, k)), q[k], dots[r])
						m.VFMLA(m.loaded(m.row(e, r, k)), x, acc[k])
					}
				}
			})
		})
		m.accumulate(next, dots, m.addition())
	})
	m.ret()
}

func (m *machine) rowMax() {
	m.function("RowMax", "func(mx, c []float32, ldc int, kappa float32, g []float32)",
		"sets mx[r] = max(mx[r], max_j (g[j] - kappa c[r*ldc+j])) for r < len(mx), j < len(g).")
	c, p, count, kappa, lowest := m.block("c", "ldc"), m.pointer("mx"), m.length("mx"), m.scalar("kappa"), m.broadcast(math.Inf(-1))
	m.groups(count, []int{4, 1}, func(rows int) {
		mx := m.vecs(rows)
		for _, v := range mx {
			m.VMOV(lowest, v)
		}
		m.columns("g", 4, rows, []*block{c}, []string{"g"}, func(v []gp, count int) {
			for k := range count {
				g := m.vec()
				m.loadOr(m.at(v[0], k), lowest, g)
				for r := range mx {
					m.prefetch(m.row(c, r, k))
					x := m.copyOf(g)
					m.VFMLS(m.loaded(m.row(c, r, k)), kappa, x)
					m.FMAXNM(x, mx[r], mx[r])
				}
			}
		})
		m.accumulate(p, mx, m.maximum())
	})
	m.ret()
}

func (m *machine) colMax() {
	m.function("ColMax", "func(mx, c []float32, ldc int, kappa float32, f []float32)",
		"sets mx[j] = max(mx[j], max_r (f[r] - kappa c[r*ldc+j])) for r < len(f), j < len(mx).")
	c, p, count, kappa := m.block("c", "ldc"), m.pointer("f"), m.length("f"), m.scalar("kappa")
	m.groups(count, []int{8, 4, 1}, func(rows int) {
		f := m.take(p, rows)
		m.columns("mx", 4, rows, []*block{c}, []string{"mx"}, func(v []gp, count int) {
			m.inPlace(v[0], count, func(mx []vec) {
				for r := range f {
					for k := range mx {
						m.prefetch(m.row(c, r, k))
						x := m.copyOf(f[r])
						m.VFMLS(m.loaded(m.row(c, r, k)), kappa, x)
						m.FMAXNM(x, mx[k], mx[k])
					}
				}
			})
		})
	})
	m.ret()
}
