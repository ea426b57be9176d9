package nn

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
)

// An onnxCase is a network and the shape of a batch.
type onnxCase struct {
	name string
	in   []int
	net  Layer[float32]
}

// onnxCases returns networks that have every layer between them.
func onnxCases(t *testing.T, ops Ops[float32]) []onnxCase {
	src := random.New(1, "init")
	conv := func(cfg ConvConfig) Layer[float32] {
		l := NewConv2d(ops, cfg)
		l.Init(src, FanInUniform, FanInUniform)
		return l
	}
	up := NewConvTranspose2d(ops, ConvConfig{In: 4, Out: 3, Kernel: 3, Stride: 2, Padding: 1, OutputPadding: 1})
	up.Init(src, FanInUniform, FanInUniform)
	lin := NewLinear(ops, 48, 6)
	lin.Init(src, FanInUniform, FanInUniform)
	norm := NewLayerNorm(ops, 6)
	copy(norm.Bias.Value.Data(), drawInput[float32](3, 6).Data())
	table := NewEmbedding(ops, 5, 4)
	table.Init(src, Normal(0, 1))
	cases := []onnxCase{
		{"layers", []int{3, 2, 8, 8}, NewSequential(conv(ConvConfig{In: 2, Out: 4, Kernel: 3, Stride: 2, Padding: 1, NoBias: true}), NewELU(ops, .7),
			up, NewGELU(ops), NewMaxPool2d(ops, ConvGeometry{Kernel: 3, Stride: 2, Padding: 1}), NewSiLU(ops), NewUpsample2d(ops, 2),
			NewAvgPool2d(ops, ConvGeometry{Kernel: 3, Stride: 2, Padding: 1}), NewTanh(ops), NewReshape[float32](48), lin, norm, NewSoftplus(ops),
			NewL2Normalize(ops), NewDropout(ops, .5, random.New(1, "dropout")))},
		{"embedding", []int{3, 2}, NewSequential[float32](table)},
	}
	for _, m := range Models() {
		net, err := NewModel(ops, m.Name, 1)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, onnxCase{m.Name, append([]int{3}, m.Input...), net})
	}
	for _, c := range cases {
		if c.name != "embedding" {
			c.net.Forward(drawInput[float32](5, c.in...)) // moves the running moments
		}
		SetTraining(c.net, false)
	}
	return cases
}

// Where Python has onnxruntime, it computes what the network computes; SINKCPU_PYTHON names another python3.
func TestONNXRuntime(t *testing.T) {
	python := os.Getenv("SINKCPU_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import onnx, onnxruntime, safetensors").CombinedOutput(); err != nil {
		t.Skipf("no onnxruntime: %v %s", err, out)
	}
	ops := NewCPU[float32](nil)
	for _, c := range onnxCases(t, ops) {
		dir := t.TempDir()
		x := drawInput[float32](7, c.in...)
		if c.name == "embedding" {
			copy(x.Data(), []float32{4, 0, 2, 1, 3, 4})
		}
		y := c.net.Forward(x)
		var model, values bytes.Buffer
		if err := WriteONNX(ops, &model, c.net, c.in[1:]); err != nil {
			t.Fatal(err)
		}
		if err := safetensors.Write(&values, []safetensors.Tensor{{Name: "input", Shape: x.Shape(), Data: x.Data()}, {Name: "output", Shape: y.Shape(), Data: y.Data()}}, nil); err != nil {
			t.Fatal(err)
		}
		names := []string{filepath.Join(dir, "m.onnx"), filepath.Join(dir, "v.safetensors")}
		for i, b := range [][]byte{model.Bytes(), values.Bytes()} {
			if err := os.WriteFile(names[i], b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command(python, filepath.Join("testdata", "onnxrun.py"), names[0], names[1]).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, out)
			continue
		}
		diff, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		scale := 1.0
		for _, v := range y.Data() {
			scale = max(scale, math.Abs(float64(v)))
		}
		if err != nil || !(diff <= 1e-5*scale) {
			t.Errorf("%s: onnxruntime differs by %v of %v, %v", c.name, diff, scale, err)
		}
	}
}

// fields takes a message apart.
func fields(t *testing.T, m []byte) map[int][][]byte {
	t.Helper()
	all := map[int][][]byte{}
	for len(m) > 0 {
		number, wire, n := protowire.ConsumeTag(m)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(number, wire, m[n:])
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		value := m[n:][:size]
		if wire == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		all[int(number)] = append(all[int(number)], value)
		m = m[n+size:]
	}
	return all
}

// The file of a small network, field by field: versions, nodes with their values in order, and the weights.
func TestWriteONNX(t *testing.T) {
	ops := NewCPU[float64](nil)
	l := NewLinear(ops, 2, 3)
	copy(l.Weight.Value.Data(), []float64{1, 2, 3, 4, 5, -6})
	var b bytes.Buffer
	if err := WriteONNX[float64](ops, &b, NewSequential[float64](l, NewLeakyReLU(ops, .25)), []int{2}); err != nil {
		t.Fatal(err)
	}
	model := fields(t, b.Bytes())
	if !bytes.Equal(model[1][0], []byte{8}) || !bytes.Equal(fields(t, model[8][0])[2][0], []byte{17}) {
		t.Errorf("versions %v %v", model[1], model[8])
	}
	graph := fields(t, model[7][0])
	var lines []string
	for _, n := range graph[1] {
		f := fields(t, n)
		line := string(f[4][0])
		for _, v := range append(f[1], f[2]...) {
			line += " " + string(v)
		}
		for _, a := range f[5] {
			line += " " + string(fields(t, a)[1][0])
		}
		lines = append(lines, line)
	}
	if want := []string{"Gemm input v1 v2 v3 transB", "LeakyRelu v3 v4 alpha", "Identity v4 output"}; !slices.Equal(lines, want) {
		t.Errorf("nodes %q, want %q", lines, want)
	}
	weight := fields(t, graph[5][0])
	if len(graph[5]) != 2 || fmt.Sprint(weight[1]) != "[[3] [2]]" || weight[2][0][0] != 11 || math.Float64frombits(binary.LittleEndian.Uint64(weight[9][0][40:])) != -6 {
		t.Errorf("weight %v", weight)
	}
	for _, c := range []struct {
		l    Layer[float64]
		in   []int
		want string
	}{
		{l, []int{3}, "want last dimension 2"},
		{l, []int{5, 2}, `Linear(2, 3) of an input of shape [1 5 2], cannot be written as ONNX`},
		{&counting{Layer: NewTanh(ops)}, []int{2}, "cannot be written as ONNX"},
	} {
		if err := WriteONNX(ops, &b, c.l, c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}
