package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// TestFit finds the parameters that made the times, with noise of a percent, and none where a term is absent.
func TestFit(t *testing.T) {
	want := Model{Rate: 7e9, Bandwidth: 90e9, Point: 3e-9, Barrier: 4e-7}
	var samples []sample
	for i, n := range []float64{64, 256, 1024, 4096, 8192, 16384} {
		for _, p := range []float64{1, 2, 8} {
			s := sample{n: n, m: n, p: p}
			if n > 2048 {
				s.bytes = 4
			}
			s.seconds = want.Predict(n, n, p, s.bytes) * (1 + .01*math.Sin(float64(7*i)+3*p))
			samples = append(samples, s)
		}
	}
	got, err := fit("stored", samples)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"rate", got.Rate, want.Rate}, {"bandwidth", got.Bandwidth, want.Bandwidth}, {"point", got.Point, want.Point}, {"barrier", got.Barrier, want.Barrier}} {
		if !(math.Abs(c.got/c.want-1) <= .1) {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
	if !(got.Worst <= .03) || !(got.Typical <= got.Worst) {
		t.Errorf("residuals %g and %g of noise of a percent", got.Typical, got.Worst)
	}
	for i := range samples {
		samples[i].bytes = 0
		samples[i].seconds = samples[i].n * samples[i].m / samples[i].p / 2e9
	}
	if got, err = fit("points", samples); err != nil || !(math.Abs(got.Rate/2e9-1) <= 1e-6) || !math.IsInf(got.Bandwidth, 1) || !(got.Point*1e9 <= 1e-3) {
		t.Errorf("a pure rate gives %+v, %v", got, err)
	}
	if _, err := fit("none", samples[:2]); err == nil {
		t.Error("two rows were fitted")
	}
}

// TestPredictTwice: entries that are computed twice take twice as long, stored ones are read as ever.
func TestPredictTwice(t *testing.T) {
	for cost, times := range map[string]float64{"points, d = 3": 2, stored: 1} {
		m := Model{Cost: cost, Rate: 1e9, Bandwidth: math.Inf(1)}
		if got, want := m.Predict(1000, 1e6, 2, 0), times*1000*1e6/(2*1e9); !(math.Abs(got/want-1) <= 1e-12) {
			t.Errorf("%s: %g s, want %g", cost, got, want)
		}
	}
}

// TestMillionText: the row of a million columns is no part of the fit, and stands beside what that predicts.
func TestMillionText(t *testing.T) {
	r := &row.Report{Machine: row.Machine{Tier: "avx2"}}
	add := func(ms float64, params ...string) {
		r.Rows = append(r.Rows, row.Row{Name: "full-iteration", Unit: "ms", Value: ms, Params: append(row.P("isa", "avx2", "precision", "f32", "d", "3", "cost", "points", "threads", "1"), row.P(params...)...)})
	}
	for _, n := range []string{"1000", "2000", "4000", "8000"} {
		add(1e-6*number(n)*number(n), "n", n) // 10^9 entries a second
	}
	add(1e3*1000*2e6/1e9, "n", "1000", "m", "1000000")
	if got := scaleText(r); !strings.Contains(got, "An iteration of 1000 x 1000000 points in 3 dimensions on 1 threads took 2000 ms") || !strings.Contains(got, "says 2000, +0 %") && !strings.Contains(got, "says 2000, -0 %") {
		t.Error(got)
	}
}

// TestRanks holds the exchange to a case that can be counted: 8 m bytes twice, and two messages for each doubling.
func TestRanks(t *testing.T) {
	m := Model{Rate: 1e9, Bandwidth: math.Inf(1)}
	got := m.Ranks(4000, 1000, 1, 0, 4, 1e6, 1e-3)
	if want := 1000*1000/1e9 + 2*8*1000/1e6 + 4e-3; !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("%g s, want %g", got, want)
	}
	if got, want := m.Ranks(4000, 1000, 1, 0, 1, 1e6, 1e-3), 4e-3; !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("one rank takes %g s, want %g", got, want)
	}
}

// TestRun measures within a second, writes all files, and compares the run with itself.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	var out, stderr strings.Builder
	if code := run([]string{"--cases", "--budget", "1s", "--out", dir, "--host", "A Host/1", "--threads", "2", "--quick"}, &out, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	for _, end := range []string{".json", ".md", "-rate.svg", "-solve.svg", "-cores.svg"} {
		files, _ := filepath.Glob(filepath.Join(dir, "a-host-1-2*"+end))
		if len(files) != 1 {
			t.Fatalf("%d files end in %s", len(files), end)
		}
		b, err := os.ReadFile(files[0])
		if err != nil || len(b) == 0 {
			t.Errorf("%s: %d bytes, %v", files[0], len(b), err)
		}
		switch end {
		case ".json":
			schema(t, b)
			out.Reset()
			if code := run([]string{"--from", files[0], "--compare", files[0]}, &out, &stderr); code != 0 || !strings.HasPrefix(out.String(), "0 faster, 0 slower") {
				t.Errorf("compared with itself: exit %d, %s", code, out.String())
			}
		case ".md":
			if !strings.Contains(string(b), "Left out for the budget") {
				t.Error("the page does not say what was left out")
			}
		case "-rate.svg":
			if !strings.Contains(string(b), "<svg") {
				t.Errorf("no picture:\n%.100s", b)
			}
		}
	}
}

// schema holds the fields that readers of other languages rely on.
func schema(t *testing.T, b []byte) {
	t.Helper()
	var r struct {
		Schema  int
		Machine struct{ CPU, Date, Tier string }
		Rows    []map[string]any
	}
	if err := json.Unmarshal(b, &r); err != nil || r.Schema != row.Schema || r.Machine.Tier == "" || len(r.Rows) == 0 {
		t.Fatalf("schema %d, machine %+v, %d rows, %v", r.Schema, r.Machine, len(r.Rows), err)
	}
	for _, l := range r.Rows {
		for _, field := range []string{"name", "params", "value", "unit", "mad", "min", "max", "unstable", "samples"} {
			if _, ok := l[field]; !ok {
				t.Errorf("a row has no field %s: %v", field, l)
			}
		}
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]int{
		"--tiers sse9": 2, "extra": 2, "--budget 0s": 2, "--threads -1": 2, "--million -1s": 2, "--compare none.json": 1, "--from none.json": 1, "--help": 0,
	} {
		var out, stderr strings.Builder
		if code := run(strings.Fields(args), &out, &stderr); code != want || stderr.Len() == 0 {
			t.Errorf("%s: exit %d, want %d; %q", args, code, want, stderr.String())
		}
	}
}
