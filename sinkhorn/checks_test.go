package sinkhorn_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

var inf = math.Inf(1)

// TestClosedForms holds both precisions against values that have a formula or were worked out exactly.
func TestClosedForms(t *testing.T) {
	swap := []float64{0, 1, 1, 0}
	line := []float64{.1, .9, .4, .75, .2}
	other := []float64{.5, .05, 1.2, .8, .33}
	for _, c := range []struct {
		name     string
		cost     []float64
		n, m     int
		a, b     []float64
		eps      float64
		value, w float64
	}{
		// P11 = (1/2)/(1+e^(-1/eps)), W = 1/(1+e^(1/eps)), OT = -eps ln((1+e^(-1/eps))/2).
		{name: "swap/eps=1", cost: swap, n: 2, m: 2, eps: 1, value: -math.Log((1 + math.Exp(-1)) / 2), w: 1 / (1 + math.E)},
		{name: "swap/eps=.1", cost: swap, n: 2, m: 2, eps: .1, value: -.1 * math.Log((1+math.Exp(-10))/2), w: 1 / (1 + math.Exp(10))},
		{name: "weighted swap", cost: swap, n: 2, m: 2, a: []float64{.3, .7}, b: []float64{.6, .4}, eps: .5, value: .3939404594207, w: .313755103735603},
		// Alternation contracts by .99990921 an iteration.
		{name: "slow on purpose", cost: squared([]float64{0, 1}, []float64{0, 1, 2, 3}), n: 2, m: 4, eps: .1, value: 1.569312448111029, w: 1.5000226989344916},
		{name: "small eps", cost: []float64{5, 8, 5, 4}, n: 2, m: 2, eps: .001, value: 4.5 + .001*math.Ln2, w: 4.5},
		{name: "one point each", cost: []float64{3.25}, n: 1, m: 1, eps: .1, value: 3.25, w: 3.25},
		{name: "line/eps=.1", cost: squared(line, other), n: 5, m: 5, eps: .1, value: .11235725453791548, w: .05960568525656505},
		{name: "invariances", cost: squared([]float64{0, 1, 2}, []float64{.5, 1.5}), n: 3, m: 2, a: []float64{.2, .5, .3}, b: []float64{.4, .6}, eps: .3, value: .350761016514164, w: .2512704828551182},
		{name: "split point", cost: squared([]float64{0, 1, 1, 2}, []float64{.5, 1.5}), n: 4, m: 2, a: []float64{.2, .25, .25, .3}, b: []float64{.4, .6}, eps: .3, value: .350761016514164, w: .2512704828551182},
		{name: "zero weights", cost: []float64{0, 1, 2, 1, 0, 1, 2, 1, 0}, n: 3, m: 3, a: []float64{0, 1, 0}, b: []float64{.5, .5, 0}, eps: .2, value: .5, w: .5},
		{name: "forbidden pair", cost: []float64{1, inf, inf, 2}, n: 2, m: 2, eps: .1, value: 1.5 + .1*math.Ln2, w: 1.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkClosedForm[float64](t, c.cost, c.n, c.m, c.a, c.b, c.eps, c.value, c.w, 1e-12, 1e-9)
			checkClosedForm[float32](t, c.cost, c.n, c.m, c.a, c.b, c.eps, c.value, c.w, 1e-6, 2e-5)
		})
	}
}

func checkClosedForm[T kernels.Float](t *testing.T, cost []float64, n, m int, a, b []float64, eps, value, w, solveTol, tol float64) {
	t.Helper()
	c := make([]T, n*m)
	for i, v := range cost {
		c[i] = T(v)
	}
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, m, m), a, b)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[T]{Eps: eps, Tol: solveTol, MaxIter: 100000}
	r, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Error(err)
	}
	near(t, "value", r.Value(), value, tol)
	near(t, "transport cost", r.TransportCost(), w, tol)
	lower, upper := r.Bounds()
	if !(lower <= value+1e-12 && value-1e-12 <= upper) {
		t.Errorf("bounds [%.15g, %.15g] do not hold %.15g", lower, upper, value)
	}
	for _, v := range append(append([]float64(nil), r.F...), r.G...) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("a potential is %g", v)
		}
	}
}

func squared(x, y []float64) []float64 {
	var c []float64
	for _, a := range x {
		for _, b := range y {
			c = append(c, (a-b)*(a-b))
		}
	}
	return c
}

// TestTranslation: S(mu, mu+t) = |t|^2 and dS/dx_i = -2 a_i t for every eps, n, d and weights, also far from the origin.
func TestTranslation(t *testing.T) {
	for _, far := range []float64{0, 1e4} {
		testTranslation[float64](t, far, 1e-9)
		testTranslation[float32](t, far, 2e-5)
	}
}

