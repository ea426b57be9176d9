package main

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/ottest"
)

// TestOTMeetsReferences runs ot over the files of an independent implementation, with the default tolerance and a tight one.
func TestOTMeetsReferences(t *testing.T) {
	for _, ref := range ottest.References(t, "../../../shared/refs/open") {
		t.Run(ref.Name, func(t *testing.T) {
			t.Parallel() // most of the time goes into syncing files
			r := newOTReference(newOTBench(t), ref)
			for rho, want := range ref.Unbalanced {
				r.unbalanced("f64", 1e-9, rho, want, "--tol", "1e-10")
				r.unbalanced("f32", 2e-5, rho, want)
			}
			if ref.Balanced == nil {
				return
			}
			r.values("f64", 1e-9)
			r.values("f64", 1e-9, "--tol", "1e-12")
			r.values("f32", 2e-5)
			r.values("f32", 2e-5, "--tol", "1e-6")
			r.files("f64", 1e-9, 1e-8, "--tol", "1e-12")
			r.files("f32", 1e-3, r.gradTol(), "--tol", "1e-6")
		})
	}
}

type otReference struct {
	*otBench
	ref        *ottest.Reference
	x, y, a, b string
}

func newOTReference(b *otBench, ref *ottest.Reference) *otReference {
	return &otReference{otBench: b, ref: ref, x: b.file("x.npy", ref.D, ref.X...), y: b.file("y.csv", ref.D, ref.Y...),
		a: b.file("a.csv", 1, ref.A...), b: b.file("b.npy", 1, ref.B...)}
}

func (r *otReference) run(precision string, more ...string) otResult {
	r.Helper()
	return r.solve(append([]string{r.x, r.y, "--weights-x", r.a, "--weights-y", r.b, "--cost", r.ref.Ground(), "--precision", precision,
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
	if want.Conditioned {
		r.potentials(precision, want.F, want.G, tol)
	}
}

func (r *otReference) potentials(precision string, f, g []float64, tol float64) {
	r.Helper()
	p, err := data.ReadNPZ(r.at("p.npz"))
	if err != nil {
		r.Fatal(err)
	}
	for name, v := range map[string][]float64{"f": f, "g": g} {
		for k, x := range v {
			near(r, precision+" "+name, p[name].Data[k], x, tol*r.ref.Scale())
		}
	}
}

// unbalanced checks the problem in which both sides may leave their weights at the price of rho.
func (r *otReference) unbalanced(precision string, tol, rho float64, want *ottest.Unbalanced, more ...string) {
	r.Helper()
	more = append([]string{"--reach", strconv.FormatFloat(rho, 'g', -1, 64)}, more...)
	own := r.run(precision, append(slices.Clone(more), "--potentials", r.at("p.npz"), "--grad", r.at("g.npy"))...)
	gradTol := 1e-8
	if precision == "f32" {
		gradTol = r.gradTol()
	}
	r.gradient("gradient of the unbalanced value", want.GradX, gradTol)
	if precision == "f64" && want.Mass > 1e-3 { // without mass the potentials change nothing
		r.potentials(precision, want.F, want.G, 1e-8)
	}
	res := r.run(precision, append(more, "--debias", "--grad", r.at("g.npy"))...)
	r.gradient("gradient of the unbalanced divergence", want.DivergenceX, gradTol)
	tol *= r.ref.Scale()
	name := precision + ", reach " + more[1] + ": "
	for key, v := range map[string]float64{"value": want.Value, "divergence": want.Divergence, "transport_cost": want.PrimalCost, "mass": want.Mass} {
		near(r, name+key, res.num(key), v, tol)
	}
	near(r, name+"value alone", own.num("value"), want.Value, tol)
	for _, key := range []string{"", "divergence"} {
		lower, upper := bracket(res, key)
		v, rounding := want.Value, 1e-14*r.ref.Scale()
		if key != "" {
			v = want.Divergence
		}
		if !(lower <= v+rounding && v <= upper+rounding) {
			r.Errorf("%s[%.16g, %.16g] does not hold the %s %.16g", name, lower, upper, key, v)
		}
	}
	if res["sinkhorn_loss"] != nil {
		r.Errorf("%sa sinkhorn loss of %v", name, res["sinkhorn_loss"])
	}
}

// gradTol is what float32 may lose of a gradient.
func (r *otReference) gradTol() float64 {
	if r.ref.Eps > .05*r.ref.MeanCost {
		return 1e-3
	}
	return 1e-2
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
