package sinkhorn

import (
	"context"
	"errors"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Richardson is the solutions of a divergence at eps and at eps/2, from which the dependence on eps is extrapolated away.
type Richardson[T kernels.Float] struct {
	Coarse, Fine *Divergence[T] // at eps and at eps/2
}

// Richardson solves the three problems at eps, and from there at eps/2. When one does not converge all results are returned, with its error.
func (s *Solver[T]) Richardson(ctx context.Context, xy, xx, yy *Problem[T]) (*Richardson[T], error) {
	coarse, failed := s.Divergence(ctx, xy, xx, yy)
	if coarse == nil {
		return nil, failed
	}
	half := *s
	half.Eps, half.G = s.Eps/2, coarse.XY.G
	fine, err := half.Divergence(ctx, xy, xx, yy)
	if fine == nil {
		return nil, err
	}
	return &Richardson[T]{coarse, fine}, errors.Join(failed, err)
}

// Divergence returns
//
//	(4 S_{eps/2} - S_eps)/3
//
// for an estimate of the unregularised W = min <P,C>. Between densities that are smooth, under |x-y|^2, S_eps = W - I eps^2 + o(eps^2) with I of
// the order of the Fisher informations, and the error falls from order eps^2 to o(eps^2), eps^4 for Gaussians (Chizat, Roussillon, Leger, Vialard
// and Peyre 2020, Faster Wasserstein distance estimation with the Sinkhorn divergence). Between
// samples that holds where eps^(1/2) is well above the distance of neighbours; far below it S_eps is W but for exponentially small terms if
// the weights of each side are equal and n = m, and so is this. In between, and for costs that are not smooth, it promises nothing. An error
// of the divergences grows by up to 5/3.
func (r *Richardson[T]) Divergence() float64 { return (4*r.Fine.Value() - r.Coarse.Value()) / 3 }

// Cost returns
//
//	2 OT_{eps/2} - OT_eps
//
// for an estimate of W between samples: OT_eps = W + eps min KL(P | a b^T) over optimal plans P, but for terms that are exponentially
// small once eps is well below the differences of the costs of plans (Cominetti and San Martin 1994). Between densities OT_eps has a term
// eps log eps, of which a part stays.
func (r *Richardson[T]) Cost() float64 { return 2*r.Fine.XY.Value() - r.Coarse.XY.Value() }
