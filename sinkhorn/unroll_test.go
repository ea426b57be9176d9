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

// TestLossReferences holds the debiased loss and its gradient in the points against the references, whose factors are (1, -1/2, -1/2).
func TestLossReferences(t *testing.T) {
	for _, r := range ottest.References(t, refs) {
		if r.Cost != "sqeuclidean" || r.Special != "" || !uniform(r) {
			continue
		}
		for l, want := range r.Unrolled {
			for _, v := range []struct {
				value sinkhorn.Value
				want  float64
				grad  []float64
			}{{sinkhorn.Sharp, want.SharpDebiased, want.SharpDebiasedX}, {sinkhorn.Entropic, want.DualDebiased, want.DualDebiasedX}} {
				t.Run(fmt.Sprintf("%s/L=%d/value=%d", r.Name, l, v.value), func(t *testing.T) {
					loss := sinkhorn.Loss[float64]{Solver: sinkhorn.Solver[float64]{Eps: r.Eps}, Steps: l, Value: v.value}
					grad := make([]float64, r.N*r.D)
					for range 2 { // the second call uses the memory of the first
						got, err := loss.Eval(context.Background(), r.X, r.Y, r.N, r.M, r.D, grad, true)
						if err != nil {
							t.Fatal(err)
						}
						near(t, "loss", got.Loss/2, v.want, 1e-11*r.Scale())
						for i := range grad {
							grad[i] /= 2
						}
						nearAll(t, "gradient", grad, v.grad, 1e-9)
					}
				})
			}
		}
	}
}

func uniform(r *ottest.Reference) bool {
	for _, w := range [][]float64{r.A, r.B} {
		for _, v := range w {
			if v != w[0] {
				return false
			}
		}
	}
	return true
}
