package main

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

// otCase is a problem with a known answer: points (d coordinates) or, with d = 0, costs of m columns. NaN stands for a value that is not
// known.
type otCase struct {
	name      string
	x, y      []float64
	d         int
	c         []float64
	m         int
	a, b      []float64
	eps       float64
	value, w  float64
	s, wSharp float64 // divergence, and half of the sharp loss
	scale     float64 // max(1, mean cost)
}

var (
	unknown = math.NaN()
	swap    = []float64{0, 1, 1, 0}
	line5   = []float64{.1, .9, .4, .75, .2}
	other5  = []float64{.5, .05, 1.2, .8, .33}
)

// otCases are closed forms and values worked out exactly.
func otCases() []otCase {
	abs := []float64{0, 1, 2, 1, 0, 1, 2, 1, 0} // |i - j|
	cases := []otCase{
		{name: "swap/eps=1", c: swap, m: 2, eps: 1, value: .3798854930417225, w: .2689414213699951},
		{name: "swap/eps=.1", c: swap, m: 2, eps: .1, value: .06931017816607285, w: 1 / (1 + math.Exp(10))},
		{name: "weighted swap", c: swap, m: 2, a: []float64{.3, .7}, b: []float64{.6, .4}, eps: .5, value: .3939404594207, w: .313755103735603},
		{name: "swap as points", x: []float64{0, 1}, y: []float64{0, 1}, d: 1, eps: 1, value: .3798854930417225, w: .2689414213699951, s: 0, wSharp: 0},
		// Alternation contracts by .99990921 an iteration.
		{name: "slow on purpose", x: []float64{0, 1}, y: []float64{0, 1, 2, 3}, d: 1, eps: .1, value: 1.569312448111029, w: 1.5000226989344916,
			s: 1.46534604584, wSharp: 1.49996595263, scale: 3},
		{name: "small eps", x: []float64{0, 0, 0, 2}, y: []float64{2, 1, 2, 2}, d: 2, eps: .001, value: 4.5 + .001*math.Ln2, w: 4.5, s: unknown, wSharp: unknown, scale: 5.5},
		{name: "one point each", x: []float64{1, 2}, y: []float64{2, 0}, d: 2, eps: .1, value: 5, w: 5, s: 5, wSharp: 5, scale: 5},
		{name: "one point twice", x: []float64{1, 2}, y: []float64{1, 2}, d: 2, eps: .1},
		{name: "line/eps=.1", x: line5, y: other5, d: 1, eps: .1, value: .11235725453791548, w: .05960568525656505, s: unknown, wSharp: unknown},
		{name: "zero weights", c: abs, m: 3, a: []float64{0, 1, 0}, b: []float64{.5, .5, 0}, eps: .2, value: .5, w: .5},
		{name: "forbidden pair", c: []float64{1, math.Inf(1), math.Inf(1), 2}, m: 2, eps: .1, value: 1.5 + .1*math.Ln2, w: 1.5},
	}
	return append(cases, otInvariances()...)
}

// otInvariances are one problem in other words.
func otInvariances() []otCase {
	const value, w = .350761016514164, .2512704828551182
	a, b := []float64{.2, .5, .3}, []float64{.4, .6}
	base := otCase{x: []float64{0, 1, 2}, y: []float64{.5, 1.5}, d: 1, a: a, b: b, eps: .3, value: value, w: w, s: unknown, wSharp: unknown}
	variant := func(name string, change func(c *otCase)) otCase {
		c := base
		c.name = "invariances/" + name
		change(&c)
		return c
	}
	costs := func(factor, shift float64) (c []float64) {
		for _, x := range base.x {
			for _, y := range base.y {
				c = append(c, factor*(x-y)*(x-y)+shift)
			}
		}
		return c
	}
	return []otCase{
		variant("points", func(*otCase) {}),
		variant("split point", func(c *otCase) { c.x, c.a = []float64{0, 1, 1, 2}, []float64{.2, .25, .25, .3} }),
		variant("transposed", func(c *otCase) { c.x, c.y, c.a, c.b = base.y, base.x, b, a }),
		variant("permuted", func(c *otCase) { c.x, c.a = []float64{2, 0, 1}, []float64{.3, .2, .5} }),
		variant("moved", func(c *otCase) { c.x, c.y = []float64{1e4, 1e4 + 1, 1e4 + 2}, []float64{1e4 + .5, 1e4 + 1.5} }),
		variant("matrix", func(c *otCase) { c.d, c.c, c.m = 0, costs(1, 0), 2 }),
		variant("C+7", func(c *otCase) { c.d, c.c, c.m, c.value, c.w, c.scale = 0, costs(1, 7), 2, value+7, w+7, 8 }),
		variant("3C, 3eps", func(c *otCase) {
			c.d, c.c, c.m, c.eps, c.value, c.w, c.scale = 0, costs(3, 0), 2, .9, 3*value, 3*w, 3
		}),
	}
}

