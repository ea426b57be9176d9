package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/nn"
)

// simulated makes open return a simulated device.
func simulated(t testing.TB, o sim.Options) {
	s := sim.New(t, o)
	before := open
	t.Cleanup(func() { open = before })
	open = func(string) (*target, error) {
		d, err := device.Simulated(s.Driver(), s.Image())
		if err != nil {
			return nil, err
		}
		ops := cuda.NewOps(d)
		return targetOn(d, ops, ops.Err), nil
	}
}

// TestSolver times tiny problems on the simulated device: the checks pass, every row has a value and a limit, and the report can be read.
func TestSolver(t *testing.T) {
	simulated(t, sim.Options{Workers: 2})
	json := filepath.Join(t.TempDir(), "rows.json")
	var table, errs bytes.Buffer
	tiny := []string{"--parts", "solver", "--sizes", "40,70", "--d", "20", "--iterations", "1,3", "--quick", "--ghz", "1", "--json", json}
	if status := run(tiny, &table, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	r, err := row.ReadFile(json)
	if err != nil || len(r.Rows) != 2*2*3 || len(r.Missing) != 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	for _, r := range r.Rows {
		if r.Error != "" || !(r.Value > 0) || r.Limit == nil || !(r.Limit.Fraction > 0) {
			t.Errorf("%s: %g ms, limit %+v, %s", r.Key(), r.Value, r.Limit, r.Error)
		}
	}
	merged := json + ".merged"
	if status := run([]string{"--merge", json + "," + json, "--json", merged}, &table, &errs); status != 0 || !strings.Contains(table.String(), "n=70") {
		t.Errorf("status %d, %s: %s", status, errs.String(), table.String())
	}
	for _, want := range []string{"- simulated device", "| sinkhorn | n=70 d=20 iterations=3 ", "| sinkcpu 3xTF32 | sinkcpu TF32 |", "exp unit", "of the mean cost |"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in the table", want)
		}
	}
	if both, err := row.ReadFile(merged); err != nil || len(both.Rows) != 2*len(r.Rows) {
		t.Errorf("merged: %v", err)
	}
}

// TestResume: of a file with some rows the others are made and those left as they are; rows without a value are made again where that is
// asked for.
func TestResume(t *testing.T) {
	simulated(t, sim.Options{Workers: 2})
	json := filepath.Join(t.TempDir(), "rows.json")
	tiny := []string{"--parts", "solver", "--sizes", "40", "--d", "20", "--iterations", "1,3", "--quick", "--json", json}
	var table, errs bytes.Buffer
	if status := run(tiny, &table, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	r, err := row.ReadFile(json)
	if err != nil {
		t.Fatal(err)
	}
	made := r.Rows
	kept, failed := made[0], made[1]
	kept.Value = 77
	failed.Error = "wrong"
	for _, c := range []struct {
		flags  []string
		status int
		again  bool
	}{{[]string{"--resume"}, 1, false}, {[]string{"--resume", "--retry"}, 0, true}} {
		r.Rows = []row.Row{kept, failed}
		if err := (&program.Output{JSON: json}).Save(r); err != nil {
			t.Fatal(err)
		}
		if status := run(append(c.flags, tiny...), &table, &errs); status != c.status {
			t.Errorf("%v: status %d, want %d: %s", c.flags, status, c.status, errs.String())
		}
		got, err := row.ReadFile(json)
		if err != nil || len(got.Rows) != len(made) || got.Row(kept.Key()).Value != 77 {
			t.Fatalf("%v: %v, %+v", c.flags, err, got)
		}
		if again := got.Row(failed.Key()).Error == ""; again != c.again {
			t.Errorf("%v: made again: %v, want %v", c.flags, again, c.again)
		}
	}
}

// TestCutShort: what an end in the middle leaves is a file with the rows that were made, which names the others, and a table of it.
func TestCutShort(t *testing.T) {
	simulated(t, sim.Options{Workers: 2})
	json := filepath.Join(t.TempDir(), "rows.json")
	o := &options{parts: "network,solver", sizes: "40", dim: 20, eps: .1, iterations: "1,3", quick: true, out: program.Output{JSON: json}}
	d, err := open("cuda")
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	ctx, cancel := context.WithCancel(context.Background())
	report := program.NewReport("test")
	b := &bench{options: o, target: d, meter: row.Quick(), report: report}
	b.parts = "solver"
	b.emit = func(r row.Row) {
		o.out.Record(io.Discard, report)(r)
		if len(report.Rows) == 2 {
			cancel()
		}
	}
	if err := b.run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r, err := row.ReadFile(json)
	if err != nil || len(r.Rows) != 2 || len(r.Missing) != 4 || r.Rows[1].Error != "" {
		t.Fatalf("%v: %+v", err, r)
	}
	var table, errs bytes.Buffer
	if status := run([]string{"--merge", json}, &table, &errs); status != 0 {
		t.Errorf("status %d: %s", status, errs.String())
	}
	for _, want := range []string{"| sinkhorn", "- gradient/peer=sinkcpu/n=40/d=20/precision=3xTF32: not measured"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in %s", want, table.String())
		}
	}
}

