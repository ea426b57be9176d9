package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/ottest"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestSolveReferences holds solutions to tolerance against an independent implementation: values 1e-9 and gradients 1e-8 in float64, 2e-5 and
// 1e-2 in float32.
func TestSolveReferences(t *testing.T) {
	for _, r := range ottest.References(t, refs) {
		if r.Balanced == nil {
			continue
		}
		for _, kernel := range []sinkhorn.Kernel{sinkhorn.KernelKept, sinkhorn.KernelComputed} {
			t.Run(fmt.Sprintf("%s/f64/kernel=%d", r.Name, kernel), func(t *testing.T) { testSolve[float64](t, r, kernel, 1e-12, 1e-9, 1e-8) })
			t.Run(fmt.Sprintf("%s/f32/kernel=%d", r.Name, kernel), func(t *testing.T) { testSolve[float32](t, r, kernel, 1e-5, 2e-5, 1e-2) })
		}
	}
}

// points returns the cost of a reference between two of its clouds.
func points[T kernels.Float](t *testing.T, r *ottest.Reference, x, y, a, b []float64) *logsumexp.Points[T] {
	t.Helper()
	ground, err := logsumexp.ParseGround(r.Ground())
	if err != nil {
		t.Fatal(err)
	}
	p, err := logsumexp.NewPoints[T](ground, x, y, a, b, len(x)/r.D, len(y)/r.D, r.D)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testSolve[T kernels.Float](t *testing.T, r *ottest.Reference, kernel sinkhorn.Kernel, tol, valueTol, gradTol float64) {
	xy := points[T](t, r, r.X, r.Y, r.A, r.B)
	xx := points[T](t, r, r.X, r.X, r.A, r.A)
	yy := points[T](t, r, r.Y, r.Y, r.B, r.B)
	pxy, err1 := sinkhorn.NewProblem(xy, r.A, r.B) // computed tile by tile
	pxx, err2 := sinkhorn.NewSelfProblem(xx.Form(nil), r.A)
	pyy, err3 := sinkhorn.NewSelfProblem(yy.Form(nil), r.B)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[T]{Eps: r.Eps, Tol: tol, MaxIter: 100000, Kernel: kernel}
	d, err := s.Divergence(context.Background(), pxy, pxx, pyy)
	if err != nil {
		t.Error(err)
	}
	res := d.XY
	t.Logf("%s, %d iterations, %d to warm up, marginal error %.2g, redone %d rows, %d columns",
		res.Method, res.Iterations, res.Warmup, res.MarginalError(), res.RedoneRows, res.RedoneColumns)
	near(t, "value", res.Value(), r.Balanced.Dual, valueTol*r.Scale())
	near(t, "transport cost", res.TransportCost(), r.Balanced.PrimalCost, valueTol*r.Scale())
	near(t, "divergence", d.Value(), r.Divergence, valueTol*r.Scale())
	lower, upper := res.Bounds()
	if !(lower <= r.Balanced.Dual && r.Balanced.Dual <= upper) {
		t.Errorf("the bounds [%.15g, %.15g] do not hold %.15g", lower, upper, r.Balanced.Dual)
	}
	if !(upper-lower <= 1e2*valueTol*r.Scale()) {
		t.Errorf("the bounds are %.2g apart", upper-lower)
	}
	grad := make([]float64, r.N*r.D)
	res.Gradient(grad, xy)
	nearAll(t, "gradient", grad, r.Balanced.GradX, gradTol)
	if r.Special != "same_cloud" { // whose gradient is 0
		d.Gradient(grad, xy, xx)
		nearAll(t, "gradient of the divergence", grad, r.DivergenceX, gradTol)
	}
	if r.Balanced.Conditioned && gradTol < 1e-3 {
		shift := res.F[0] - r.Balanced.F[0] // potentials are unique up to a constant
		for i, f := range r.Balanced.F {
			near(t, fmt.Sprintf("f[%d]", i), res.F[i]-shift, f, 1e-8*r.Scale())
		}
		for j, g := range r.Balanced.G {
			near(t, fmt.Sprintf("g[%d]", j), res.G[j]+shift, g, 1e-8*r.Scale())
		}
	}
}

// TestUnbalancedReferences: KL penalties on both sides, in both precisions.
func TestUnbalancedReferences(t *testing.T) {
	for _, r := range ottest.References(t, refs) {
		for rho, want := range r.Unbalanced {
			t.Run(fmt.Sprintf("%s/rho=%g/f64", r.Name, rho), func(t *testing.T) { testUnbalanced[float64](t, r, rho, want, 1e-11, 1e-9, 1e-8) })
			t.Run(fmt.Sprintf("%s/rho=%g/f32", r.Name, rho), func(t *testing.T) { testUnbalanced[float32](t, r, rho, want, 1e-5, 2e-5, 1e-2) })
		}
	}
}

func testUnbalanced[T kernels.Float](t *testing.T, r *ottest.Reference, rho float64, want *ottest.Unbalanced, tol, valueTol, gradTol float64) {
	reach := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: rho}
	pxy, pxx := points[T](t, r, r.X, r.Y, r.A, r.B), points[T](t, r, r.X, r.X, r.A, r.A)
	xy, err1 := sinkhorn.NewUnbalanced(pxy, r.A, r.B, reach, reach)
	xx, err2 := sinkhorn.NewUnbalancedSelf(pxx, r.A, reach)
	yy, err3 := sinkhorn.NewUnbalancedSelf(points[T](t, r, r.Y, r.Y, r.B, r.B), r.B, reach)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[T]{Eps: r.Eps, Tol: tol, MaxIter: 100000}
	d, err := s.Divergence(context.Background(), xy, xx, yy)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d, %d, %d iterations", d.XY.Iterations, d.XX.Iterations, d.YY.Iterations)
	near(t, "value", d.XY.Value(), want.Value, valueTol*r.Scale())
	near(t, "transport cost", d.XY.TransportCost(), want.PrimalCost, valueTol*r.Scale())
	near(t, "mass", d.XY.Mass(), want.Mass, 10*valueTol)
	near(t, "OT_aa", d.XX.Value(), want.OTaa, valueTol*r.Scale())
	near(t, "OT_bb", d.YY.Value(), want.OTbb, valueTol*r.Scale())
	near(t, "divergence", d.Value(), want.Divergence, valueTol*r.Scale())
	for i, f := range want.F {
		if want.Mass < 1e-6 || gradTol > 1e-3 {
			break // where all mass is given up, nothing depends on them; in float32 they are as loose as the marginals
		}
		near(t, fmt.Sprintf("f[%d]", i), d.XY.F[i], f, 10*valueTol*r.Scale())
	}
	if lower, upper := d.XY.Bounds(); !(lower <= want.Value+1e-14 && want.Value-1e-14 <= upper && upper-lower <= 100*valueTol*r.Scale()) {
		t.Errorf("bounds [%.15g, %.15g] around %.15g", lower, upper, want.Value)
	}
	grad := make([]float64, r.N*r.D)
	d.XY.Gradient(grad, pxy)
	nearAll(t, "gradient", grad, want.GradX, gradTol)
	if r.Special == "same_cloud" {
		return // the gradient of the divergence is 0
	}
	d.Gradient(grad, pxy, pxx)
	nearAll(t, "gradient of the divergence", grad, want.DivergenceX, gradTol)
}

