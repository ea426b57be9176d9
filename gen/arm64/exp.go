package main

import (
	"math"

	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
)

// A mapping returns f(x) in new or the same registers for several x, which it may destroy.
type mapping func(x []vec) []vec

// A polynomial is the coefficients of one, from the constant up. FMLA adds to what it destroys, so a coefficient that something is added to
// must be brought in each time: it stays in memory, whose loads compete with no arithmetic. Those that multiply stay in registers, unless
// the machine is crowded.
type polynomial struct {
	length, low int         // coefficients, and those of the last steps
	vectors     gp          // all of them
	kept        map[int]vec // those in registers
}

// polynomial loads the coefficients that belong to the element. Call it outside of loops.
func (m *machine) polynomial(single []float32, double []float64) polynomial {
	c := m.pickFrom(single, double)
	p := polynomial{length: len(c), low: 1 + len(c)%2, vectors: m.table(c), kept: map[int]vec{}}
	if m.double() && p.low == 1 {
		p.low = 3
	}
	if m.crowded {
		return p
	}
	for k := p.low + 1; k < p.length; k += 2 {
		p.kept[k] = m.coefficient(p, k)
	}
	p.kept[p.length-1] = m.coefficient(p, p.length-1)
	return p
}

// coefficient returns a copy of one.
func (m *machine) coefficient(c polynomial, k int) vec {
	r := m.vec()
	m.loadAll(m.at(c.vectors, k), r)
	return r
}

// factor returns a coefficient to be read.
func (m *machine) factor(c polynomial, k int) vec {
	if r, ok := c.kept[k]; ok {
		return r
	}
	return m.coefficient(c, k)
}

// horner returns the polynomial at each of r. Pairs of coefficients in powers of r^2 halve what must be brought in, and the latency:
//
//	(c[low] + c[low+1] r) + r^2 ((c[low+2] + c[low+3] r) + ...)
//
// The last one to three steps keep Horner's rounding, so that an odd number of coefficients is left, which suits pairs. With pairs up to
// the last step but one, exp2 was off by 1.003 ULP in float32, and with one step in float64 by .986.
func (m *machine) horner(c polynomial, r []vec) []vec {
	square, q, top := m.vecs(len(r)), make([]vec, len(r)), m.factor(c, c.length-1)
	for i := range r {
		m.FMUL(r[i], r[i], square[i])
		q[i] = top
	}
	for k := c.length - 3; k >= c.low; k -= 2 {
		odd := m.factor(c, k+1)
		p := make([]vec, len(r))
		for i := range r {
			p[i] = m.coefficient(c, k)
			m.VFMLA(odd, r[i], p[i])
		}
		for i := range r {
			m.VFMLA(q[i], square[i], p[i])
		}
		q = p
	}
	for k := c.low - 1; k >= 0; k-- {
		p := make([]vec, len(r))
		for i := range r {
			p[i] = m.coefficient(c, k)
			m.VFMLA(q[i], r[i], p[i])
		}
		q = p
	}
	return q
}

// crowd keeps all coefficients of polynomials in memory until what it returns is called.
func (m *machine) crowd() (end func()) {
	before := m.crowded
	m.crowded = true
	return func() { m.crowded = before }
}

// clamp bounds each x by lo and hi, either of which may be nil. NaN stays NaN.
func (m *machine) clamp(x []vec, lo, hi *vec) {
	for i := range x {
		if lo != nil {
			m.FMAX(*lo, x[i], x[i])
		}
		if hi != nil {
			m.FMIN(*hi, x[i], x[i])
		}
	}
}

func (m *machine) bound(v float64) *vec {
	r := m.broadcast(v)
	return &r
}

// exp2Fast is 2^x to 2 ULP (1.5 in float64) for the sweeps, with no denormal results: they are 0.
type exp2Fast struct {
	apply mapping // 2^x of a shifted argument
	// half is to be added once to one of the terms of x. The nearest integer to x - 1/2 is then the exponent of 2^x, so that the
	// polynomial is in [1, 2) and no result is denormal.
	half vec
}