func testTranslation[T kernels.Float](t *testing.T, far, tol float64) {
	const n, d = 40, 3
	s := random.New(1, "points")
	x, y, a := make([]float64, n*d), make([]float64, n*d), make([]float64, n)
	random.Normal(s, x, far, 1)
	random.Uniform(s, a, .5, 1.5)
	shift := []float64{.5, -.25, 1}
	var sum float64
	for i := range x {
		x[i] = math.Round(x[i]*1024) / 1024 // so that the translation is exact
		y[i] = x[i] + shift[i%d]
	}
	for _, v := range a {
		sum += v
	}
	points := func(x, y []float64) *logsumexp.Points[T] {
		p, err := logsumexp.NewPoints[T](logsumexp.SqEuclidean, x, y, a, a, n, n, d)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	pxy, pxx := points(x, y), points(x, x)
	xy, err1 := sinkhorn.NewProblem(pxy, a, a)
	xx, err2 := sinkhorn.NewSelfProblem(pxx, a)
	yy, err3 := sinkhorn.NewSelfProblem(points(y, y), a)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	solver := sinkhorn.Solver[T]{Eps: .3, Tol: 1e-6}
	dv, err := solver.Divergence(context.Background(), xy, xx, yy)
	if err != nil {
		t.Fatal(err)
	}
	want := .25 + .0625 + 1
	near(t, "divergence", dv.Value(), want, tol)
	if lower, upper := dv.Bounds(); !(lower <= want && want <= upper && upper-lower < 1e-3) {
		t.Errorf("bounds [%g, %g] do not hold %g closely", lower, upper, want)
	}
	grad, wantGrad := make([]float64, n*d), make([]float64, n*d)
	dv.Gradient(grad, pxy, pxx)
	for i := range wantGrad {
		wantGrad[i] = -2 * a[i/d] / sum * shift[i%d]
	}
	nearAll(t, "gradient", grad, wantGrad, 1e-3)
}

// TestGaussians compares large samples with the closed form for N(0,1) -> N(2,2.25): mean, variances and D = sqrt(4AB + (eps/2)^2), on
// quantiles, whose discretisation error falls with the number of points.
func TestGaussians(t *testing.T) {
	const n = 400
	x, y := make([]float64, n), make([]float64, n)
	for i := range x {
		q := math.Sqrt2 * math.Erfinv(2*(float64(i)+.5)/n-1)
		x[i], y[i] = q, 2+1.5*q
	}
	for eps, want := range map[float64]float64{.1: 4.470476526105517, 1: 5.340877154319596, 10: 6.818162397240982} {
		c, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, n, 1)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := sinkhorn.Solver[float64]{Eps: eps}
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "value", r.Value(), want, .02) // the quantiles' variance is 1 - .006 at n = 400
	}
}

// TestSlowProblem: alternation contracts by .99990921 an iteration here, some 228,000 of them for 1e-9; fewer than 200 do.
func TestSlowProblem(t *testing.T) {
	cost := squared([]float64{0, 1}, []float64{0, 1, 2, 3})
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, 2, 4, 4), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: .1, Tol: 1e-9}).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "transport cost", r.TransportCost(), 1.5000226989344916, 1e-9)
	if sweeps := r.Iterations + r.Warmup; !(sweeps < 200) {
		t.Errorf("%d iterations of %s", sweeps, r.Method)
	}
}

// TestSelfProblem: the symmetric update agrees with alternation, and takes tens of iterations.
func TestSelfProblem(t *testing.T) {
	const n, d = 32, 2
	x := make([]float64, n*d)
	random.Uniform(random.New(2, "points"), x, 0, 1)
	for _, eps := range []float64{.05, .01} {
		c := stored[float64](x, x, n, n, d, 1)
		self, err := sinkhorn.NewSelfProblem(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := sinkhorn.NewProblem(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-12, MaxIter: 100000}
		got, err := s.Solve(context.Background(), self)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Solve(context.Background(), plain)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "value", got.Value(), want.Value(), 1e-12)
		if got.Iterations > 60 {
			t.Errorf("%d iterations", got.Iterations)
		}
	}
}

