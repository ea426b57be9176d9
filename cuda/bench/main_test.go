package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestSolver times tiny problems on the simulated device: the checks pass, every row has a value and a limit, and the report can be read.
func TestSolver(t *testing.T) {
	s := sim.New(t, sim.Options{Workers: 2})
	d, err := device.Simulated(s.Driver(), s.Image())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b := tiny()
	if err := b.solver(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	if len(b.report.Rows) != 2*2*3 {
		t.Errorf("%d rows", len(b.report.Rows))
	}
	for _, r := range b.report.Rows {
		if r.Error != "" || !(r.Value > 0) || r.Limit == nil {
			t.Errorf("%s: %g ms, limit %v, %s", r.Key(), r.Value, r.Limit, r.Error)
		}
	}
	json := filepath.Join(t.TempDir(), "rows.json")
	b.out = program.Output{JSON: json, Table: program.SideBySide("peer")}
	if err := b.out.Write(&b.report, io.Discard); err != nil {
		t.Fatal(err)
	}
	var table, errs bytes.Buffer
	if status := run([]string{"--merge", json + "," + json, "--json", json + ".merged"}, &table, &errs); status != 0 || !strings.Contains(table.String(), "n=70") {
		t.Errorf("status %d, %s: %s", status, errs.String(), table.String())
	}
	if r, err := row.ReadFile(json + ".merged"); err != nil || len(r.Rows) != 2*len(b.report.Rows) {
		t.Errorf("merged: %v", err)
	}
	if status := run([]string{"--parts", "solver,nonsense"}, &table, &errs); status != 2 {
		t.Errorf("parts that do not exist: status %d", status)
	}
}

func tiny() *bench {
	m := row.Quick()
	m.Budget, m.WarmUp, m.Sample, m.Least, m.Most = 1, 1, 1, 2, 2
	return &bench{options: &options{sizes: "40,70", dim: 20, eps: .1, iterations: "1,3", ghz: 1, tflops: 1}, meter: m, report: row.Report{Schema: row.Schema}}
}

// host is a device whose tensors are the processor's.
type host struct{ sinkhorn.Device }

func (host) Info() devices.Info   { return devices.Info{} }
func (host) Ops() nn.Ops[float32] { return nn.NewCPU[float32](nil) }
func (host) Err() error           { return nil }
func (host) Close() error         { return nil }

// TestNetworks: steps of every model run, by the processor's table.
func TestNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	defer func(rows []int) { trainingRows = rows }(trainingRows)
	trainingRows = []int{20}
	b := tiny()
	if err := b.networks(context.Background(), host{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.report.Rows {
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
