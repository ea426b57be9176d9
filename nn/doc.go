// Package nn is neural networks with hand-written backward passes: tensors, layers, losses, initialisation and optimisers in float32 and
// float64, built-in models ([NewModel]), and files that PyTorch ([SaveModel]) and onnxruntime ([WriteONNX]) read.
//
// There is no tape. A [Layer] computes its output in Forward, keeps what its derivative needs, and undoes the forward pass
// line by line in Backward. In code and documentation dX is the gradient of the loss with respect to X: dy of a layer's output, dx of its
// input, dWeight and dBias of its parameters.
//
// # Who writes and who adds
//
// Gradients of parameters accumulate: Backward adds to [Param].Grad, and [Optimizer].ZeroGrad clears it. Gradients of activations are
// overwritten: the dx that Backward returns replaces that of the call before. Tensors given to a layer are never written to.
//
// # Lifetime
//
// A layer owns its output and its dx and reuses both: a tensor that Forward or Backward returns is valid until the same layer's next
// call of the same method. Forward keeps a reference to its input, which must not change before Backward. After the first pass of the
// largest batch, a pass allocates nothing. For two batches in flight, [Layer].Share gives a layer with the same parameters and its own
// activations.
//
// # Networks
//
// [Sequential] is layers in a row, [Graph] named layers that add their inputs. Both check when they are built, by [BuildSequential] and
// [NewGraph], that each layer fits the one before, and that no layer is in two places and no parameter shared, unless by [Tied].
// Parameters and [Buffers], such as running moments, have the names of PyTorch's state_dict. [SetTraining] sets the mode of a network and
// all inside; layers are made in training mode.
//
// Between the convolutions of a Sequential, images may lie in memory with their channels last, where the table of operations is faster so.
// What goes in and comes out is not concerned, but batch normalisation adds up in another order than in its layer alone.
//
// # Devices
//
// Layers and optimisers compute only through a table of operations, [Ops], on tensors whose elements a [Storage] holds. [CPU] is the
// table of the host, on package kernels; its results are the same bits for any number of workers. Package cuda has a table of NVIDIA GPUs,
// package nn/opstest the tests that a table must pass, and package nn/clouds what a table may offer for the comparison of clouds. What the
// host and a device exchange in a step goes through a [Mirror], and a device that fails shows as a [Fault].
//
// # Errors
//
// A shape that does not fit a layer is a programmer's error and panics with a message that starts with "nn:", names the layer and gives
// both shapes; [Layer].OutputShape finds it beforehand as an error. What comes from a user or a file, such as names, rates and saved
// states, gives errors.
package nn
