package main

import "github.com/mmcloughlin/avo/reg"

func init() { register("softmax", emitSoftmax) }

// emitSoftmax emits the middle one of the three passes of a softmax.
func emitSoftmax(m *machine) {
	m.function("ExpSum", "func(dst, x []float32, shift float32) float32", "sets dst[i] = e^(x[i] - shift) for i < len(x) and returns their sum.")
	dst, x, n, shift, lowest := m.pointer("dst"), m.pointer("x"), m.length("x"), m.scalar("shift"), m.minusInf()
	f := m.exp()
	const unroll = 2
	sums := m.zeros(unroll)
	m.each(n, unroll, []reg.GPVirtual{dst, x}, func(count int) {
		v := m.vecs(count)
		for k := range v {
			m.loadOr(m.at(x, k), lowest, v[k])
			m.VSUB(shift, v[k], v[k])
		}
		for k, y := range f(v) {
			m.store(y, m.at(dst, k))
			m.VADD(y, sums[k], sums[k])
		}
	})
	m.VMOVS(m.foldSums(sums), m.address(m.ReturnIndex(0)))
	m.ret()
}
