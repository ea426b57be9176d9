// Command archsimd measures an exponential written with Go's simd/archsimd, with the polynomial of kernels.Exp, and writes it as rows of
// bench/row, for bench/peers/peers.py. It needs GOEXPERIMENT=simd and AVX-512; built without, it is empty.
package main
