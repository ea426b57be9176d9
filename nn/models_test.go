package nn

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each model has the shapes it says, takes a step that lowers its loss by what the gradient says, and goes through a file.
func TestModels(t *testing.T) {
	ops := NewCPU[float32](nil)
	for _, m := range Models() {
		net, err := NewModel(ops, m.Name, 1)
		if err != nil {
			t.Fatal(err)
		}
		const batch = 3
		x := drawInput[float32](1, append([]int{batch}, m.Input...)...)
		y := net.Forward(x)
		if !slices.Equal(y.Shape()[1:], m.Output) {
			t.Errorf("%s: output of shape %v, want %v", m.Name, y, m.Output)
		}
		if out, err := net.OutputShape(x.Shape()); err != nil || !slices.Equal(out, y.Shape()) {
			t.Errorf("%s: OutputShape %v, %v", m.Name, out, err)
		}
		dx := net.Backward(drawNormal(2, y), WantAll)
		if !dx.SameShape(x) || CheckGradients(ops, net.Params(), 0) != nil || !(GradNorm(ops, net.Params()) > 0) {
			t.Errorf("%s: gradients: norm %v, %v", m.Name, GradNorm(ops, net.Params()), CheckGradients(ops, net.Params(), 0))
		}
		again, err := NewModel(ops, m.Name, 2)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "m.safetensors")
		if err := SaveModel(ops, path, net, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadModel(ops, path, again); err != nil {
			t.Fatal(err)
		}
		SetTraining(net, false)
		SetTraining(again, false)
		if !sameBits(net.Forward(x).Data(), again.Forward(x).Data()) {
			t.Errorf("%s: other outputs after a file", m.Name)
		}
	}
	if !slices.IsSortedFunc(Models(), func(a, b Model) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the models are not sorted")
	}
	if _, err := NewModel(ops, "lenet", 1); err == nil || !strings.Contains(err.Error(), `unknown model "lenet", want one of classifier-28, classifier-small-28, conv-decoder-28`) {
		t.Errorf("error %v", err)
	}
}

// The counts of a description, by hand: 2x500+500, 500x500+500, 500x784+784; 25x20+20 of 24x24 pixels, and so on.
func TestDescribe(t *testing.T) {
	ops := NewCPU[float32](nil)
	for _, c := range []struct {
		name          string
		params        int
		flops         int64
		first, latest string
	}{
		{"mlp-generator-28", 1500 + 250500 + 392784, 2 * (1000 + 250000 + 392000), "0 Linear(2, 500) [500]", "5 Sigmoid [784]"},
		{"classifier-28", 520 + 25050 + 400500 + 5010, 2 * (500*576 + 25000*64 + 400000 + 5000), "0 Conv2d(1, 20, kernel 5) [20 24 24]", "10 Linear(500, 10) [10]"},
		{"dcgan-generator-28", 100*128*49 + 256 + 128*64*16 + 128 + 64*16 + 1, 2 * (100*128*49 + 49*128*64*16 + 196*64*16), "0 Reshape(100, 1, 1) [100 1 1]", "8 Sigmoid [1 28 28]"},
	} {
		m := models[slices.IndexFunc(models, func(m Model) bool { return m.Name == c.name })]
		net, err := NewModel(ops, c.name, 1)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := Describe(net, m.Input)
		if err != nil {
			t.Fatal(err)
		}
		var params int
		var flops int64
		for _, l := range lines {
			params, flops = params+l.Params, flops+l.FLOPs
		}
		line := func(l LayerInfo) string {
			return l.Name + " " + l.Layer + " " + strings.ReplaceAll(TensorOf(make([]float32, sizeOf(l.Output)), l.Output...).String(), ",", "")
		}
		if params != c.params || flops != c.flops || line(lines[0]) != c.first || line(lines[len(lines)-1]) != c.latest {
			t.Errorf("%s: %d parameters, %d FLOP, %s ... %s", c.name, params, flops, line(lines[0]), line(lines[len(lines)-1]))
		}
		var b strings.Builder
		if err := WriteDescription(&b, lines); err != nil || strings.Count(b.String(), "\n") != len(lines)+2 {
			t.Errorf("table of %d lines, %v:\n%s", strings.Count(b.String(), "\n"), err, b.String())
		}
	}
	net, err := NewModel(ops, "resnet-generator-32", 1)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := Describe(net, []int{128})
	if err != nil || !slices.ContainsFunc(lines, func(l LayerInfo) bool { return l.Name == "block1" && l.Layer == "Add(block1.conv2, block1.shortcut)" }) {
		t.Errorf("a graph's lines %v, %v", lines, err)
	}
	if _, err := Describe(net, []int{127}); err == nil || !strings.Contains(err.Error(), "want last dimension 128") {
		t.Errorf("error %v", err)
	}
	_, err = BuildSequential[float32]([]int{1, 28, 28}, NewConv2d(ops, ConvConfig{In: 1, Out: 2, Kernel: 5}), NewFlatten[float32](), NewLinear(ops, 100, 10))
	if err == nil || err.Error() != "layer 2: nn: Linear(100, 10): input of shape [1 1152], want last dimension 100" {
		t.Errorf("error %v", err)
	}
}
