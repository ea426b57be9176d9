// Package clouds compares clouds of points that lie where a table of operations computes, such as on a device: the loss of a training step
// and its derivative by the points, without a copy of either to the host.
//
// [Ops] is what a table offers for that beside [nn.Ops], a few operations on matrices of costs, and package clouds/cloudstest the tests
// that hold it to their formulas; [Host] is the table in plain Go. [Solved] makes of them problems at convergence, and [Unrolled] what
// sinkhorn.Unrolled computes, in another way: the processor's unrolled iterations scale one kernel as long as they can, for an exponential
// costs it as much as ten products; a device, whose exponentials cost less than reading the matrix, takes one in every pass, with the largest
// term or a converged sum as the shift, so that nothing can leave the range of numbers.
package clouds

import (
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
)

// Ops is what a table of operations offers beside [nn.Ops] for clouds of points on it. The rules of [nn.Ops] hold.
//
// Costs are of k problems between n and m points each, a tensor [k, n, m]; potentials, and what else belongs to a point, have k rows of n or
// m numbers. All points of a cloud weigh the same. Potentials are in base-2 units, kappa = log2(e)/eps times those of the cost.
type Ops[T kernels.Float] interface {
	nn.Ops[T]

	// PairCosts sets c[i,j] to the cost between row i of x and row j of y, as [logsumexp.FormCosts] does: in some dimensions from inner products.
	// The diagonal of a cloud against itself, y being where x is, is exact.
	PairCosts(ground logsumexp.Ground, c, x, y *nn.Tensor[T])
	// PullCosts adds to dx and dy, each unless it is nil, alpha times what the derivative w by the costs c of PairCosts means for x and y, as
	// [logsumexp.PullCosts] does. For a cloud against itself y is x and dy is dx. w is overwritten.
	PullCosts(ground logsumexp.Ground, alpha T, w, c, dx, dy, x, y *nn.Tensor[T])
	// Means sets mean[k] to the mean of the costs of problem k.
	Means(mean []float64, c *nn.Tensor[T])

	// SoftMin sets a potential of one side from h, that of the other; h nil stands for zeros.
	//
	//	rows      s_i = -log2 mean_j 2^(lambda h_j - kappa c_ij)
	//	columns   s_j = -log2 mean_i 2^(lambda h_i - kappa c_ij)
	SoftMin(side Side, s, c, h *nn.Tensor[T], kappa, lambda T)
	// Product multiplies by a plan or its transpose.
	//
	//	rows      y_i = beta y_i + alpha mean_j e_ij z_j
	//	columns   y_j = beta y_j + alpha mean_i e_ij z_i
	//
	// With beta = 0, y is not read.
	Product(side Side, y *nn.Tensor[T], p Plan[T], z *nn.Tensor[T], alpha, beta T)
	// Marginals sets the masses and the mean costs of the points of one side under a plan, each unless it is nil.
	//
	//	rows      mass_i = mean_j e_ij          cost_i = mean_j e_ij c_ij
	//	columns   mass_j = mean_i e_ij          cost_j = mean_i e_ij c_ij
	Marginals(side Side, mass, cost *nn.Tensor[T], p Plan[T])
	// Gap sets gap_i = t(unit f_i) - mass_i, where t is 1, and exp(-h/rho) of h for a reach rho > 0.
	Gap(gap, mass, f *nn.Tensor[T], unit, rho float64)
	// Weigh sums over the points of each problem k, with potentials unit f_i, unit g_j in units of the cost.
	//
	//	Cost = mean_i cost_i          Mass = mean_i mass_i          Miss = mean_i |t(unit f_i) - mass_i|          t as in Gap
	//	Dual = mean_i d(unit f_i) + mean_j d(unit g_j)              d(h) = h, and rho (1 - exp(-h/rho)) for a reach rho > 0
	Weigh(sums []Sums, mass, cost, f, g *nn.Tensor[T], unit, rho float64)
	// CostGradient sets dc [k, n, m] to the derivative by the costs that a reverse pass over a record leaves.
	//
	//	dc_ij = (e_ij (1 - c_ij/eps) + sum_l lambda (psi_lj 2^(lambda f_li + g_lj - kappa c_ij) + phi_li 2^(f_li + lambda g_(l-1)j - kappa c_ij)))/(n m)
	//
	// with e_ij of the last potentials, g_0 of the record, and without the term of 1/eps where invEps is 0.
	CostGradient(dc *nn.Tensor[T], r Record[T], invEps T)

	// Between sets points p_i between those of two clouds, their directions u_i and their distances, each unless it is nil.
	//
	//	p_i = t_i x_i + (1-t_i) y_i          u_i = (x_i - y_i)/|x_i - y_i|, 0 where that is 0          distance_i = |x_i - y_i|
	//
	// t is read for p alone.
	Between(p, u, distance, x, y, t *nn.Tensor[T])
	// SlopePenalty makes of slopes g and of directions u what a central difference of (|g_i| - 1)^2 takes, of steps h_i = step distance_i.
	//
	//	excess_i = |g_i| - 1          u_i = alpha (|g_i| - 1)/h_i u_i          g_i = h_i g_i/|g_i|
	//
	// Where |g_i| or h_i is 0 both u_i and g_i become 0.
	SlopePenalty(g, u, excess, distance *nn.Tensor[T], step, alpha T)

	// Similarity sets sum[k], unless it is nil, to the sum of a kernel of squared distances over the pairs of problem k, and replaces each q in c by the
	// slope d kernel/d(q/2).
	//
	//	gaussian   sum_s exp(-q/(2 s^2))
	//	imq        sum_s 2 s^2/(2 s^2 + q)
	//	energy     -sqrt q, of slope 0 at q = 0
	//
	// s runs over the bandwidths.
	Similarity(sum []float64, kernel string, bandwidths []float64, c *nn.Tensor[T])
}

// A Side is one of the two clouds of a problem.
type Side int

// The sides.
const (
	Rows Side = iota
	Columns
)

// A Plan is the matrix, for each problem,
//
//	e_ij = 2^(OfF f_i + OfG g_j - Kappa c_ij)
//
// G may be nil, for zeros.
type Plan[T kernels.Float] struct {
	C, F, G         *nn.Tensor[T]
	Kappa, OfF, OfG T
}

// A Record is what iterations and their reverse pass leave: [steps, problems, points], of at least as many problems as C.
//
//	F, G       soft minima of rows and columns; potentials are Lambda times them
//	Phi, Psi   cotangents of the potentials of a unit of mass
//	G0         g_0 [problems, points]; nil for zeros
type Record[T kernels.Float] struct {
	C, F, G, G0, Phi, Psi *nn.Tensor[T]
	Kappa, Lambda         T
}

// Sums are those of [Ops].Weigh.
type Sums struct{ Cost, Mass, Miss, Dual float64 }
