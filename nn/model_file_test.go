package nn

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
)

// mixed returns a network with parameters, buffers, a counter and a stream.
func mixed[T float32 | float64](ops Ops[T], seed uint64) *Sequential[T] {
	src := random.New(seed, "init")
	conv, lin := NewConv2d(ops, ConvConfig{In: 1, Out: 2, Kernel: 3}), NewLinear(ops, 8, 3)
	conv.Init(src, FanInUniform, FanInUniform)
	lin.Init(src, FanInUniform, FanInUniform)
	return NewSequential[T](conv, NewBatchNorm2d(ops, 2), NewFlatten[T](), NewDropout(ops, .5, random.New(seed, "dropout")), NewSpectralNorm[T](ops, lin, src))
}

// A model that is saved in training and loaded into another of the same shape goes on with the same bits.
func TestSaveModel(t *testing.T) {
	ops := NewCPU[float32](nil)
	path := filepath.Join(t.TempDir(), "model.safetensors")
	net, other := mixed[float32](ops, 1), mixed[float32](ops, 2)
	x := drawInput[float32](1, 5, 1, 4, 4)
	net.Forward(x)
	if err := SaveModel(ops, path, net, map[string]string{"step": "1"}); err != nil {
		t.Fatal(err)
	}
	meta, err := LoadModel(ops, path, other)
	if err != nil || meta["step"] != "1" {
		t.Fatalf("metadata %v, %v", meta, err)
	}
	for range 3 {
		if !sameBits(net.Forward(x).Data(), other.Forward(x).Data()) {
			t.Fatal("other outputs after loading")
		}
	}
	if err := SaveModel(ops, path, other, nil); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveModel(ops, path, net, nil); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(path); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the two models are saved as different files, %v", err)
	}
	f, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range f.Tensors {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	const want = "0.bias 0.weight 1.bias 1.num_batches_tracked 1.running_mean 1.running_var 1.weight 4.bias 4.weight_orig 4.weight_u 4.weight_v"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("tensors %s, want %s", got, want)
	}
	wide := mixed[float64](NewCPU[float64](nil), 3)
	if _, err := LoadModel(NewCPU[float64](nil), path, wide); err != nil || float32(wide.Params()[0].Value.Data()[0]) != net.Params()[0].Value.Data()[0] {
		t.Errorf("loading float32 into float64: %v", err)
	}
}

// A file that does not fit changes nothing and is refused by the tensor at fault.
func TestLoadModelRefuses(t *testing.T) {
	ops := NewCPU[float32](nil)
	net := mixed[float32](ops, 1)
	tensors, meta, err := modelTensors[float32](ops, net, nil)
	if err != nil {
		t.Fatal(err)
	}
	index := func(ts []safetensors.Tensor, name string) int {
		return slices.IndexFunc(ts, func(v safetensors.Tensor) bool { return v.Name == name })
	}
	for _, c := range []struct {
		want   string
		change func(ts []safetensors.Tensor, m map[string]string) []safetensors.Tensor
	}{
		{`lacks the tensor "1.running_var" of shape [2]`, func(ts []safetensors.Tensor, _ map[string]string) []safetensors.Tensor {
			return slices.DeleteFunc(ts, func(v safetensors.Tensor) bool { return v.Name == "1.running_var" })
		}},
		{`tensor "9.weight" is not one of the model`, func(ts []safetensors.Tensor, _ map[string]string) []safetensors.Tensor {
			return append(ts, safetensors.Tensor{Name: "9.weight", Shape: []int{1}, Data: []float32{1}})
		}},
		{`tensor "0.weight" has shape [2 9], the model [2 1 3 3]`, func(ts []safetensors.Tensor, _ map[string]string) []safetensors.Tensor {
			ts[index(ts, "0.weight")].Shape = []int{2, 9}
			return ts
		}},
		{`tensor "0.bias" holds integers`, func(ts []safetensors.Tensor, _ map[string]string) []safetensors.Tensor {
			ts[index(ts, "0.bias")].Data = []int64{1, 2}
			return ts
		}},
		{`tensor "1.num_batches_tracked" is no count`, func(ts []safetensors.Tensor, _ map[string]string) []safetensors.Tensor {
			ts[index(ts, "1.num_batches_tracked")].Data = []int64{-1}
			return ts
		}},
		{`metadata "stream.3.stream"`, func(ts []safetensors.Tensor, m map[string]string) []safetensors.Tensor {
			m["stream.3.stream"] = "AAAA"
			return ts
		}},
		{`metadata "stream.3.stream"`, func(ts []safetensors.Tensor, m map[string]string) []safetensors.Tensor {
			m["stream.3.stream"] = "?"
			return ts
		}},
	} {
		m := map[string]string{}
		for k, v := range meta {
			m[k] = v
		}
		changed := c.change(slices.Clone(tensors), m)
		var b bytes.Buffer
		if err := safetensors.Write(&b, changed, m); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "bad.safetensors")
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		other := mixed[float32](ops, 2)
		x := drawInput[float32](1, 5, 1, 4, 4)
		if _, err := LoadModel[float32](ops, path, other); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
		if !sameBits(other.Forward(x).Data(), mixed[float32](ops, 2).Forward(x).Data()) {
			t.Errorf("%s: changed though refused", c.want)
		}
	}
	if _, err := LoadModel[float32](ops, filepath.Join(t.TempDir(), "none"), net); err == nil {
		t.Error("a missing file is accepted")
	}
}
