// Package blas makes gonum programs faster: it implements gonum's interfaces [blas.Float32] and [blas.Float64] on the kernels of this
// module.
//
//	blas32.Use(blas.Implementation{})
//	blas64.Use(blas.Implementation{})
//
// Every part of gonum that calls the BLAS through those packages then runs on it: mat, lapack, stat, optimize. The BLAS constants, such
// as NoTrans, come from gonum's package of the same name.
//
// # What is ours
//
// GEMM, SYMM, SYRK, SYR2K, TRMM and TRSM, GEMV and GER of real matrices, and of contiguous vectors DOT, AXPY and SCAL. SYRK is GEMM on
// half of its tiles; the triangular and the other symmetric products are cut into blocks, so that all but a thin diagonal is GEMM.
// GEMV and GER are one read of the matrix, several rows at a time. Everything else, complex arithmetic included, is
// [gonum.Implementation] by embedding, and so are operands so small that calling a kernel costs more than it saves, alpha = 0, and
// the generic tier of package kernels (neither AVX2 nor NEON), where gonum's own loops are the faster.
//
// # Arguments
//
// Matrices are row-major. Wrong arguments panic with gonum's strings, in gonum's order. As in gonum, C (or y) is not read where beta = 0,
// neither triangle of a symmetric or triangular matrix but the one named is read or written, and a unit diagonal is not read. Outputs
// must not overlap inputs.
//
// NaN and infinities propagate as the formulas say: 0 * NaN is NaN. gonum differs where its loops skip zero elements of A, and, in
// v0.17, where SYRK of a lower triangle and a transposed A multiplies C by beta = 0, and where GER reads outside of vectors of negative
// increment.
//
// # Accuracy
//
// Each element of a product is a sum of n terms, fused or not, in some order, so that its error is at most (n+2) u times the sum of the
// absolute values of its terms, u = 2^-24 or 2^-53 (Higham 2002, section 3.1). The solution of TRSM satisfies (T + dT) x = b with
// |dT| <= (n+2) u |T| (section 8.1).
//
// # Threads, determinism, memory
//
// An [Implementation] may be used by any number of goroutines at once. It runs on the workers that the whole process shares, GOMAXPROCS
// of them; with [New] on any others. Work is cut by the sizes of the operands alone: the same arguments give the same bits on any
// number of workers, for the same tier (kernels.Active). Buffers are kept for later calls. Calls of GEMM allocate nothing; the others a
// few small objects.
package blas