// TestWorkersDoNotChangeBits solves on 1, 2 and 5 workers; TestUnrolledKept differentiates.
func TestWorkersDoNotChangeBits(t *testing.T) {
	const n, m, d = 300, 280, 12
	x, y := make([]float32, n*d), make([]float32, m*d)
	s := random.New(3, "points")
	random.Uniform(s, x, 0, 1)
	random.Uniform(s, y, 0, 1)
	var firstG []float64
	for _, workers := range []int{1, 2, 5} {
		pool := parallel.New(workers)
		defer pool.Close()
		solver := sinkhorn.Solver[float32]{Eps: .05, Runner: pool}
		c := make([]float32, n*m)
		logsumexp.SquaredDistances(pool, c, m, x, y, n, m, d, 1)
		p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, m, m), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := solver.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if firstG == nil {
			firstG = r.G
			continue
		}
		for j, v := range r.G {
			if math.Float64bits(v) != math.Float64bits(firstG[j]) {
				t.Fatalf("%d workers: g[%d] is %g, on one %g", workers, j, v, firstG[j])
			}
		}
	}
}

// TestStatuses reaches every way a solve can end.
func TestStatuses(t *testing.T) {
	x, y := make([]float64, 60), make([]float64, 50)
	random.Uniform(random.New(4, "x"), x, 0, 1)
	random.Uniform(random.New(4, "y"), y, 0, 1)
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(squared(x, y), 60, 50, 50), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		solver sinkhorn.Solver[float64]
		want   sinkhorn.Status
	}{
		{"converged", context.Background(), sinkhorn.Solver[float64]{Eps: .002}, sinkhorn.Converged},
		{"few iterations", context.Background(), sinkhorn.Solver[float64]{Eps: .002, MaxIter: 3}, sinkhorn.MaxIterations},
		{"sweeps only", context.Background(), sinkhorn.Solver[float64]{Eps: .002, MaxIter: 50, Method: sinkhorn.Sweep}, sinkhorn.MaxIterations},
		{"below rounding", context.Background(), sinkhorn.Solver[float64]{Eps: .002, Tol: 1e-30}, sinkhorn.PrecisionLimited},
		{"cancelled", cancelled, sinkhorn.Solver[float64]{Eps: .002}, sinkhorn.Cancelled},
	} {
		r, err := c.solver.Solve(c.ctx, p)
		if r.Status != c.want {
			t.Errorf("%s: status %v, want %v", c.name, r.Status, c.want)
		}
		if errors.Is(err, sinkhorn.ErrNotConverged) != (c.want != sinkhorn.Converged) {
			t.Errorf("%s: error %v", c.name, err)
		}
		if errors.Is(err, context.Canceled) != (c.want == sinkhorn.Cancelled) {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// TestWarmStart: from its own solution a solve stops at once.
func TestWarmStart(t *testing.T) {
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(squared([]float64{0, 1, 2}, []float64{.5, 1.5}), 3, 2, 2), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[float64]{Eps: .3, Method: sinkhorn.Sweep}
	first, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	s.G = first.G
	again, err := s.Solve(context.Background(), p)
	if err != nil || again.Iterations != 1 {
		t.Errorf("%d iterations, error %v", again.Iterations, err)
	}
}

// TestBadProblems: what a user may hand over wrongly is named.
func TestBadProblems(t *testing.T) {
	ok := logsumexp.NewStored([]float64{0, 1, 1, 0}, 2, 2, 2)
	for name, f := range map[string]func() error{
		"negative weight": func() error { _, err := sinkhorn.NewProblem(ok, []float64{-1, 2}, nil); return err },
		"NaN weight":      func() error { _, err := sinkhorn.NewProblem(ok, []float64{math.NaN(), 2}, nil); return err },
		"no mass":         func() error { _, err := sinkhorn.NewProblem(ok, []float64{0, 0}, nil); return err },
		"wrong length":    func() error { _, err := sinkhorn.NewProblem(ok, []float64{1}, nil); return err },
		"unequal mass":    func() error { _, err := sinkhorn.NewProblem(ok, []float64{1, 1}, []float64{1, 2}); return err },
		"NaN cost": func() error {
			_, err := sinkhorn.NewProblem(logsumexp.NewStored([]float64{0, math.NaN()}, 1, 2, 2), nil, nil)
			return err
		},
		"row without partner": func() error {
			_, err := sinkhorn.NewProblem(logsumexp.NewStored([]float64{inf, inf, 1, 1}, 2, 2, 2), nil, nil)
			return err
		},
		"column without partner": func() error {
			_, err := sinkhorn.NewProblem(logsumexp.NewStored([]float64{inf, 1, inf, 1}, 2, 2, 2), nil, nil)
			return err
		},
		"no point": func() error {
			_, err := sinkhorn.NewProblem(logsumexp.NewStored[float64](nil, 0, 2, 2), nil, nil)
			return err
		},
		"eps 0": func() error {
			p, err := sinkhorn.NewProblem(ok, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = (&sinkhorn.Solver[float64]{}).Solve(context.Background(), p)
			return err
		},
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
