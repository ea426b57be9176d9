package main

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/sinkcpu/sinkcpu/internal/dd"
)

// A doubleTarget is a polynomial with coefficients in float64, whose function is known to twice their precision.
type doubleTarget struct {
	target                        // f is not used
	exact  func(x float64) dd.Num // the function
}

var doubleTargets = []doubleTarget{
	{target{name: "Exp2Floor11", doc: "2^r", weight: one, lo: 0, hi: 1, degree: 11}, exp2},
	{target{name: "Exp2Half11", doc: "2^(r+1/2)", weight: one, lo: -.5, hi: .5, degree: 11}, func(x float64) dd.Num { return exp2(x + .5) }},
	{target{name: "Exp2Near11", doc: "2^r, the error relative", weight: func(x float64) float64 { return math.Exp2(-x) },
		lo: -.5, hi: .5, degree: 11, fixed: map[int]float64{0: 1}}, exp2},
	{target{name: "Exp11", doc: "e^r, the error relative", weight: func(x float64) float64 { return math.Exp(-x) },
		lo: -halfLn2, hi: halfLn2, degree: 11, fixed: map[int]float64{0: 1, 1: 1}}, func(x float64) dd.Num { return dd.Exp(dd.Of(x)) }},
	{target{name: "Expm1Double", doc: "(e^r - 1 - r)/r^2, the error relative to e^r - 1",
		weight: func(x float64) float64 { return math.Abs(x * x / math.Expm1(x+1e-30)) }, lo: -halfLn2, hi: halfLn2, degree: 10}, exactExpm1Rest},
	{target{name: "LogRatioDouble", doc: "(2 atanh(s)/s - 2)/s^2 as a function of s^2", weight: one, lo: 0, hi: .04, degree: 7}, atanhRest},
}

func exp2(x float64) dd.Num {
	s := dd.Exp2Scaled(x)
	return s.P.Ldexp(s.K)
}

// exactExpm1Rest is the sum of r^k/(k+2)!.
func exactExpm1Rest(r float64) dd.Num {
	c, f := make([]dd.Num, 24), dd.Of(1)
	for k := range c {
		f = f.Mul(dd.Of(float64(k + 2)))
		c[k] = dd.Of(1).Div(f)
	}
	return dd.Horner(c, dd.Of(r))
}

// atanhRest is the sum of 2 z^k/(2k+3).
func atanhRest(z float64) dd.Num {
	c := make([]dd.Num, 24)
	for k := range c {
		c[k] = dd.Of(2).Div(dd.Of(float64(2*k + 3)))
	}
	return dd.Horner(c, dd.Of(z))
}

// improve adds to the coefficients c those of the best polynomial for what they leave of the function, but for the given ones: so a fit in
// float64 gives coefficients to more than its precision.
func (t doubleTarget) improve(c []dd.Num, given map[int]bool) {
	rest := t.target
	rest.fixed = map[int]float64{}
	for i := range given {
		rest.fixed[i] = 0
	}
	at := map[float64]float64{}
	rest.f = func(x float64) float64 {
		v, ok := at[x]
		if !ok {
			v = t.exact(x).Sub(dd.Horner(c, dd.Of(x))).Hi
			at[x] = v
		}
		return v
	}
	for i, v := range minimax(rest) {
		c[i] = c[i].Add(dd.Of(v))
	}
}

// best returns the coefficients before rounding.
func (t doubleTarget) best() []dd.Num {
	c, given := make([]dd.Num, t.degree+1), map[int]bool{}
	for i, v := range t.fixed {
		c[i], given[i] = dd.Of(v), true
	}
	for range 2 {
		t.improve(c, given)
	}
	return c
}

// round rounds the coefficients to float64, the large ones one at a time from the constant up, finding the others anew after each.
func (t doubleTarget) round() []float64 {
	const large = 3 // later ones are multiplied by so high powers that their rounding is lost in that of the sum
	c, given := t.best(), map[int]bool{}
	for i := range t.fixed {
		given[i] = true
	}
	out := make([]float64, len(c))
	for i := range c {
		out[i] = c[i].Float64()
		c[i] = dd.Of(out[i])
		if fixed := given[i]; !fixed && i < large {
			given[i] = true
			t.improve(c, given)
		}
	}
	return out
}

// measure returns the largest weighted error and the mean relative error.
func (t doubleTarget) measure(c []dd.Num) (worst, mean float64) {
	const grid = 2000
	for i := range grid {
		x := t.lo + (t.hi-t.lo)*(float64(i)+.5)/grid
		f := t.exact(x)
		e := dd.Horner(c, dd.Of(x)).Sub(f).Hi
		worst = max(worst, math.Abs(e*t.weight(x)))
		mean += e / f.Hi / grid
	}
	return worst, mean
}

func (t doubleTarget) write(w io.Writer) {
	c := t.round()
	exact := make([]dd.Num, len(c))
	for i, v := range c {
		exact[i] = dd.Of(v)
	}
	worst, mean := t.measure(exact)
	ideal, _ := t.measure(t.best())
	fmt.Fprintf(w, "\n// %s is %s on [%.4g, %.4g]: at most 2^%.2f (2^%.2f before rounding), mean %.1e.\n", t.name, t.doc, t.lo, t.hi, math.Log2(worst), math.Log2(ideal), mean)
	fmt.Fprintf(w, "var %s = [...]float64{\n", t.name)
	for _, v := range c {
		fmt.Fprintf(w, "\t%s,\n", strconv.FormatFloat(v, 'g', -1, 64))
	}
	fmt.Fprint(w, "}\n")
}
