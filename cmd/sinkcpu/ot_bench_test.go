package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
)

// An otBench runs ot on files in a folder of its own.
type otBench struct {
	testing.TB
	dir string
}

func newOTBench(t testing.TB) *otBench { return &otBench{t, t.TempDir()} }

func (b *otBench) at(name string) string { return filepath.Join(b.dir, name) }

// file writes numbers, cols a row, as CSV or .npy by the name's ending, and returns the path.
func (b *otBench) file(name string, cols int, a ...float64) string {
	b.Helper()
	f, err := os.Create(b.at(name))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if strings.HasSuffix(name, ".npy") {
		err = data.WriteNPY(f, len(a)/cols, cols, a)
	} else {
		err = writeCSV(f, cols, a)
	}
	if err != nil {
		b.Fatal(err)
	}
	return f.Name()
}

func writeCSV(w io.Writer, cols int, a []float64) error {
	for k, v := range a {
		end := ","
		if k%cols == cols-1 {
			end = "\n"
		}
		if _, err := fmt.Fprintf(w, "%v%s", v, end); err != nil {
			return err
		}
	}
	return nil
}

func (b *otBench) text(name, text string) string {
	b.Helper()
	if err := os.WriteFile(b.at(name), []byte(text), 0o666); err != nil {
		b.Fatal(err)
	}
	return b.at(name)
}

// An otResult is the object that ot --json printed. Numbers that are null are NaN.
type otResult map[string]any

func (r otResult) num(keys ...string) float64 {
	var v any = map[string]any(r)
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	if x, ok := v.(float64); ok {
		return x
	}
	return math.NaN()
}

// any runs ot --json and returns the object, nil for none, and the exit status with the line on stderr.
func (b *otBench) any(args ...string) (r otResult, code int, stderr string) {
	b.Helper()
	code, out, stderr := command(append([]string{"ot", "--json", "--threads", "1"}, args...)...)
	if out == "" {
		return nil, code, stderr
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		b.Fatalf("ot %v: %v in %s", args, err, out)
	}
	return r, code, stderr
}

// solve runs ot --json, which must converge.
func (b *otBench) solve(args ...string) otResult {
	b.Helper()
	r, code, stderr := b.any(args...)
	if code != 0 {
		b.Fatalf("ot %v: exit %d: %s", args, code, stderr)
	}
	return r
}

// npy reads back what ot wrote.
func (b *otBench) npy(path string) *data.Matrix {
	b.Helper()
	m, err := data.ReadNPY(path)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func near(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %.15g, want %.15g: off by %.2g, allowed %.2g", what, got, want, math.Abs(got-want), tol)
	}
}
