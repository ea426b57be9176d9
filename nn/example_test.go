package nn_test

import (
	"fmt"
	"math/rand/v2"

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
