// Package kernels is vector mathematics on slices of float32 and float64: exponentials, logarithms and reductions, the fused sweeps of
// entropic optimal transport, products of matrices and vectors, and the element-wise pieces of neural networks.
//
// # Tiers
//
// Each kernel exists as portable Go (tier "generic") and as generated assembly: tiers "avx2" and "avx512" on amd64, "neon" on arm64. The
// fastest tier of the processor is chosen once at start-up; the environment variable SINKCPU_ISA caps it. The build tag purego drops all
// assembly. [Active] names the choice, [Tiers] what the processor could run. Where a tier has no version of a kernel of its own, that of
// the tier below serves.
//
// # Arguments
//
// Destinations come first. Matrices are row-major with a leading dimension in elements. Lengths that do not fit panic with a constant
// message that starts with "kernels:". A destination may be the same slice as a source of the same length where the function says so;
// other overlaps give undefined values.
//
// # Rounding
//
// Multiplications and additions may be fused, and sums are re-associated over vector lanes, so an error bound of a sum of n terms holds in
// any order. Functions state their largest error in units in the last place, which tests hold over all float32 and 10^8 float64 arguments
// under the build tag exhaustive, and over 10^6 by default. Long vectors are cut into pieces, and the sums of the pieces are added in float64.
//
// # Special values
//
// Infinities, signed zeros, and denormal arguments and results are as in package math. NaN propagates, but for [Max], [RowMax] and
// [ColMax], which pass over it. In the sweeps alone denormals are zero, as arguments and results.
//
// # Determinism
//
// The same arguments give the same bits, at any address, on any number of goroutines, for the same tier. Tiers agree to the stated accuracy.
//
// # Goroutines, memory, the garbage collector
//
// All functions may be called from several goroutines at once on disjoint destinations. None starts a goroutine or keeps a reference to its
// arguments; those that take a [Runner] hand it their tasks. None allocates; products of matrices keep buffers for later calls.
// Assembly cannot be preempted, so long arguments are cut into calls of about 100 us at most: stopping the world does not wait longer.
// The race detector sees what assembly reads and writes.
package kernels