// TestFaults: a device that fails has its reason in the row in which it did, and the run ends, as nothing more can come of it.
func TestFaults(t *testing.T) {
	launches := 0
	simulated(t, sim.Options{Fail: func(call string) driver.Result {
		if call == "LaunchKernel" {
			if launches++; launches == 40 {
				return driver.LaunchFailed
			}
		}
		return driver.Success
	}})
	json := filepath.Join(t.TempDir(), "rows.json")
	var table, errs bytes.Buffer
	if status := run([]string{"--sizes", "40", "--d", "20", "--iterations", "1,3", "--quick", "--json", json}, &table, &errs); status != 1 {
		t.Errorf("status %d: %s", status, errs.String())
	}
	r, err := row.ReadFile(json)
	if err != nil || len(r.Rows) == 0 || len(r.Missing) == 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	if last := r.Rows[len(r.Rows)-1]; !strings.Contains(last.Error, "CUDA_ERROR_LAUNCH_FAILED") {
		t.Errorf("%s: %s", last.Key(), last.Error)
	}
}

// TestUsage: flags that cannot be are said with the remedy before a device is opened.
func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--parts solver,nonsense": "solver, network", "--sizes 10,x": "--sizes", "--iterations ,": "--iterations", "--d 0": "--d 0", "--eps -1": "--eps",
		"--resume": "--json", "--retry": "--resume",
	} {
		var out, errs bytes.Buffer
		if status := run(strings.Fields(args), &out, &errs); status != 2 || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: status %d, %s", args, status, errs.String())
		}
	}
}

// TestLimit: what the head of the package says for an H200 is what its data sheet comes to.
func TestLimit(t *testing.T) {
	h200 := device.Info{Major: 9, Processors: 132, ClockMHz: 1980, Bandwidth: 4.8e12}
	for _, c := range []struct {
		r    solverRow
		ghz  float64
		want float64 // ms
		by   string
	}{
		// 10 iterations of 2 x 10^8 entries; 16 x 132 x 1.98 GHz exponentials a second.
		{solverRow{n: 10000, d: 16, count: 10, precision: "TF32"}, 0, 1e3 * 2e9 / (16 * 132 * 1.98e9), "exp unit"},
		// At 1.83 GHz tensor cores make 494.7 TFLOP/s; a product of 64 coordinates in three terms is 384 operations.
		{solverRow{n: 10000, d: 64, count: 10, precision: "3xTF32"}, 1.83, 1e3 * 2e9 * 384 / 494.7e12, "tensor cores"},
		{solverRow{n: 20000, d: 65, count: 1, precision: "TF32"}, 1.83, 1e3 * 8e8 * 130 / 494.7e12, "tensor cores"},
		// The gradient: the cost and the plan times points.
		{solverRow{n: 10000, d: 64, precision: "TF32"}, 1.83, 1e3 * 1e8 * 256 / 494.7e12, "tensor cores"},
		// Two differences and squares of each of 3 coordinates are 6 operations of 128 a cycle.
		{solverRow{n: 10000, d: 3, count: 1, precision: "f32"}, 1, 1e3 * 2e8 / (16 * 132e9), "exp unit"},
		{solverRow{n: 100, d: 1000, count: 1, precision: "TF32"}, 0, 1e3 * 2 * 200 * 1000 * 4 / 4.8e12, "memory"},
	} {
		got, by := c.r.limit(h200, c.ghz)
		if !(math.Abs(got/c.want-1) <= 2e-4) || by != c.by {
			t.Errorf("%+v: %g ms by %s, want %g by %s", c.r, got, by, c.want, c.by)
		}
	}
	turing := device.Info{Major: 7, Minor: 5, Processors: 68, ClockMHz: 1635}
	if got, _ := (&solverRow{n: 100, d: 64, count: 1}).limit(device.Info{Major: 9, Processors: 132}, 0); got != 0 {
		t.Errorf("without a clock: %g", got)
	}
	r := solverRow{n: 1000, d: 64, count: 1, precision: "f32"}
	if got, by := r.limit(turing, 0); by != "multiply-adds" || !(math.Abs(got/(1e3*2e6/(68*1.635e9))-1) <= 1e-12) { // as many a cycle as coordinates
		t.Errorf("Turing: %g ms by %s", got, by)
	}
}

// TestNetworks: steps of every model run, by the processor's table.
func TestNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	defer func(rows []trainingRow) { trainingRows = rows }(trainingRows)
	trainingRows = slices.DeleteFunc(slices.Clone(trainingRows), func(c trainingRow) bool { return c.batch > 200 })
	for k := range trainingRows {
		trainingRows[k].batch = 20
	}
	m := row.Quick()
	m.Budget, m.WarmUp, m.Sample, m.Least, m.Most = 1, 1, 1, 2, 2
	report := program.NewReport("test")
	b := &bench{
		options: &options{parts: "network"}, meter: m, report: report, emit: program.Progress(io.Discard, report),
		target: &target{ops: nn.NewCPU[float32](nil), err: func() error { return nil }},
	}
	if err := b.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != len(trainingRows)+len(networkRows) || len(trainingRows) < 2 || len(report.Missing) > 0 {
		t.Errorf("%+v", report)
	}
	for _, r := range report.Rows {
		if r.Error != "" || !(r.Value > 0) {
			t.Errorf("%s: %g ms, %s", r.Key(), r.Value, r.Error)
		}
	}
}

// TestWrong: a result that is wrong has an error in place of a time.
func TestWrong(t *testing.T) {
	p := cloudPair(30, 4)
	c := &checked{p: p, eps: .1, f: make([]float64, 30), g: make([]float64, 30)}
	if _, err := c.columns(0x1p-24); err == nil {
		t.Error("potentials of 0 pass for updated ones")
	}
	if _, err := c.gradient(make([]float32, 120), 0x1p-24); err == nil {
		t.Error("zeros pass for a gradient")
	}
}
