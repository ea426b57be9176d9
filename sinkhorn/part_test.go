package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// partSetting is a setting in which some points are at their price and some are not, its sides of different mass.
func partSetting(ground string, rx, ry sinkhorn.Reach) *setting {
	s := newSetting(ground, 4, 5, 2, .15, rx, ry)
	kernels.Scale(s.a, 1.3/kernels.Sum(s.a))
	kernels.Scale(s.b, 1/kernels.Sum(s.b))
	if rx.Penalty == sinkhorn.Exact {
		kernels.Scale(s.b, 1.9)
	}
	return s
}

// TestPartDerivatives holds the derivatives of problems that leave mass behind, at a price or in a given amount, to differences of solved
// problems, and the first to those of many steps.
func TestPartDerivatives(t *testing.T) {
	at := func(rho float64) sinkhorn.Reach { return sinkhorn.Reach{Penalty: sinkhorn.Part, Rho: rho} }
	for _, c := range []struct {
		name string
		x, y sinkhorn.Reach
		mass float64
	}{
		{"both", at(.12), at(.12), 0}, {"both, all interior but few", at(.5), at(.5), 0}, {"both, all left", at(.01), at(.01), 0},
		{"rows", at(.2), exact, 0}, {"columns", exact, at(.2), 0}, {"kl", at(.1), kl, 0}, {"tv", tv, at(.1), 0},
		{"mass .2", at(1), at(1), .2}, {"mass .6", at(1), at(1), .6}, {"mass .95", at(1), at(1), .95},
	} {
		for _, ground := range []string{"sqeuclidean", "euclidean"} {
			t.Run(c.name+"/"+ground, func(t *testing.T) { testPartDerivatives(t, partSetting(ground, c.x, c.y), c.mass) })
		}
	}
}

func testPartDerivatives(t *testing.T, s *setting, mass float64) {
	solve := func() (*sinkhorn.Result[float64], *logsumexp.Points[float64]) {
		if mass == 0 {
			return s.solve(t)
		}
		points := s.points(t)
		p, err := sinkhorn.NewPartial[float64](points, s.a, s.b, mass)
		if err != nil {
			t.Fatal(err)
		}
		r, err := (&sinkhorn.Solver[float64]{Eps: s.eps, Tol: 1e-12, MaxIter: 100000}).Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		return r, points
	}
	n, m := s.n(), s.m()
	by := make([]float64, n*m)
	random.Normal(random.New(5, "by"), by, 0, 1)
	r, points := solve()
	for _, c := range []struct {
		name   string
		value  func(*sinkhorn.Result[float64]) float64
		derive func(*sinkhorn.Derivative[float64]) error
	}{
		{"value", (*sinkhorn.Result[float64]).Value, r.Envelope},
		{"transport cost", (*sinkhorn.Result[float64]).TransportCost, r.Implicit},
		{"function of the plan", func(r *sinkhorn.Result[float64]) float64 {
			p := make([]float64, n*m)
			r.Plan(p)
			return kernels.Dot(p, by)
		}, func(d *sinkhorn.Derivative[float64]) error { return r.ImplicitPlan(d, by) }},
	} {
		d := s.derivative(points)
		if err := c.derive(d); err != nil {
			t.Fatal(err)
		}
		for _, by := range []struct {
			name    string
			at, got []float64
		}{{"x", s.x, d.DX}, {"y", s.y, d.DY}, {"a", s.a, d.DA}, {"b", s.b, d.DB}} {
			want := make([]float64, len(by.at))
			for i := range want {
				want[i] = difference(by.at, i, 3e-4, func() float64 { r, _ := solve(); return c.value(r) })
			}
			nearAll(t, c.name+" by "+by.name, by.got, want, 2e-6)
		}
	}
	dx, h := make([]float64, len(s.x)), make([]float64, len(s.x))
	random.Normal(random.New(6, "dx"), dx, 0, 1)
	if err := r.HessianProduct(h, nil, dx, nil, points); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(s.x)
	along := func(step float64) []float64 {
		copy(s.x, before)
		kernels.Axpy(s.x, step, dx)
		r, points := solve()
		g := make([]float64, len(s.x))
		r.Gradient(g, points)
		return g
	}
	const step = 1e-5
	want := along(step)
	kernels.Axpy(want, -1, along(-step))
	kernels.Scale(want, 1/(2*step))
	copy(s.x, before)
	nearAll(t, "Hessian", h, want, 2e-5)
}

