package nn

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

func TestNewMLPNamesAndShapes(t *testing.T) {
	ops := NewCPU[float32](nil)
	net, err := NewMLP(ops, MLP{Sizes: []int{2, 5, 7, 3}, Hidden: "softplus", Output: "sigmoid"}, random.New(1, "init"), XavierUniform(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name string
		size int
	}{{"0.weight", 10}, {"0.bias", 5}, {"2.weight", 35}, {"2.bias", 7}, {"4.weight", 21}, {"4.bias", 3}}
	params := net.Params()
	if len(params) != len(want) {
		t.Fatalf("%d parameters, want %d", len(params), len(want))
	}
	for i, w := range want {
		if p := params[i]; p.Name != w.name || p.Value.Size() != w.size || !p.Grad.SameShape(p.Value) {
			t.Errorf("parameter %d: %s of shape %v, gradient %v; want %s of size %d", i, p.Name, p.Value, p.Grad, w.name, w.size)
		}
	}
	if out, err := net.OutputShape([]int{4, 2}); err != nil || len(out) != 2 || out[0] != 4 || out[1] != 3 {
		t.Errorf("OutputShape = %v, %v", out, err)
	}
	if _, err := net.OutputShape([]int{4, 3}); err == nil {
		t.Error("OutputShape accepts an input that does not fit")
	}
	if y := net.Forward(NewTensor[float32](4, 2)); y.Rows() != 4 || y.Cols() != 3 {
		t.Errorf("output of shape %v", y)
	}
}

func TestNewMLPRefuses(t *testing.T) {
	ops := NewCPU[float32](nil)
	for _, d := range []MLP{
		{Sizes: []int{2}}, {Sizes: []int{2, 0, 3}, Hidden: "relu"}, {Sizes: []int{2, -1}}, {Sizes: []int{2, 3, 1}, Hidden: "rely"},
		{Sizes: []int{2, 3, 1}}, {Sizes: []int{2, 3}, Output: "softmax"},
	} {
		if _, err := NewMLP(ops, d, random.New(1, "init"), FanInUniform, nil); err == nil {
			t.Errorf("NewMLP accepts %+v", d)
		}
	}
}

// BenchmarkMLP is one step of the MNIST generator of Genevay, Peyre and Cuturi at batch 200: forward, backward and Adam. A linear layer
// of i inputs and o outputs costs 2 batch i o operations forward, twice that backward, and no input gradient in the first.
func BenchmarkMLP(b *testing.B) {
	sizes := []int{2, 500, 500, 784}
	const batch = 200
	for _, bm := range []struct {
		name string
		ops  *CPU[float32]
	}{{"workers=1", NewCPU[float32](nil)}, {"workers=all", NewCPU[float32](parallel.Default())}} {
		b.Run("batch=200/type=float32/"+bm.name, func(b *testing.B) {
			src := random.New(1, "init")
			net, err := NewMLP(bm.ops, MLP{Sizes: sizes, Hidden: "softplus", Output: "sigmoid"}, src, XavierUniform(1), nil)
			if err != nil {
				b.Fatal(err)
			}
			adam, err := NewAdam(bm.ops, DefaultAdam(1e-3))
			if err != nil {
				b.Fatal(err)
			}
			g := NewGroup("generator", net.Params(), adam)
			z, dy := NewTensor[float32](batch, 2), NewTensor[float32](batch, 784)
			random.Uniform(src, z.Data(), -1, 1)
			random.Normal(src, dy.Data(), 0, 1)
			flops := 0
			for i, in := range sizes[:3] {
				passes := 6
				if i == 0 {
					passes = 4
				}
				flops += passes * batch * in * sizes[i+1]
			}
			step := func() {
				g.ZeroGrad()
				net.Forward(z)
				net.Backward(dy, WantParams)
				g.Step()
			}
			step()
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(flops)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
