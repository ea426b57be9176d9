// Package exact solves optimal transport without regularisation, for small problems: what entropic transport tends to as eps -> 0.
//
//	OT_0(a,b) = min <P,C>                     over P >= 0 with P 1 = a, P^T 1 = b
//	          = max <a,f> + <b,g>             over f_i + g_j <= C_ij
//
// [Solver.Solve] takes any [sinkhorn.Problem] with exact marginals and needs its cost in memory; an assignment of 2000 points takes a
// few tenths of a second and other weights a few seconds. [Line] is the closed form on the real line, in the time of sorting.
//
// An answer brings its own proof: potentials f, g that satisfy f_i + g_j <= C_ij everywhere and with equality where P > 0 are optimal,
// and so is P. Work is done in float64, on one thread.
package exact
