package main

import (
	"math"

	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
)

func init() { register("log", emitLog) }

func emitLog(m *machine) {
	m.elementwise("Log", "sets dst[i] = log x[i] for i < len(x).", (*machine).log)
	m.elementwise("Log2", "sets dst[i] = log2 x[i] for i < len(x).", (*machine).log2)
	m.elementwise("Log1p", "sets dst[i] = log(1 + x[i]) for i < len(x).", (*machine).log1p)
	m.elementwise("Expm1", "sets dst[i] = e^x[i] - 1 for i < len(x).", (*machine).expm1Full)
}

// A splitting writes positive normal numbers u as 2^e (1+f), with 1+f between the roots of 1/2 and 2. It keeps u; k is e as an integer.
type splitting func(u []vec) (f, e, k []vec)

func (m *machine) split() splitting {
	root, one := m.broadcast(math.Sqrt2/2), m.broadcast(1)
	return func(u []vec) (f, e, k []vec) {
		f, e, k = m.vecs(len(u)), m.vecs(len(u)), m.vecs(len(u))
		for i := range u {
			m.VSUB(root, u[i], k[i])
			m.SSHR(m.fraction(), k[i], k[i])
			m.VSHL(m.fraction(), k[i], f[i])
			m.VSUB(f[i], u[i], f[i])
			m.FSUB(one, f[i], f[i])
			m.SCVTF(k[i], e[i])
		}
		return f, e, k
	}
}

// log1pRest returns log(1+f) - f + add, with s = f/(2+f):
//
//	log(1+f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + s^2 (2/3 + 2/5 s^2 + ...))
//
// The square of f is rounded only where it is multiplied by s. add may be nil; it is destroyed.
func (m *machine) log1pRest() func(f, add []vec) []vec {
	poly, two, half := m.polynomial(coeff.LogRatio[:], coeff.LogRatioDouble[:]), m.broadcast(2), m.broadcast(.5)
	return func(f, add []vec) []vec {
		s, z, y := m.vecs(len(f)), m.vecs(len(f)), m.vecs(len(f))
		for i := range f {
			m.FADD(two, f[i], s[i])
			m.FDIV(s[i], f[i], s[i])
			m.FMUL(s[i], s[i], z[i])
		}
		p := m.horner(poly, z)
		for i := range f {
			halves := m.vec()
			m.FMUL(half, f[i], halves)
			m.FMUL(z[i], p[i], p[i])
			m.VFMLA(halves, f[i], p[i])
			if add == nil {
				m.FMUL(s[i], p[i], y[i])
			} else {
				y[i] = add[i]
				m.VFMLA(p[i], s[i], y[i])
			}
			m.VFMLS(halves, f[i], y[i])
		}
		return y
	}
}

// logOf returns e ln 2 + log(1+f). It rounds once but for what is small: the error of the largest sum is found and put back.
func (m *machine) logOf() func(f, e []vec) []vec {
	ln2High, ln2Low := m.ln2()
	rest, high, low := m.log1pRest(), m.broadcast(ln2High), m.broadcast(ln2Low)
	return func(f, e []vec) []vec {
		add := m.vecs(len(f))
		for i := range f {
			m.FMUL(low, e[i], add[i])
		}
		l := rest(f, add)
		for i := range f {
			h := m.copyOf(f[i])
			m.VFMLA(high, e[i], h)
			lost := m.copyOf(h)
			m.VFMLS(high, e[i], lost)
			m.FSUB(lost, f[i], lost)
			m.FADD(lost, l[i], l[i])
			m.FADD(h, l[i], l[i])
		}
		return l
	}
}

// logSpecial sets y to what the logarithm of u is where u is 0 (-Inf), below (NaN), infinite or NaN.
func (m *machine) logSpecial() func(u, y []vec) {
	nan, inf, minusInf := m.broadcast(math.NaN()), m.broadcast(math.Inf(1)), m.broadcast(math.Inf(-1))
	return func(u, y []vec) {
		for i := range u {
			t := m.vec()
			m.FCMGEZero(u[i], t)
			m.VBIF(t, nan, y[i])
			m.FCMEQZero(u[i], t)
			m.VBIT(t, minusInf, y[i])
			m.FCMEQ(inf, u[i], t)
			m.VBIT(t, inf, y[i])
		}
	}
}

// splitAny is split for denormals too, which it makes normal. It keeps x.
func (m *machine) splitAny() splitting {
	shift := m.fraction() + 2
	split, least := m.split(), m.broadcast(math.Ldexp(1, int(1-m.bias())))
	up, down := m.broadcast(math.Ldexp(1, shift)), m.broadcast(float64(-shift))
	return func(x []vec) (f, e, k []vec) {
		u, add := m.vecs(len(x)), m.vecs(len(x))
		for i := range x {
			t := m.vec()
			m.FCMGT(x[i], least, add[i])
			m.FMUL(up, x[i], t)
			m.VMOV(x[i], u[i])
			m.VBIT(add[i], t, u[i])
			m.VAND(down, add[i], add[i])
		}
		f, e, k = split(u)
		for i := range e {
			m.FADD(add[i], e[i], e[i])
		}
		return f, e, k
	}
}

