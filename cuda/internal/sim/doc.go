// Package sim is a CUDA driver whose device is this process, for tests on machines without a GPU: the kernels of gen/cuda are compiled as
// C++ by clang++-19 with the shim of gen/cuda/shim, or translated from the PTX of package ptx by package ptxc, and run here. Their arithmetic,
// their indices and their barriers are what a device would do; its speed is not. Calls can be made to fail.
package sim
