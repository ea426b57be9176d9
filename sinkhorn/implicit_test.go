package sinkhorn_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// golden solves x = (0,1,3) against y = (.5,2,2.5,4), uniform, under (x-y)^2 at eps = .7.
func golden(t *testing.T, tol float64) (*sinkhorn.Result[float64], *logsumexp.Points[float64], error) {
	t.Helper()
	c, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}, nil, nil, 3, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[float64]{Eps: .7, Tol: tol, MaxIter: 100}
	r, err := s.Solve(context.Background(), p)
	return r, c, err
}

// TestSharpAndEntropicGradients: the two derivatives differ; values from the theory's worked example, checked there by differences.
func TestSharpAndEntropicGradients(t *testing.T) {
	r, c, err := golden(t, 1e-13)
	if err != nil {
		t.Fatal(err)
	}
	dx := make([]float64, 3)
	r.Gradient(dx, c)
	nearAll(t, "entropic gradient", dx, []float64{-0.6224762445825845, -0.7994198605947312, -0.4114372281559946}, 1e-10)
	if err := r.SharpGradient(dx, c); err != nil {
		t.Fatal(err)
	}
	nearAll(t, "sharp gradient", dx, []float64{-0.5066338135234674, -0.8996110950702763, -0.42708842473959496}, 1e-10)
}

// TestUnrolledTendsToImplicit: the derivative of L steps tends to that of their limit.
func TestUnrolledTendsToImplicit(t *testing.T) {
	r, c, err := golden(t, 1e-13)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, 3)
	if err := r.SharpGradient(want, c); err != nil {
		t.Fatal(err)
	}
	cost := squared([]float64{0, 1, 3}, []float64{.5, 2, 2.5, 4})
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, 3, 4, 4), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[float64]{Eps: .7}
	var u sinkhorn.Unrolled[float64]
	if err := s.Unroll(context.Background(), &u, 200, p); err != nil {
		t.Fatal(err)
	}
	cbar := make([]float64, 12)
	if err := u.Backward(sinkhorn.Sharp, &sinkhorn.Derivative[float64]{C: cbar}); err != nil {
		t.Fatal(err)
	}
	dx := make([]float64, 3)
	for i := range 3 {
		c.AddGradient(dx, nil, i, 0, cbar[4*i:4*i+4])
	}
	nearAll(t, "unrolled gradient", dx, want, 1e-8)
}

func TestSharpGradientRefuses(t *testing.T) {
	r, c, err := golden(t, 1e-30)
	if !errors.Is(err, sinkhorn.ErrNotConverged) {
		t.Fatal(err)
	}
	if err := r.SharpGradient(make([]float64, 3), c); !errors.Is(err, sinkhorn.ErrNotConverged) {
		t.Errorf("error %v", err)
	}
}
