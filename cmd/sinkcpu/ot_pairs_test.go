package main

import (
	"image/png"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// pairsIn reads a file of --pairs: i, j, p a row.
func (b *otBench) pairsIn(path string) *data.Matrix {
	b.Helper()
	m, err := data.ReadPoints(path, data.PointsOptions{Columns: "i,j,p"})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// TestOTPairs: both modes write entries of the plan; top writes the largest of each row in order, sample each row its share of times.
func TestOTPairs(t *testing.T) {
	b := newOTBench(t)
	args := append(b.clouds(), "--precision", "f64", "--tol", "1e-8", "--eps", ".5", "--pairs", b.at("s.csv"))
	const n, m = 20, 15
	for _, count := range []int{0, 3, 100} {
		more := []string{"--plan", b.at("p.npy")}
		want := min(count, m)
		if count > 0 {
			more = append(more, "--pairs-count", strconv.Itoa(count))
		} else {
			want = defaultPartners
		}
		b.solve(append(args, more...)...)
		plan, pairs := b.npy(b.at("p.npy")).Data, b.pairsIn(b.at("s.csv"))
		if pairs.Rows != n*want {
			t.Fatalf("%d rows, want %d", pairs.Rows, n*want)
		}
		for k := range pairs.Rows {
			i, j, p := int(pairs.Data[3*k]), int(pairs.Data[3*k+1]), pairs.Data[3*k+2]
			row := slices.Sorted(slices.Values(plan[i*m : (i+1)*m]))
			near(t, "entry of the plan", p, plan[i*m+j], 1e-15)
			near(t, "entry in order", p, row[m-1-k%want], 1e-15)
			if i != k/want {
				t.Fatalf("row %d of the file is of point %d", k, i)
			}
		}
	}
	mass := normalised(b.npy(b.at("wx.npy")).Data)
	for _, count := range []int{0, 1000} {
		more := []string{"--pairs-mode", "sample"}
		draws := n
		if count > 0 {
			more, draws = append(more, "--pairs-count", strconv.Itoa(count)), count
		}
		b.solve(append(args, more...)...)
		first := readFile(t, b.at("s.csv"))
		plan, pairs := b.npy(b.at("p.npy")).Data, b.pairsIn(b.at("s.csv"))
		times := make([]float64, n)
		for k := range pairs.Rows {
			i, j, p := int(pairs.Data[3*k]), int(pairs.Data[3*k+1]), pairs.Data[3*k+2]
			times[i]++
			near(t, "entry of the plan", p, plan[i*m+j], 1e-15)
		}
		for i, a := range mass {
			near(t, "times of a row", times[i], float64(draws)*a, 1)
		}
		b.solve(append(args, append(more, "--seed", "2")...)...)
		if pairs.Rows != draws || readFile(t, b.at("s.csv")) == first {
			t.Errorf("%d rows, or the seed changes nothing", pairs.Rows)
		}
	}
}

// TestOTPlot: a picture for points of one and two dimensions, few and many, and at degenerate places.
func TestOTPlot(t *testing.T) {
	b := newOTBench(t)
	for _, d := range []int{1, 2} {
		for name, n := range map[string]int{"one": 1, "few": 20, "many": 400} {
			x, y := make([]float64, n*d), make([]float64, n*d)
			random.Normal(random.New(1, name), x, 0, 1)
			random.Normal(random.New(2, name), y, 1, 1)
			b.solve(b.file("x.npy", d, x...), b.file("y.npy", d, y...), "--eps", "0.1*mean", "--plot", b.at("p.png"))
			f, err := os.Open(b.at("p.png"))
			if err != nil {
				t.Fatal(err)
			}
			m, err := png.Decode(f)
			f.Close()
			if err != nil || !(m.Bounds().Dx() > 300 && m.Bounds().Dy() > 150) {
				t.Errorf("%s, dimension %d: %v, %v", name, d, m.Bounds(), err)
			}
		}
	}
}

// TestOTMapOfAReach: with a reach the map stays the mean of partners, however little mass a point keeps.
func TestOTMapOfAReach(t *testing.T) {
	b := newOTBench(t)
	for _, precision := range []string{"f32", "f64"} {
		r := b.solve(b.file("x.npy", 1, 0, 100), b.file("y.npy", 1, 0, 1), "--reach", ".1", "--eps", ".5", "--precision", precision, "--map", b.at("m.npy"), "--tol", "1e-5")
		m := b.npy(b.at("m.npy")).Data
		near(t, "map of the far point", m[1], 1, 1e-9)
		if !(m[0] > 0 && m[0] < .5) || math.IsNaN(r.num("mass")) {
			t.Errorf("%v, %v", m, r)
		}
	}
}
