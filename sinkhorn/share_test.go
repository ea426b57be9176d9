package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// onRanks runs body on every rank of a group within this process.
func onRanks(t *testing.T, size int, body func(c *ranks.Comm) error) {
	t.Helper()
	comms, err := ranks.Local(size)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, size)
	var all sync.WaitGroup
	for r, c := range comms {
		all.Go(func() { errs[r] = errors.Join(body(c), c.Close()) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// weightedCloud returns n points of dimension d and their weights, some of them zero.
func weightedCloud(name string, n, d int, far float64) (x, w []float64) {
	s := random.New(7, name)
	x, w = make([]float64, n*d), make([]float64, n)
	for i := range x {
		x[i] = far + s.Float64()
	}
	var mass float64
	for i := range w {
		if w[i] = s.Float64(); i%11 == 3 {
			w[i] = 0
		}
		mass += w[i]
	}
	for i := range w {
		w[i] /= mass
	}
	return x, w
}

// A problem whose rows are divided has the value, bounds and potentials of the whole one.
func TestSharesSolveTheWholeProblem(t *testing.T) {
	const n, m, d = 230, 170, 3
	x, a := weightedCloud("x", n, d, 100)
	y, b := weightedCloud("y", m, d, 100.5)
	kl, exact := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: .3}, sinkhorn.Reach{}
	for _, c := range []struct {
		ground string
		eps    float64
		rx, ry sinkhorn.Reach
		a, b   []float64
	}{
		{"sqeuclidean", .05, exact, exact, a, b},
		{"sqeuclidean", .002, exact, exact, nil, nil},
		{"euclidean", .05, exact, exact, a, b},
		{"cosine", .001, exact, exact, a, b},
		{"sqeuclidean", .05, kl, kl, a, b},
		{"l1", .1, kl, exact, nil, b},
		{"sqeuclidean", .004, exact, exact, a, b}, // over-relaxed
	} {
		ground, err := logsumexp.ParseGround(c.ground)
		if err != nil {
			t.Fatal(err)
		}
		solver := sinkhorn.Solver[float64]{Eps: c.eps, Tol: 1e-12, MaxIter: 20000, Method: sinkhorn.Sweep, Kernel: sinkhorn.KernelComputed}
		if c.eps == .004 {
			solver.Method = sinkhorn.Overrelaxed
		}
		points, err := logsumexp.NewPoints[float64](ground, x, y, c.a, c.b, n, m, d)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := sinkhorn.NewUnbalanced[float64](points, c.a, c.b, c.rx, c.ry)
		if err != nil {
			t.Fatal(err)
		}
		want, err := solver.Solve(context.Background(), whole)
		if err != nil {
			t.Fatalf("%s: %v", c.ground, err)
		}
		lower, upper := want.Bounds()
		for _, size := range []int{2, 3} {
			onRanks(t, size, func(comm *ranks.Comm) error {
				lo, hi := ranks.Span(n, comm.Rank(), size)
				var weights []float64
				if c.a != nil {
					weights = c.a[lo:hi]
				}
				share, points, err := sinkhorn.NewSharePoints[float64](comm, ground, x[lo*d:hi*d], y, weights, c.b, d, c.rx, c.ry)
				if err != nil {
					return err
				}
				own := solver
				got, err := own.Solve(context.Background(), share)
				if err != nil {
					return err
				}
				where := fmt.Sprintf("%s eps %g, rank %d of %d", c.ground, c.eps, comm.Rank(), size)
				if got.Method != want.Method {
					return fmt.Errorf("%s: method %s, the whole has %s", where, got.Method, want.Method)
				}
				l, u := got.Bounds()
				for _, v := range []struct {
					what      string
					got, want float64
				}{
					{"value", got.Value(), want.Value()}, {"transport cost", got.TransportCost(), want.TransportCost()},
					{"mass", got.Mass(), want.Mass()}, {"lower bound", l, lower}, {"upper bound", u, upper},
				} {
					if !(math.Abs(v.got-v.want) <= 1e-11) {
						return fmt.Errorf("%s: %s %.16g, the whole has %.16g", where, v.what, v.got, v.want)
					}
				}
				for j, v := range got.G {
					if !(math.Abs(v-want.G[j]) <= 1e-8) {
						return fmt.Errorf("%s: G[%d] %g, want %g", where, j, v, want.G[j])
					}
				}
				dx, whole := make([]float64, (hi-lo)*d), make([]float64, n*d)
				got.Gradient(dx, points)
				wantPoints, _ := logsumexp.NewPoints[float64](ground, x, y, c.a, c.b, n, m, d)
				want.Gradient(whole, wantPoints)
				for k, v := range dx {
					if !(math.Abs(v-whole[lo*d+k]) <= 1e-9) {
						return fmt.Errorf("%s: derivative %d is %g, want %g", where, k, v, whole[lo*d+k])
					}
				}
				return nil
			})
		}
	}
}

// In float32 the tiles are rounded about the same centres as the whole, and all ranks have the same bits.
func TestSharesOfFloat32(t *testing.T) {
	const n, m, d = 300, 200, 2
	x, a := weightedCloud("x", n, d, 1e4)
	y, b := weightedCloud("y", m, d, 1e4)
	ground, err := logsumexp.ParseGround("sqeuclidean")
	if err != nil {
		t.Fatal(err)
	}
	solver := sinkhorn.Solver[float32]{Eps: .02}
	points, err := logsumexp.NewPoints[float32](ground, x, y, a, b, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := sinkhorn.NewProblem[float32](points, a, b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := solver.Solve(context.Background(), whole)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float64, 3)
	onRanks(t, 3, func(comm *ranks.Comm) error {
		lo, hi := ranks.Span(n, comm.Rank(), 3)
		share, _, err := sinkhorn.NewSharePoints[float32](comm, ground, x[lo*d:hi*d], y, a[lo:hi], b, d, sinkhorn.Reach{}, sinkhorn.Reach{})
		if err != nil {
			return err
		}
		own := solver
		got, err := own.Solve(context.Background(), share)
		if err != nil {
			return err
		}
		values[comm.Rank()] = got.Value()
		return nil
	})
	if values[0] != values[1] || values[0] != values[2] {
		t.Errorf("the ranks have values %v", values)
	}
	if !(math.Abs(values[0]-want.Value()) <= 1e-6) {
		t.Errorf("value %g, the whole has %g", values[0], want.Value())
	}
}

// What is wrong on one rank is an error on all; a context that ends on one ends the solve on all.
func TestSharesEndTogether(t *testing.T) {
	ground, err := logsumexp.ParseGround("sqeuclidean")
	if err != nil {
		t.Fatal(err)
	}
	y, b := weightedCloud("y", 40, 2, 0)
	onRanks(t, 3, func(c *ranks.Comm) error {
		x, a := weightedCloud(fmt.Sprint(c.Rank()), 30, 2, 0)
		if c.Rank() == 1 {
			a[7] = -1
		}
		_, _, err := sinkhorn.NewSharePoints[float64](c, ground, x, y, a, b, 2, sinkhorn.Reach{}, sinkhorn.Reach{})
		if err == nil || !strings.Contains(err.Error(), "a[7] of rank 1") {
			return fmt.Errorf("rank %d was told %v of a negative weight of rank 1", c.Rank(), err)
		}
		share, _, err := sinkhorn.NewSharePoints[float64](c, ground, x, y, nil, nil, 2, sinkhorn.Reach{}, sinkhorn.Reach{})
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		solver := sinkhorn.Solver[float64]{Eps: .001, Tol: 1e-300, MaxIter: 1 << 30, Progress: func(k int, _ float64) {
			if k == 25 && c.Rank() == 2 {
				stop()
			}
		}}
		r, err := solver.Solve(ctx, share)
		if r == nil || r.Status != sinkhorn.Cancelled || !errors.Is(err, sinkhorn.ErrNotConverged) {
			return fmt.Errorf("rank %d: %v", c.Rank(), err)
		}
		if r.Iterations > 26 {
			return fmt.Errorf("rank %d went on to iteration %d", c.Rank(), r.Iterations)
		}
		return nil
	})
}
