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
