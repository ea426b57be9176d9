package main

import (
	"math"
	"strconv"
	"testing"
)

// TestOTMass: --mass moves just so much, the cheapest: of 0 -> .1 and 10 -> 20 all of the first pair, and a tenth of the second.
func TestOTMass(t *testing.T) {
	b := newOTBench(t)
	args := []string{b.file("x.csv", 1, 0, 10), b.file("y.csv", 1, .1, 20), "--eps", "0.05", "--precision", "f64", "--mass", "0.6"}
	r := b.solve(args...)
	near(t, "mass", r.num("mass"), .6, 1e-6)
	near(t, "transport cost", r.num("transport_cost"), .5*.01+.1*100, 1e-3)
	if !(r.num("lower_bound") <= r.num("value") && r.num("value") <= r.num("upper_bound")) || r["penalty"] != "partial" {
		t.Errorf("%v", r)
	}
}

// TestOTL2: the value of the theory's worked example, and what is written of its plan.
func TestOTL2(t *testing.T) {
	b := newOTBench(t)
	plan, grad, mean, pairs, potentials := b.at("p.npy"), b.at("g.npy"), b.at("t.npy"), b.at("pairs.csv"), b.at("f.npz")
	r := b.solve(b.file("x.csv", 1, 0, 1, 3), b.file("y.csv", 1, .5, 2, 2.5, 4), "--reg", "l2", "--eps", "1", "--tol", "1e-12",
		"--plan", plan, "--grad", grad, "--map", mean, "--pairs", pairs, "--potentials", potentials)
	near(t, "value", r.num("value"), 2.3611111111, 1e-9)
	near(t, "transport cost", r.num("transport_cost"), 1.3055555556, 1e-9)
	near(t, "entries", r.num("nonzeros"), 8, 0)
	if !(r.num("lower_bound") <= 2.3611111112 && r.num("upper_bound") >= 2.3611111111) {
		t.Errorf("bounds [%g, %g]", r.num("lower_bound"), r.num("upper_bound"))
	}
	var sum float64
	for _, v := range b.npy(plan).Data {
		sum += v
	}
	near(t, "mass of the plan", sum, 1, 1e-9)
	for i, v := range b.npy(mean).Data { // dx = 2 sum_j P_ij (x_i - y_j) = 2/3 (x_i - mean partner)
		near(t, "gradient", b.npy(grad).Data[i], 2./3*([]float64{0, 1, 3}[i]-v), 1e-9)
	}
}

// TestOTNone: transport in one dimension, and its gradient, plan and potentials; no bracket is left open.
func TestOTNone(t *testing.T) {
	b := newOTBench(t)
	plan, grad, pairs, potentials := b.at("p.npy"), b.at("g.npy"), b.at("pairs.csv"), b.at("f.npz")
	x, y := b.file("x.csv", 1, 0, 1, 3), b.file("y.csv", 1, .5, 2, 2.5, 4)
	r := b.solve(x, y, "--reg", "none", "--plan", plan, "--grad", grad, "--pairs", pairs, "--potentials", potentials)
	// Sorted, thirds against quarters: 0 goes to .5 and a third of what it has to 2, and so on.
	const want = (3*.25 + 1*4 + 2*1 + 2*2.25 + 1*.25 + 3*1) / 12
	near(t, "value", r.num("value"), want, 1e-15)
	near(t, "transport cost", r.num("transport_cost"), want, 1e-15)
	near(t, "entries", r.num("nonzeros"), 6, 0)
	near(t, "eps", r.num("eps"), 0, 0)
	if !(r.num("upper_bound")-r.num("lower_bound") <= 1e-14 && r.num("lower_bound") <= want+1e-15 && r.num("upper_bound") >= want-1e-15) {
		t.Errorf("bounds [%g, %g]", r.num("lower_bound"), r.num("upper_bound"))
	}
	for i, v := range b.npy(grad).Data {
		near(t, "gradient", v, []float64{2 * (3*-.5 + 1*-2) / 12, 2 * (2*-1 + 2*-1.5) / 12, 2 * (1*.5 + 3*-1) / 12}[i], 1e-15)
	}
	for i, v := range b.npy(plan).Data {
		near(t, "plan", v, []float64{3, 1, 0, 0, 0, 2, 2, 0, 0, 0, 1, 3}[i]/12, 1e-15)
	}
	if m := b.pairsIn(pairs); m.Rows != 6 {
		t.Errorf("%d pairs", m.Rows)
	}
	// 1 meets 4 and 0 the rest: a cost without a positive mean, of which eps could not be a multiple.
	near(t, "negative costs", b.solve(b.file("u.csv", 1, 0, 1), b.file("v.csv", 1, 1, 4), "--reg", "none", "--cost", "dot").num("value"), -2, 1e-15)
	for _, args := range [][]string{{"--eps", "1"}, {"--tol", "1e-3"}, {"--debias"}, {"--richardson"}, {"--reach", "1"}, {"--test", "bootstrap"}} {
		if _, code, stderr := b.any(append([]string{x, y, "--reg", "none"}, args...)...); code != 2 {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}

// TestOTRichardson: far below the differences of costs both extrapolations are the exact transport, and the value itself is not.
func TestOTRichardson(t *testing.T) {
	b := newOTBench(t)
	x, y := b.file("x.csv", 1, .1, .9, .4, .75, .2), b.file("y.csv", 1, .5, .05, 1.2, .8, .33)
	want := b.solve(x, y, "--reg", "none").num("value")
	r := b.solve(x, y, "--richardson", "--eps", "2e-4", "--precision", "f64", "--tol", "1e-12")
	near(t, "extrapolated cost", r.num("extrapolated_cost"), want, 1e-10)
	near(t, "extrapolated divergence", r.num("extrapolated_divergence"), want, 1e-10)
	if off := r.num("value") - want; !(off >= 1e-4) {
		t.Errorf("the value itself is off by %g", off)
	}
	for _, args := range [][]string{{"--reach", "1"}, {"--mass", ".5"}, {"--test", "bootstrap"}, {"--reg", "l2"}} {
		if _, code, stderr := b.any(append([]string{x, y, "--richardson"}, args...)...); code != 2 {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}

// TestOTEntropy: two points against themselves tell eps by the entropy of their plan.
func TestOTEntropy(t *testing.T) {
	b := newOTBench(t)
	q := 1 / (1 + math.Exp(1/.3))
	h := math.Ln2 - q*math.Log(q) - (1-q)*math.Log1p(-q)
	x := b.file("x.csv", 1, 0, 1)
	r := b.solve(x, x, "--precision", "f64", "--debias", "--tol", "1e-10", "--eps", "entropy:"+strconv.FormatFloat(h, 'g', -1, 64))
	near(t, "eps", r.num("eps"), .3, 1e-5)
	near(t, "divergence", r.num("divergence"), 0, 1e-9)
	for _, args := range [][]string{
		{"--eps", "entropy:5"}, {"--eps", "entropy:-1"}, {"--eps", "entropy:1", "--reach", "1"}, {"--eps", "entropy:1", "--reg", "l2"}, {"--mass", "2"}, {"--mass", "0"},
		{"--mass", ".5", "--reach", "1"}, {"--mass", ".5", "--debias"}, {"--reg", "l1"}, {"--reg", "l2", "--debias"}, {"--reg", "l2", "--reach", "1"},
	} {
		if _, code, stderr := b.any(append([]string{x, x}, args...)...); code != 2 {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}
