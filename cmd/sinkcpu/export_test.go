package main

import (
	"bytes"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
	"github.com/sinkcpu/sinkcpu/train"
)

// What is exported makes the samples of the run: read back here, and by onnxruntime where Python has it.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tinyGlyphs(at("glyphs"), "network", "20")...)
	mustCommand(t, tinyGlyphs(at("dcgan"), "dcgan", "8,4")...)
	mustCommand(t, "train", "--objective", "classifier", "--model", "classifier-small-28", "--steps", "2", "--batch", "10", "--eval-every", "-1", "--out", at("classifier"))
	for _, name := range []string{"glyphs", "dcgan", "classifier"} {
		before := folderText(t, at(name))
		mustCommand(t, "export", "--run", at(name), "--onnx", at(name+".onnx"), "--safetensors", at(name+".safetensors"))
		if folderText(t, at(name)) != before {
			t.Errorf("%s: the export changed the run", name)
		}
		f, err := safetensors.Read(at(name + ".safetensors"))
		if err != nil || len(f.Tensors) < 4 || !strings.Contains(f.Metadata["config"], `"objective"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, err := train.Load(at("glyphs"))
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 30*m.Dim())
	if err := m.Sample(x, 7); err != nil {
		t.Fatal(err)
	}
	mustCommand(t, "sample", "--run", at("glyphs"), "-n", "30", "--seed", "7", "--out", at("s.npy"))
	a, err := data.ReadNPY(at("s.npy"))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range a.Data {
		if float32(v) != x[i] {
			t.Fatalf("number %d: Load samples %g, the command %g", i, x[i], v)
		}
	}
	for _, name := range []string{"glyphs", "dcgan"} {
		checkONNX(t, at(name), at(name+".onnx"))
	}
}

// checkONNX compares a generator with onnxruntime's reading of it.
func checkONNX(t *testing.T, run, file string) {
	t.Helper()
	m, err := train.Load(run)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 5
	z, x := make([]float32, rows*m.LatentDim()), make([]float32, rows*m.Dim())
	for i := range z {
		z[i] = float32(math.Mod(float64(i)*.37, 1))
	}
	if err := m.Decode(x, z); err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(x[1:], z); err == nil {
		t.Error("a destination that is too short is filled")
	}
	python := os.Getenv("SINKCPU_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import onnx, onnxruntime, safetensors").CombinedOutput(); err != nil {
		t.Skipf("no onnxruntime: %v %s", err, out)
	}
	values := filepath.Join(t.TempDir(), "values.safetensors")
	err = atomicfile.Write(values, func(w io.Writer) error {
		return safetensors.Write(w, []safetensors.Tensor{{Name: "input", Shape: []int{rows, m.LatentDim()}, Data: z}, {Name: "output", Shape: []int{rows, m.Dim()}, Data: x}}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, filepath.Join("..", "..", "nn", "testdata", "onnxrun.py"), file, values).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if diff, err := strconv.ParseFloat(string(bytes.TrimSpace(out)), 64); err != nil || !(diff <= 1e-5) {
		t.Errorf("%s: onnxruntime differs by %v, %v", file, diff, err)
	}
}

func TestExportRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("run"), "--model", "ellipsoids", "--components", "2")...)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"export", "--onnx", "x"}, exitUsage, "--run"},
		{[]string{"export", "--run", at("run")}, exitUsage, "--onnx"},
		{[]string{"export", "--run", at("run"), "--onnx", "x", "--safetensors", "x"}, exitUsage, "two files"},
		{[]string{"export", "--run", at("none"), "--onnx", at("x.onnx")}, exitFailed, "no such folder"},
		{[]string{"export", "--run", at("run"), "--onnx", at("x.onnx")}, exitFailed, "cannot be written as ONNX"},
	} {
		code, _, stderr := command(c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: status %d, %q; want %d and %q", c.args, code, stderr, c.code, c.want)
		}
	}
	if _, err := os.Stat(at("x.onnx")); err == nil {
		t.Error("a file is left of an export that failed")
	}
}
