package sinkhorn

import (
	"context"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A MinibatchEnergy is the solutions of the six problems of OT-GAN's mini-batch energy distance, between two independent clouds x, x' of one
// law and two y, y' of another.
type MinibatchEnergy[T kernels.Float] struct {
	XY, XY2, X2Y, X2Y2, XX2, YY2 *Result[T]
}

// MinibatchProblems are the problems of a [MinibatchEnergy]; none is of a cloud against itself.
type MinibatchProblems[T kernels.Float] struct {
	XY, XY2, X2Y, X2Y2, XX2, YY2 *Problem[T]
}

// MinibatchPulls are the points behind the costs that have x or x' in them.
type MinibatchPulls struct {
	XY, XY2, X2Y, X2Y2, XX2 Pull
}

// MinibatchEnergy solves the six problems to the tolerance, as a batch. When one does not converge all results are returned, with its
// error.
func (s *Solver[T]) MinibatchEnergy(ctx context.Context, p MinibatchProblems[T]) (*MinibatchEnergy[T], error) {
	r, err := s.SolveAll(ctx, []*Problem[T]{p.XY, p.XY2, p.X2Y, p.X2Y2, p.XX2, p.YY2})
	if len(r) == 0 || slices.Contains(r, nil) {
		return nil, err
	}
	return &MinibatchEnergy[T]{r[0], r[1], r[2], r[3], r[4], r[5]}, err
}

// Value returns
//
//	W(x,y) + W(x,y') + W(x',y) + W(x',y') - 2 W(x,x') - 2 W(y,y')
//
// with W the sharp or the entropic value; Salimans et al. 2018 have the sharp one. Its expectation is 0 where the laws are equal, which that
// of a divergence of two clouds is not; a single value can be negative.
func (e *MinibatchEnergy[T]) Value(value Value) float64 {
	w := (*Result[T]).TransportCost
	if value == Entropic {
		w = (*Result[T]).Value
	}
	return w(e.XY) + w(e.XY2) + w(e.X2Y) + w(e.X2Y2) - 2*w(e.XX2) - 2*w(e.YY2)
}

// Gradient sets dx and dx2 to the derivatives of the entropic value at convergence with respect to the points x and x', by the envelope
// theorem: each plan is taken as it is, as OT-GAN does. It is not the derivative of the sharp value.
func (e *MinibatchEnergy[T]) Gradient(dx, dx2 []float64, points MinibatchPulls) {
	clear(dx)
	clear(dx2)
	part := make([]float64, max(len(dx), len(dx2)))
	for _, t := range []struct {
		r      *Result[T]
		points Pull
		dst    []float64
	}{{e.XY, points.XY, dx}, {e.XY2, points.XY2, dx}, {e.X2Y, points.X2Y, dx2}, {e.X2Y2, points.X2Y2, dx2}} {
		own := part[:len(t.dst)]
		t.r.Gradient(own, t.points)
		kernels.Axpy(t.dst, 1, own)
	}
	own := part[:len(dx)]
	e.XX2.Gradient(own, points.XX2)
	kernels.Axpy(dx, -2, own)
	e.XX2.each(func(i, j0 int, _, p, acc []float64) { points.XX2.AddGradient(nil, acc, i, j0, p) }, len(dx2),
		func(acc []float64) { kernels.Axpy(dx2, -2, acc) })
}
