package sinkhorn

import (
	"context"
	"errors"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Divergence is the solutions of two clouds against each other and of each against itself.
type Divergence[T kernels.Float] struct {
	XY, XX, YY *Result[T]
}

// Divergence solves the three problems to the tolerance. xx and yy should come from [NewSelfProblem] with the same cost function and
// weights as xy. When one does not converge all three results are returned, with its error.
func (s *Solver[T]) Divergence(ctx context.Context, xy, xx, yy *Problem[T]) (*Divergence[T], error) {
	var d Divergence[T]
	var failed error
	own := *s
	for _, term := range []struct {
		p    *Problem[T]
		r    **Result[T]
		name string
	}{{xy, &d.XY, "xy"}, {xx, &d.XX, "xx"}, {yy, &d.YY, "yy"}} {
		if term.p != xy {
			own.G = nil
		}
		r, err := own.Solve(ctx, term.p)
		if r == nil {
			return nil, err
		}
		*term.r = r
		if err != nil {
			failed = errors.Join(failed, &TermError{term.name, err})
		}
	}
	return &d, failed
}

// A TermError is the error of one of the problems of a divergence: xy, xx or yy.
type TermError struct {
	Term string
	Err  error
}

// Error names the term.
func (e *TermError) Error() string { return e.Term + ": " + e.Err.Error() }

// Unwrap returns the term's error.
func (e *TermError) Unwrap() error { return e.Err }

// Value returns the divergence of Feydy et al. 2019:
//
//	S = OT_xy - OT_xx/2 - OT_yy/2                                   + eps/2 (sum a - sum b)^2 with a reach
func (d *Divergence[T]) Value() float64 {
	return d.XY.Value() - d.XX.Value()/2 - d.YY.Value()/2 + d.massTerm()
}

func (d *Divergence[T]) massTerm() float64 {
	p := d.XY.p
	if !p.relaxed() {
		return 0
	}
	massA, massB := p.masses()
	return d.XY.eps / 2 * (massA - massB) * (massA - massB)
}

// SinkhornLoss returns the loss of Genevay, Peyre and Cuturi 2018 at convergence:
//
//	2 <C,P>_xy - <C,P>_xx - <C,P>_yy
func (d *Divergence[T]) SinkhornLoss() float64 {
	return 2*d.XY.TransportCost() - d.XX.TransportCost() - d.YY.TransportCost()
}

// Bounds brackets the divergence by the bounds of its terms.
func (d *Divergence[T]) Bounds() (lower, upper float64) {
	lxy, uxy := d.XY.Bounds()
	lxx, uxx := d.XX.Bounds()
	lyy, uyy := d.YY.Bounds()
	mass := d.massTerm()
	return lxy - uxx/2 - uyy/2 + mass, uxy - lxx/2 - lyy/2 + mass
}

// Status returns the worst status of the terms.
func (d *Divergence[T]) Status() Status { return max(d.XY.Status, d.XX.Status, d.YY.Status) }

// A Pull takes derivatives with respect to entries of a cost to the points behind it; [logsumexp.Points] is one, [PullFunc] another for a
// cost of one's own.
type Pull interface {
	// AddGradient adds to dx and dy the derivatives of sum_k w[k] c(x_i, y_{j0+k}); either may be nil. It is called from many goroutines
	// at once, each with rows of dx and with a dy of its own.
	AddGradient(dx, dy []float64, i, j0 int, w []float64)
}

// A PullFunc is a function that is a [Pull], as of the points behind a [logsumexp.Func].
type PullFunc func(dx, dy []float64, i, j0 int, w []float64)

// AddGradient calls f.
func (f PullFunc) AddGradient(dx, dy []float64, i, j0 int, w []float64) { f(dx, dy, i, j0, w) }

// Gradient sets dx (n x d) to the derivative of OT_eps with respect to the points of the rows, the weights fixed:
//
//	dx_i = sum_j P_ij d c(x_i, y_j) / d x_i
//
// It is that at convergence, by the envelope theorem, and exact up to the marginal error; it is not the derivative of the transport cost.
// For a cloud against itself x moves in both places, and the derivative is twice this. Where a device made the iterations between these points it
// does this too, in float32.
func (r *Result[T]) Gradient(dx []float64, points Pull) {
	clear(dx)
	if r.gradientFar(dx, points) {
		return
	}
	r.each(func(i, j0 int, _, p, _ []float64) { points.AddGradient(dx, nil, i, j0, p) }, 0, func([]float64) {})
}

// Gradient sets dx (n x d) to the derivative of the divergence with respect to the points x, xy being the cost's points of both clouds and
// xx those of x against itself:
//
//	dx_i = sum_j P_ij d c(x_i, y_j) / d x_i - sum_j Q_ij d c(x_i, x_j) / d x_i
//
// where P is the plan of xy and Q that of xx.
func (d *Divergence[T]) Gradient(dx []float64, xy, xx Pull) {
	d.XY.Gradient(dx, xy)
	self := make([]float64, len(dx))
	d.XX.Gradient(self, xx)
	kernels.Axpy(dx, -1, self)
}
