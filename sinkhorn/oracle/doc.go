// Package oracle solves the dual of regularised transport to an accuracy that it certifies, and says how far from the true gradient that
// leaves a generator which descends on the optimal value:
//
//	h(theta) = min_{P in Pi(a,b)} <P,C(theta)> + lambda I(P)          I = KL(P|a b^T) or 1/2 sum_ij P_ij^2/(a_i b_j)
//	grad h = sum_ij P*_ij grad C_ij,  g = sum_ij P~_ij grad C_ij      P* the optimal plan, P~ that of the potentials at hand
//	|g - grad h| <= L0 sqrt(2 gap/lambda)                             L0 = max_ij |grad C_ij|
//
// gap is how much the dual at the potentials falls short of its maximum. The bound holds for any potentials under the norm-2 regulariser,
// and under KL for those after a half-step, whose plan has mass 1. An [Oracle] is asked for a gap; [GapFor] and [Delta] go from gradients to
// gaps and back.
//
// Source: Sanjabi, Ba, Razaviyayn and Lee 2018, On the convergence and robustness of training GANs with regularized optimal transport. The
// constants follow from Pinsker's inequality and lambda KL(P*|P~) = gap for KL, and from strong concavity for norm-2.
package oracle
