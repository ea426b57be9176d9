package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

// clouds writes two clouds of 20 and 15 points in three dimensions, with weights, and returns the arguments that name them.
func (b *otBench) clouds() []string {
	s := random.New(7, "clouds")
	x, y, wx, wy := make([]float64, 60), make([]float64, 45), make([]float64, 20), make([]float64, 15)
	random.Normal(s, x, 0, 1)
	random.Normal(s, y, .5, 1)
	random.Uniform(s, wx, .5, 1.5)
	random.Uniform(s, wy, .5, 1.5)
	return []string{b.file("x.npy", 3, x...), b.file("y.npy", 3, y...), "--weights-x", b.file("wx.npy", 1, wx...), "--weights-y", b.file("wy.npy", 1, wy...), "--normalize"}
}

func TestOTExitStatus(t *testing.T) {
	b := newOTBench(t)
	inf, nan := math.Inf(1), math.NaN()
	b.text("x.csv", "a,b\n0,0\n1,0\n0,2\n")
	b.text("y.csv", "2,1\n2,2\n")
	b.text("word.csv", "0,0\n1,zwei\n")
	b.text("nan.csv", "0,0\n1,nan\n")
	b.text("empty.csv", "")
	b.text("short.npy", "\x93NUMPY")
	b.text("potentials.npz", "PK")
	b.text("keep.npy", "mine")
	b.file("nan.npy", 2, 0, 0, 0, nan)
	b.file("inf.npy", 2, 0, 0, 0, inf)
	b.file("huge.npy", 2, 0, 0, 0, 1e30)
	b.file("line.npy", 1, 0, 1, 2)
	b.file("w3.csv", 1, .2, .3, .5)
	b.file("w3s.csv", 1, 2, 3, 5)
	b.file("w2.csv", 1, .5, .5)
	b.file("wneg.csv", 1, 1.5, -.5, 0)
	b.file("wzero.csv", 1, 0, 0, 0)
	b.file("wcols.csv", 3, .2, .3, .5)
	b.file("c.npy", 2, 0, 1, 1, 0, 2, 2)
	b.file("cnan.npy", 2, 0, nan, 1, 0)
	b.file("cninf.npy", 2, 0, -inf, 1, 0)
	b.file("crow.npy", 2, 0, 1, inf, inf, 2, 2)
	b.file("ccol.npy", 2, 0, inf, 1, inf, 2, inf)
	b.file("cbig.npy", 2, 0, 1, 1, 1e300, 2, 2)
	b.file("cneg.npy", 2, -1, -2, -3, -4, -5, -6)
	b.file("cxx.npy", 3, 0, 1, 4, 1, 0, 1, 4, 1, 0)
	b.file("casym.npy", 3, 0, 1, 4, 1, 0, 1, 4, 2, 0)
	b.file("cyy.npy", 2, 0, 1, 1, 0)
	if err := os.Mkdir(b.at("folder"), 0o777); err != nil {
		t.Fatal(err)
	}

	const ok, matrix = "DIR/x.csv DIR/y.csv ", "--cost-matrix DIR/c.npy "
	for _, c := range []struct {
		args string
		code int
		say  string
	}{
		{ok, 0, ""},
		{ok + "--eps 1e-3*mean --precision f64 --debias", 0, ""},
		{ok + "--cost halfsqeuclidean --eps 2*std --threads 2 --columns 2,1", 0, ""},
		{ok + "--weights-x DIR/w3.csv --weights-y DIR/w2.csv", 0, ""},
		{ok + "--weights-x DIR/w3s.csv --normalize", 0, ""},
		{matrix, 0, ""},
		{matrix + "--cost-xx DIR/cxx.npy --cost-yy DIR/cyy.npy --debias", 0, ""},
		{"--cost-matrix DIR/crow.npy --weights-x DIR/w3.csv --eps 1e9", 1, "row 2"},
		{"--cost-matrix DIR/cneg.npy --eps 1", 0, ""},
		{"--cost-matrix DIR/cneg.npy --eps 0.5*std", 0, ""},

		{"", 2, "two files"},
		{"DIR/x.csv", 2, "two files"},
		{ok + "DIR/y.csv", 2, "two files"},
		{ok + "--no-such-flag", 2, "--no-such-flag"},
		{ok + "--reach 1", 2, "--reach"},
		{ok + "--cost l3", 2, "sqeuclidean, halfsqeuclidean"},
		{ok + "--eps 0", 2, "--eps"},
		{ok + "--eps -1", 2, "--eps"},
		{ok + "--eps NaN", 2, "--eps"},
		{ok + "--eps inf", 2, "--eps"},
		{ok + "--eps 0.1*median", 2, "0.05*mean"},
		{ok + "--eps entropy:3", 2, "0.05*mean"},
		{ok + "--eps mean", 2, "0.05*mean"},
		{ok + "--eps 1e-40", 2, "f64"},
		{ok + "--eps 1e-18", 2, "--eps"},
		{ok + "--eps 1e-300 --precision f64", 2, "float64"},
		{ok + "--tol 0", 2, "--tol 0"},
		{ok + "--tol -1", 2, "--tol -1"},
		{ok + "--tol nan", 2, "--tol NaN"},
		{ok + "--max-iter 0", 2, "--max-iter 0"},
		{ok + "--threads -1", 2, "--threads -1"},
		{ok + "--precision f16", 2, "f32 or f64"},
		{ok + "--cost-xx DIR/cxx.npy", 2, "--cost-matrix"},
		{"- -", 2, "standard input"},
		{ok + "--init -", 2, "--init"},
		{ok + "--plan -", 2, "--plan"},
		{ok + "--plan DIR/p.npy --map DIR/p.npy", 2, "same file"},
		{ok + "--plan DIR/x.csv", 2, "overwrite"},
		{matrix + "DIR/x.csv", 2, "--cost-matrix"},
		{matrix + "--cost sqeuclidean", 2, "--cost"},
		{matrix + "--columns 1", 2, "--columns"},
		{matrix + "--map DIR/m.npy", 2, "--map"},
		{matrix + "--debias", 2, "--cost-xx"},
		{matrix + "--debias --cost-xx DIR/cxx.npy", 2, "--cost-yy"},
		{matrix + "--cost-xx DIR/cxx.npy --cost-yy DIR/cyy.npy", 2, "--debias"},
		{"--cost-matrix DIR/cneg.npy", 2, "mean of the costs is -3.5"},

		{ok + "--max-iter 1 --tol 1e-9", 3, "max_iterations"},
		{ok + "--tol 1e-30", 3, "precision_limited"},

		{"DIR/none.csv DIR/y.csv", 1, "none.csv"},
		{"DIR/x.csv DIR/folder", 1, "folder"},
		{"DIR/x.csv DIR/word.csv", 1, "word.csv: row 2, column 2"},
		{"DIR/x.csv DIR/nan.csv", 1, "nan.csv: row 2, column 2"},
		{"DIR/x.csv DIR/nan.npy", 1, "nan.npy: row 2, column 2"},
		{"DIR/x.csv DIR/inf.npy", 1, "inf.npy: row 2, column 2"},
		{"DIR/x.csv DIR/empty.csv", 1, "empty.csv"},
		{"DIR/x.csv DIR/short.npy", 1, "short.npy"},
		{"DIR/x.csv DIR/line.npy", 1, "2 coordinates"},
		{"DIR/x.csv DIR/huge.npy", 1, "--precision f64"},
		{ok + "--columns 3", 1, "columns"},
		{ok + "--columns a", 1, "y.csv"},
		{ok + "--weights-x DIR/w2.csv", 1, "w2.csv"},
		{ok + "--weights-x DIR/wneg.csv", 1, "wneg.csv: row 2"},
		{ok + "--weights-x DIR/wzero.csv", 1, "wzero.csv"},
		{ok + "--weights-x DIR/wcols.csv", 1, "one column"},
		{ok + "--weights-x DIR/none.csv", 1, "none.csv"},
		{ok + "--weights-x DIR/w3s.csv", 1, "--normalize"},
		{ok + "--weights-x DIR/w3s.csv --weights-y DIR/w2.csv", 1, "sum to 10"},
		{ok + "--init DIR/none.npz", 1, "none.npz"},
		{ok + "--init DIR/potentials.npz", 1, "potentials.npz"},
		{ok + "--plan DIR/none/p.npy", 1, "no folder"},
		{ok + "--plan DIR/folder", 1, "is a folder"},
		{"--cost-matrix DIR/cnan.npy", 1, "cnan.npy: row 1, column 2"},
		{"--cost-matrix DIR/cninf.npy", 1, "cninf.npy: row 1, column 2"},
		{"--cost-matrix DIR/crow.npy", 1, "row 2 has mass"},
		{"--cost-matrix DIR/ccol.npy", 1, "column 2 has mass"},
		{"--cost-matrix DIR/cbig.npy", 1, "--precision f64"},
		{matrix + "--debias --cost-xx DIR/casym.npy --cost-yy DIR/cyy.npy", 1, "casym.npy: row 3, column 2"},
		{matrix + "--debias --cost-xx DIR/cyy.npy --cost-yy DIR/cyy.npy", 1, "cyy.npy"},
		{"DIR/nan.npy DIR/y.csv --plan DIR/keep.npy --potentials DIR/new.npz", 1, "nan.npy"},
	} {
		code, out, stderr := command(append([]string{"ot"}, strings.Fields(strings.ReplaceAll(c.args, "DIR", b.dir))...)...)
		if code != c.code || !strings.Contains(stderr, c.say) {
			t.Errorf("ot %s: exit %d, want %d: %s", c.args, code, c.code, stderr)
		}
		if code != 0 && (!strings.HasPrefix(stderr, "sinkcpu: ") || strings.Count(stderr, "\n") != 1) {
			t.Errorf("ot %s: not one line: %q", c.args, stderr)
		}
		if answered := code == 0 || code == 3; answered != (out != "") {
			t.Errorf("ot %s: exit %d with output %q", c.args, code, out)
		}
	}
	if readFile(t, b.at("keep.npy")) != "mine" {
		t.Error("bad input overwrote a file")
	}
	for _, name := range []string{"new.npz", "p.npy"} {
		if _, err := os.Stat(b.at(name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// TestOTRefusesHugePlans: what would not fit is refused before anything is computed.
func TestOTRefusesHugePlans(t *testing.T) {
	b := newOTBench(t)
	x, half := b.file("x.npy", 1, make([]float64, 70000)...), b.file("half.npy", 1, make([]float64, 12000)...)
	if _, code, stderr := b.any(x, x); code != exitFailed || !strings.Contains(stderr, "GiB") {
		t.Errorf("costs: exit %d: %s", code, stderr)
	}
	if _, code, stderr := b.any(half, half, "--plan", b.at("p.npy")); code != exitUsage || !strings.Contains(stderr, "--plan") {
		t.Errorf("plan: exit %d: %s", code, stderr)
	}
}

func TestOTSchema(t *testing.T) {
	b := newOTBench(t)
	args := b.clouds()
	common := "n m dim cost eps mass_x mass_y value transport_cost lower_bound upper_bound marginal_error iterations status method seconds"
	debiased := common + " divergence divergence_lower divergence_upper sinkhorn_loss problems"
	r := b.solve(args...)
	sameKeys(t, r, common)
	r = b.solve(append(args, "--debias")...)
	sameKeys(t, r, debiased)
	problems := r["problems"].(map[string]any)
	sameKeys(t, problems, "xy xx yy")
	for _, p := range problems {
		sameKeys(t, p.(map[string]any), "iterations marginal_error status")
	}
	if r.num("n") != 20 || r.num("m") != 15 || r.num("dim") != 3 || r["cost"] != "sqeuclidean" || r.num("mass_x") != 1 || r["status"] != "converged" {
		t.Errorf("%v", r)
	}
	if !(r.num("marginal_error") <= 1e-4) || !(r.num("seconds") > 0) || !(r.num("iterations") >= 1) {
		t.Errorf("%v", r)
	}

	// A forbidden pair: a rounded plan must use it, so that there is no upper bound, until the solution is exact.
	r, code, _ := b.any("--cost-matrix", b.file("c.npy", 2, 0, 1, 3, math.Inf(1)), "--eps", ".1", "--max-iter", "1", "--precision", "f64")
	sameKeys(t, r, common)
	if code != exitNotConverged || r["upper_bound"] != nil || r["dim"] != nil || r["cost"] != "matrix" || r["status"] != "max_iterations" {
		t.Errorf("exit %d, %v", code, r)
	}
}

func sameKeys(t *testing.T, m map[string]any, want string) {
	t.Helper()
	fields := strings.Fields(want)
	slices.Sort(fields)
	if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(m))); diff != "" {
		t.Errorf("keys: %s", diff)
	}
}

// TestOTWorstStatus: the status is that of the worst problem.
func TestOTWorstStatus(t *testing.T) {
	b := newOTBench(t)
	x, y := b.file("x.csv", 1, 0, 1, 2, 3, 4, 7), b.file("y.csv", 1, 3)
	r, code, stderr := b.any(x, y, "--debias", "--max-iter", "4", "--tol", "1e-6", "--eps", "4")
	xx, _ := r["problems"].(map[string]any)["xx"].(map[string]any)
	if code != exitNotConverged || xx["status"] != "max_iterations" || r["status"] != "max_iterations" || !strings.Contains(stderr, "xx:") {
		t.Errorf("exit %d, %v, %s", code, r, stderr)
	}
}

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

// TestOTInit: from the potentials that a solve wrote the next stops at once.
func TestOTInit(t *testing.T) {
	b := newOTBench(t)
	for precision, most := range map[string]float64{"f32": 1, "f64": 3} {
		args := append(b.clouds(), "--eps", "0.01*mean", "--precision", precision, "--potentials", b.at("f.npz"))
		first := b.solve(args...)
		again := b.solve(append(args, "--init", b.at("f.npz"))...)
		if n := again.num("iterations"); !(first.num("iterations") > 10 && n <= most) {
			t.Errorf("%s: %v iterations, from the solution %v", precision, first.num("iterations"), n)
		}
		near(t, precision+": value", again.num("value"), first.num("value"), 1e-5)
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
		mean, second, _, _ := finiteMoments(c, 0)
		std := math.Sqrt(second - mean*mean)
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

// TestOTThreadsDoNotChangeBits: the answer and every file.
func TestOTThreadsDoNotChangeBits(t *testing.T) {
	b := newOTBench(t)
	x, y := make([]float64, 3*300), make([]float64, 3*250)
	random.Normal(random.New(5, "x"), x, 0, 1)
	random.Normal(random.New(5, "y"), y, .3, 1.2)
	args := []string{b.file("x.npy", 3, x...), b.file("y.npy", 3, y...), "--debias", "--eps", "0.05*std", "--plan", b.at("p.npy"), "--map", b.at("m.npy"),
		"--grad", b.at("g.npy"), "--potentials", b.at("f.npz"), "--assign", b.at("a.csv")}
	for _, precision := range []string{"f32", "f64"} {
		var first otResult
		var files []string
		for _, threads := range []string{"1", "2", "5"} {
			r := b.solve(append(args, "--precision", precision, "--threads", threads)...)
			r["seconds"] = nil
			var got []string
			for _, name := range []string{"p.npy", "m.npy", "g.npy", "f.npz", "a.csv"} {
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

func TestOTText(t *testing.T) {
	b := newOTBench(t)
	x, y := b.text("x.csv", "0\n1\n"), b.text("y.csv", "0\n1\n")
	out := mustCommand(t, "ot", x, y, "--eps", "1", "--precision", "f64")
	for _, want := range []string{"2 and 2, of dimension 1", "sqeuclidean, eps 1\n", "0.379885493 ", "0.268941421\n", "converged after"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "divergence") {
		t.Errorf("a divergence that was not asked for:\n%s", out)
	}
	out = mustCommand(t, "ot", x, y, "--debias")
	for _, want := range []string{"divergence ", "sinkhorn loss", "X against X", "Y against Y"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out = mustCommand(t, "ot", "--cost-matrix", b.file("c.csv", 2, 0, 1, 1, 0))
	if !strings.Contains(out, "2 x 2") || !strings.Contains(out, "matrix, eps 0.025") {
		t.Error(out)
	}
}

// TestOTInterrupted: the answer so far is printed with its status.
func TestOTInterrupted(t *testing.T) {
	b := newOTBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, more := range [][]string{{}, {"--debias"}, {"--precision", "f64"}} {
		var out, stderr bytes.Buffer
		code := run(ctx, append(append([]string{"ot"}, b.clouds()...), more...), &out, &stderr)
		if code != exitInterrupted || !strings.Contains(out.String(), "cancelled") || !strings.Contains(stderr.String(), "cancelled") {
			t.Errorf("%v: exit %d\n%s%s", more, code, out.String(), stderr.String())
		}
		if strings.Contains(out.String(), "NaN") {
			t.Errorf("%v: a number is none:\n%s", more, out.String())
		}
	}
}