// args writes the files of a case and returns the arguments.
func (c *otCase) args(b *otBench) []string {
	var args []string
	if c.d > 0 {
		args = []string{b.file("x.npy", c.d, c.x...), b.file("y.csv", c.d, c.y...), "--debias"}
	} else {
		args = []string{"--cost-matrix", b.file("c.npy", c.m, c.c...)}
	}
	if c.a != nil {
		args = append(args, "--weights-x", b.file("a.csv", 1, c.a...), "--weights-y", b.file("b.npy", 1, c.b...))
	}
	return append(args, "--eps", strconv.FormatFloat(c.eps, 'g', -1, 64), "--max-iter", "100000")
}

func TestOTMeetsClosedForms(t *testing.T) {
	for _, c := range otCases() {
		t.Run(c.name, func(t *testing.T) {
			b := newOTBench(t)
			args := c.args(b)
			for _, run := range []struct {
				precision, tol string
				allowed        float64
			}{{"f64", "1e-6", 1e-9}, {"f64", "1e-12", 1e-9}, {"f32", "1e-4", 2e-5}, {"f32", "1e-6", 2e-5}} {
				r := b.solve(append(args, "--precision", run.precision, "--tol", run.tol)...)
				c.check(t, r, run.precision+" to "+run.tol, run.allowed*max(1, c.scale), run.tol == "1e-4")
			}
		})
	}
}

// check compares what is known. The transport cost is in error by the first power of the marginal error, the value by its square.
func (c *otCase) check(t *testing.T, r otResult, how string, tol float64, coarse bool) {
	t.Helper()
	if !math.IsNaN(c.value) {
		near(t, how+": value", r.num("value"), c.value, tol)
		lower, upper := r.num("lower_bound"), r.num("upper_bound")
		if !(lower <= c.value+1e-12*max(1, c.scale) && c.value <= upper+1e-12*max(1, c.scale)) {
			t.Errorf("%s: [%.15g, %.15g] does not hold %.15g", how, lower, upper, c.value)
		}
	}
	if !math.IsNaN(c.w) && !coarse {
		near(t, how+": transport cost", r.num("transport_cost"), c.w, tol)
	}
	if c.d == 0 {
		return
	}
	if !math.IsNaN(c.s) {
		near(t, how+": divergence", r.num("divergence"), c.s, tol)
	}
	if !math.IsNaN(c.wSharp) && !coarse {
		near(t, how+": sinkhorn loss", r.num("sinkhorn_loss"), 2*c.wSharp, 2*tol)
	}
}

