package main

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// TestBench measures with hardly a sample a row: the ten rows of the library are there, with the limits, and hold their checks.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	code, out, stderr := command("bench", "--json", "--budget", "1ms", "--threads", "2")
	r, err := row.ReadJSON(strings.NewReader(out))
	if err != nil {
		t.Fatalf("exit %d: %s, %v", code, stderr, err)
	}
	if code != exitDone {
		t.Errorf("exit %d: %s", code, stderr)
	}
	ours := 0
	for _, line := range r.Rows {
		if !(line.Value > 0) || math.IsInf(line.Value, 0) || line.Error != "" || len(line.Samples) == 0 {
			t.Errorf("%s is %g, error %q", line.Key(), line.Value, line.Error)
		}
		switch line.Name {
		case "exp2", "sweep", "iteration", "full-iteration", "solve", "batch", "gemm", "loss", "training-step", "network":
			ours++
		}
	}
	if ours != 10 || len(r.Rows) < 15 {
		t.Errorf("%d rows of the library of %d, want 10", ours, len(r.Rows))
	}
	var table strings.Builder
	if err := writeBench(&table, r, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(table.String(), "mix=") || !strings.Contains(table.String(), "GFLOP/s") {
		t.Errorf("the short table is\n%s", table.String())
	}
	rows := strings.Split(table.String(), "\n")[4:]
	for _, line := range rows[:len(rows)-2] {
		if len(line) > 100 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
}

func TestBenchFlags(t *testing.T) {
	for _, args := range [][]string{{"bench", "--threads", "-1"}, {"bench", "--threads", "100000"}, {"bench", "--budget", "0s"}, {"bench", "extra"}} {
		if code, out, stderr := command(args...); code != exitUsage || out != "" || stderr == "" {
			t.Errorf("%v: exit %d, %q, %q", args, code, out, stderr)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, stderr strings.Builder
	if code := run(ctx, []string{"bench"}, &out, &stderr); code != exitInterrupted || out.Len() > 0 {
		t.Errorf("a run that was ended: exit %d, %q", code, out.String())
	}
}
