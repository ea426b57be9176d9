package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
)

func init() { register("log", emitLog) }

func emitLog(m *machine) {
	m.elementwise("Log", "sets dst[i] = log x[i] for i < len(x).", (*machine).log)
	m.elementwise("Log2", "sets dst[i] = log2 x[i] for i < len(x).", (*machine).log2)
	m.elementwise("Log1p", "sets dst[i] = log(1 + x[i]) for i < len(x).", (*machine).log1p)
	m.elementwise("Expm1", "sets dst[i] = e^x[i] - 1 for i < len(x).", (*machine).expm1Full)
}

// A splitting writes positive numbers u as 2^e (1+f), with 1+f between 3/4 and 3/2 on AVX-512, and the roots of 1/2 and 2 on AVX2. It keeps u.
type splitting func(u []reg.VecVirtual) (f, e []reg.VecVirtual)

func (m *machine) split() splitting {
	one := m.constant(1)
	if m.wide() {
		return func(u []reg.VecVirtual) (f, e []reg.VecVirtual) {
			const threeQuarters, positive = 3, 8 // the interval of the mantissa; NaN for u < 0
			f, e = m.vecs(len(u)), m.vecs(len(u))
			for i := range u {
				low := m.vec()
				m.VGETMANT(operand.U8(threeQuarters|positive), u[i], f[i])
				m.VGETEXP(u[i], e[i])
				m.VGETEXP(f[i], low)
				m.VSUB(low, e[i], e[i])
				m.VSUB(one, f[i], f[i])
			}
			return f, e
		}
	}
	root, exponents := m.word(m.bitsOf(math.Sqrt2/2)), m.word(m.signBit()|m.bitsOf(math.Inf(1)))
	power := float64(uint64(1) << m.fraction())
	offset, integer := m.word(m.bitsOf(2)), m.word(m.bitsOf(power))
	zeroExponent := m.float(power + m.bias() + 1)
	return func(u []reg.VecVirtual) (f, e []reg.VecVirtual) {
		f, e = m.vecs(len(u)), m.vecs(len(u))
		for i := range u {
			t, top := m.vec(), m.vec()
			m.VPSUB(root, u[i], t)
			m.VAND(exponents, t, top)
			m.VPSUB(top, u[i], f[i])
			m.VSUB(one, f[i], f[i])
			m.VPADD(offset, t, t) // e + bias + 1 is above the fraction
			m.VPSRL(m.exponentBits(), t, t)
			m.VOR(integer, t, t)
			m.VSUB(zeroExponent, t, e[i])
		}
		return f, e
	}
}

// log1pRest returns log(1+f) - f + add, with s = f/(2+f):
//
//	log(1+f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + s^2 (2/3 + 2/5 s^2 + ...))
//
// The square of f is rounded only where it is multiplied by s. add may be nil.
func (m *machine) log1pRest() func(f, add []reg.VecVirtual) []reg.VecVirtual {
	poly, two, half := m.polynomial(coeff.LogRatio[:], coeff.LogRatioDouble[:]), m.constant(2), m.constant(.5)
	return func(f, add []reg.VecVirtual) []reg.VecVirtual {
		s, z, halves := m.vecs(len(f)), m.vecs(len(f)), m.vecs(len(f))
		for i := range f {
			m.VADD(two, f[i], s[i])
			m.VDIV(s[i], f[i], s[i])
			m.VMUL(s[i], s[i], z[i])
		}
		p := m.horner(poly, z)
		for i := range f {
			m.VMUL(half, f[i], halves[i])
			m.VMUL(z[i], p[i], p[i])
			m.VFMADD231(halves[i], f[i], p[i])
			if add == nil {
				m.VMUL(s[i], p[i], p[i])
			} else {
				m.VFMADD213(add[i], s[i], p[i])
			}
			m.VFNMADD231(halves[i], f[i], p[i])
		}
		return p
	}
}

