package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Param is a tensor that is trained, under the name that PyTorch's state_dict would give it.
type Param[T kernels.Float] struct {
	Name  string     // such as "0.weight"; unique in a network
	Value *Tensor[T] // what layers read and optimisers write
	Grad  *Tensor[T] // of the same shape; backward passes add to it
}

// Prefixed returns the parameters under names that begin with prefix and a dot. The tensors are shared.
func Prefixed[T kernels.Float](prefix string, params []*Param[T]) []*Param[T] {
	named := make([]*Param[T], len(params))
	for i, p := range params {
		named[i] = &Param[T]{Name: prefix + "." + p.Name, Value: p.Value, Grad: p.Grad}
	}
	return named
}

// newParam returns a parameter of zeros.
func newParam[T kernels.Float](ops Ops[T], name string, shape ...int) *Param[T] {
	return &Param[T]{Name: name, Value: newTensor(ops, shape...), Grad: newTensor(ops, shape...)}
}

// newTensor returns a tensor of zeros where ops computes.
func newTensor[T kernels.Float](ops Ops[T], shape ...int) *Tensor[T] {
	return TensorIn(ops.Alloc(sizeOf(shape)), 0, shape...)
}

// Want says which gradients a backward pass computes. What is not wanted is not computed: the gradient to a network's input is of no use
// in training it, those of a critic's parameters are of none in training the generator below it.
type Want uint8

// The gradients of a backward pass.
const (
	WantParams Want = 1 << iota // added to the Grad of each parameter
	WantInput                   // returned
	WantAll    = WantParams | WantInput
)

// A Layer is a differentiable function with parameters. The package documentation has the rules on who writes to which tensor and how
// long it lives.
type Layer[T kernels.Float] interface {
	// Forward returns the output for x, whose first dimension is the batch.
	Forward(x *Tensor[T]) *Tensor[T]
	// Backward takes the gradient of the output of the last Forward. It adds to the gradients of the parameters and returns that of the
	// input, as far as they are wanted; nil where the input's is not.
	Backward(dy *Tensor[T], want Want) (dx *Tensor[T])
	// Params returns the parameters in the order of PyTorch's state_dict. The caller must not change the slice.
	Params() []*Param[T]
	// OutputShape returns the shape of the output for an input of that shape, both with the batch as first dimension, or why the input
	// does not fit.
	OutputShape(in []int) ([]int, error)
	// Share returns a layer with the same parameters and its own activations, for another batch in flight at the same time.
	Share() Layer[T]
	// String returns the layer's name and sizes, such as "Linear(2, 500)".
	String() string
}

// checkBackward panics unless dy has the shape of the output y of the last Forward.
func checkBackward[T kernels.Float](l Layer[T], dy, y *Tensor[T]) {
	if y == nil {
		panic("nn: " + l.String() + ": Backward without Forward")
	}
	if !dy.SameShape(y) {
		panic(fmt.Sprintf("nn: %v: gradient of shape %v for an output of shape %v", l, dy, y))
	}
	if dy.channelsLast != y.channelsLast {
		panic(fmt.Sprintf("nn: %v: gradient from outside of the Sequential that the output was computed in", l))
	}
}
