package sinkhorn_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestPartialClosedForms: one point a side moves just the mass, whatever the cost; of two pairs the cheap one moves first.
func TestPartialClosedForms(t *testing.T) {
	const c, eps, alpha, beta, mass = 2., .5, 1.5, .8, .3
	p, err := sinkhorn.NewPartial(logsumexp.NewStored([]float64{c}, 1, 1, 1), []float64{alpha}, []float64{beta}, mass)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-11}).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mass", r.Mass(), mass, 1e-10)
	near(t, "value", r.Value(), mass*c+eps*(mass*math.Log(mass/(alpha*beta))-mass+alpha*beta), 1e-9)

	p, err = sinkhorn.NewPartial(logsumexp.NewStored(squared([]float64{0, 10}, []float64{.1, 20}), 2, 2, 2), nil, nil, .6)
	if err != nil {
		t.Fatal(err)
	}
	r, err = (&sinkhorn.Solver[float64]{Eps: .05, Tol: 1e-9}).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "transport cost", r.TransportCost(), .5*.01+.1*100, 1e-6)
}

// TestPartial: on random problems in both precisions the plan keeps within the weights, has the mass, and its objective lies in the bounds,
// which are tight: both hold for any plan, so that this proves it the best.
func TestPartial(t *testing.T) {
	for seed := range uint64(60) {
		for _, share := range []float64{.02, .5, .98} {
			testPartial[float64](t, seed, share, 1e-9, 1e-7)
			testPartial[float32](t, seed, share, 1e-4, 2e-3)
		}
	}
}

func testPartial[T kernels.Float](t *testing.T, seed uint64, share, tol, gap float64) {
	c := drawCloud(seed, 1.3)
	cost := c.cost()
	scale := max(1, mean(cost), c.eps*mean(cost))
	s := sinkhorn.Solver[T]{Eps: c.eps * mean(cost), Tol: tol}
	p, err := sinkhorn.NewPartial(stored[T](c.x, c.y, c.n, c.m, c.d, 1), c.a, c.b, share)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Errorf("seed %d, share %g, eps %g: %v", seed, share, s.Eps, err)
	}
	near(t, "mass", r.Mass(), share, tol)
	plan := make([]float64, c.n*c.m)
	r.Plan(plan)
	rows, cols := sums(plan, c.n, c.m)
	for i, w := range rows {
		if !(w <= c.a[i]+tol) {
			t.Errorf("seed %d: row %d sums to %g of %g", seed, i, w, c.a[i])
		}
	}
	for j, w := range cols {
		if !(w <= c.b[j]+tol) {
			t.Errorf("seed %d: column %d sums to %g of %g", seed, j, w, c.b[j])
		}
	}
	objective := objectiveOf(plan, cost, c.a, c.b, s.Eps) + s.Eps*(1-kernels.Sum(plan))
	lower, upper := r.Bounds()
	if !(lower <= r.Value() && r.Value() <= upper && upper-lower <= gap*scale && math.Abs(objective-r.Value()) <= gap*scale) {
		t.Errorf("%T, seed %d, share %g, eps %g: value %.12g, objective %.12g in [%.12g, %.12g] (%s)", T(0), seed, share, s.Eps, r.Value(), objective, lower, upper, r.Method)
	}
}

// TestPartialRefuses masses that cannot be.
func TestPartialRefuses(t *testing.T) {
	c := logsumexp.NewStored([]float64{1, 2}, 1, 2, 2)
	for _, mass := range []float64{0, -1, 1, 2, math.NaN(), math.Inf(1)} {
		if _, err := sinkhorn.NewPartial(c, nil, nil, mass); err == nil {
			t.Errorf("mass %g: no error", mass)
		}
	}
}

// TestPartialOfLittleMass: a mass below the tolerance is moved all the same, not left behind as an error that may be.
func TestPartialOfLittleMass(t *testing.T) {
	c := drawCloud(2, 1)
	for _, mass := range []float64{1e-3, 1e-6, 1e-12, 1e-30} {
		littleMass[float32](t, c, mass)
		littleMass[float64](t, c, mass)
	}
}

func littleMass[T kernels.Float](t *testing.T, c cloud, mass float64) {
	t.Helper()
	p, err := sinkhorn.NewPartial(stored[T](c.x, c.y, c.n, c.m, c.d, 1), c.a, c.b, mass)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[T]{Eps: .1 * mean(c.cost())}).Solve(context.Background(), p)
	if err != nil {
		t.Errorf("%T, mass %g: %v", T(0), mass, err)
		return
	}
	if lower, upper := r.Bounds(); !(math.Abs(r.Mass()-mass) <= .01*mass && lower <= r.Value() && r.Value() <= upper) {
		t.Errorf("%T: mass %g, want %g; %g in [%g, %g]", T(0), r.Mass(), mass, r.Value(), lower, upper)
	}
}
