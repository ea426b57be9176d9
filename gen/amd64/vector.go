package main

import (
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("vector", emitVector) }

func emitVector(m *machine) {
	m.elementwise("Exp2", "sets dst[i] = 2^x[i] for i < len(x).", func() func(x []reg.VecVirtual) []reg.VecVirtual {
		e := m.exp2Full()
		return e.full
	})
}

// elementwise emits a kernel dst[i] = f(x[i]); prepare loads the constants and returns f for several vectors, which may destroy them.
func (m *machine) elementwise(name, doc string, prepare func() func(x []reg.VecVirtual) []reg.VecVirtual) {
	m.function(name, "func(dst, x []float32)", doc)
	dst, x, n := m.pointer("dst"), m.pointer("x"), m.length("x")
	f := prepare()
	unroll := 2
	if m.wide() {
		unroll = 4
	}
	m.each(n, unroll, []reg.GPVirtual{dst, x}, func(count int) {
		v := make([]reg.VecVirtual, count)
		for k := range v {
			v[k] = m.loaded(m.at(x, k))
		}
		for k, y := range f(v) {
			m.store(y, m.at(dst, k))
		}
	})
	m.ret()
}