// TestPartUnrolled holds the derivatives of L steps under a Part reach to differences, and those of many to the limit's.
func TestPartUnrolled(t *testing.T) {
	part := sinkhorn.Reach{Penalty: sinkhorn.Part, Rho: .12}
	for _, c := range []struct{ x, y sinkhorn.Reach }{{part, part}, {part, exact}, {exact, part}, {part, kl}} {
		for _, steps := range []int{1, 5} {
			t.Run(fmt.Sprintf("%v-%v/L=%d", c.x.Penalty, c.y.Penalty, steps), func(t *testing.T) {
				testDifferences(t, partSetting("sqeuclidean", c.x, c.y), steps, 0)
			})
		}
	}
	s := partSetting("sqeuclidean", part, part)
	limit, points := s.solve(t)
	var u sinkhorn.Unrolled[float64]
	if err := (&sinkhorn.Solver[float64]{Eps: s.eps}).Unroll(context.Background(), &u, 1000, s.problem(t, points)); err != nil {
		t.Fatal(err)
	}
	got, want := s.derivative(points), s.derivative(points)
	if err := errors.Join(u.Backward(sinkhorn.Sharp, got), limit.Implicit(want)); err != nil {
		t.Fatal(err)
	}
	nearAll(t, "x", got.DX, want.DX, 1e-8)
	nearAll(t, "a", got.DA, want.DA, 1e-8)
	nearAll(t, "b", got.DB, want.DB, 1e-8)
}

// TestPartialIsNotUnrolled: a search for a price has no fixed number of steps.
func TestPartialIsNotUnrolled(t *testing.T) {
	p, err := sinkhorn.NewPartial(logsumexp.NewStored([]float64{1, 2, 2, 1}, 2, 2, 2), nil, nil, .5)
	if err != nil {
		t.Fatal(err)
	}
	var u sinkhorn.Unrolled[float64]
	if err := (&sinkhorn.Solver[float64]{Eps: 1}).Unroll(context.Background(), &u, 3, p); err == nil || !strings.Contains(err.Error(), "partial") {
		t.Errorf("unrolling a partial problem: %v", err)
	}
}