// TestOTHistograms: two discretised Gaussians at a temperature of a ten-millionth of the cost land near the exact distance, or the status
// says that they did not.
func TestOTHistograms(t *testing.T) {
	const n, exact = 100, 99.31530613766321
	at, wx, wy := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range at {
		at[i] = float64(i)
		wx[i] = math.Exp(-(at[i] - 30) * (at[i] - 30) / 200)
		wy[i] = math.Exp(-(at[i] - 40) * (at[i] - 40) / 200)
	}
	b := newOTBench(t)
	args := []string{b.file("x.npy", 1, at...), b.file("y.npy", 1, at...), "--weights-x", b.file("a.npy", 1, wx...), "--weights-y", b.file("b.npy", 1, wy...),
		"--normalize", "--eps", "1e-5", "--precision", "f64", "--max-iter", "2000"}
	r, code, stderr := b.any(args...)
	if code != exitDone && code != exitNotConverged {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if lower, upper := r.num("lower_bound"), r.num("upper_bound"); !(lower <= exact+1e-3 && exact <= upper) {
		t.Errorf("[%g, %g] does not hold %g", lower, upper, exact)
	}
	if code == exitDone {
		near(t, "transport cost", r.num("transport_cost"), exact, 1e-3)
	}
}

// TestOTTranslation: S(mu, mu+t) = |t|^2 and dS/dx_i = -2 a_i t for every eps and weights, also far from the origin.
func TestOTTranslation(t *testing.T) {
	const n, d = 30, 3
	shift := []float64{.5, -.25, 1}
	s := random.New(1, "points")
	x, y, w := make([]float64, n*d), make([]float64, n*d), make([]float64, n)
	random.Uniform(s, w, 0, 1)
	sum := 0.
	for _, v := range w {
		sum += v
	}
	for _, far := range []float64{0, 1e4} {
		random.Normal(s, x, far, 1)
		for i := range x {
			x[i] = math.Round(x[i]*1024) / 1024 // so that the translation is exact
			y[i] = x[i] + shift[i%d]
		}
		b := newOTBench(t)
		args := []string{b.file("x.npy", d, x...), b.file("y.npy", d, y...), "--weights-x", b.file("a.npy", 1, w...), "--weights-y", b.at("a.npy"),
			"--debias", "--normalize", "--tol", "1e-6", "--grad", b.at("g.npy")}
		for _, eps := range []string{"0.01*mean", "0.1*std", "1*mean", "1000"} {
			for precision, tol := range map[string]float64{"f64": 1e-9, "f32": 2e-5} {
				name := fmt.Sprintf("offset %g, eps %s, %s", far, eps, precision)
				r := b.solve(append(args, "--eps", eps, "--precision", precision)...)
				near(t, name+": divergence", r.num("divergence"), .25+.0625+1, tol*7)
				for k, v := range b.npy(b.at("g.npy")).Data {
					near(t, name+": gradient", v, -2*w[k/d]/sum*shift[k%d], 1e-3*2*.07)
				}
			}
		}
	}
}

// TestOTExtremeEps: as eps grows, the plan tends to a b^T and the divergence to the squared distance of the means; as it falls, the value
// tends to the exact distance, or the status says that the solve did not get there.
func TestOTExtremeEps(t *testing.T) {
	b := newOTBench(t)
	args := []string{b.file("x.npy", 1, line5...), b.file("y.npy", 1, other5...), "--debias"}
	mean := 0.
	for _, x := range line5 {
		for _, y := range other5 {
			mean += (x - y) * (x - y) / 25
		}
	}
	for precision, tol := range map[string]float64{"f64": 1e-6, "f32": 2e-5} {
		r := b.solve(append(args, "--eps", "1e6", "--precision", precision)...)
		near(t, precision+": divergence", r.num("divergence"), .011236, tol)
		near(t, precision+": value", r.num("value"), mean, tol)
		near(t, precision+": transport cost", r.num("transport_cost"), mean, tol)
		for _, eps := range []string{"1e-5", "1e-9", "1e-12", "1e-14"} {
			r, code, stderr := b.any(append(args, "--eps", eps, "--precision", precision)...)
			if code != exitDone && code != exitNotConverged {
				t.Fatalf("%s, eps %s: exit %d: %s", precision, eps, code, stderr)
			}
			lower, upper := r.num("lower_bound"), r.num("upper_bound")
			if !(lower <= .02438+1e-4 && .02438-1e-12 <= upper) {
				t.Errorf("%s, eps %s: [%g, %g] does not hold .02438", precision, eps, lower, upper)
			}
			if code == exitDone {
				near(t, precision+", eps "+eps+": value", r.num("value"), .02438, 1e-4)
			}
		}
		if _, code, stderr := b.any(append(args, "--eps", "1e-17", "--precision", precision)...); code != exitUsage {
			t.Errorf("%s, eps below rounding: exit %d: %s", precision, code, stderr)
		}
	}
}

// TestOTGradient compares with the derivative given for the invariances' problem.
func TestOTGradient(t *testing.T) {
	c := otInvariances()[0]
	b := newOTBench(t)
	args := c.args(b)
	b.solve(append(args, "--debias=false", "--precision", "f64", "--tol", "1e-10", "--grad", b.at("g.npy"))...)
	near(t, "dOT/dx_2", b.npy(b.at("g.npy")).Data[1], -.09974782950, 1e-10)
}
