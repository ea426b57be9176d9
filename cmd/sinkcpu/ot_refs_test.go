package main

import (
	"math"
	"strconv"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/ottest"
)

// TestOTMeetsReferences runs ot over the files of an independent implementation, with the default tolerance and a tight one.
func TestOTMeetsReferences(t *testing.T) {
	for _, ref := range ottest.References(t, "../../../shared/refs/open") {
		if ref.CostFactor() == 0 || ref.Balanced == nil {
			continue
		}
		t.Run(ref.Name, func(t *testing.T) {
			b := newOTBench(t)
			r := &otReference{otBench: b, ref: ref, cost: map[float64]string{1: "sqeuclidean", .5: "halfsqeuclidean"}[ref.CostFactor()]}
			r.x, r.y = b.file("x.npy", ref.D, ref.X...), b.file("y.csv", ref.D, ref.Y...)
			r.a, r.b = b.file("a.csv", 1, ref.A...), b.file("b.npy", 1, ref.B...)
			r.values("f64", 1e-9)
			r.values("f64", 1e-9, "--tol", "1e-12")
			r.values("f32", 2e-5)
			r.values("f32", 2e-5, "--tol", "1e-6")
			r.files("f64", 1e-9, 1e-8, "--tol", "1e-12")
			gradTol := 1e-2
			if ref.Eps > .05*ref.MeanCost {
				gradTol = 1e-3
			}
			r.files("f32", 1e-3, gradTol, "--tol", "1e-6")
		})
	}
}

type otReference struct {
	*otBench
	ref        *ottest.Reference
	cost       string
	x, y, a, b string
}

func (r *otReference) run(precision string, more ...string) otResult {
	r.Helper()
	return r.solve(append([]string{r.x, r.y, "--weights-x", r.a, "--weights-y", r.b, "--cost", r.cost, "--precision", precision,
		"--eps", strconv.FormatFloat(r.ref.Eps, 'g', -1, 64), "--max-iter", "100000"}, more...)...)
}

func (r *otReference) values(precision string, tol float64, more ...string) {
	r.Helper()
	res := r.run(precision, append([]string{"--debias"}, more...)...)
	tol *= r.ref.Scale()
	value, divergence := r.ref.Balanced.Dual, r.ref.Divergence
	near(r, "value", res.num("value"), value, tol)
	near(r, "divergence", res.num("divergence"), divergence, tol)
	near(r, "transport cost", res.num("transport_cost"), r.ref.Balanced.PrimalCost, tol)
	rounding := 1e-14 * r.ref.Scale()
	if lower, upper := res.num("lower_bound"), res.num("upper_bound"); !(lower <= value+rounding && value <= upper+rounding) {
		r.Errorf("%s: [%.16g, %.16g] does not hold the value %.16g", precision, lower, upper, value)
	}
	if lower, upper := res.num("divergence_lower"), res.num("divergence_upper"); !(lower <= divergence+rounding && divergence <= upper+rounding) {
		r.Errorf("%s: [%.16g, %.16g] does not hold the divergence %.16g", precision, lower, upper, divergence)
	}
}

// files checks potentials to tol in units of the cost and gradients to gradTol of their largest entry.
func (r *otReference) files(precision string, tol, gradTol float64, more ...string) {
	r.Helper()
	want := r.ref.Balanced
	r.run(precision, append([]string{"--potentials", r.at("p.npz"), "--grad", r.at("g.npy")}, more...)...)
	r.gradient("gradient of the value", want.GradX, gradTol)
	r.run(precision, append([]string{"--debias", "--grad", r.at("g.npy")}, more...)...)
	r.gradient("gradient of the divergence", r.ref.DivergenceX, gradTol)
	p, err := data.ReadNPZ(r.at("p.npz"))
	if err != nil {
		r.Fatal(err)
	}
	for name, v := range map[string][]float64{"f": want.F, "g": want.G} {
		for k, x := range v {
			if want.Conditioned {
				near(r, precision+" "+name, p[name].Data[k], x, tol*r.ref.Scale())
			}
		}
	}
}

func (r *otReference) gradient(what string, want []float64, tol float64) {
	r.Helper()
	g := r.npy(r.at("g.npy"))
	if g.Rows != r.ref.N || g.Cols != r.ref.D {
		r.Fatalf("%s is %d x %d", what, g.Rows, g.Cols)
	}
	size := 1e-3 // where the gradient is 0, as that of a cloud against itself
	for _, v := range want {
		size = max(size, math.Abs(v))
	}
	for k, v := range want {
		near(r, what, g.Data[k], v, tol*size)
	}
}
