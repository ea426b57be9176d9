package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	b.file("w3d.csv", 3, .2, .3, .5)
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
		{ok + "--reach 0", 2, "--reach 0"},
		{ok + "--reach-x -1", 2, "--reach-x -1"},
		{ok + "--tv NaN", 2, "--tv NaN"},
		{ok + "--reach-y inf", 2, "--reach-y +Inf"},
		{ok + "--reach 1 --tv 1", 2, "--tv"},
		{ok + "--reach 1 --reach-y 1", 2, "--reach-x and --reach-y"},
		{ok + "--reach-x 1 --debias", 2, "same reach"},
		{ok + "--reach 1 --weights-x DIR/w3s.csv --debias", 0, ""},
		{ok + "--reach-x 1 --weights-x DIR/w3s.csv --weights-y DIR/w2.csv", 0, ""},
		{ok + "--tv 3 --precision f64", 0, ""},
		{ok + "--pairs DIR/p.out --pairs-mode best", 2, "top or sample"},
		{ok + "--pairs DIR/p.out --pairs-count 0", 2, "--pairs-count 0"},
		{ok + "--pairs-mode sample", 2, "--pairs FILE"},
		{ok + "--pairs DIR/p.out --plot DIR/p.out", 2, "same file"},
		{matrix + "--plot DIR/p.png", 2, "--plot"},
		{"DIR/w3d.csv DIR/w3d.csv --plot DIR/p.png", 2, "--columns"},
		{ok + "--cost cosine", 1, "x.csv: row 1 is the origin"},
		{ok + "--cost pow:0", 2, "P > 0"},
		{ok + "--cost pow:two", 2, "P > 0"},
		{ok + "--cost pow:1.5", 0, ""},
		{ok + "--cost l3", 2, "sqeuclidean, halfsqeuclidean"},
		{ok + "--eps 0", 2, "--eps"},
		{ok + "--eps -1", 2, "--eps"},
		{ok + "--eps NaN", 2, "--eps"},
		{ok + "--eps inf", 2, "--eps"},
		{ok + "--eps 0.1*median", 2, "0.05*mean"},
		{ok + "--eps entropy:3", 2, "these weights allow"},
		{ok + "--eps entropy:much", 2, "entropy:"},
		{ok + "--eps mean", 2, "0.05*mean"},
		{ok + "--eps 1e-40", 2, "f64"},
		{ok + "--eps 1e-18", 2, "--eps"},
		{ok + "--eps 1e-300 --precision f64", 2, "float64"},
		{ok + "--tol 0", 2, "--tol 0"},
		{ok + "--tol -1", 2, "--tol -1"},
		{ok + "--tol nan", 2, "--tol NaN"},
		{ok + "--max-iter 0", 2, "--max-iter 0"},
		{ok + "--threads -1", 2, "--threads -1"},
		{ok + "--memory 0", 2, "--memory 0"},
		{ok + "--memory nan", 2, "--memory NaN"},
		{ok + "--memory 1e-9 --plan DIR/p.npy", 2, "raise --memory"},
		{ok + "--memory 1e-9 --reg none", 2, "raise --memory"},
		{ok + "--memory 1e-9 --test permutation", 2, "raise --memory"},
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
		{ok + "--plan DIR/p.csv", 2, ".npy"},
		{ok + "--assign DIR/p.npy", 2, ".csv"},
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
	x := b.file("x.npy", 1, make([]float64, 12000)...)
	if _, code, stderr := b.any(x, x, "--plan", b.at("p.npy")); code != exitUsage || !strings.Contains(stderr, "--plan") {
		t.Errorf("plan: exit %d: %s", code, stderr)
	}
}

func TestOTSchema(t *testing.T) {
	b := newOTBench(t)
	args := b.clouds()
	common := "n m dim cost eps mass_x mass_y value transport_cost lower_bound upper_bound marginal_error iterations status method device seconds"
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

	sameKeys(t, b.solve(append(args, "--reach", "1")...), common+" penalty reach_x reach_y mass")
	r = b.solve(append(args, "--tv", "10", "--debias")...)
	sameKeys(t, r, strings.Replace(debiased, "sinkhorn_loss ", "", 1)+" penalty reach_x reach_y mass")
	if r["penalty"] != "tv" || r.num("reach_x") != 10 {
		t.Errorf("%v", r)
	}
	if r = b.solve(append(args, "--reach-y", "2")...); r["penalty"] != "kl" || r["reach_x"] != nil || r.num("reach_y") != 2 {
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

// TestOTInputInterrupted: an interrupt ends the wait for an input that does not come, and is said in a word.
func TestOTInputInterrupted(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := newOTCommand()
	cmd.SetIn(r)
	cmd.SetArgs([]string{"-", newOTBench(t).file("y.csv", 1, 0, 1)})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	time.AfterFunc(50*time.Millisecond, cancel)
	err := cmd.ExecuteContext(ctx)
	if !errors.Is(err, context.Canceled) || exitCode(err) != exitInterrupted {
		t.Errorf("error %v, exit %d", err, exitCode(err))
	}
	if said := sayInterrupted(ctx, context.Canceled).Error(); said != "interrupted" {
		t.Errorf("an interrupt is told as %q", said)
	}
	if err := errors.New("another"); sayInterrupted(ctx, err) != err {
		t.Error("an error is hidden by an interrupt")
	}
}

// TestOTInterrupted: the answer so far is printed with its status.
func TestOTInterrupted(t *testing.T) {
	b := newOTBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, more := range [][]string{{}, {"--debias"}, {"--precision", "f64"}, {"--reg", "l2"}} {
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
