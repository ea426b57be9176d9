package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
)

func init() { register("elementwise", emitElementwise) }

func emitElementwise(m *machine) {
	m.elementwise("Exp", "sets dst[i] = e^x[i] for i < len(x).", (*machine).exp)
	m.elementwise("Exp2", "sets dst[i] = 2^x[i] for i < len(x).", (*machine).exp2)
	m.elementwise("Softplus", "sets dst[i] = log(1 + e^x[i]) for i < len(x).", (*machine).softplus)
	m.elementwise("Sigmoid", "sets dst[i] = 1/(1 + e^-x[i]) for i < len(x).", (*machine).sigmoid)
	m.elementwise("Tanh", "sets dst[i] = tanh(x[i]) for i < len(x).", (*machine).tanh)
}

// elementwise emits dst[i] = f(x[i]); prepare emits the loading of f's constants.
func (m *machine) elementwise(name, doc string, prepare func(*machine) mapping) {
	m.function(name, "func(dst, x []float32)", doc)
	dst, x, n := m.pointer("dst"), m.pointer("x"), m.length("x")
	f := prepare(m)
	m.each(n, 2, []reg.GPVirtual{dst, x}, func(count int) {
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

// wordConstant is constant for a pattern of bits.
func (m *machine) wordConstant(bits uint64) operand.Op {
	if m.wide() && !m.crowded {
		return m.broadcastWord(bits)
	}
	return m.word(bits)
}

// expMinusAbs is e^-|x|; it keeps x.
func (m *machine) expMinusAbs() mapping {
	poly, sign := m.polynomial(coeff.Exp6[:], coeff.Exp11[:]), m.wordConstant(m.signBit())
	lo, reduce := m.broadcast(m.pick(-104.5, -746)), m.reduceByLn2(m.broadcast(m.magic(m.bias())))
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		a := m.vecs(len(x))
		for i := range x {
			m.VOR(sign, x[i], a[i])
		}
		m.clamp(a, lo, nil)
		_, k := reduce(a)
		p := m.horner(poly, a)
		m.scale(p, k)
		return p
	}
}

// softplus is max(x, 0) + log1p(u), u = e^-|x|, with log1p(u) = u + u (u q(u)) for a polynomial q.
func (m *machine) softplus() mapping {
	if m.double() {
		return m.softplusDouble()
	}
	exp, q, zero := m.expMinusAbs(), m.polynomial(coeff.Log1p[1:], nil), m.constant(0)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		u := exp(x)
		l := m.horner(q, u)
		for i := range x {
			m.VMUL(u[i], l[i], l[i])
			m.VFMADD213(u[i], u[i], l[i])
			m.VMAX(zero, x[i], x[i])
			m.VADD(x[i], l[i], l[i])
		}
		return l
	}
}

// sigmoid is 1/(1+u) for x >= 0 and u/(1+u) below, u = e^-|x|.
func (m *machine) sigmoid() mapping {
	defer m.crowd()()
	exp, one := m.expMinusAbs(), m.broadcast(1)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		u := exp(x)
		for i := range x {
			n := m.whereNegative(x[i], u[i], one)
			u[i] = m.quotient(n, u[i], one, func(q reg.VecVirtual) reg.VecVirtual {
				h := m.vec()
				m.VSUB(q, one, h)
				return m.whereNegative(x[i], h, q)
			})
		}
		return u
	}
}

// whereNegative returns a where the sign bit of x is set, else b.
func (m *machine) whereNegative(x, a, b reg.VecVirtual) reg.VecVirtual {
	r := m.vec()
	if m.wide() {
		negative := m.K()
		m.VPMOV2M(x, negative)
		m.VBLENDM(a, b, negative, r)
	} else {
		m.VBLENDV(x, a, b, r)
	}
	return r
}

// quotient returns n / (u + c) with the rounding of the sum and of the division undone: two of the half units that make up its error.
// inverse returns 1/(u + c) roughly, from the quotient.
func (m *machine) quotient(n, u reg.VecVirtual, c operand.Op, inverse func(q reg.VecVirtual) reg.VecVirtual) reg.VecVirtual {
	d, q, lost, rest := m.vec(), m.vec(), m.vec(), m.vec()
	m.VADD(c, u, d)
	m.VDIV(d, n, q)
	m.VSUB(c, d, lost)
	m.VSUB(lost, u, lost) // of u in d
	m.VMOVU(n, rest)
	m.VFNMADD231(d, q, rest)
	m.VFNMADD231(lost, q, rest)
	m.VFMADD231(inverse(q), rest, q)
	return q
}

// tanh is E/(E+2), E = e^(2|x|) - 1, with the sign of x. At |x| = 10 it is 1 to float32, at 20 to float64.
func (m *machine) tanh() mapping {
	defer m.crowd()()
	expm1, two, half, below, zero := m.expm1(), m.constant(2), m.broadcast(.5), m.constant(m.pick(.5-0x1p-25, .5-0x1p-54)), m.constant(0)
	sign, abs, hi := m.wordConstant(m.signBit()), m.wordConstant(m.magnitude()), m.broadcast(m.pick(20, 40))
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		a := m.vecs(len(x))
		for i := range x {
			m.VADD(x[i], x[i], a[i])
			m.VAND(abs, a[i], a[i])
		}
		m.clamp(a, nil, hi)
		e := expm1(a)
		for i := range x {
			e[i] = m.quotient(e[i], e[i], two, func(q reg.VecVirtual) reg.VecVirtual {
				h := m.copyOf(q) // 1/(E+2) = (1 - tanh)/2; nothing from the number below 1 on, where d - 2 is no longer exact
				m.VFNMADD213(below, half, h)
				m.VMAX(zero, h, h)
				return h
			})
			m.VAND(sign, x[i], x[i])
			m.VOR(x[i], e[i], e[i])
		}
		return e
	}
}