// logOf returns e ln 2 + log(1+f). It rounds once but for what is small: the error of the largest sum is found and put back.
func (m *machine) logOf() func(f, e []reg.VecVirtual) []reg.VecVirtual {
	ln2High, ln2Low := m.ln2()
	rest, high, low := m.log1pRest(), m.constant(ln2High), m.constant(ln2Low)
	return func(f, e []reg.VecVirtual) []reg.VecVirtual {
		add := m.vecs(len(f))
		for i := range f {
			m.VMUL(low, e[i], add[i])
		}
		l := rest(f, add)
		for i := range f {
			h, lost := m.copyOf(f[i]), m.vec()
			m.VFMADD231(high, e[i], h)
			m.VMOVU(h, lost)
			m.VFNMADD231(high, e[i], lost)
			m.VSUB(lost, f[i], lost)
			m.VADD(lost, l[i], l[i])
			m.VADD(h, l[i], l[i])
		}
		return l
	}
}

// logSpecial sets y to what the logarithm of u is where u is 0 (-Inf), below (NaN), infinite or NaN.
func (m *machine) logSpecial() func(u, y []reg.VecVirtual) {
	if m.wide() {
		// A response for each class of u, from the low four bits: NaN, NaN, 0, 1, -Inf, +Inf, negative, positive. 0 keeps y, 2 is the
		// NaN itself, 3 a new one, 4 and 5 the infinities.
		table := m.wordConstant(0x03530422)
		return func(u, y []reg.VecVirtual) {
			for i := range u {
				m.VFIXUPIMM(operand.U8(0), table, u[i], y[i])
			}
		}
	}
	const equal, notAtLeast = operand.U8(0), operand.U8(0x19) // quiet
	zero, inf, minusInf := m.constant(0), m.float(math.Inf(1)), m.minusInf()
	return func(u, y []reg.VecVirtual) {
		for i := range u {
			t := m.vec()
			m.VCMP(notAtLeast, zero, u[i], t)
			m.VOR(t, y[i], y[i])
			m.VCMP(equal, zero, u[i], t)
			m.VBLENDV(t, minusInf, y[i], y[i])
			m.VCMP(equal, inf, u[i], t)
			m.VBLENDV(t, inf, y[i], y[i])
		}
	}
}

// normal makes denormals normal for AVX2, which takes numbers apart as integers: it returns x, or x 2^shift where x is denormal, and what to
// add to the exponent.
func (m *machine) normal() func(x []reg.VecVirtual) (u, add []reg.VecVirtual) {
	const less = operand.U8(0x11) // quiet
	shift := float64(m.fraction() + 2)
	least, up, down := m.float(math.Ldexp(1, int(1-m.bias()))), m.float(math.Ldexp(1, int(shift))), m.float(-shift)
	return func(x []reg.VecVirtual) (u, add []reg.VecVirtual) {
		u, add = m.vecs(len(x)), m.vecs(len(x))
		for i := range x {
			m.VCMP(less, least, x[i], add[i])
			m.VMUL(up, x[i], u[i])
			m.VBLENDV(add[i], u[i], x[i], u[i])
			m.VAND(down, add[i], add[i])
		}
		return u, add
	}
}

// splitAny is split for all numbers; it keeps x.
func (m *machine) splitAny() splitting {
	split := m.split()
	if m.wide() {
		return split
	}
	normal := m.normal()
	return func(x []reg.VecVirtual) (f, e []reg.VecVirtual) {
		u, add := normal(x)
		f, e = split(u)
		for i := range e {
			m.VADD(add[i], e[i], e[i])
		}
		return f, e
	}
}

func (m *machine) log() mapping {
	split, log, special := m.splitAny(), m.logOf(), m.logSpecial()
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		y := log(split(x))
		special(x, y)
		return y
	}
}

// log2 is e + log(1+f) log2(e).
func (m *machine) log2() mapping {
	split, rest, special, log2e := m.splitAny(), m.log1pRest(), m.logSpecial(), m.constant(math.Log2E)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		f, e := split(x)
		y := rest(f, nil)
		for i := range y {
			m.VADD(f[i], y[i], y[i])
			m.VFMADD132(log2e, e[i], y[i])
		}
		special(x, y)
		return y
	}
}

