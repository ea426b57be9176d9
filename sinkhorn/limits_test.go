package sinkhorn_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
	oracle "github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// threeProblems are those of a divergence between points of dimension d, in float64, with the costs of both directions.
func threeProblems(t *testing.T, ground logsumexp.Ground, x, y, a, b []float64, d int) (xy, xx, yy *sinkhorn.Problem[float64], yx logsumexp.Cost[float64]) {
	t.Helper()
	n, m := len(x)/d, len(y)/d
	points := func(u, v, a, b []float64, n, m int) *logsumexp.Points[float64] {
		p, err := logsumexp.NewPoints[float64](ground, u, v, a, b, n, m, d)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var err [3]error
	xy, err[0] = sinkhorn.NewProblem(points(x, y, a, b, n, m), a, b)
	xx, err[1] = sinkhorn.NewSelfProblem(points(x, x, a, a, n, n), a)
	yy, err[2] = sinkhorn.NewSelfProblem(points(y, y, b, b, m, m), b)
	for _, e := range err {
		if e != nil {
			t.Fatal(e)
		}
	}
	return xy, xx, yy, points(y, x, b, a, m, n)
}

// TestRichardsonBetweenDensities: for N(0,1) and N(.5,1.5^2) on a fine grid, W = (dm)^2 + (s-t)^2, and with l = eps/2
//
//	S_eps - W = -(l^2/8)(1/s-1/t)^2 + (l^4/384)(1/s^3-1/t^3)^2 - ...
//
// Extrapolation takes the first term away and leaves -1/4 of the second, within a fifth of it for the next.
func TestRichardsonBetweenDensities(t *testing.T) {
	const n, s, u, shift, eps = 161, 1., 1.5, .5, 1.
	x, a, b := make([]float64, n), make([]float64, n), make([]float64, n)
	var sumA, sumB float64
	for i := range x {
		x[i] = -10 + 20*float64(i)/(n-1)
		a[i] = math.Exp(-x[i] * x[i] / (2 * s * s))
		b[i] = math.Exp(-(x[i] - shift) * (x[i] - shift) / (2 * u * u))
		sumA, sumB = sumA+a[i], sumB+b[i]
	}
	for i := range x {
		a[i], b[i] = a[i]/sumA, b[i]/sumB
	}
	xy, xx, yy, _ := threeProblems(t, logsumexp.SqEuclidean, x, x, a, b, 1)
	solver := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-9}
	r, err := solver.Richardson(context.Background(), xy, xx, yy)
	if err != nil {
		t.Fatal(err)
	}
	const want = shift*shift + (u-s)*(u-s)
	terms := func(eps float64) (second, fourth float64) {
		l := eps / 2
		return -l * l / 8 * math.Pow(1/s-1/u, 2), math.Pow(l, 4) / 384 * math.Pow(1/(s*s*s)-1/(u*u*u), 2)
	}
	second, fourth := terms(eps)
	if got := r.Coarse.Value() - want; !(math.Abs(got-second-fourth) <= fourth/5) {
		t.Errorf("at eps %g the divergence is off by %.4g, want %.4g", eps, got, second+fourth)
	}
	if got := r.Divergence() - want; !(math.Abs(got+fourth/4) <= fourth/20) {
		t.Errorf("extrapolated it is off by %.4g, want %.4g", got, -fourth/4)
	}
}

