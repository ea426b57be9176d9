package main

import (
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tinyGlyphs trains a network of digits for a moment.
func tinyGlyphs(dir, model, hidden string) []string {
	return []string{"train", "--steps", "3", "--batch", "20", "--iters", "3", "--model", model, "--hidden", hidden, "--eval-every", "-1", "--out", dir}
}

// spiralFile writes points of the plane, few enough to be measured at once.
func spiralFile(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for i := range 1000 {
		r, a := 1+float64(i%97)/97, float64(i)/100
		fmt.Fprintf(&b, "%g,%g\n", r*math.Cos(a), r*math.Sin(a))
	}
	path := filepath.Join(dir, "points.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEval(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("run"), "--data", "points:"+spiralFile(t, dir))...)
	before := folderText(t, at("run"))
	text := mustCommand(t, "eval", "--run", at("run"), "-n", "100")
	for _, want := range []string{"this model", "held_out", "coverage", "copying", "the mean point"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var e struct {
		Rows     int `json:"rows"`
		Measures []struct {
			Name          string   `json:"name"`
			Mean          *float64 `json:"mean"`
			StandardError *float64 `json:"standard_error"`
			References    []any    `json:"references"`
		} `json:"measures"`
	}
	out := mustCommand(t, "eval", "--run", at("run"), "--n", "100", "--threads", "2", "--json")
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatal(err)
	}
	if e.Rows != 100 || len(e.Measures) < 8 {
		t.Errorf("%d rows, %d measures", e.Rows, len(e.Measures))
	}
	for _, m := range e.Measures {
		if m.Mean == nil || m.StandardError == nil || len(m.References) != 3 {
			t.Errorf("%+v", m)
		}
	}
	if out != mustCommand(t, "eval", "--run", at("run"), "--n", "100", "--threads", "1", "--json") {
		t.Error("the result depends on the number of workers")
	}
	if folderText(t, at("run")) != before {
		t.Error("the evaluation changed the run")
	}
}

func TestEvalNearest(t *testing.T) {
	dir := t.TempDir()
	run, picture := filepath.Join(dir, "run"), filepath.Join(dir, "nearest.png")
	mustCommand(t, tinyGlyphs(run, "network", "20")...)
	mustCommand(t, "eval", "--run", run, "--nearest", picture)
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, err := png.Decode(f); err != nil || m.Bounds().Dx() < 9*28 || m.Bounds().Dy() < 10*28 {
		t.Errorf("%v", err)
	}
}

func TestEvalRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("run"))...)
	if err := os.WriteFile(at("bad.safetensors"), []byte("12345678"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"eval"}, exitUsage, "--run"},
		{[]string{"eval", "--run", at("none")}, exitFailed, "no such folder"},
		{[]string{"eval", "--run", at("run"), "--n", "1"}, exitUsage, "-n 1"},
		{[]string{"eval", "--run", at("run"), "--neighbours", "0"}, exitUsage, "--neighbours"},
		{[]string{"eval", "--run", at("run"), "--nearest", "x.gif"}, exitUsage, ".png"},
		{[]string{"eval", "--run", at("run"), "--data", "glyphs"}, exitUsage, "784"},
		{[]string{"eval", "--run", at("run"), "--features", at("bad.safetensors")}, exitFailed, "bad.safetensors"},
		{[]string{"eval", "--run", at("run"), "--features", "../../evaluate/digits.safetensors"}, exitUsage, "classifier-small-28"},
	} {
		code, _, stderr := command(c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: status %d, %q; want %d and %q", c.args, code, stderr, c.code, c.want)
		}
	}
}
