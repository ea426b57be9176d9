package main

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestOTIsSound runs ot on small random problems with repeated points, zero weights and costs of many sizes. An answer has no number that is
// not one, and the brackets of both precisions hold the same value.
func TestOTIsSound(t *testing.T) {
	b := newOTBench(t)
	rapid.Check(t, func(t *rapid.T) {
		args := randomOT(t, b, false)
		wide, narrow := checkAnswer(t, b, append(args, "--precision", "f64")), checkAnswer(t, b, append(args, "--precision", "f32"))
		for _, key := range []string{"", "divergence"} {
			l64, u64 := bracket(wide, key)
			l32, u32 := bracket(narrow, key)
			if l64 > u32 || l32 > u64 { // false where there is none
				t.Fatalf("%s: [%.12g, %.12g] in f64 and [%.12g, %.12g] in f32", key, l64, u64, l32, u32)
			}
		}
	})
}

// TestOTSurvivesExtremes adds forbidden pairs, which may leave no plan at all, outliers, weights of 1e-30 and temperatures at the edge of
// float64. Whatever the problem, ot ends with an answer or one line that names eps; b.any fails on anything that is not JSON.
func TestOTSurvivesExtremes(t *testing.T) {
	b := newOTBench(t)
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.SampledFrom([]string{"f32", "f64"}).Draw(t, "precision")
		r, code, stderr := b.any(append(randomOT(t, b, true), "--precision", precision)...)
		switch {
		case code == exitUsage && strings.Contains(stderr, "eps"):
		case code != exitDone && code != exitNotConverged:
			t.Fatalf("exit %d: %s", code, stderr)
		case (code == exitDone) != (r["status"] == "converged"):
			t.Fatalf("exit %d with status %s", code, r["status"])
		}
	})
}

func bracket(r otResult, of string) (lower, upper float64) {
	if of == "divergence" {
		return r.num("divergence_lower"), r.num("divergence_upper")
	}
	return r.num("lower_bound"), r.num("upper_bound")
}

// checkAnswer runs ot and checks what it says and writes.
func checkAnswer(t *rapid.T, b *otBench, args []string) otResult {
	r, code, stderr := b.any(args...)
	if code != exitDone && code != exitNotConverged {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for key, v := range r {
		if v == nil && key != "dim" {
			t.Fatalf("%s is null in %v", key, r)
		}
	}
	for _, key := range []string{"", "divergence"} {
		if lower, upper := bracket(r, key); lower-upper > 1e-12*math.Abs(upper) {
			t.Fatalf("%s: bounds [%.16g, %.16g]", key, lower, upper)
		}
	}
	for _, name := range []string{"plan.npy", "map.npy", "grad.npy"} {
		if !strings.Contains(strings.Join(args, " "), name) {
			continue
		}
		for k, v := range b.npy(b.at(name)).Data {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s: entry %d is %g", name, k, v)
			}
		}
	}
	return r
}

// otDraws are what random problems are made of.
type otDraws struct {
	factors, weights []float64
	eps, iterations  []string
}

var (
	soundDraws = otDraws{
		factors: []float64{0, 1, 1, 1, 1 + 1e-7}, weights: []float64{0, 1e-5, .1, .5, 1, 1, 2, 100},
		eps: []string{"1e-3*std", "0.05*std", "1*std", "100*std"}, iterations: []string{"1", "3000"},
	}
	extremeDraws = otDraws{
		factors: []float64{0, 1, 1, 1, 1 + 1e-7, 100}, weights: []float64{0, 1e-30, 1e-5, .1, .5, 1, 1, 2, 1e4},
		eps: []string{"1e-6*std", "1e-3*std", "0.05*std", "1e6*std", "1", "1e-6", "1e-12", "1e9"}, iterations: []string{"1", "7", "300"},
	}
)

func randomOT(t *rapid.T, b *otBench, extreme bool) []string {
	draws := soundDraws
	if extreme {
		draws = extremeDraws
	}
	n, m, d := rapid.IntRange(1, 9).Draw(t, "n"), rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(1, 10).Draw(t, "d")
	size := math.Pow(10, float64(rapid.IntRange(-6, 6).Draw(t, "size")))
	numbers := func(name string, count int, g *rapid.Generator[float64]) []float64 {
		return rapid.SliceOfN(g, count, count).Draw(t, name)
	}
	coordinate := rapid.Custom(func(t *rapid.T) float64 {
		return size * float64(rapid.IntRange(-8, 8).Draw(t, "coordinate")) / 8 * rapid.SampledFrom(draws.factors).Draw(t, "factor")
	})
	var args []string
	if rapid.Bool().Draw(t, "matrix") {
		c := numbers("c", n*m, coordinate)
		for k := range c { // but for the first row and column, whose points have mass
			if extreme && k >= m && k%m > 0 && rapid.IntRange(0, 3).Draw(t, "forbid") == 3 {
				c[k] = math.Inf(1)
			}
		}
		args = []string{"--cost-matrix", b.file("c.npy", m, c...)}
	} else {
		x, y := b.file("x.npy", d, numbers("x", n*d, coordinate)...), b.file("y.npy", d, numbers("y", m*d, coordinate)...)
		args = []string{x, y}
		if rapid.IntRange(0, 3).Draw(t, "files") == 3 { // they are synced to the disk, which takes longer than all else
			args = append(args, "--map", b.at("map.npy"), "--grad", b.at("grad.npy"), "--plan", b.at("plan.npy"), "--assign", b.at("a.csv"))
		}
		if rapid.Bool().Draw(t, "debias") {
			args = append(args, "--debias")
		}
	}
	for _, side := range []struct {
		flag  string
		count int
	}{{"weights-x", n}, {"weights-y", m}} {
		w := numbers(side.flag, side.count, rapid.SampledFrom(draws.weights))
		w[0] += 1e-3
		args = append(args, "--"+side.flag, b.file(side.flag+".npy", 1, w...))
	}
	return append(args, "--normalize", "--max-iter", rapid.SampledFrom(draws.iterations).Draw(t, "iterations"), "--eps", rapid.SampledFrom(draws.eps).Draw(t, "eps"))
}
