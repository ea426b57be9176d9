package evaluate

import (
	"os"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

// The embedded network is small, is the one that the documentation names, and reads digits that it has not seen.
func TestDigits(t *testing.T) {
	w, err := Digits(parallel.Default())
	if err != nil {
		t.Fatal(err)
	}
	if len(digitsFile) > 500e3 || w.FeatureDim() != 128 || w.Classes() != 10 || !w.Reads(1, 28, 28) || w.Reads(3, 28, 28) {
		t.Errorf("%d bytes, %d features, %d classes", len(digitsFile), w.FeatureDim(), w.Classes())
	}
	page, err := os.ReadFile("../docs/eval.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), w.SHA256) {
		t.Errorf("docs/eval.md does not name the SHA-256 %s of the network", w.SHA256)
	}
	const dir = "../../shared/data/mnist"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no MNIST at ", dir)
	}
	_, test, err := data.OpenMNIST(dir)
	if err != nil {
		t.Fatal(err)
	}
	const n = 2000
	x, features, logits := make([]float32, n*test.Dim), make([]float32, n*128), make([]float32, n*10)
	for i := range n {
		test.Row(x[i*test.Dim:], i)
	}
	if err := w.Read(features, logits, x, n); err != nil {
		t.Fatal(err)
	}
	right := 0
	for i := range n {
		best := 0
		for c := range 10 {
			if logits[10*i+c] > logits[10*i+best] {
				best = c
			}
		}
		if best == test.Labels[i] {
			right++
		}
	}
	if right < n*98/100 {
		t.Errorf("%d of the first %d test images are read right", right, n)
	}
	if s := mustScore(t, logits, n, 10); !(s > 9.4 && s < 10) {
		t.Errorf("score %g of real digits, want near 10", s)
	}
}

func TestOpenNetworkRefuses(t *testing.T) {
	if _, err := OpenNetwork(nil, "x", "digits.safetensors"); err != nil {
		t.Error(err)
	}
	for name, file := range map[string][]byte{"cut": digitsFile[:1000], "empty": nil} {
		if _, err := newNetwork(nil, "x", file); err == nil {
			t.Errorf("%s: a damaged file is taken", name)
		}
	}
	w, err := Digits(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Read(make([]float32, 128), make([]float32, 10), make([]float32, 783), 1); err == nil {
		t.Error("a row that is too short is read")
	}
}
