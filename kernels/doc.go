// Package kernels is vector mathematics on slices of float32 and float64: exponentials, reductions, the fused sweeps of entropic
// optimal transport, GEMM, and the element-wise pieces of neural networks.
//
// # Tiers
//
// Each kernel exists as portable Go (tier "generic") and as generated assembly: tiers "avx2" and "avx512" on amd64, "neon" on arm64, each
// for both types. The assembly of arm64 was tested in an emulator, and its speed was not measured. The fastest tier of the processor is chosen once at start-up; the environment variable SINKCPU_ISA caps it. The build
// tag purego drops all assembly. [Active] names the choice, [Tiers] what the processor could run.
//
// # Contract
//
// Destinations come first. A destination may be the same slice as a source of the same length; other overlaps give undefined values.
// Lengths that do not fit panic with a constant message that starts with "kernels:". No function allocates, starts a goroutine or keeps
// a reference to its arguments; all may be called from several goroutines at once on disjoint destinations. Assembly cannot be preempted,
// so long arguments are cut into calls of at most about 100 us: the garbage collector is not kept waiting. Multiplications and
// additions may be fused, and sums are re-associated over vector lanes: results are the same bits for the same tier and arguments, and
// agree between tiers to the stated accuracy. NaN propagates unless a function says otherwise.
package kernels