// TestSharesRefuse: what is for whole problems says so of a share, and what sums over ranks is that of the whole.
func TestSharesRefuse(t *testing.T) {
	const n, m, size = 6, 4, 2
	at := func(i, j int) float64 { return math.Abs(float64(i)/3 - float64(j)/2) }
	ctx, solver := context.Background(), sinkhorn.Solver[float64]{Eps: .2, Tol: 1e-10, Method: sinkhorn.Sweep}
	whole, err := sinkhorn.NewProblem[float64](logsumexp.NewFunc(n, m, at), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := solver.Solve(ctx, whole)
	if err != nil {
		t.Fatal(err)
	}
	wantRows, wantColumns := want.Partners()
	onRanks(t, size, func(c *ranks.Comm) error {
		lo, hi := ranks.Span(n, c.Rank(), size)
		cost := logsumexp.NewFunc(hi-lo, m, func(i, j int) float64 { return at(lo+i, j) })
		p, err := sinkhorn.NewShare[float64](c, cost, nil, nil, sinkhorn.Reach{}, sinkhorn.Reach{})
		if err != nil {
			return err
		}
		own := solver
		r, err := own.Solve(ctx, p)
		if err != nil {
			return err
		}
		rows, columns := r.Partners()
		near(t, "entropy", r.Entropy(), want.Entropy(), 1e-9)
		nearAll(t, "partners of rows", rows, wantRows[lo:hi], 1e-8)
		nearAll(t, "partners of columns", columns, wantColumns, 1e-8)

		d := &sinkhorn.Derivative[float64]{C: make([]float64, (hi-lo)*m)}
		_, entropy := own.SolveEntropy(ctx, p, 2)
		_, batch := own.SolveAll(ctx, []*sinkhorn.Problem[float64]{whole, p})
		_, six := own.MinibatchEnergy(ctx, sinkhorn.MinibatchProblems[float64]{XY: p, XY2: p, X2Y: p, X2Y2: p, XX2: p, YY2: p})
		_, quadratic := own.SolveQuadratic(ctx, p, false)
		_, hausdorff := sinkhorn.HausdorffDivergence(r, r, cost, cost)
		refused := map[string]error{
			"SolveEntropy": entropy, "SolveAll": batch, "MinibatchEnergy": six, "SolveQuadratic": quadratic, "HausdorffDivergence": hausdorff,
			"Envelope": r.Envelope(d), "Implicit": r.Implicit(d),
			"ImplicitPlan": r.ImplicitPlan(d, d.C), "HessianProduct": r.HessianProduct(nil, nil, nil, nil, nil),
		}
		for name, err := range refused {
			if err == nil || !strings.Contains(err.Error(), "divided among 2 ranks") {
				t.Errorf("%s of a share: %v", name, err)
			}
		}
		var mine []sinkhorn.Pair
		for _, q := range want.Sample(random.New(1, "pairs").Rand, 40) {
			if lo <= q.I && q.I < hi {
				mine = append(mine, sinkhorn.Pair{I: q.I - lo, J: q.J})
			}
		}
		got := r.Sample(random.New(1, "pairs").Rand, 40)
		if len(got) != len(mine) {
			t.Fatalf("%d pairs drawn of %d", len(got), len(mine))
		}
		for k, q := range got {
			if q.I != mine[k].I || q.J != mine[k].J {
				t.Errorf("pair %d is %d, %d, want %d, %d", k, q.I, q.J, mine[k].I, mine[k].J)
			}
		}
		return nil
	})
}

// TestShareDivergence: with a reach and sides of different mass, the divergence of shares is that of the whole.
func TestShareDivergence(t *testing.T) {
	const n, m, size = 7, 5, 2
	x, a := weightedCloud("x", n, 1, 0)
	y, b := weightedCloud("y", m, 1, .3)
	kernels.Scale(a, 1.7)
	divergence := func(of func(x, y, a, b []float64) (*sinkhorn.Problem[float64], error)) (float64, error) {
		xy, err1 := of(x, y, a, b)
		xx, err2 := of(x, x, a, a)
		yy, err3 := of(y, y, b, b)
		if err := errors.Join(err1, err2, err3); err != nil {
			return 0, err
		}
		d, err := (&sinkhorn.Solver[float64]{Eps: .05, Tol: 1e-11}).Divergence(context.Background(), xy, xx, yy)
		if err != nil {
			return 0, err
		}
		return d.Value(), nil
	}
	want, err := divergence(func(x, y, a, b []float64) (*sinkhorn.Problem[float64], error) {
		c, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, a, b, len(a), len(b), 1)
		if err != nil {
			return nil, err
		}
		return sinkhorn.NewUnbalanced[float64](c, a, b, kl, kl)
	})
	if err != nil {
		t.Fatal(err)
	}
	onRanks(t, size, func(c *ranks.Comm) error {
		got, err := divergence(func(x, y, a, b []float64) (*sinkhorn.Problem[float64], error) {
			lo, hi := ranks.Span(len(a), c.Rank(), size)
			p, _, err := sinkhorn.NewSharePoints[float64](c, logsumexp.SqEuclidean, x[lo:hi], y, a[lo:hi], b, 1, kl, kl)
			return p, err
		})
		near(t, "divergence", got, want, 1e-9)
		return err
	})
}
