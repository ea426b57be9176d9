// Package cuda computes on NVIDIA GPUs what packages sinkhorn and nn compute on processors, with nothing installed but NVIDIA's driver. It
// is linked by who imports it only.
//
// A [Solver] is a [sinkhorn.Device]. [Ops] is the table of operations of networks and, with those of package nn/clouds, of the comparison of
// clouds in a training step. Their kernels are CUDA C++ in gen/cuda, in whose heads stand their formulas and the limits that bind
// them; they are run on a simulated device in tests, and on a real one where there is one.
package cuda
