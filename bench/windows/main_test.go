package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Measures fall into windows of the processor time that their step's line says; a window's error is that of the mean of its measures.
func TestWindows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	lines := `{"step":10,"cpu_seconds":4}
{"step":10,"held_out":1}
{"step":20,"cpu_seconds":9}
{"step":20,"held_out":3}
{"step":30,"cpu_seconds":31}
{"step":30,"held_out":7}
`
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := read(path)
	if err != nil {
		t.Fatal(err)
	}
	w := windows(all, 10)
	want := []window{{0, 10, 10, 20, 2, 2, 1}, {30, 40, 30, 30, 1, 7, 0}}
	if len(w) != len(want) {
		t.Fatalf("%d windows, want %d: %v", len(w), len(want), w)
	}
	for i := range w {
		if !(math.Abs(w[i].err-want[i].err) <= 1e-12) {
			t.Errorf("window %d: error %g, want %g", i, w[i].err, want[i].err)
		}
		w[i].err = want[i].err
		if w[i] != want[i] {
			t.Errorf("window %d: %+v, want %+v", i, w[i], want[i])
		}
	}
}

// What is wrong is told with the run or the line.
func TestFaultsAreTold(t *testing.T) {
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "metrics.jsonl"), []byte("{\"step\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "metrics.jsonl"), []byte("{\"step\":1}\n{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		runs    []string
		seconds float64
		want    string
	}{
		{nil, 1, "folder of a run"},
		{[]string{empty}, math.NaN(), "positive number"},
		{[]string{empty}, 1, "--eval-every"},
		{[]string{broken}, 1, "line 2"},
	} {
		if err := tell(c.runs, c.seconds, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, window %g: %v, want %q", c.runs, c.seconds, err, c.want)
		}
	}
}
