package main

import (
	"bytes"
	"context"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
)

func mustReadNPY(t *testing.T, path string) *data.Matrix {
	t.Helper()
	m, err := data.ReadNPY(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCodes: reconstructions are what the ends of ways are, on the line and on the circle; nothing depends on workers, and the run stays.
func TestCodes(t *testing.T) {
	for _, prior := range []string{"normal", "sphere"} {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		mustCommand(t, tiny(at("run"), "--objective", "wae-mmd", "--latent", "3", "--prior", prior)...)
		before := folderText(t, at("run"))
		mustCommand(t, "encode", "--run", at("run"), "-n", "300", "--threads", "1", "--out", at("z.npy"))
		mustCommand(t, "encode", "--run", at("run"), "-n", "300", "--threads", "3", "--out", at("z3.npy"))
		if readFile(t, at("z.npy")) != readFile(t, at("z3.npy")) {
			t.Error("the codes depend on the number of workers")
		}
		z := mustReadNPY(t, at("z.npy"))
		if z.Rows != 300 || z.Cols != 3 {
			t.Errorf("codes of %d x %d", z.Rows, z.Cols)
		}
		out := mustCommand(t, "reconstruct", "--run", at("run"), "-n", "8", "--out", at("x.npy"))
		if !strings.HasPrefix(out, "mean squared error of a row: ") {
			t.Errorf("output %q", out)
		}
		mustCommand(t, "interpolate", "--run", at("run"), "--pairs", "4", "--steps", "5", "--out", at("w.npy"))
		x, w := mustReadNPY(t, at("x.npy")), mustReadNPY(t, at("w.npy"))
		if w.Rows != 20 || w.Cols != 2 {
			t.Fatalf("ways of %d x %d", w.Rows, w.Cols)
		}
		for p := range 4 {
			for j := range 2 {
				for _, end := range [][2]int{{5 * p, 2 * p}, {5*p + 4, 2*p + 1}} {
					if got, want := w.Data[2*end[0]+j], x.Data[2*end[1]+j]; !(math.Abs(got-want) <= 1e-5) {
						t.Errorf("%s, pair %d: row %d of the way is %g, want %g", prior, p, end[0], got, want)
					}
				}
			}
		}
		mustCommand(t, "encode", "--run", at("run"), "-n", "100", "--out", at("z.png"))
		f, err := os.Open(at("z.png"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := png.Decode(f); err != nil {
			t.Error(err)
		}
		if folderText(t, at("run")) != before {
			t.Error("the run has changed")
		}
	}
}

func TestCodesOfWhatHasNone(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("plain"))...)
	mustCommand(t, tiny(at("run"), "--objective", "ae")...)
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"encode"}, 2, "--run"},
		{[]string{"encode", "--run", at("plain")}, 1, "no encoder"},
		{[]string{"encode", "--run", at("run"), "-n", "1000000"}, 2, "which has 4000 to test"},
		{[]string{"encode", "--run", at("run"), "--data", "glyphs"}, 1, "784"},
		{[]string{"encode", "--run", at("run"), "--out", "x.txt"}, 2, ".npy"},
		{[]string{"encode", "--run", at("run"), "--split", "x"}, 2, "test or train"},
		{[]string{"reconstruct", "--run", at("run"), "--out", at("x.png")}, 2, ".npy"},
		{[]string{"interpolate", "--run", at("run"), "--steps", "1", "--out", at("x.npy")}, 2, "--steps 1"},
		{[]string{"interpolate", "--run", at("run"), "--pairs", "0"}, 2, "--pairs 0: want 1"},
	} {
		code, _, text := command(c.args...)
		if code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%v: exit %d, %s", c.args, code, text)
		}
	}
}

func TestInterpolateIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("run"), "--objective", "ae")...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err bytes.Buffer
	if code := run(ctx, []string{"interpolate", "--run", at("run"), "--out", at("x.npy")}, &out, &err); code != 130 || err.String() != "sinkcpu: interrupted\n" {
		t.Errorf("exit %d: %s", code, err.String())
	}
	if _, err := os.Stat(at("x.npy")); err == nil {
		t.Error("a file was left")
	}
}
