package sinkhorn_test

import (
	"context"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/ottest"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestSolveReferences holds solutions to tolerance against an independent implementation: values, plan and potentials 1e-9 and gradients
// 1e-8 in float64, 2e-5 and 1e-2 in float32.
func TestSolveReferences(t *testing.T) {
	for _, r := range ottest.References(t, refs) {
		if r.CostFactor() == 0 || r.Balanced == nil || !r.Balanced.Conditioned {
			continue
		}
		t.Run(r.Name+"/f64", func(t *testing.T) { testSolve[float64](t, r, 1e-12, 1e-9, 1e-8) })
		t.Run(r.Name+"/f32", func(t *testing.T) { testSolve[float32](t, r, 1e-5, 2e-5, 1e-2) })
	}
}

func testSolve[T kernels.Float](t *testing.T, r *ottest.Reference, tol, valueTol, gradTol float64) {
	c := logsumexp.Centred[T](nil, r.X, r.Y, r.A, r.B, r.N, r.M, r.D, r.CostFactor())
	p, err := sinkhorn.NewProblem(c, r.A, r.B)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[T]{Eps: r.Eps, Tol: tol, MaxIter: 100000}
	res, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%s, %d iterations, %d to warm up, marginal error %.2g, redone %d rows, %d columns", res.Method, res.Iterations, res.Warmup, res.MarginalError(), res.RedoneRows, res.RedoneColumns)
	near(t, "value", res.Value(), r.Balanced.Dual, valueTol*r.Scale())
	near(t, "transport cost", res.TransportCost(), r.Balanced.PrimalCost, valueTol*r.Scale())
	lower, upper := res.Bounds()
	if !(lower <= r.Balanced.Dual && r.Balanced.Dual <= upper) {
		t.Errorf("the bounds [%.15g, %.15g] do not hold %.15g", lower, upper, r.Balanced.Dual)
	}
	if !(upper-lower <= 1e2*valueTol*r.Scale()) {
		t.Errorf("the bounds are %.2g apart", upper-lower)
	}
	grad := make([]float64, r.N*r.D)
	res.Apply(grad, r.Y, r.D)
	rows := make([]float64, r.N)
	ones := make([]float64, r.M)
	for j := range ones {
		ones[j] = 1
	}
	res.Apply(rows, ones, 1)
	for i := range grad {
		grad[i] = 2 * r.CostFactor() * (rows[i/r.D]*r.X[i] - grad[i])
	}
	nearAll(t, "gradient", grad, r.Balanced.GradX, gradTol)
}
