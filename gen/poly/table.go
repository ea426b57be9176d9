package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// A tableTarget is 2^x on [0, 1) from a table of its values at i/steps and a polynomial q for the way from one to the next:
//
//	2^(i/steps + r) = T[i] + T[i] r q(r),  0 <= r < 1/steps
//
// The sum has one rounding of its size, as T[i] does; what is multiplied is small.
type tableTarget struct {
	name   string
	steps  int
	degree int
}

var tableTargets = []tableTarget{{name: "Exp2Table", steps: 16, degree: 2}}

// values returns T.
func (t tableTarget) values() []float32 {
	v := make([]float32, t.steps)
	for i := range v {
		v[i] = float32(math.Exp2(float64(i) / float64(t.steps)))
	}
	return v
}

// step is q's target, its weight that of the relative error of 2^r.
func (t tableTarget) step() target {
	q := func(r float64) float64 {
		if r == 0 {
			return math.Ln2
		}
		return math.Expm1(r*math.Ln2) / r
	}
	return target{f: q, weight: func(r float64) float64 { return r * math.Exp2(-r) }, lo: 0, hi: 1 / float64(t.steps), degree: t.degree}
}

// round returns q with its constant moved by units in the last place until the mean error of the whole, with the table's, is least.
func (t tableTarget) round() []float32 {
	q := round32(t.step())
	_, mean := t.measure(q)
	for {
		c := append([]float32(nil), q...)
		c[0] = math.Nextafter32(c[0], float32(-math.Copysign(4, mean)))
		_, now := t.measure(c)
		if math.Abs(now) >= math.Abs(mean) {
			return q
		}
		q, mean = c, now
	}
}

// measure returns the largest error in units in the last place of [1, 2), and the mean relative error.
func (t tableTarget) measure(q []float32) (worst, mean float64) {
	c, values := widen(q), t.values()
	for k := range grid {
		x := (float64(k) + .5) / grid
		i := int(x * float64(t.steps))
		r := x - float64(i)/float64(t.steps)
		v := float64(values[i]) * (1 + r*horner(c, r))
		worst = max(worst, math.Abs(v-math.Exp2(x))*0x1p23)
		mean += (v/math.Exp2(x) - 1) / grid
	}
	return worst, mean
}

func (t tableTarget) write(w io.Writer) {
	q := t.round()
	ofStep, _ := measure(t.step(), widen(q))
	worst, mean := t.measure(q)
	fmt.Fprintf(w, "\n// %sValues are 2^(i/%d), and %sStep is q(r) = (2^r - 1)/r on [0, 1/%d], the error relative to 2^r: at most 2^%.2f.\n",
		t.name, t.steps, t.name, t.steps, math.Log2(ofStep))
	fmt.Fprintf(w, "// Together T + T r q(r) is within %.3f units in the last place, mean %.1e.\nvar (\n", worst, mean)
	writeList(w, t.name+"Values", t.values())
	writeList(w, t.name+"Step", q)
	fmt.Fprint(w, ")\n")
}

func writeList(w io.Writer, name string, v []float32) {
	fmt.Fprintf(w, "\t%s = [...]float32{", name)
	for i, x := range v {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprint(w, strconv.FormatFloat(float64(x), 'g', -1, 32))
	}
	fmt.Fprint(w, "}\n")
}