func (m *machine) log() mapping {
	split, log, special := m.splitAny(), m.logOf(), m.logSpecial()
	return oneByOne(func(x []vec) []vec {
		f, e, _ := split(x)
		y := log(f, e)
		special(x, y)
		return y
	})
}

// log2 is e + log(1+f) log2(e).
func (m *machine) log2() mapping {
	split, rest, special, log2e := m.splitAny(), m.log1pRest(), m.logSpecial(), m.broadcast(math.Log2E)
	return oneByOne(func(x []vec) []vec {
		f, e, _ := split(x)
		y := rest(f, nil)
		for i := range y {
			m.FADD(f[i], y[i], y[i])
			m.VFMLA(log2e, y[i], e[i])
		}
		special(x, e)
		return e
	})
}

// log1pOf returns log(1+x), also 1+x rounded; it keeps x. What the rounding loses is added to f, so that f = x where e = 0.
func (m *machine) log1pOf() func(x []vec) (y, u []vec) {
	split, log, one, zero, bias := m.split(), m.logOf(), m.broadcast(1), m.zero(), m.broadcastWord(uint64(m.bias()))
	return func(x []vec) (y, u []vec) {
		u = m.vecs(len(x))
		for i := range x {
			m.FADD(one, x[i], u[i])
		}
		f, e, k := split(u)
		for i := range x {
			back, lost, t := m.vec(), m.vec(), m.vec()
			m.FSUB(one, u[i], back)
			m.FSUB(back, u[i], t)
			m.FSUB(t, one, t)
			m.FSUB(back, x[i], lost)
			m.FADD(t, lost, lost)
			m.VSUB(k[i], bias, t) // 2^-e, or 0 for the largest e
			m.VSHL(m.fraction(), t, t)
			m.FMAX(zero, t, t)
			m.VFMLA(t, lost, f[i])
		}
		return log(f, e), u
	}
}

func (m *machine) log1p() mapping {
	log1p, special, sign := m.log1pOf(), m.logSpecial(), m.broadcastWord(m.signBit())
	return oneByOne(func(x []vec) []vec {
		y, u := log1p(x)
		special(u, y)
		for i := range x {
			m.VBIT(sign, x[i], y[i])
		}
		return y
	})
}

// oneByOne applies f to each vector after the other, where registers are short.
func oneByOne(f mapping) mapping {
	return func(x []vec) []vec {
		var y []vec
		for i := range x {
			y = append(y, f(x[i:i+1])...)
		}
		return y
	}
}

// expm1Full is e^x - 1 everywhere: expm1 with half of 2^k, which is finite, and e^r - 1 where k = 0, so that denormals keep their bits.
func (m *machine) expm1Full() mapping {
	poly, half, sign := m.polynomial(coeff.Expm1[:], coeff.Expm1Double[:]), m.broadcast(.5), m.broadcastWord(m.signBit())
	lo, hi, reduce := m.bound(m.pick(-20, -40)), m.bound(m.pick(89, 710)), m.reduceByLn2(m.bias()-1)
	return func(x []vec) []vec {
		r := make([]vec, len(x))
		for i := range x {
			r[i] = m.copyOf(x[i])
		}
		m.clamp(r, lo, hi)
		scale, k := reduce(r)
		q := m.horner(poly, r)
		y := m.vecs(len(x))
		for i, r := range r {
			m.FMUL(r, q[i], q[i])
			m.VFMLA(q[i], r, r) // e^r - 1
			m.VSHL(m.fraction(), scale[i], scale[i])
			m.FSUB(half, scale[i], y[i])
			m.VFMLA(r, scale[i], y[i])
			m.FADD(y[i], y[i], y[i])
			m.FCMEQZero(k[i], k[i])
			m.VBIT(k[i], r, y[i])
			m.VBIT(sign, x[i], y[i])
		}
		return y
	}
}

// softplusDouble is max(x, 0) + log(1+u), u = e^-|x|, for float64: a polynomial of log(1+u) on [0, 1] would need 22 terms.
func (m *machine) softplusDouble() mapping {
	defer m.crowd()()
	exp, log1p, zero := m.expMinusAbs(), m.log1pOf(), m.zero()
	return func(x []vec) []vec {
		u := exp(x)
		for i := range x { // one at a time, for want of registers
			l, _ := log1p(u[i : i+1])
			m.FMAX(zero, x[i], x[i]) // NaN stays
			m.FADD(x[i], l[0], u[i])
		}
		return u
	}
}
