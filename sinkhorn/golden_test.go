package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestInterpolation holds values, loss and divergence from eps -> 0, where W is exact transport, to eps -> infinity, where the loss is the
// energy distance, against values worked out in 80-bit arithmetic: x = (0,1,3), y = (.5,2,2.5,4), uniform weights.
func TestInterpolation(t *testing.T) {
	x, y := []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}
	for _, c := range []struct {
		ground                logsumexp.Ground
		eps, w, ot, loss, div float64
	}{
		{logsumexp.Euclidean, .05, 1.000000003349, 1.036549136672, 1.999988655857, 0.974427037948},
		{logsumexp.Euclidean, .1, 1.000073728379, 1.073090898516, 1.998443515122, 0.949014978451},
		{logsumexp.Euclidean, 1, 1.242287729725, 1.412232396200, 1.623339538765, 0.572651153140},
		{logsumexp.Euclidean, 10, 1.602421413314, 1.634347036671, 0.716222824362, 0.334673595722},
		{logsumexp.Euclidean, 100, 1.660146489456, 1.663405285580, 0.633413304909, 0.314596206578},
		{logsumexp.Euclidean, 1e4, 1.666601389618, 1.666634028022, 0.625083284102, 0.312520820306},
		{logsumexp.SqEuclidean, .05, 1.208333333505, 1.247351093551, 2.415830059270, 1.185312369197},
		{logsumexp.SqEuclidean, .1, 1.208337116661, 1.286368475453, 2.407161695209, 1.164096899625},
		{logsumexp.SqEuclidean, 1, 1.333180599591, 1.923766192839, 2.183684251950, 0.979283343314},
		{logsumexp.SqEuclidean, 10, 3.048712763519, 3.488382247774, 1.704406141681, 0.844198878401},
		{logsumexp.SqEuclidean, 100, 3.861180078562, 3.909739470009, 1.680779539753, 0.840315163512},
		{logsumexp.SqEuclidean, 1e4, 3.957361111180, 3.957847222240, 1.680555596796, 0.840277786260},
	} {
		t.Run(fmt.Sprintf("%v/eps=%g", c.ground, c.eps), func(t *testing.T) {
			cost := func(x, y []float64) *logsumexp.Points[float64] {
				p, err := logsumexp.NewPoints[float64](c.ground, x, y, nil, nil, len(x), len(y), 1)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			xy, err1 := sinkhorn.NewProblem(cost(x, y), nil, nil)
			xx, err2 := sinkhorn.NewSelfProblem(cost(x, x), nil)
			yy, err3 := sinkhorn.NewSelfProblem(cost(y, y), nil)
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(err)
			}
			s := sinkhorn.Solver[float64]{Eps: c.eps, Tol: 1e-13}
			d, err := s.Divergence(context.Background(), xy, xx, yy)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "W", d.XY.TransportCost(), c.w, 1e-11)
			near(t, "OT", d.XY.Value(), c.ot, 1e-11)
			near(t, "loss", d.SinkhornLoss(), c.loss, 1e-11)
			near(t, "divergence", d.Value(), c.div, 1e-11)
		})
	}
}

// TestUnrolledGoldens: the transport cost after L steps from g = 0, from the same source.
func TestUnrolledGoldens(t *testing.T) {
	cost := squared([]float64{0, 1, 3}, []float64{.5, 2, 2.5, 4})
	for _, c := range []struct {
		steps      int
		half, five float64 // at eps = .5 and 5
	}{{1, 0.636701743276, 2.080385394020}, {3, 0.678135975097, 2.383281341332}, {10, 0.934501369084, 2.406354375656}} {
		for eps, want := range map[float64]float64{.5: c.half, 5: c.five} {
			p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, 3, 4, 4), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			s := sinkhorn.Solver[float64]{Eps: eps}
			var u sinkhorn.Unrolled[float64]
			if err := s.Unroll(context.Background(), &u, c.steps, p); err != nil {
				t.Fatal(err)
			}
			near(t, fmt.Sprintf("W after %d steps at eps %g", c.steps, eps), u.Values(0).Sharp, want, 1e-11)
		}
	}
}

// TestPowerFour: |x-y|^4 is not conditionally negative definite, and its loss is negative: -54 in the limit eps -> infinity.
func TestPowerFour(t *testing.T) {
	ground, err := logsumexp.Power(4)
	if err != nil {
		t.Fatal(err)
	}
	if ground.NegativeDefinite() || !logsumexp.Euclidean.NegativeDefinite() {
		t.Error("the wrong cost is called conditionally negative definite")
	}
	x, y := []float64{-1, 1}, []float64{-2, 2}
	s := sinkhorn.Solver[float64]{Eps: 1e6}
	var problems []*sinkhorn.Problem[float64]
	for _, pair := range [][2][]float64{{x, y}, {x, x}, {y, y}} {
		c, err := logsumexp.NewPoints[float64](ground, pair[0], pair[1], nil, nil, 2, 2, 1)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		problems = append(problems, p)
	}
	d, err := s.Divergence(context.Background(), problems[0], problems[1], problems[2])
	if err != nil {
		t.Fatal(err)
	}
	if loss := d.SinkhornLoss(); !(math.Abs(loss+53.99) <= .01) {
		t.Errorf("loss %g, want -53.99", loss)
	}
}
