package nn

import (
	"path/filepath"
	"strings"
	"testing"
)

// What SaveModel wrote under the name of an architecture opens as that network, out of training, with the same outputs.
func TestOpenModel(t *testing.T) {
	const name = "classifier-small-28"
	ops := NewCPU[float32](nil)
	l, err := NewModel(ops, name, 3)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := SaveModel(ops, path, l, map[string]string{ModelKey: name}); err != nil {
		t.Fatal(err)
	}
	got, m, err := OpenModel(ops, path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != name {
		t.Errorf("opened as %q", m.Name)
	}
	SetTraining(l, false)
	x := NewTensor[float32](2, 1, 28, 28)
	for i := range x.Data() {
		x.Data()[i] = float32(i%17) / 17
	}
	want := append([]float32{}, l.Forward(x).Data()...)
	for i, v := range got.Forward(x).Data() {
		if v != want[i] {
			t.Fatalf("logit %d is %g, want %g", i, v, want[i])
		}
	}
	for what, meta := range map[string]map[string]string{"lack": nil, "unknown model": {ModelKey: "x"}, "lacks the tensor": {ModelKey: "dcgan-generator-28"}} {
		if err := SaveModel(ops, path, l, meta); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenModel(ops, path); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v: %v, want %q", meta, err, what)
		}
	}
}
