package main

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/train"
)

func TestSample(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("run"))...)
	before := folderText(t, at("run"))

	for _, threads := range []string{"1", "2", "5"} {
		mustCommand(t, "sample", "--run", at("run"), "-n", "300", "--seed", "7", "--threads", threads, "--out", at(threads+".npy"))
	}
	mustCommand(t, "sample", "--run", at("run"), "-n", "300", "--seed", "8", "--out", at("other.npy"))
	one := readFile(t, at("1.npy"))
	if one != readFile(t, at("2.npy")) || one != readFile(t, at("5.npy")) {
		t.Error("the samples depend on the number of workers")
	}
	if one == readFile(t, at("other.npy")) {
		t.Error("two seeds give the same samples")
	}
	m, err := data.ReadNPY(at("1.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows != 300 || m.Cols != 2 {
		t.Errorf("%d x %d", m.Rows, m.Cols)
	}

	mustCommand(t, "sample", "--run", at("run"), "-n", "300", "--out", at("s.png"))
	f, err := os.Open(at("s.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
	if folderText(t, at("run")) != before {
		t.Error("sampling changed the run")
	}
}

func folderText(t *testing.T, dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.Name() + readFile(t, filepath.Join(dir, e.Name())))
	}
	return b.String()
}

// A model that learns: moons, from nothing to a transport cost far below that of the mean point.
func TestTrainingLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	dir := filepath.Join(t.TempDir(), "run")
	out := mustCommand(t, "train", "--data", "moons", "--steps", "300", "--batch", "100", "--iters", "20", "--hidden", "64,64", "--lr", "0.005", "--out", dir, "--json")
	var s struct {
		HeldOut struct {
			Mean       float64 `json:"mean"`
			References []struct {
				Name string  `json:"name"`
				Mean float64 `json:"mean"`
			} `json:"references"`
		} `json:"held_out"`
	}
	decode(t, out, &s)
	if len(s.HeldOut.References) != 3 {
		t.Fatalf("%s", out)
	}
	mean := s.HeldOut.References[2].Mean
	if !(s.HeldOut.Mean < mean/10) || math.Abs(s.HeldOut.References[0].Mean) > mean/50 {
		t.Errorf("held-out measure %g, real against real %g, mean point %g", s.HeldOut.Mean, s.HeldOut.References[0].Mean, mean)
	}
}

// TestCheckRows: more rows than memory or a picture should hold are refused before they are made.
func TestCheckRows(t *testing.T) {
	images, points := train.DataState{Dim: 784, Height: 28, Width: 28, Channels: 1}, train.DataState{Dim: 2}
	for _, c := range []struct {
		out string
		n   int
		d   train.DataState
		ok  bool
	}{
		{"a.npy", 1_000_000, images, true}, {"a.npy", 2_000_000, images, false}, {"a.npy", 10_000_000, points, true},
		{"a.png", 10_000, images, true}, {"a.PNG", 10_001, images, false}, {"a.png", 1_000_000, points, true},
	} {
		if err := checkRows(c.out, c.n, c.d); (err == nil) != c.ok {
			t.Errorf("%d rows of %d into %s: %v", c.n, c.d.Dim, c.out, err)
		}
	}
}
