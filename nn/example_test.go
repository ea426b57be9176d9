package nn_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/sinkcpu/sinkcpu/nn"
)

// A network learns the exclusive or, with the squared error as its loss.
func Example() {
	ops := nn.NewCPU[float64](nil)
	src := rand.New(rand.NewPCG(1, 2))
	net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{2, 8, 1}, Hidden: "tanh", Output: "sigmoid"}, src, nn.XavierUniform(1), nil)
	if err != nil {
		panic(err)
	}
	adam, err := nn.NewAdam(ops, nn.DefaultAdam(0.05))
	if err != nil {
		panic(err)
	}
	group := nn.NewGroup("net", net.Params(), adam)

	x := nn.TensorOf([]float64{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2)
	want := []float64{0, 1, 1, 0}
	dy := nn.NewTensor[float64](4, 1)
	for range 500 {
		for i, y := range net.Forward(x).Data() {
			dy.Data()[i] = y - want[i] // the gradient of (y - want)^2/2
		}
		group.ZeroGrad()
		net.Backward(dy, nn.WantParams)
		group.Step()
	}
	for _, y := range net.Forward(x).Data() {
		fmt.Printf("%.0f ", y)
	}
	// Output: 0 1 1 0
}

// Weights go to a file that PyTorch reads, and back into a network of the same layers.
func ExampleSaveModel() {
	ops := nn.NewCPU[float32](nil)
	network := func(seed uint64) nn.Layer[float32] {
		net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{2, 8, 1}, Hidden: "relu"}, rand.New(rand.NewPCG(seed, 0)), nn.XavierUniform(1), nil)
		if err != nil {
			panic(err)
		}
		return net
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	trained, other := network(1), network(2)
	path := filepath.Join(dir, "weights.safetensors")
	if err := nn.SaveModel(ops, path, trained, map[string]string{"made by": "an example"}); err != nil {
		panic(err)
	}
	meta, err := nn.LoadModel(ops, path, other)
	if err != nil {
		panic(err)
	}
	x := nn.TensorOf([]float32{.5, -1}, 1, 2)
	fmt.Println(meta["made by"], trained.Params()[0].Name, trained.Forward(x).Data()[0] == other.Forward(x).Data()[0])
	// Output: an example 0.weight true
}

// Layers are checked as they are put together: images of one channel, 8 x 8, halved by a convolution, then classes.
func ExampleBuildSequential() {
	ops := nn.NewCPU[float32](nil)
	net, err := nn.BuildSequential([]int{1, 8, 8},
		nn.NewConv2d(ops, nn.ConvConfig{In: 1, Out: 4, Kernel: 4, Stride: 2, Padding: 1}),
		nn.NewReLU(ops),
		nn.NewFlatten[float32](),
		nn.NewLinear(ops, 4*4*4, 10),
	)
	if err != nil {
		panic(err)
	}
	fmt.Println(net.Forward(nn.NewTensor[float32](3, 1, 8, 8)).Shape())
	_, err = nn.BuildSequential([]int{1, 8, 8}, nn.NewFlatten[float32](), nn.NewLinear(ops, 10, 10))
	fmt.Println(err != nil)
	// Output:
	// [3 10]
	// true
}
