package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// TestOTZeroWeights: points without mass have finite potentials and a partner, and take part in nothing.
func TestOTZeroWeights(t *testing.T) {
	for _, precision := range []string{"f32", "f64"} {
		b := newOTBench(t)
		abs := b.file("c.npy", 3, 0, 1, 2, 1, 0, 1, 2, 1, 0)
		x := b.file("x.npy", 1, 0, 1, 2)
		weights := []string{"--weights-x", b.file("a.csv", 1, 0, 1, 0), "--weights-y", b.file("b.csv", 1, .5, .5, 0), "--eps", ".2", "--precision", precision,
			"--plan", b.at("p.npy"), "--assign", b.at("a.out"), "--potentials", b.at("f.npz")}
		r := b.solve(append(weights, "--cost-matrix", abs)...)
		near(t, "value", r.num("value"), .5, 1e-6)
		for k, want := range []float64{0, 0, 0, .5, .5, 0, 0, 0, 0} {
			near(t, "plan", b.npy(b.at("p.npy")).Data[k], want, 1e-6)
		}
		pot, err := data.ReadNPZ(b.at("f.npz"))
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range pot {
			for k, v := range v.Data {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s[%d] is %g", name, k, v)
				}
			}
		}
		b.solve(append(weights, x, x, "--debias", "--map", b.at("m.npy"), "--grad", b.at("g.npy"))...)
		m, g := b.npy(b.at("m.npy")).Data, b.npy(b.at("g.npy")).Data
		near(t, "map of the point with mass", m[1], .5, 1e-4)
		if !(m[0] >= 0 && m[0] < .5 && m[2] > .5 && m[2] <= 1) {
			t.Errorf("the map takes the points without mass to %g and %g", m[0], m[2])
		}
		if g[0] != 0 || g[2] != 0 {
			t.Errorf("points without mass have the gradient %g and %g", g[0], g[2])
		}
		if a := assignment(t, b.at("a.out")); a[0] != (partner{0, 0}) || a[2] != (partner{1, 0}) {
			t.Errorf("points without mass are assigned to %v and %v", a[0], a[2])
		}
	}
}

// TestOTDegenerate: one point, and equal points, work with every default.
func TestOTDegenerate(t *testing.T) {
	b := newOTBench(t)
	one, far, same := b.file("one.csv", 2, 3, 4), b.file("far.csv", 2, 0, 0), b.file("same.csv", 2, .1, .1, .1, .1, .1, .1)
	tenth := b.file("tenth.csv", 2, .1, .1)
	for _, c := range []struct {
		x, y string
		want float64
	}{{one, far, 25}, {one, one, 0}, {same, same, 0}, {same, tenth, 0}, {same, far, .02}} {
		for _, eps := range []string{"0.05*mean", "2*std", "1"} {
			for _, precision := range []string{"f32", "f64"} {
				name := fmt.Sprintf("%s, %s, eps %s, %s", filepath.Base(c.x), filepath.Base(c.y), eps, precision)
				r := b.solve(c.x, c.y, "--debias", "--eps", eps, "--precision", precision, "--map", b.at("m.npy"))
				tol := 1e-9 * max(1, c.want)
				if precision == "f32" {
					tol = 2e-5 * max(1, c.want)
				}
				for _, key := range []string{"value", "divergence", "transport_cost"} {
					near(t, name+": "+key, r.num(key), c.want, tol)
				}
			}
		}
	}
}

// TestOTOfEqualCloudsIsNothing: S(x,x) = 0, and a translation of both clouds changes nothing.
func TestOTOfEqualCloudsIsNothing(t *testing.T) {
	b := newOTBench(t)
	const n, d = 40, 12
	x := make([]float64, n*d)
	for _, offset := range []float64{0, 1e4} {
		random.Normal(random.New(3, "x"), x, 0, 1)
		for i := range x {
			x[i] += offset
		}
		f := b.file("x.npy", d, x...)
		for precision, tol := range map[string]float64{"f32": 1e-6 * 2 * d, "f64": 1e-9 * 2 * d} {
			r := b.solve(f, f, "--debias", "--precision", precision)
			near(t, fmt.Sprintf("%s at %g: divergence", precision, offset), r.num("divergence"), 0, tol)
			if !(r.num("divergence_lower") <= 0 && r.num("divergence_upper") >= 0) {
				t.Errorf("%s at %g: [%g, %g] does not hold 0", precision, offset, r.num("divergence_lower"), r.num("divergence_upper"))
			}
		}
	}
}

// TestOTEps checks the resolved temperature against all pairs.
func TestOTEps(t *testing.T) {
	b := newOTBench(t)
	x, y := []float64{1e3, 0, 1e3 + 2, 1, 1e3, 3}, []float64{1e3, 1, 1e3 + 4, 2}
	for _, half := range []bool{false, true} {
		var c []float64
		scale, cost := 1., "sqeuclidean"
		if half {
			scale, cost = .5, "halfsqeuclidean"
		}
		for i := 0; i < len(x); i += 2 {
			for j := 0; j < len(y); j += 2 {
				c = append(c, scale*((x[i]-y[j])*(x[i]-y[j])+(x[i+1]-y[j+1])*(x[i+1]-y[j+1])))
			}
		}
		q := momentsOf(c, make([]float64, len(c)), 0)
		mean, std := q.mean, q.std()
		points := []string{b.file("x.npy", 2, x...), b.file("y.npy", 2, y...), "--cost", cost, "--max-iter", "1"}
		holes := append(slices.Clone(c), math.Inf(1), math.Inf(1)) // not counted; the row has no mass
		matrix := []string{"--cost-matrix", b.file("c.npy", 2, holes...), "--weights-x", b.file("a.csv", 1, 1./3, 1./3, 1./3, 0), "--max-iter", "1"}
		for eps, want := range map[string]float64{"": .05 * mean, "2*mean": 2 * mean, ".5 * std": .5 * std, "0.25": .25} {
			for _, args := range [][]string{points, matrix} {
				if eps != "" {
					args = append(slices.Clone(args), "--eps", eps)
				}
				r, _, stderr := b.any(args...)
				if r == nil {
					t.Fatal(stderr)
				}
				near(t, "eps "+eps, r.num("eps"), want, 1e-12)
			}
		}
	}
}