// TestRichardsonBetweenSamples: far below the differences of costs both extrapolations are the exact transport.
func TestRichardsonBetweenSamples(t *testing.T) {
	x, y := []float64{.1, .9, .4, .75, .2}, []float64{.5, .05, 1.2, .8, .33}
	want, err := oracle.Line(x, y, nil, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	xy, xx, yy, _ := threeProblems(t, logsumexp.SqEuclidean, x, y, nil, nil, 1)
	s := sinkhorn.Solver[float64]{Eps: 2e-4, Tol: 1e-12}
	r, err := s.Richardson(context.Background(), xy, xx, yy)
	if err != nil {
		t.Fatal(err)
	}
	if !(math.Abs(r.Divergence()-want.Value) <= 1e-10 && math.Abs(r.Cost()-want.Value) <= 1e-10) {
		t.Errorf("%.12g and %.12g, want %.12g", r.Divergence(), r.Cost(), want.Value)
	}
	if off := r.Fine.XY.Value() - want.Value; !(off >= 1e-4) {
		t.Errorf("OT itself is off by %g: the extrapolation shows nothing", off)
	}
}

// TestHausdorffDivergence: not negative, 0 between equal clouds, half of the chamfer distance as eps -> 0, and with the divergence half of
// the energy distance as eps -> infinity.
func TestHausdorffDivergence(t *testing.T) {
	const n, m, d = 12, 9, 2
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(random.New(1, "x"), x, 0, 1)
	random.Normal(random.New(1, "y"), y, 1, 1)
	xy, xx, yy, yx := threeProblems(t, logsumexp.Euclidean, x, y, nil, nil, d)
	at := func(eps float64) (h, s float64) {
		solver := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-11}
		r, err := solver.Divergence(context.Background(), xy, xx, yy)
		if err != nil {
			t.Fatal(err)
		}
		h, err = sinkhorn.HausdorffDivergence(r.XX, r.YY, xy.Cost(), yx)
		if err != nil {
			t.Fatal(err)
		}
		if own, err := sinkhorn.HausdorffDivergence(r.XX, r.XX, xx.Cost(), xx.Cost()); err != nil || !(math.Abs(own) <= 1e-12) {
			t.Errorf("eps %g: %g and %v between equal clouds", eps, own, err)
		}
		return h, r.Value()
	}
	for _, eps := range []float64{.01, .1, 1, 10} {
		if h, s := at(eps); !(h > 0 && s > 0) {
			t.Errorf("eps %g: %g, divergence %g", eps, h, s)
		}
	}
	if h, _ := at(1e-3); !(math.Abs(h-discrepancy.NewNearest(nil, xy.Cost()).Chamfer()/2) <= 1e-2*h) {
		t.Errorf("%g at eps .001, half of the chamfer distance is %g", h, discrepancy.NewNearest(nil, xy.Cost()).Chamfer()/2)
	}
	k, err := discrepancy.NewKernel("energy")
	if err != nil {
		t.Fatal(err)
	}
	energy, err := (&discrepancy.MMD[float64]{Kernel: k}).Eval(x, y, n, m, d, nil, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if h, s := at(1e5); !(math.Abs(h-energy/2) <= 1e-4*energy && math.Abs(s-energy/2) <= 1e-4*energy) {
		t.Errorf("%.9g and divergence %.9g at eps 1e5, half of the energy distance is %.9g", h, s, energy/2)
	}
}

// TestHausdorffGradient: against central differences, one weight being 0.
func TestHausdorffGradient(t *testing.T) {
	const n, m, d = 7, 5, 2
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(random.New(1, "x"), x, 0, 1)
	random.Normal(random.New(1, "y"), y, .5, 1)
	a, b := []float64{.2, .1, 0, .3, .15, .05, .2}, []float64{.1, .2, .3, .3, .1}
	solver := sinkhorn.Solver[float64]{Eps: .3, Tol: 1e-13}
	for _, ground := range []logsumexp.Ground{logsumexp.SqEuclidean, logsumexp.Euclidean} {
		value := func(x, dx []float64) float64 {
			xy, xx, yy, yx := threeProblems(t, ground, x, y, a, b, d)
			r, err := solver.Divergence(context.Background(), xy, xx, yy)
			if err != nil {
				t.Fatal(err)
			}
			h, err := sinkhorn.HausdorffDivergence(r.XX, r.YY, xy.Cost(), yx)
			if err == nil && dx != nil {
				err = sinkhorn.HausdorffGradient(dx, r.XX, r.YY, xy.Cost(), yx, xy.Cost().(sinkhorn.Pull), xx.Cost().(sinkhorn.Pull))
			}
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		dx := make([]float64, n*d)
		value(x, dx)
		const h = 1e-4
		for k := range x {
			up, down := slices.Clone(x), slices.Clone(x)
			up[k] += h
			down[k] -= h
			want := (value(up, nil) - value(down, nil)) / (2 * h)
			if !(math.Abs(dx[k]-want) <= 1e-7) {
				t.Errorf("%v: derivative %d is %.10g, by differences %.10g", ground, k, dx[k], want)
			}
		}
	}
}

// TestProgressWhileCooling: a solve at a small temperature, which comes to it from above, is heard from its first iteration on.
func TestProgressWhileCooling(t *testing.T) {
	x := make([]float64, 60)
	random.Normal(random.New(1, "progress"), x, 0, 1)
	c, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x[:30], x[30:], nil, nil, 30, 30, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cooling, last := 0, 0
	s := sinkhorn.Solver[float32]{Eps: .01, Progress: func(iteration int, _ float64) {
		if iteration == 0 {
			cooling++
		} else if iteration != last+1 {
			t.Errorf("iteration %d after %d", iteration, last)
		}
		last = iteration
	}}
	r, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if cooling == 0 || cooling > r.Warmup || last != r.Iterations {
		t.Errorf("%d calls while cooling in %d iterations, the last call of iteration %d of %d", cooling, r.Warmup, last, r.Iterations)
	}
}