// TestUnbalancedOnePoint: one point each, masses alpha and beta, cost c:
//
//	p = exp((eps ln(alpha beta) + rho ln alpha + rho ln beta - c)/(eps + 2 rho)),  value eps alpha beta + rho (alpha+beta) - (eps + 2 rho) p
func TestUnbalancedOnePoint(t *testing.T) {
	const c, eps, rho = 2, .5, 1
	for _, w := range [][2]float64{{1, 1}, {2, .5}, {.1, 3}} {
		alpha, beta := w[0], w[1]
		reach := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: rho}
		p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored([]float64{c}, 1, 1, 1), []float64{alpha}, []float64{beta}, reach, reach)
		if err != nil {
			t.Fatal(err)
		}
		s := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-13}
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		mass := math.Exp((eps*math.Log(alpha*beta) + rho*math.Log(alpha) + rho*math.Log(beta) - c) / (eps + 2*rho))
		near(t, "mass", r.Mass(), mass, 1e-12)
		near(t, "value", r.Value(), eps*alpha*beta+rho*(alpha+beta)-(eps+2*rho)*mass, 1e-12)
	}
}

// TestTotalVariation: with TV, moving a unit costs c and leaving it 2 rho: as eps -> 0 a point travels when c < 2 rho. One side exact is
// the semi-unbalanced problem.
func TestTotalVariation(t *testing.T) {
	tv := sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: 1}
	near, far := []float64{1.5}, []float64{2.5}
	for _, c := range []struct {
		cost  []float64
		x, y  sinkhorn.Reach
		value float64
	}{
		{near, tv, tv, 1.5}, {far, tv, tv, 2}, {far, tv, sinkhorn.Reach{}, 2.5}, {far, sinkhorn.Reach{}, tv, 2.5},
	} {
		p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored(c.cost, 1, 1, 1), nil, nil, c.x, c.y)
		if err != nil {
			t.Fatal(err)
		}
		s := sinkhorn.Solver[float64]{Eps: 1e-3, Tol: 1e-9}
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Value(); !(math.Abs(v-c.value) <= 1e-2) {
			t.Errorf("cost %g, %v and %v: value %g, want %g", c.cost[0], c.x, c.y, v, c.value)
		}
		if lower, upper := r.Bounds(); !(lower <= r.Value() && r.Value() <= upper+1e-12 && upper-lower < 1e-6) {
			t.Errorf("cost %g: bounds [%g, %g] around %g", c.cost[0], lower, upper, r.Value())
		}
	}
}
