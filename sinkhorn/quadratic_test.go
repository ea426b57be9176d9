package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/ottest"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestQuadraticReferences: the norm-2 regulariser with both references, 1e-9 for values and 1e-8 for gradients.
func TestQuadraticReferences(t *testing.T) {
	for _, r := range ottest.References(t, refs) {
		for name, want := range r.Quadratic {
			t.Run(fmt.Sprintf("%s/%s", r.Name, name), func(t *testing.T) {
				c := points[float64](t, r, r.X, r.Y, r.A, r.B)
				p, err := sinkhorn.NewProblem(c, r.A, r.B)
				if err != nil {
					t.Fatal(err)
				}
				s := sinkhorn.Solver[float64]{Eps: want.Gamma, Tol: 1e-11, MaxIter: 2000}
				q, err := s.SolveQuadratic(context.Background(), p, name == "plain")
				if err != nil {
					t.Error(err)
				}
				t.Logf("%d iterations", q.Iterations)
				near(t, "value", q.Value, want.Value, 1e-9*r.Scale())
				near(t, "transport cost", q.TransportCost, want.PrimalCost, 1e-9*r.Scale())
				if lower, upper := q.Bounds(); !(lower <= want.Value+1e-13 && want.Value <= upper+1e-13 && upper-lower <= 1e-8*r.Scale()) {
					t.Errorf("bounds [%.15g, %.15g] around %.15g", lower, upper, want.Value)
				}
				above := 0 // of the tolerance, below which an entry may be there or not
				for _, v := range q.Plan() {
					if v > 1e-11 {
						above++
					}
				}
				if above != want.NonZeros || q.NonZeros < above {
					t.Errorf("%d entries of the plan are above the tolerance, %d are not 0, want %d", above, q.NonZeros, want.NonZeros)
				}
				grad := make([]float64, r.N*r.D)
				q.Gradient(grad, c)
				nearAll(t, "gradient", grad, want.GradX, 1e-8)
			})
		}
	}
}

// TestQuadraticClosedForms: values of the theory's worked example, x = (0,1,3), y = (.5,2,2.5,4).
func TestQuadraticClosedForms(t *testing.T) {
	x, y := []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}
	for _, c := range []struct {
		ground       logsumexp.Ground
		eps          float64
		sharp, value float64
		nonZeros     int
	}{
		{logsumexp.Euclidean, .01, 1, 1.0115625, 7},
		{logsumexp.Euclidean, 1, 1.2326388889, 1.8871527778, 11},
		{logsumexp.Euclidean, 10, 1.6013888889, 6.6340277778, 12},
		{logsumexp.SqEuclidean, .1, 1.2083333333, 1.325, 6},
		{logsumexp.SqEuclidean, 10, 2.9861111111, 8.4722222222, 12},
	} {
		points, err := logsumexp.NewPoints[float64](c.ground, x, y, nil, nil, 3, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(points, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := sinkhorn.Solver[float64]{Eps: c.eps, Tol: 1e-13}
		q, err := s.SolveQuadratic(context.Background(), p, false)
		if err != nil {
			t.Error(err)
		}
		near(t, "value", q.Value, c.value, 1e-9)
		if c.eps >= 1 { // below, the plan is not the one optimal plan of the unregularised problem's face
			near(t, "transport cost", q.TransportCost, c.sharp, 1e-9)
		}
	}
}

func TestQuadraticErrors(t *testing.T) {
	c := logsumexp.NewStored([]float64{0, 1, 1, 0}, 2, 2, 2)
	p, err := sinkhorn.NewProblem(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&sinkhorn.Solver[float64]{}).SolveQuadratic(context.Background(), p, false); err == nil {
		t.Error("eps 0 was taken")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	skew, err := sinkhorn.NewProblem(c, []float64{.3, .7}, []float64{.6, .4})
	if err != nil {
		t.Fatal(err)
	}
	q, err := (&sinkhorn.Solver[float64]{Eps: .1, Tol: 1e-15}).SolveQuadratic(cancelled, skew, false)
	if !errors.Is(err, sinkhorn.ErrNotConverged) || q.Status != sinkhorn.Cancelled {
		t.Errorf("cancelled: %v, %v", q.Status, err)
	}
}

// TestQuadraticInterrupted: an end of the context within a Newton step ends the solve with a lower bound that holds, wherever it comes; a call of Err
// stands for a place at which it is asked.
func TestQuadraticInterrupted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 40
	c := make([]float64, n*n)
	for i := range c {
		c[i] = rng.Float64()
	}
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, n, n), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	solver := &sinkhorn.Solver[float64]{Eps: .05, Tol: 1e-10}
	whole, err := solver.SolveQuadratic(context.Background(), p, false)
	if err != nil {
		t.Fatal(err)
	}
	for asked := int64(1); ; asked += 1 + asked/4 {
		ctx := &countedContext{Context: context.Background()}
		ctx.left.Store(asked)
		q, err := solver.SolveQuadratic(ctx, p, false)
		if err == nil {
			if asked < 100 {
				t.Errorf("asked %d times only", asked)
			}
			return
		}
		if !errors.Is(err, context.Canceled) || q.Status != sinkhorn.Cancelled {
			t.Fatalf("after %d: %v, %v", asked, q.Status, err)
		}
		lower, upper := q.Bounds()
		if !(lower <= whole.Value+1e-9 && whole.Value-1e-9 <= upper) {
			t.Fatalf("after %d: bounds [%g, %g] do not hold %g", asked, lower, upper, whole.Value)
		}
		if ctx.after.Load() > 20 { // of a place for each kind of work
			t.Fatalf("after %d: asked %d times more", asked, ctx.after.Load())
		}
	}
}

// A countedContext ends after it was asked so often.
type countedContext struct {
	context.Context
	left, after atomic.Int64
}

func (c *countedContext) Err() error {
	if c.left.Add(-1) >= 0 {
		return nil
	}
	c.after.Add(1)
	return context.Canceled
}

// TestQuadraticStopped: the end of the context is the error's cause, beside how far the solve came.
func TestQuadraticStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p, err := sinkhorn.NewProblem(logsumexp.NewStored([]float64{0, 1, 4, 1, 0, 1, 4, 1, 0}, 3, 3, 3), []float64{.2, .5, .3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := (&sinkhorn.Solver[float64]{Eps: .1}).SolveQuadratic(ctx, p, false)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, sinkhorn.ErrNotConverged) || q == nil || q.Status != sinkhorn.Cancelled {
		t.Errorf("%+v, error %v", q, err)
	}
}

// TestQuadraticBoundsOfSmallWeights: rounding the plan to its marginals gives no point more than it lacks, whose square over a weight of 1e-300
// would leave a bound of the order of 1e200.
func TestQuadraticBoundsOfSmallWeights(t *testing.T) {
	for seed := range uint64(20) {
		c := drawCloud(seed, 1)
		for i := range c.a {
			c.a[i] *= math.Pow(10, -50*float64(i%7))
		}
		cost := c.cost()
		total := kernels.Sum(c.a)
		kernels.Scale(c.a, 1/total)
		p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, c.n, c.m, c.m), c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		eps := c.eps * mean(cost)
		q, err := (&sinkhorn.Solver[float64]{Eps: eps}).SolveQuadratic(context.Background(), p, false)
		if err != nil {
			t.Fatal(err)
		}
		lower, upper := q.Bounds()
		if !(lower <= q.Value && q.Value <= upper && upper-lower <= 1e-5*(slices.Max(cost)+eps)) {
			t.Errorf("seed %d: %.12g in [%.12g, %.12g]", seed, q.Value, lower, upper)
		}
	}
}
