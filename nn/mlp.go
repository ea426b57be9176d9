package nn

import (
	"fmt"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// leakySlope is the slope of "leaky_relu", that of the DCGAN paper.
const leakySlope = 0.2

var activationNames = []string{"relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid"}

// NewActivation returns the activation of that name: relu, leaky_relu (slope 0.2), elu (alpha 1), gelu, silu, softplus, tanh or sigmoid.
func NewActivation[T kernels.Float](ops Ops[T], name string) (Layer[T], error) {
	switch name {
	case "relu":
		return NewReLU(ops), nil
	case "leaky_relu":
		return NewLeakyReLU(ops, leakySlope), nil
	case "elu":
		return NewELU(ops, 1), nil
	case "gelu":
		return NewGELU(ops), nil
	case "silu":
		return NewSiLU(ops), nil
	case "softplus":
		return NewSoftplus(ops), nil
	case "tanh":
		return NewTanh(ops), nil
	case "sigmoid":
		return NewSigmoid(ops), nil
	}
	return nil, fmt.Errorf("nn: unknown activation %q, want one of %s", name, strings.Join(activationNames, ", "))
}

// MLP describes a multilayer perceptron: linear layers of sizes Sizes[0] -> Sizes[1] -> ..., the activation Hidden between them and
// Output, unless it is empty, after the last. See [NewActivation] for the names.
type MLP struct {
	Sizes  []int  `json:"sizes"`
	Hidden string `json:"hidden"`
	Output string `json:"output,omitempty"`
}

// NewMLP builds the network that d describes, its weights drawn by weight and its biases by bias; see [Linear.Init]. Layer i of the
// draws is the i-th linear layer, so the parameters depend on the source, the sizes and the two distributions only.
func NewMLP[T kernels.Float](ops Ops[T], d MLP, src Source, weight, bias Init) (*Sequential[T], error) {
	if len(d.Sizes) < 2 {
		return nil, fmt.Errorf("nn: MLP of sizes %v, want an input and an output", d.Sizes)
	}
	var layers []Layer[T]
	for i, in := range d.Sizes[:len(d.Sizes)-1] {
		out := d.Sizes[i+1]
		if in < 1 || out < 1 {
			return nil, fmt.Errorf("nn: MLP of sizes %v, want positive sizes", d.Sizes)
		}
		l := NewLinear(ops, in, out)
		l.Init(src, weight, bias)
		layers = append(layers, l)
		name := d.Hidden
		if i == len(d.Sizes)-2 {
			name = d.Output
			if name == "" {
				break
			}
		}
		act, err := NewActivation(ops, name)
		if err != nil {
			return nil, err
		}
		layers = append(layers, act)
	}
	return NewSequential(layers...), nil
}
