package sinkhorn

import (
	"cmp"
	"errors"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// HausdorffDivergence returns the symmetric Bregman divergence of the Sinkhorn entropy F(a) = -OT_eps(a,a)/2, from the solutions of the two
// clouds against themselves alone and the costs of y as columns for x (n x m), and of x as columns for y (m x n):
//
//	H = <a - b, f_b - f_a>/2          f_a(z) = -eps log sum_i a_i exp((f_i - c(z, x_i))/eps), alike for b
//
// It is not negative, and 0 between equal clouds, where the divergence S is so; it needs no solution between the clouds and sees only near
// points of the other: as eps -> 0 it tends to half of the sum of the mean costs to the nearest point, the soft form of the
// (averaged) Hausdorff distance, and as eps -> infinity with S to half of the MMD of kernel -c. It is an error when a problem has a reach.
// Source: Feydy et al. 2019 (Interpolating between optimal transport and MMD using Sinkhorn divergences), who call it so; the formula is that of
// hausdorff_divergence in their program, jeanfeydy/global-divergences. The limits follow from it.
func HausdorffDivergence[T kernels.Float](xx, yy *Result[T], xy, yx logsumexp.Cost[T]) (float64, error) {
	if err := cmp.Or(xx.p.whole("the Hausdorff divergence"), yy.p.whole("the Hausdorff divergence")); err != nil {
		return 0, err
	}
	if xx.p.relaxed() || yy.p.relaxed() {
		return 0, errors.New("sinkhorn: the Hausdorff divergence is for problems without a reach")
	}
	return (gap(xx, xy, yy) + gap(yy, yx, xx)) / 2, nil
}

// gap returns <a, f_b - f_a>: over the points of own, how much further the other cloud is.
func gap[T kernels.Float](own *Result[T], cost logsumexp.Cost[T], other *Result[T]) (sum float64) {
	near, far := make([]float64, own.p.n), make([]float64, own.p.n)
	own.EntropicPotential(near, own.p.cost)
	other.EntropicPotential(far, cost)
	for i, a := range own.p.a {
		if a > 0 {
			sum += a * (far[i] - near[i])
		}
	}
	return sum
}
