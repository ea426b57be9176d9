// Package sinkhorn solves entropic optimal transport between weighted clouds of points, and differentiates it.
//
// # The problem
//
// For a cost C (n x m), weights a and b of sum 1, and a temperature eps > 0 in the units of C,
//
//	OT_eps(a,b) = min <P,C> + eps KL(P | a b^T)      over P >= 0 with P 1 = a, P^T 1 = b
//	KL(P|R)     = sum P log(P/R) - P + R
//	            = max <a,f> + <b,g> - eps (sum_ij P_ij - 1)          over potentials f, g
//	P_ij        = a_i b_j exp((f_i + g_j - C_ij)/eps)
//
// A [Problem] is the data, a [Solver] the way, a [Result] the potentials and what follows from them. C is divided by eps and by nothing
// else: there is no factor 1/2 and no power.
//
// # Two ways to use it
//
// [Solver.Solve] iterates to a tolerance, the L1 error of the plan's marginals, and returns an error when it was not met.
// [Solver.Unroll] takes exactly L alternating steps from g = 0 and keeps what [Unrolled.Backward] needs for the exact derivative
// of that computation, as training with a fixed budget wants it.
//
// # Divergences
//
//	Divergence    OT_xy - OT_xx/2 - OT_yy/2          entropic values (Feydy et al. 2019)
//	SinkhornLoss  2 W_xy - W_xx - W_yy               sharp values W = <P,C> (Genevay, Peyre and Cuturi 2018)
//
// [MinibatchEnergy] compares two independent samples a side, [HausdorffDivergence] needs the self problems alone, [Richardson] takes the
// dependence on eps away, [Solver.Drift] and [Solver.Bootstrap] say what sampling does to a divergence. Transport without regularisation is
// in package exact, distances without a plan in discrepancy, averages of clouds in barycenter.
//
// Results are the same bits for any number of workers.
package sinkhorn
