// Package logsumexp reduces the matrix of exponentials of a cost, tile by tile, without holding it; a [Kernel] does where there is memory.
//
// Everything is in base-2 units. For eps > 0, kappa = log2(e)/eps and potentials f, g of the rows and columns of a cost matrix C,
//
//	F_i = kappa f_i         G_j = kappa g_j + log2 b_j         e_ij = 2^(F_i + G_j - kappa C_ij) = b_j exp((f_i + g_j - C_ij)/eps)
//
// so that the plan a_i b_j exp((f_i + g_j - C_ij)/eps) is a_i e_ij. A [Cost] provides tiles of C: [Points] between points, [Stored] from a
// matrix, [Func] from a function; [Keep] chooses between memory and computing again. The methods of [Scratch] run the fused
// reductions over a range of rows. A reduction writes only what it is handed, so that ranges of rows may run at once; how a problem is
// cut into ranges is the caller's choice and must depend on sizes alone.
package logsumexp
