package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Iterations on problems whose rows are divided have the values, potentials and derivatives of the whole ones, two problems at once: where
// kernels are scaled for all steps, where they are computed anew again and again, and with a reach.
func TestUnrolledShares(t *testing.T) {
	const n, m, d = 90, 70, 3
	x, a := weightedCloud("x", n, d, 0)
	y, b := weightedCloud("y", m, d, .4)
	for j := range b {
		b[j] = (b[j] + .01) / 1.7 // every column with mass, as DB wants it
	}
	exact := sinkhorn.Reach{}
	for _, c := range []struct {
		eps   float64
		reach sinkhorn.Reach
		a, b  []float64
		steps int
	}{
		{.1, exact, nil, nil, 12},
		{.002, exact, nil, nil, 30},
		{.0005, exact, nil, nil, 12},
		{.05, sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: .3}, a, b, 10},
		{.05, sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: .3}, a, b, 10},
	} {
		type answer struct {
			values             []sinkhorn.Values
			g, dx, dy, self    []float64
			da, db, cbar, back []float64
		}
		run := func(problems []*sinkhorn.Problem[float64], points []*logsumexp.Points[float64], value sinkhorn.Value) (r answer, err error) {
			s := sinkhorn.Solver[float64]{Eps: c.eps}
			var u sinkhorn.Unrolled[float64]
			if err := s.Unroll(context.Background(), &u, c.steps, problems...); err != nil {
				return r, err
			}
			rows, _ := problems[0].Dims()
			r = answer{
				[]sinkhorn.Values{u.Values(0), u.Values(1)}, nil, make([]float64, rows*d), make([]float64, m*d), make([]float64, rows*d),
				make([]float64, rows), make([]float64, m), make([]float64, rows*m), make([]float64, n*d),
			}
			_, r.g = u.Potentials(0)
			return r, u.Backward(value,
				&sinkhorn.Derivative[float64]{C: r.cbar, Points: points[0], DX: r.dx, DY: r.dy, DA: r.da, DB: r.db},
				&sinkhorn.Derivative[float64]{Points: points[1], DX: r.self, DY: r.back})
		}
		for _, value := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
			var problems []*sinkhorn.Problem[float64]
			var points []*logsumexp.Points[float64]
			for _, pair := range [][4][]float64{{x, y, c.a, c.b}, {x, x, c.a, c.a}} {
				q, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, pair[0], pair[1], pair[2], pair[3], len(pair[0])/d, len(pair[1])/d, d)
				if err != nil {
					t.Fatal(err)
				}
				p, err := sinkhorn.NewUnbalanced[float64](q, pair[2], pair[3], c.reach, c.reach)
				if err != nil {
					t.Fatal(err)
				}
				problems, points = append(problems, p), append(points, q)
			}
			want, err := run(problems, points, value)
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{2, 3} {
				onRanks(t, size, func(comm *ranks.Comm) error {
					lo, hi := ranks.Span(n, comm.Rank(), size)
					var problems []*sinkhorn.Problem[float64]
					var points []*logsumexp.Points[float64]
					for _, pair := range [][4][]float64{{x, y, c.a, c.b}, {x, x, c.a, c.a}} {
						weights := pair[2]
						if weights != nil {
							weights = weights[lo:hi]
						}
						p, q, err := sinkhorn.NewSharePoints[float64](comm, logsumexp.SqEuclidean, pair[0][lo*d:hi*d], pair[1], weights, pair[3], d, c.reach, c.reach)
						if err != nil {
							return err
						}
						problems, points = append(problems, p), append(points, q)
					}
					got, err := run(problems, points, value)
					if err != nil {
						return err
					}
					where := fmt.Sprintf("eps %g, reach %v, value %v, rank %d of %d: ", c.eps, c.reach.Penalty, value, comm.Rank(), size)
					for k, v := range got.values {
						w := want.values[k]
						near(t, where+"sharp", v.Sharp, w.Sharp, 1e-12)
						near(t, where+"entropic", v.Entropic, w.Entropic, 1e-12)
						near(t, where+"marginal error", v.MarginalError, w.MarginalError, 1e-12)
					}
					nearAll(t, where+"g", got.g, want.g, 1e-11)
					nearAll(t, where+"cost", got.cbar, want.cbar[lo*m:hi*m], 1e-9)
					nearAll(t, where+"x", got.dx, want.dx[lo*d:hi*d], 1e-9)
					nearAll(t, where+"y", got.dy, want.dy, 1e-9)
					nearAll(t, where+"a", got.da, want.da[lo:hi], 1e-9)
					nearAll(t, where+"b", got.db, want.db, 1e-9)
					nearAll(t, where+"x of itself, rows", got.self, want.self[lo*d:hi*d], 1e-9)
					nearAll(t, where+"x of itself, columns", got.back, want.back, 1e-9)
					return nil
				})
			}
		}
	}
}

// All ranks have the same bits, in float32 too, and a context that ends on one ends the iterations on all.
func TestUnrolledSharesAgree(t *testing.T) {
	const n, size = 64, 4
	x, _ := weightedCloud("x", n, 2, 0)
	dy, values := make([][]float64, size), make([]float64, size)
	onRanks(t, size, func(c *ranks.Comm) error {
		lo, hi := ranks.Span(n, c.Rank(), size)
		p, q, err := sinkhorn.NewSharePoints[float32](c, logsumexp.SqEuclidean, x[lo*2:hi*2], x, nil, nil, 2, sinkhorn.Reach{}, sinkhorn.Reach{})
		if err != nil {
			return err
		}
		s := sinkhorn.Solver[float32]{Eps: .01}
		var u sinkhorn.Unrolled[float32]
		if err := s.Unroll(context.Background(), &u, 20, p); err != nil {
			return err
		}
		dy[c.Rank()], values[c.Rank()] = make([]float64, 2*n), u.Values(0).Sharp
		if err := u.Backward(sinkhorn.Sharp, &sinkhorn.Derivative[float32]{Points: q, DY: dy[c.Rank()]}); err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		if c.Rank() == 2 {
			stop()
		}
		if err := s.Unroll(ctx, &u, 1000, p); !errors.Is(err, context.Canceled) {
			return fmt.Errorf("rank %d: %v where rank 2 was told to stop", c.Rank(), err)
		}
		return nil
	})
	for r := range size {
		if values[r] != values[0] || !slices.Equal(dy[r], dy[0]) || math.IsNaN(values[r]) {
			t.Errorf("ranks 0 and %d differ: %v and %v", r, values[0], values[r])
		}
	}
}
