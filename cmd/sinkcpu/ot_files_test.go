package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// TestOTReadsEveryForm: CSV with and without header, .npy, gzip and the standard input give the same answer to the last bit.
func TestOTReadsEveryForm(t *testing.T) {
	b := newOTBench(t)
	x, y := []float64{0, .5, 1, .25, 2, 1e-3}, []float64{.125, 3, 1, 1}
	want := b.solve(b.file("x.npy", 2, x...), b.file("y.npy", 2, y...))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := writeCSV(z, 2, x); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	forms := map[string][]string{
		"csv":     {b.file("x.csv", 2, x...), b.file("y.csv", 2, y...)},
		"header":  {b.text("h.csv", "u,name,v\n0,a,.5\n1,b,.25\n2,c,.001\n"), b.text("g.csv", "v,u,name\n3,.125,d\n1,1,e\n"), "--columns", "u,v"},
		"gzip":    {b.text("x.csv.gz", packed.String()), b.at("y.npy")},
		"stdin x": {"-", b.at("y.npy")},
		"stdin w": {b.at("x.npy"), b.at("y.npy"), "--weights-x", "-"},
	}
	for name, args := range forms {
		t.Run(name, func(t *testing.T) {
			in := b.at("x.npy")
			if name == "stdin w" {
				in = b.file("third.csv", 1, 1./3, 1./3, 1./3)
			}
			feedStdin(t, in)
			got := b.solve(args...)
			want["seconds"], got["seconds"] = nil, nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// feedStdin makes a file the standard input of the test.
func feedStdin(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = f
	t.Cleanup(func() { os.Stdin = before; f.Close() })
}

// TestOTFiles checks every file against the plan.
func TestOTFiles(t *testing.T) {
	b := newOTBench(t)
	args := append(b.clouds(), "--precision", "f64", "--tol", "1e-10", "--eps", ".3")
	r := b.solve(append(args, "--plan", b.at("p.npy"), "--map", b.at("m.npy"), "--assign", b.at("a.csv"), "--potentials", b.at("f.npz"))...)
	p, y := b.npy(b.at("p.npy")), b.npy(b.at("y.npy"))
	x, wx, wy := b.npy(b.at("x.npy")), normalised(b.npy(b.at("wx.npy")).Data), normalised(b.npy(b.at("wy.npy")).Data)
	if p.Rows != 20 || p.Cols != 15 {
		t.Fatalf("plan of %d x %d", p.Rows, p.Cols)
	}
	pot, err := data.ReadNPZ(b.at("f.npz"))
	if err != nil {
		t.Fatal(err)
	}
	f, g := pot["f"].Data, pot["g"].Data
	near(t, "gauge", weighted(wx, f), weighted(wy, g), 1e-12)
	near(t, "dual", weighted(wx, f)+weighted(wy, g), r.num("value"), 1e-12)
	m := b.npy(b.at("m.npy"))
	assign := assignment(t, b.at("a.csv"))
	transport := 0.
	for i := range 20 {
		row := p.Data[i*15 : (i+1)*15]
		sum, mean := 0., make([]float64, 3)
		for j, v := range row {
			c := 0.
			for k := range 3 {
				d := x.Data[i*3+k] - y.Data[j*3+k]
				c += d * d
				mean[k] += v * y.Data[j*3+k]
			}
			transport += v * c
			sum += v
			near(t, "plan by its formula", v, wx[i]*wy[j]*math.Exp((f[i]+g[j]-c)/.3), 1e-12)
		}
		near(t, "row of the plan", sum, wx[i], 1e-9)
		for k := range 3 {
			near(t, "map", m.Data[i*3+k], mean[k]/sum, 1e-12)
		}
		best := slices.Max(row)
		if j := assign[i].j; j != slices.Index(row, best) {
			t.Errorf("row %d is assigned to %d", i, j)
		}
		near(t, "assignment", assign[i].p, best, 1e-14)
	}
	near(t, "transport cost", transport, r.num("transport_cost"), 1e-12)
}

func normalised(w []float64) []float64 {
	sum := 0.
	for _, v := range w {
		sum += v
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

type partner struct {
	j int
	p float64
}

// assignment reads the file of --assign.
func assignment(t *testing.T, path string) map[int]partner {
	t.Helper()
	m, err := data.ReadPoints(path, data.PointsOptions{Columns: "i,j,p"})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[int]partner{}
	for k := range m.Rows {
		rows[int(m.Data[3*k])] = partner{int(m.Data[3*k+1]), m.Data[3*k+2]}
	}
	return rows
}

// TestOTMatrixGradientIsThePlan: the derivative of the value with respect to the costs.
func TestOTMatrixGradientIsThePlan(t *testing.T) {
	b := newOTBench(t)
	b.solve("--cost-matrix", b.file("c.csv", 2, 0, 1, 1, 0), "--eps", "1", "--precision", "f64", "--tol", "1e-12", "--grad", b.at("g.npy"), "--plan", b.at("p.npy"))
	if readFile(t, b.at("g.npy")) != readFile(t, b.at("p.npy")) {
		t.Error("gradient and plan differ")
	}
	near(t, "P11", b.npy(b.at("p.npy")).Data[0], .3655292893150024, 1e-12)
}

// TestOTInit: from the potentials that a solve wrote the next stops at once.
func TestOTInit(t *testing.T) {
	b := newOTBench(t)
	for _, more := range [][]string{{}, {"--debias"}, {"--reach", "2"}, {"--cost", "l1", "--reach-x", "1"}} {
		for precision, most := range map[string]float64{"f32": 1, "f64": 3} {
			args := append(append(b.clouds(), more...), "--eps", "0.01*mean", "--precision", precision, "--potentials", b.at("f.npz"))
			first := b.solve(args...)
			again := b.solve(append(args, "--init", b.at("f.npz"))...)
			if n := again.num("iterations"); !(first.num("iterations") > 10 && n <= most) {
				t.Errorf("%v, %s: %v iterations, from the solution %v", more, precision, first.num("iterations"), n)
			}
			near(t, precision+": value", again.num("value"), first.num("value"), 1e-5)
		}
	}
	// A column without mass takes no part, even where its potential is infinite.
	potentials := func(name string, g ...float64) string {
		var npz bytes.Buffer
		z := data.NewNPZWriter(&npz)
		if err := errors.Join(z.Vector("f", []float64{0, 0}), z.Vector("g", g), z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.text(name, npz.String())
	}
	c := []string{"--cost-matrix", b.file("c.npy", 2, 1, 3, 2, 4), "--weights-y", b.file("b.csv", 1, 1, 0), "--init"}
	near(t, "value", b.solve(append(c, potentials("inf.npz", 0, math.Inf(1)))...).num("value"), 1.5, 1e-4)
	if _, code, stderr := b.any(append(c, potentials("nan.npz", math.NaN(), 0))...); code != exitFailed || !strings.Contains(stderr, "nan.npz: g, row 1") {
		t.Errorf("NaN: exit %d: %s", code, stderr)
	}
	if _, code, stderr := b.any(append(b.clouds(), "--init", b.at("inf.npz"))...); code != exitFailed || !strings.Contains(stderr, "inf.npz") {
		t.Errorf("potentials of another problem: exit %d: %s", code, stderr)
	}
}

// TestOTThreadsDoNotChangeBits: the answer and every file.
func TestOTThreadsDoNotChangeBits(t *testing.T) {
	b := newOTBench(t)
	x, y := make([]float64, 3*300), make([]float64, 3*250)
	random.Normal(random.New(5, "x"), x, 0, 1)
	random.Normal(random.New(5, "y"), y, .3, 1.2)
	args := []string{b.file("x.npy", 3, x...), b.file("y.npy", 3, y...), "--debias", "--eps", "0.05*std", "--plan", b.at("p.npy"), "--map", b.at("m.npy"),
		"--grad", b.at("g.npy"), "--potentials", b.at("f.npz"), "--assign", b.at("a.csv"), "--pairs", b.at("s.csv"), "--pairs-mode", "sample"}
	for _, precision := range []string{"f32", "f64"} {
		var first otResult
		var files []string
		for _, threads := range []string{"1", "2", "5"} {
			r := b.solve(append(args, "--precision", precision, "--threads", threads)...)
			r["seconds"] = nil
			var got []string
			for _, name := range []string{"p.npy", "m.npy", "g.npy", "f.npz", "a.csv", "s.csv"} {
				got = append(got, readFile(t, b.at(name)))
			}
			if first == nil {
				first, files = r, got
			}
			if diff := cmp.Diff(first, r); diff != "" {
				t.Errorf("%s, %s threads: %s", precision, threads, diff)
			}
			if !slices.Equal(files, got) {
				t.Errorf("%s: files of %s threads differ", precision, threads)
			}
		}
	}
}

// A cost that does not fit --memory is computed in every iteration: the solution is the same to the tolerance.
func TestOTMemory(t *testing.T) {
	b := newOTBench(t)
	const dim = 12
	x, y := make([]float64, dim*200), make([]float64, dim*150)
	random.Normal(random.New(5, "x"), x, 0, 1)
	random.Normal(random.New(5, "y"), y, .3, 1.2)
	args := []string{b.file("x.npy", dim, x...), b.file("y.npy", dim, y...), "--debias", "--tol", "1e-5"}
	whole, none := b.solve(args...), b.solve(append(args, "--memory", "1e-6")...)
	for _, field := range []string{"value", "divergence"} {
		want, got := whole[field].(float64), none[field].(float64)
		if !(math.Abs(got-want) <= 1e-5*math.Abs(whole["value"].(float64))) {
			t.Errorf("%s: %g, with no memory %g", field, want, got)
		}
	}
}