func (m *machine) exp2Fast() exp2Fast {
	poly := m.polynomial(coeff.Exp2Half5[:], coeff.Exp2Half11[:])
	lo, hi, magic := m.bound(-m.bias()), m.bound(m.bias()+1), m.broadcast(m.magic(m.bias()))
	apply := func(x []vec) []vec {
		m.clamp(x, lo, hi)
		scale := m.vecs(len(x))
		for i := range x {
			m.FADD(magic, x[i], scale[i])
			k := m.vec()
			m.FSUB(magic, scale[i], k)
			m.FSUB(k, x[i], x[i])
		}
		p := m.horner(poly, x)
		for i := range x {
			m.VSHL(m.fraction(), scale[i], scale[i])
			m.FMUL(scale[i], p[i], p[i])
		}
		return p
	}
	return exp2Fast{apply, m.broadcast(-.5)}
}

// exp2 is 2^x with all results, denormals too.
func (m *machine) exp2() mapping {
	poly, lo, hi, scale := m.polynomial(coeff.Exp2Near6[:], coeff.Exp2Near11[:]), m.bound(m.pick(-152, -1077)), m.bound(m.bias()+2), m.scale()
	return func(x []vec) []vec {
		m.clamp(x, lo, hi)
		k := m.vecs(len(x))
		for i := range x {
			m.FRINTN(x[i], k[i])
			m.FSUB(k[i], x[i], x[i])
		}
		p := m.horner(poly, x)
		scale(p, k)
		return p
	}
}

// scale multiplies each p by 2^k for integers |k| <= 250, or 1080 for float64, with one rounding where the result is denormal. It destroys k.
func (m *machine) scale() func(p, k []vec) {
	one := m.broadcast(1)
	return func(p, k []vec) {
		for i := range p {
			half := m.vec()
			m.FCVTNS(k[i], k[i])
			m.SSHR(1, k[i], half)
			m.VSUB(half, k[i], k[i])
			for _, e := range []vec{half, k[i]} {
				m.VSHL(m.fraction(), e, e)
				m.VADD(one, e, e)
				m.FMUL(e, p[i], p[i])
			}
		}
	}
}

// reduceByLn2 splits x = k ln 2 + r with |r| <= ln(2)/2, in place, and returns k + magic(offset); for |x| < 2^20. The products k high are exact
// for |k| < 2^8, or 2^11 for float64.
func (m *machine) reduceByLn2(offset float64) func(x []vec) (kMagic, k []vec) {
	ln2High, ln2Low := m.ln2()
	magic, log2e, high, low := m.broadcast(m.magic(offset)), m.broadcast(math.Log2E), m.broadcast(ln2High), m.broadcast(ln2Low)
	return func(x []vec) (kMagic, k []vec) {
		kMagic, k = m.vecs(len(x)), m.vecs(len(x))
		for i := range x {
			m.VMOV(magic, kMagic[i])
			m.VFMLA(log2e, x[i], kMagic[i])
			m.FSUB(magic, kMagic[i], k[i])
			m.VFMLS(high, k[i], x[i])
			m.VFMLS(low, k[i], x[i])
		}
		return kMagic, k
	}
}

// exp is e^x with all results, denormals too.
func (m *machine) exp() mapping {
	poly, lo, hi := m.polynomial(coeff.Exp6[:], coeff.Exp11[:]), m.bound(m.pick(-104.5, -746)), m.bound(m.pick(89.5, 710.5))
	reduce, scale := m.reduceByLn2(m.bias()), m.scale()
	return func(x []vec) []vec {
		m.clamp(x, lo, hi)
		_, k := reduce(x)
		p := m.horner(poly, x)
		scale(p, k)
		return p
	}
}

// expm1 is e^x - 1 for |x| <= 80: with em = e^r - 1 it is 2^k em + (2^k - 1), which loses nothing where k = 0.
func (m *machine) expm1() mapping {
	poly, one, reduce := m.polynomial(coeff.Expm1[:], coeff.Expm1Double[:]), m.broadcast(1), m.reduceByLn2(m.bias())
	return func(x []vec) []vec {
		scale, _ := reduce(x)
		q := m.horner(poly, x)
		for i, r := range x {
			less := m.vec()
			m.FMUL(r, q[i], q[i])
			m.VFMLA(q[i], r, r)
			m.VSHL(m.fraction(), scale[i], scale[i])
			m.FSUB(one, scale[i], less)
			m.VFMLA(r, scale[i], less)
			q[i] = less
		}
		return q
	}
}
