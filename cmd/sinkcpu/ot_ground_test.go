package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// groundOf returns the cost of a name, written out.
func groundOf(name string, x, y []float64) float64 {
	var square, absolute, xy, xx, yy float64
	for k := range x {
		t := x[k] - y[k]
		square, absolute = square+t*t, absolute+math.Abs(t)
		xy, xx, yy = xy+x[k]*y[k], xx+x[k]*x[k], yy+y[k]*y[k]
	}
	switch name {
	case "sqeuclidean":
		return square
	case "halfsqeuclidean":
		return square / 2
	case "euclidean":
		return math.Sqrt(square)
	case "l1":
		return absolute
	case "cosine":
		return 1 - xy/math.Sqrt(xx*yy)
	case "dot":
		return -xy
	}
	var p float64
	if _, err := fmt.Sscanf(name, "pow:%g", &p); err != nil {
		panic(err)
	}
	return math.Pow(square, p/2)
}

var everyGround = []string{"sqeuclidean", "halfsqeuclidean", "euclidean", "l1", "cosine", "dot", "pow:1.5", "pow:0.5", "pow:3"}

// TestOTTakesEveryGround compares points with the matrix of their costs: value, divergence, the temperature by the standard deviation, and the
// gradient with differences of the value.
func TestOTTakesEveryGround(t *testing.T) {
	const n, m, d = 13, 11, 3
	s := random.New(11, "grounds")
	x, y, w := make([]float64, n*d), make([]float64, m*d), make([]float64, n)
	random.Normal(s, x, .3, 1)
	random.Normal(s, y, -.2, .8)
	random.Uniform(s, w, .5, 1.5)
	sides := map[string][2][]float64{"c.npy": {x, y}, "xx.npy": {x, x}, "yy.npy": {y, y}}
	for _, name := range everyGround {
		t.Run(name, func(t *testing.T) {
			b := newOTBench(t)
			var q moments
			for file, pair := range sides {
				var c []float64
				for i := 0; i < len(pair[0]); i += d {
					for j := 0; j < len(pair[1]); j += d {
						c = append(c, groundOf(name, pair[0][i:i+d], pair[1][j:j+d]))
					}
				}
				b.file(file, len(pair[1])/d, c...)
				if file == "c.npy" {
					q = momentsOf(c, make([]float64, len(c)), 0)
				}
			}
			scale := max(1, math.Abs(q.mean))
			weights := []string{"--weights-x", b.file("w.npy", 1, w...), "--normalize", "--debias", "--eps", "0.2*std"}
			points := append([]string{b.file("x.npy", d, x...), b.file("y.npy", d, y...), "--cost", name, "--grad", b.at("g.npy")}, weights...)
			matrix := append([]string{"--cost-matrix", b.at("c.npy"), "--cost-xx", b.at("xx.npy"), "--cost-yy", b.at("yy.npy")}, weights...)
			want := b.solve(append(matrix, "--precision", "f64", "--tol", "1e-11")...)
			near(t, "eps", want.num("eps"), .2*q.std(), 1e-12*scale)
			for precision, tol := range map[string]float64{"f64": 1e-9, "f32": 2e-5} {
				got := b.solve(append(points, "--precision", precision)...)
				near(t, precision+": eps", got.num("eps"), .2*q.std(), 1e-12*scale)
				for _, key := range []string{"value", "divergence"} {
					near(t, precision+": "+key, got.num(key), want.num(key), tol*scale)
				}
				if got["cost"] != name {
					t.Errorf("the cost is called %v", got["cost"])
				}
			}
			eps := fmt.Sprint(want.num("eps"))
			exact := append(points, "--precision", "f64", "--tol", "1e-12", "--eps", eps)
			b.solve(exact...)
			g := b.npy(b.at("g.npy")).Data
			const k, h = 4, 1e-4
			var at [2]float64
			for side, sign := range []float64{-1, 1} {
				moved := append([]float64(nil), x...)
				moved[k] += sign * h
				exact[0] = b.file("moved.npy", d, moved...)
				at[side] = b.solve(exact...).num("divergence")
			}
			near(t, "gradient", g[k], (at[1]-at[0])/(2*h), 1e-6*scale)
		})
	}
}

// TestOTNotesCostsWithNegativeDivergence: the note does not disturb the answer.
func TestOTNotesCostsWithNegativeDivergence(t *testing.T) {
	b := newOTBench(t)
	args := append(b.clouds(), "--debias", "--eps", "0.05*std", "--cost")
	for _, name := range everyGround {
		r, code, stderr := b.any(append(args, name)...)
		if noted := strings.Contains(stderr, "conditionally negative definite"); code != exitDone || noted != (name == "pow:3") || noted != (r["note"] != nil) {
			t.Errorf("%s: exit %d, note %v, stderr %q", name, code, r["note"], stderr)
		}
	}
	if r, _, stderr := b.any(append(b.clouds(), "--cost", "pow:3")...); stderr != "" || r["note"] != nil {
		t.Errorf("a note without a divergence: %q", stderr)
	}
}

// TestOTByTiles: costs that are computed again in every iteration give what stored ones give.
func TestOTByTiles(t *testing.T) {
	const n, m, d = 70, 90, 3
	s := random.New(12, "tiles")
	in := &otInput{n: n, m: m, dim: d, x: make([]float64, n*d), y: make([]float64, m*d)}
	random.Normal(s, in.x, 0, 1)
	random.Normal(s, in.y, 1, 1)
	for _, name := range everyGround {
		in.ground, _ = logsumexp.ParseGround(name)
		c, err := in.wideCost()
		if err != nil {
			t.Fatal(err)
		}
		st := c.(*logsumexp.Points[float64]).Form(nil)
		tiles, whole := costMoments(nil, c), costMoments(nil, st)
		for what, v := range map[string][2]float64{"mean": {tiles.mean, whole.mean}, "std": {tiles.std(), whole.std()}, "least": {tiles.lo, whole.lo}, "most": {tiles.hi, whole.hi}} {
			near(t, name+": "+what, v[0], v[1], 1e-12*max(1, math.Abs(v[1])))
		}
		cost, sum := in.costBound()
		if !(cost >= max(whole.hi, -whole.lo)) || !(sum > 0) {
			t.Errorf("%s: costs from %g to %g, bounded by %g", name, whole.lo, whole.hi, cost)
		}
		if in.squared() {
			near(t, name+": mean by its formula", in.meanSquared(), whole.mean, 1e-12)
		}
	}
}
