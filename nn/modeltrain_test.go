package nn

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// trainModel takes steps of a built-in model from a step on, and returns its state and what it gives out of training.
func trainModel(ops Ops[float32], net Layer[float32], opt Optimizer[float32], in []int, from, to int) {
	g := NewGroup("net", net.Params(), opt)
	for step := from; step < to; step++ {
		x := drawInput[float32](uint64(step), append([]int{9}, in...)...)
		g.ZeroGrad()
		y := net.Forward(x)
		dy := drawNormal(uint64(step), y)
		ops.SquaredError(dy, y, dy)
		net.Backward(dy, WantParams)
		ClipGradNorm(ops, g.Params, 1)
		g.Step()
	}
}

// stateOf returns all numbers of a model.
func stateOf(ops Ops[float32], net Layer[float32]) []float32 {
	var all []float32
	for _, p := range net.Params() {
		all = append(all, p.Value.Data()...)
	}
	for _, b := range Buffers(net) {
		if b.Value != nil {
			all = append(all, b.Value.Data()...)
		}
	}
	return all
}

// withRate returns Adam at a rate.
func withRate(ops Ops[float32]) *Adam[float32] {
	o, err := NewAdam(ops, DefaultAdam(1e-3))
	if err != nil {
		panic(err)
	}
	return o
}

// Models with convolutions, normalisations, dropout and spectral norms train to the same bits on any number of workers.
func TestModelWorkers(t *testing.T) {
	for _, m := range Models() {
		run := func(r kernels.Runner) []float32 {
			ops := NewCPU[float32](r)
			net, err := NewModel(ops, m.Name, 3)
			if err != nil {
				t.Fatal(err)
			}
			trainModel(ops, net, withRate(ops), m.Input, 0, 2)
			return stateOf(ops, net)
		}
		want := run(nil)
		for _, workers := range []int{2, 5} {
			pool := parallel.New(workers)
			if !sameBits(run(pool), want) {
				t.Errorf("%s: other bits with %d workers", m.Name, workers)
			}
			pool.Close()
		}
	}
}

// A model and its optimiser that are saved between two steps go on with the bits of an unbroken run.
func TestModelResume(t *testing.T) {
	ops := NewCPU[float32](nil)
	for _, name := range []string{"classifier-28", "conv-encoder-28", "resnet-discriminator-32"} {
		m := models[slices.IndexFunc(models, func(m Model) bool { return m.Name == name })]
		fresh := func(seed uint64) Layer[float32] {
			net, err := NewModel(ops, name, seed)
			if err != nil {
				t.Fatal(err)
			}
			return net
		}
		unbroken, broken, resumed := fresh(1), fresh(1), fresh(2)
		trainModel(ops, unbroken, withRate(ops), m.Input, 0, 4)
		first := withRate(ops)
		trainModel(ops, broken, first, m.Input, 0, 2)
		path := filepath.Join(t.TempDir(), "m.safetensors")
		if err := SaveModel(ops, path, broken, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadModel(ops, path, resumed); err != nil {
			t.Fatal(err)
		}
		second := withRate(ops)
		if err := second.Restore(resumed.Params(), copyState(first.State())); err != nil {
			t.Fatal(err)
		}
		trainModel(ops, resumed, second, m.Input, 2, 4)
		if !sameBits(stateOf(ops, resumed), stateOf(ops, unbroken)) {
			t.Errorf("%s: other bits after a resume", name)
		}
	}
}

// After the first step, a step of any model allocates nothing: forward, a loss, backward, the check of the gradients, clipping and Adam.
func TestModelAllocations(t *testing.T) {
	ops := NewCPU[float32](nil)
	for _, m := range Models() {
		net, err := NewModel(ops, m.Name, 1)
		if err != nil {
			t.Fatal(err)
		}
		g := NewGroup("net", net.Params(), withRate(ops))
		x := drawInput[float32](1, append([]int{2}, m.Input...)...)
		target := drawNormal(2, net.Forward(x))
		dy := NewTensor[float32](target.Shape()...)
		step := func() {
			g.ZeroGrad()
			if loss := ops.SquaredError(dy, net.Forward(x), target); !(loss > 0) {
				t.Fatalf("%s: loss %g", m.Name, loss)
			}
			net.Backward(dy, WantAll)
			if err := CheckGradients(ops, g.Params, 0); err != nil {
				t.Fatal(err)
			}
			ClipGradNorm(ops, g.Params, 1)
			g.Step()
		}
		step()
		if n := testing.AllocsPerRun(2, step); n != 0 {
			t.Errorf("%s: %v allocations a step", m.Name, n)
		}
	}
}

// A share has a mode of its own: in evaluation it leaves the running moments of its layer alone.
func TestShareMode(t *testing.T) {
	ops := NewCPU[float32](nil)
	net, err := NewModel(ops, "dcgan-generator-28", 1)
	if err != nil {
		t.Fatal(err)
	}
	x := drawInput[float32](1, 4, 100)
	net.Forward(x)
	was := stateOf(ops, net)
	picture := net.Share()
	SetTraining(picture, false)
	one := slices.Clone(picture.Forward(x.Slice(1, 2)).Data())
	if got := picture.Forward(x).Data()[784:][:784]; !sameBits(got, one) {
		t.Error("a picture depends on its batch")
	}
	if !sameBits(stateOf(ops, net), was) {
		t.Error("a share in evaluation changes the state")
	}
	net.Forward(x)
	if sameBits(stateOf(ops, net), was) {
		t.Error("the layer is no longer in training")
	}
}
