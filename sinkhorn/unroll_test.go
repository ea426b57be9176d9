package sinkhorn_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/ottest"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

const refs = "../../shared/refs/open"

// TestUnrolledReferences holds values and derivatives after exactly L steps against an independent implementation. Tolerances are those
// that come with the references: values 1e-11 and gradients 1e-9 in float64; in float32 2e-5 of max(1, mean cost), and for gradients
// 1e-3 of the largest, or 1e-2 below eps = a hundredth of the mean cost.
func TestUnrolledReferences(t *testing.T) {
	for _, r := range ottest.References(t, refs) {
		if r.CostFactor() == 0 {
			continue
		}
		for l, want := range r.Unrolled {
			t.Run(fmt.Sprintf("%s/L=%d/f64", r.Name, l), func(t *testing.T) { testUnrolled[float64](t, r, l, want, 1e-11, 1e-9) })
			if r.Special == "far_offset" {
				continue // an unrolled cost is not centred, and 2^-24 of 8e3 is .02 eps
			}
			tol := 1e-3
			if r.Eps < .05*r.MeanCost {
				tol = 1e-2
			}
			t.Run(fmt.Sprintf("%s/L=%d/f32", r.Name, l), func(t *testing.T) { testUnrolled[float32](t, r, l, want, 2e-5, tol) })
		}
	}
}

func testUnrolled[T kernels.Float](t *testing.T, r *ottest.Reference, l int, want *ottest.Unrolled, tol, gradTol float64) {
	c := stored[T](r.X, r.Y, r.N, r.M, r.D, r.CostFactor())
	p, err := sinkhorn.NewProblem(c, r.A, r.B)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[T]{Eps: r.Eps}
	var u sinkhorn.Unrolled[T]
	if err := s.Unroll(context.Background(), &u, l, p); err != nil {
		t.Fatal(err)
	}
	got := u.Values(0)
	near(t, "sharp", got.Sharp, want.Sharp, tol*r.Scale())
	near(t, "dual", got.Entropic, want.Dual, tol*r.Scale())
	cbar := make([]T, r.N*r.M)
	for _, v := range []struct {
		name  string
		value sinkhorn.Value
		want  []float64
	}{{"sharp gradient", sinkhorn.Sharp, want.SharpX}, {"dual gradient", sinkhorn.Entropic, want.DualX}} {
		if err := u.Backward(v.value, &sinkhorn.Derivative[T]{C: cbar}); err != nil {
			t.Fatal(err)
		}
		grad := make([]float64, r.N*r.D)
		for i := range r.N {
			for j := range r.M {
				for k := range r.D {
					grad[i*r.D+k] += float64(cbar[i*r.M+j]) * 2 * r.CostFactor() * (r.X[i*r.D+k] - r.Y[j*r.D+k])
				}
			}
		}
		nearAll(t, v.name, grad, v.want, gradTol)
	}
}

func stored[T kernels.Float](x, y []float64, n, m, d int, scale float64) *logsumexp.Stored[T] {
	c := make([]T, n*m)
	for i := range n {
		for j := range m {
			var s float64
			for k := range d {
				s += (x[i*d+k] - y[j*d+k]) * (x[i*d+k] - y[j*d+k])
			}
			c[i*m+j] = T(scale * s)
		}
	}
	return logsumexp.NewStored(c, n, m, m)
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %.15g, want %.15g: error %.2g, tolerance %.2g", what, got, want, got-want, tol)
	}
}

// nearAll compares relative to the largest entry wanted.
func nearAll(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d entries, want %d", what, len(got), len(want))
	}
	var scale, worst float64
	for i, v := range want {
		scale = max(scale, math.Abs(v))
		if e := math.Abs(got[i] - v); !(e <= worst) {
			worst = e
		}
	}
	if !(worst <= tol*scale) {
		t.Errorf("%s: error %.2g of the largest entry %.2g, tolerance %.2g", what, worst/scale, scale, tol)
	}
}

// TestUnrolledPointsReferences holds value, divergence and their derivatives by the points, with costs computed from them, to the references
// of all costs, in float64 and float32.
func TestUnrolledPointsReferences(t *testing.T) {
	for _, r := range ottest.References(t, refs) {
		for l := range r.Unrolled {
			t.Run(fmt.Sprintf("%s/L=%d/f64", r.Name, l), func(t *testing.T) { testUnrolledPoints[float64](t, r, l, 1e-11, 1e-9) })
			tol := 1e-3
			if r.Eps < .05*r.MeanCost {
				tol = 1e-2
			}
			t.Run(fmt.Sprintf("%s/L=%d/f32", r.Name, l), func(t *testing.T) { testUnrolledPoints[float32](t, r, l, 2e-5, tol) })
		}
	}
}

func testUnrolledPoints[T kernels.Float](t *testing.T, r *ottest.Reference, l int, tol, gradTol float64) {
	g, err := logsumexp.ParseGround(r.Ground())
	if err != nil {
		t.Fatal(err)
	}
	var problems []*sinkhorn.Problem[T]
	var costs []*logsumexp.Points[T]
	for _, c := range []struct {
		x, y, a, b []float64
		n, m       int
	}{{r.X, r.Y, r.A, r.B, r.N, r.M}, {r.X, r.X, r.A, r.A, r.N, r.N}, {r.Y, r.Y, r.B, r.B, r.M, r.M}} {
		cost, err := logsumexp.NewPoints[T](g, c.x, c.y, c.a, c.b, c.n, c.m, r.D)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(cost, c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		problems, costs = append(problems, p), append(costs, cost)
	}
	s := sinkhorn.Solver[T]{Eps: r.Eps}
	var u sinkhorn.Unrolled[T]
	if err := s.Unroll(context.Background(), &u, l, problems...); err != nil {
		t.Fatal(err)
	}
	xy, xx, yy := u.Values(0), u.Values(1), u.Values(2)
	want := r.Unrolled[l]
	near(t, "sharp", xy.Sharp, want.Sharp, tol*r.Scale())
	near(t, "dual", xy.Entropic, want.Dual, tol*r.Scale())
	near(t, "debiased sharp", xy.Sharp-xx.Sharp/2-yy.Sharp/2, want.SharpDebiased, tol*r.Scale())
	near(t, "debiased dual", xy.Entropic-xx.Entropic/2-yy.Entropic/2, want.DualDebiased, tol*r.Scale())
	for _, v := range []struct {
		name          string
		value         sinkhorn.Value
		one, debiased []float64
	}{{"sharp", sinkhorn.Sharp, want.SharpX, want.SharpDebiasedX}, {"dual", sinkhorn.Entropic, want.DualX, want.DualDebiasedX}} {
		dx, self := make([]float64, r.N*r.D), make([]float64, r.N*r.D)
		err := u.Backward(v.value, &sinkhorn.Derivative[T]{Points: costs[0], DX: dx}, &sinkhorn.Derivative[T]{Points: costs[1], DX: self, DY: self}, nil)
		if err != nil {
			t.Fatal(err)
		}
		nearAll(t, v.name+" gradient", dx, v.one, gradTol)
		var largest float64
		for i := range dx {
			largest = max(largest, math.Abs(dx[i]))
			dx[i] -= self[i] / 2
		}
		for i, w := range v.debiased { // the difference of two gradients, each good to its own size
			if !(math.Abs(dx[i]-w) <= 2*gradTol*largest) {
				t.Fatalf("%s debiased gradient %d is %g, want %g", v.name, i, dx[i], w)
			}
		}
	}
}
