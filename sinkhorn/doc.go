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
// # Derivatives
//
// Each is named for what it differentiates; a [Derivative] says with respect to what: entries of the cost, points of either cloud, weights.
//
//	Unrolled.Backward(Sharp)      <C,P> of the plan after exactly L steps, through all of them
//	Unrolled.Backward(Entropic)   the dual objective after exactly L steps, through all of them
//	Result.Envelope               OT_eps, entropy and penalties included, at convergence: the plan itself, by the cost
//	Result.Implicit               <C,P> at convergence, through the optimality conditions
//	Result.ImplicitPlan           any function of the plan at convergence
//	Result.HessianProduct         the second derivative of OT_eps in the points, times a change of them
//
// The first two tend to the fourth and the third as L grows. Taking the third for the derivative of <C,P> is a common error: on the points
// (0,1,3) against (.5,2,2.5,4) at eps = .7 the two differ by a fifth. [Result.Gradient] and [Divergence.Gradient] are the third for the points of the
// rows, and do not ask whether the solve converged.
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