// log1pOf returns log(1+x), also 1+x rounded; it keeps x. What the rounding loses is added to f, so that f = x where e = 0.
func (m *machine) log1pOf() func(x []reg.VecVirtual) (y, u []reg.VecVirtual) {
	split, log, one, zero := m.split(), m.logOf(), m.broadcast(1), m.zero()
	return func(x []reg.VecVirtual) (y, u []reg.VecVirtual) {
		u = m.vecs(len(x))
		for i := range x {
			m.VADD(one, x[i], u[i])
		}
		f, e := split(u)
		for i := range x {
			back, lost, t := m.vec(), m.vec(), m.vec()
			m.VSUB(one, u[i], back)
			m.VSUB(back, u[i], t)
			m.VSUB(t, one, t)
			m.VSUB(back, x[i], lost)
			m.VADD(t, lost, lost)
			if m.wide() {
				m.VSUB(e[i], zero, t)
				m.VSCALEF(t, lost, lost)
			} else { // 2^-e, or 0 for the largest e
				m.VADD(m.float(m.magic(-m.bias())), e[i], t)
				m.VPSLL(m.exponentBits(), t, t)
				m.VPSUB(t, zero, t)
				m.VMAX(zero, t, t)
				m.VMUL(t, lost, lost)
			}
			m.VADD(lost, f[i], f[i])
		}
		return log(f, e), u
	}
}

func (m *machine) log1p() mapping {
	defer m.crowd()()
	log1p, special, sign := m.log1pOf(), m.logSpecial(), m.wordConstant(m.signBit())
	f := func(x []reg.VecVirtual) []reg.VecVirtual {
		y, u := log1p(x)
		special(u, y)
		m.withSign(sign, x, y)
		return y
	}
	if m.wide() {
		return f
	}
	return oneByOne(f)
}

// oneByOne applies f to each vector after the other, where registers are short.
func oneByOne(f mapping) mapping {
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		var y []reg.VecVirtual
		for i := range x {
			y = append(y, f(x[i:i+1])...)
		}
		return y
	}
}

// withSign gives y, a function with the sign of x, that of a zero too. It destroys x.
func (m *machine) withSign(sign operand.Op, x, y []reg.VecVirtual) {
	for i := range x {
		m.VAND(sign, x[i], x[i])
		m.VOR(x[i], y[i], y[i])
	}
}

// expm1Full is e^x - 1 everywhere: expm1 with half of 2^k, which is finite, and e^r - 1 where k = 0, so that denormals keep their bits.
func (m *machine) expm1Full() mapping {
	defer m.crowd()()
	const equal = operand.U8(0) // quiet
	poly, half, zero, sign := m.polynomial(coeff.Expm1[:], coeff.Expm1Double[:]), m.constant(.5), m.constant(0), m.wordConstant(m.signBit())
	lo, hi, reduce := m.broadcast(m.pick(-20, -40)), m.broadcast(m.pick(89, 710)), m.reduceByLn2(m.broadcast(m.magic(m.bias()-1)))
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		r := make([]reg.VecVirtual, len(x))
		for i := range x {
			r[i] = m.copyOf(x[i])
		}
		m.clamp(r, lo, hi)
		scale, k := reduce(r)
		q := m.horner(poly, r)
		for i, r := range r {
			m.VMUL(r, q[i], q[i])
			m.VFMADD213(r, r, q[i])
			m.VPSLL(m.exponentBits(), scale[i], scale[i])
			y := m.vec()
			m.VSUB(half, scale[i], y)
			m.VFMADD231(scale[i], q[i], y)
			m.VADD(y, y, y)
			if m.wide() {
				small := m.K()
				m.VCMP(equal, zero, k[i], small)
				m.VMOVU(q[i], small, y)
			} else {
				m.VCMP(equal, zero, k[i], k[i])
				m.VBLENDV(k[i], q[i], y, y)
			}
			q[i] = y
		}
		m.withSign(sign, x, q)
		return q
	}
}

// softplusDouble is max(x, 0) + log(1+u), u = e^-|x|, for float64: a polynomial of log(1+u) on [0, 1] would need 22 terms.
func (m *machine) softplusDouble() mapping {
	defer m.crowd()()
	exp, log1p, zero := m.expMinusAbs(), m.log1pOf(), m.zero()
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		u := exp(x)
		for i := range x { // one at a time, for want of registers
			l, _ := log1p(u[i : i+1])
			m.VMAX(x[i], zero, x[i]) // NaN stays
			m.VADD(x[i], l[0], u[i])
		}
		return u
	}
}
