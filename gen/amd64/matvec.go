package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("matvec", emitMatvec) }

func emitMatvec(m *machine) {
	m.addWeightedRows()
	m.ger()
	m.cosineSums()
	m.cosineDistances()
}

// below returns the block of the group of rows under the one in hand, to prefetch it: a matrix is read to the end of its memory in one
// piece only where its rows are long.
func (m *machine) below(b *block, rows int) *block {
	p := m.GP64()
	m.LEAQ(operand.Mem{Base: b.p, Index: b.odd[1], Scale: uint8(min(rows, 8))}, p)
	return &block{p: p, odd: b.odd}
}

// prefetchBelow fetches vector k of row r of the group below, once a line.
func (m *machine) prefetchBelow(next *block, r, k int) {
	if k%m.perLine() == 0 {
		m.PREFETCHT0(m.row(next, r, k))
	}
}

func (m *machine) addWeightedRows() {
	m.function("AddWeightedRows", "func(acc, x []float32, ldx int, alpha float32, w []float32)",
		"sets acc[j] += sum_r (alpha w[r]) x[r*ldx+j] for r < len(w), j < len(acc).")
	sizes := []int{8, 4, 1}
	x, alpha := m.block("x", "ldx", sizes[0]), m.scalar("alpha")
	m.groups(m.address(m.Param("w").Len()), sizes, func(rows int) {
		w := m.take("w", rows)
		for _, v := range w {
			m.VMUL(alpha, v, v)
		}
		next := m.below(x, rows)
		m.columns("acc", 2, rows, []*block{x, next}, []string{"acc"}, func(v []reg.GPVirtual, count int) {
			for k := range count {
				acc := m.loaded(m.at(v[0], k))
				for r := range w {
					m.prefetchBelow(next, r, k)
					m.VFMADD231(m.memory(m.row(x, r, k)), w[r], acc)
				}
				m.store(acc, m.at(v[0], k))
			}
		})
	})
	m.ret()
}

func (m *machine) ger() {
	m.function("Ger", "func(a []float32, lda int, alpha float32, x, y []float32)",
		"sets a[r*lda+j] += (alpha x[r]) y[j] for r < len(x), j < len(y).")
	sizes := []int{4, 1}
	a, alpha := m.block("a", "lda", sizes[0]), m.scalar("alpha")
	m.groups(m.address(m.Param("x").Len()), sizes, func(rows int) {
		x := m.take("x", rows)
		for _, v := range x {
			m.VMUL(alpha, v, v)
		}
		next := m.below(a, rows)
		m.columns("y", 2, rows, []*block{a, next}, []string{"y"}, func(v []reg.GPVirtual, count int) {
			for k := range count {
				y := m.loaded(m.at(v[0], k))
				for r := range x {
					m.prefetchBelow(next, r, k)
					t := m.loaded(m.row(a, r, k))
					m.VFMADD231(y, x[r], t)
					m.store(t, m.row(a, r, k))
				}
			}
		})
	})
	m.ret()
}

// cosineSums emits three reductions in one pass.
func (m *machine) cosineSums() {
	m.function("CosineSums", "func(x, y []float32) (xy, xx, yy float32)",
		"returns sum_i x[i] y[i], sum_i x[i]^2 and sum_i y[i]^2 for i < len(x).")
	x, y, n := m.pointer("x"), m.pointer("y"), m.length("x")
	const unroll = 4
	var sums [3][]reg.VecVirtual
	for i := range sums {
		for range unroll {
			sums[i] = append(sums[i], m.zero())
		}
	}
	m.each(n, unroll, []reg.GPVirtual{x, y}, func(count int) {
		for k := range count {
			a, b := m.loaded(m.at(x, k)), m.loaded(m.at(y, k))
			m.VFMADD231(a, b, sums[0][k])
			m.VFMADD231(a, a, sums[1][k])
			m.VFMADD231(b, b, sums[2][k])
		}
	})
	for i, s := range sums {
		m.VADD(s[1], s[0], s[0])
		m.VADD(s[3], s[2], s[2])
		m.VADD(s[2], s[0], s[0])
		m.VMOVS(m.fold(s[0], m.add3), m.address(m.ReturnIndex(i)))
	}
	m.ret()
}

func (m *machine) cosineDistances() {
	m.function("CosineDistances", "func(dst []float32, x float32, y []float32)", "sets dst[j] = max(0, 1 - dst[j] x y[j]) for j < len(dst).")
	dst, y, n, x, zero, one := m.pointer("dst"), m.pointer("y"), m.length("dst"), m.scalar("x"), m.zero(), m.broadcast(1)
	m.each(n, 4, []reg.GPVirtual{dst, y}, func(count int) {
		for k := range count {
			v := m.vec()
			m.VMUL(m.memory(m.at(dst, k)), x, v)
			m.VFNMADD213(one, m.loaded(m.at(y, k)), v)
			m.VMAX(v, zero, v) // NaN stays
			m.store(v, m.at(dst, k))
		}
	})
	m.ret()
}
