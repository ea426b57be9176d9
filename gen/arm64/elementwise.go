package main

import "github.com/sinkcpu/sinkcpu/gen/poly/coeff"

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
	m.each(n, 2, []gp{dst, x}, func(count int) {
		for k, y := range f(m.loadedAll(x, count)) {
			m.store(y, m.at(dst, k))
		}
	})
	m.ret()
}

// expMinusAbs is e^-|x|; it keeps x.
func (m *machine) expMinusAbs() mapping {
	poly, lo, reduce, scale := m.polynomial(coeff.Exp6[:], coeff.Exp11[:]), m.bound(m.pick(-104.5, -746)), m.reduceByLn2(m.bias()), m.scale()
	return func(x []vec) []vec {
		a := m.vecs(len(x))
		for i := range x {
			m.FABS(x[i], a[i])
			m.FNEG(a[i], a[i])
		}
		m.clamp(a, lo, nil)
		_, k := reduce(a)
		p := m.horner(poly, a)
		scale(p, k)
		return p
	}
}

// softplus is max(x, 0) + log1p(u), u = e^-|x|, with log1p(u) = u + u (u q(u)) for a polynomial q.
func (m *machine) softplus() mapping {
	if m.double() {
		return m.softplusDouble()
	}
	exp, q, zero := m.expMinusAbs(), m.polynomial(coeff.Log1p[1:], nil), m.zero()
	return func(x []vec) []vec {
		u := exp(x)
		l := m.horner(q, u)
		for i := range x {
			m.FMUL(u[i], l[i], l[i])
			m.VFMLA(l[i], u[i], u[i])
			m.FMAX(zero, x[i], x[i])
			m.FADD(x[i], u[i], u[i])
		}
		return u
	}
}

// sigmoid is 1/(1+u) for x >= 0 and u/(1+u) below, u = e^-|x|.
func (m *machine) sigmoid() mapping {
	exp, one := m.expMinusAbs(), m.broadcast(1)
	return func(x []vec) []vec {
		u := exp(x)
		for i := range x {
			n := m.whereNegative(x[i], u[i], one)
			u[i] = m.quotient(n, u[i], one, func(q vec) vec {
				h := m.vec()
				m.FSUB(q, one, h)
				return m.whereNegative(x[i], h, q)
			})
		}
		return u
	}
}

// whereNegative returns a where the sign bit of x is set, else b.
func (m *machine) whereNegative(x, a, b vec) vec {
	negative, r := m.vec(), m.copyOf(b)
	m.SSHR(8*m.size-1, x, negative)
	m.VBIT(negative, a, r)
	return r
}

// quotient returns n / (u + c) with the rounding of the sum and of the division undone: two of the half units that make up its error.
// inverse returns 1/(u + c) roughly, from the quotient.
func (m *machine) quotient(n, u, c vec, inverse func(q vec) vec) vec {
	d, q, lost, rest := m.vec(), m.vec(), m.vec(), m.vec()
	m.FADD(c, u, d)
	m.FDIV(d, n, q)
	m.FSUB(c, d, lost)
	m.FSUB(lost, u, lost) // of u in d
	m.VMOV(n, rest)
	m.VFMLS(d, q, rest)
	m.VFMLS(lost, q, rest)
	m.VFMLA(inverse(q), rest, q)
	return q
}

// tanh is E/(E+2), E = e^(2|x|) - 1, with the sign of x. At |x| = 10 it is 1 to float32, at 20 to float64.
func (m *machine) tanh() mapping {
	expm1, two, half, below, zero := m.expm1(), m.broadcast(2), m.broadcast(.5), m.broadcast(m.pick(.5-0x1p-25, .5-0x1p-54)), m.zero()
	sign, hi := m.broadcastWord(m.signBit()), m.bound(m.pick(20, 40))
	return func(x []vec) []vec {
		a := m.vecs(len(x))
		for i := range x {
			m.FADD(x[i], x[i], a[i])
			m.FABS(a[i], a[i])
		}
		m.clamp(a, nil, hi)
		e := expm1(a)
		for i := range x {
			e[i] = m.quotient(e[i], e[i], two, func(q vec) vec {
				h := m.copyOf(below) // 1/(E+2) = (1 - tanh)/2; nothing from the number below 1 on, where d - 2 is no longer exact
				m.VFMLS(half, q, h)
				m.FMAX(zero, h, h)
				return h
			})
			m.VBIT(sign, x[i], e[i])
		}
		return e
	}
}
