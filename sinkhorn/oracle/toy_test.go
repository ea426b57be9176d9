package oracle

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// The swap toy: a model {theta, -theta} and data {1, -1}, equal weights and squared cost.
//
//	h(theta) = theta^2 + 1 - lambda log cosh(2 theta/lambda)
//	h'(theta) = 2 theta - 2 tanh(2 theta/lambda),  second derivative at 0: 2 - 4/lambda
func swap(theta, lambda float64) (h, slope float64) {
	return theta*theta + 1 - lambda*math.Log(math.Cosh(2*theta/lambda)), 2*theta - 2*math.Tanh(2*theta/lambda)
}

// swapPlan returns the problem of a theta against points, and what a plan of it makes of the derivative by theta.
func swapPlan(t testing.TB, theta, lambda float64, y []float64, self bool) (*Problem, func(plan []float64) float64) {
	t.Helper()
	x := []float64{theta, -theta}
	c, slope := make([]float64, 4), make([]float64, 4)
	for i, u := range x {
		for j, v := range y {
			c[2*i+j] = (u - v) * (u - v)
			move := math.Copysign(1, .5-float64(i)) // dx_i/dtheta
			if self {
				move -= math.Copysign(1, .5-float64(j))
			}
			slope[2*i+j] = 2 * (u - v) * move
		}
	}
	p, err := NewProblem(KL, lambda, c, 2, 2, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p, func(plan []float64) (sum float64) {
		for k, v := range plan {
			sum += v * slope[k]
		}
		return sum
	}
}

func swapGradient(t testing.TB, theta, lambda float64, y []float64, self bool, gap float64) (value, slope float64, a *Answer) {
	t.Helper()
	p, derive := swapPlan(t, theta, lambda, y, self)
	a, err := new(Exact).Solve(context.Background(), p, gap)
	if err != nil {
		t.Fatal(err)
	}
	return a.Value, derive(a.Plan), a
}

// M10b: value, derivative and curvature in closed form; collapse where lambda >= 2; the debiased loss keeps theta = 1 at every lambda.
func TestSwapToy(t *testing.T) {
	data := []float64{1, -1}
	for _, lambda := range []float64{.2, .5, 1, 1.9, 2, 3, 10} {
		for _, theta := range []float64{0, .1, .7, 1, 1.5} {
			h, dh := swap(theta, lambda)
			value, slope, _ := swapGradient(t, theta, lambda, data, false, 1e-13)
			if !(math.Abs(value-h) <= 1e-9) || !(math.Abs(slope-dh) <= 1e-9*max(1, 4/lambda)) {
				t.Errorf("lambda %g, theta %g: h %.12g, h' %.12g, want %.12g, %.12g", lambda, theta, value, slope, h, dh)
			}
		}
		// h''(0) from the plan: 2 - 4/lambda, by Richardson extrapolation of h'(s)/s, whose error falls by 16.
		ratio := func(s float64) float64 {
			_, slope, _ := swapGradient(t, s, lambda, data, false, 1e-15)
			return slope / s
		}
		s := 1e-3 * lambda
		bent := (4*ratio(s/2) - ratio(s)) / 3
		if !(math.Abs(bent-(2-4/lambda)) <= 1e-9) {
			t.Errorf("lambda %g: h''(0) = %.12g, want %.12g", lambda, bent, 2-4/lambda)
		}
		if l := Smoothness(2, 2, lambda); !(l >= math.Abs(bent)) {
			t.Errorf("lambda %g: curvature %g above L = %g", lambda, bent, l)
		}
		_, cross, _ := swapGradient(t, 1, lambda, data, false, 1e-14)
		_, own, _ := swapGradient(t, 1, lambda, data, true, 1e-14)
		if stays := 2*cross - own; !(math.Abs(stays) <= 1e-6) {
			t.Errorf("lambda %g: the debiased loss has slope %.3g at theta = 1", lambda, stays)
		}
		theta := .5
		for range 20000 {
			_, dh := swap(theta, lambda)
			theta -= .1 * dh
		}
		if collapsed := theta < .05; collapsed != (lambda >= 2) {
			t.Errorf("lambda %g: descent ends at theta = %g", lambda, theta)
		}
		if d := theta - math.Tanh(2*theta/lambda); lambda < 2 && !(math.Abs(d) <= 1e-6) {
			t.Errorf("lambda %g: theta %g is not tanh(2 theta/lambda)", lambda, theta)
		}
	}
}

// C4: Algorithm 1 on the swap toy stays under the theorem's bound, with sampled gradients and an oracle of any accuracy.
func TestAlgorithm1StaysUnderItsBound(t *testing.T) {
	const steps, lambda = 400, 1.
	for _, gap := range []float64{1e-1, 1e-2, 1e-4} {
		for _, variance := range []float64{0, .04} {
			r := descend(t, lambda, gap, variance, steps)
			t.Logf("gap %g, variance %g: mean |h'|^2 %.4g, bound %.4g, delta %.3g", gap, variance, r.mean, r.bound, r.delta)
			if !(r.mean <= r.bound) {
				t.Errorf("gap %g, variance %g: mean |h'|^2 %.6g above the bound %.6g", gap, variance, r.mean, r.bound)
			}
		}
	}
}

type descent struct{ mean, bound, delta float64 }

// descend runs Algorithm 1 with an oracle whose potentials are tilted off the optimum until their gap is the one given.
func descend(t testing.TB, lambda, gap, variance float64, steps int) (r descent) {
	const start = 2.
	rng := rand.New(rand.NewPCG(7, 8))
	h0, _ := swap(start, lambda)
	least := h0
	for k := range 3000 {
		h, _ := swap(float64(k)/1000, lambda)
		least = min(least, h)
	}
	// On |theta| <= start: |dc/dtheta| = 2 |theta -+ 1| <= 6, d2c/dtheta2 = 2.
	smooth := Smoothness(2*(start+1), 2, lambda)
	rate := Rate(h0-least, smooth, variance, steps)
	r.delta = Delta(gap, 2*(start+1), lambda)
	theta := start
	for range steps {
		_, dh := swap(theta, lambda)
		r.mean += dh * dh / float64(steps)
		g := looseSlope(t, theta, lambda, gap)
		theta -= rate * (g + math.Sqrt(variance)*rng.NormFloat64())
	}
	r.bound = StationarityBound(h0-least, rate, smooth, variance, r.delta, steps)
	return r
}

// looseSlope returns the derivative from potentials whose gap is that, found by bisection on how far g is tilted off the optimum.
func looseSlope(t testing.TB, theta, lambda, gap float64) float64 {
	p, derive := swapPlan(t, theta, lambda, []float64{1, -1}, false)
	a, err := new(Exact).Solve(context.Background(), p, 1e-14)
	if err != nil {
		t.Fatal(err)
	}
	f, g, plan := make([]float64, 2), make([]float64, 2), make([]float64, 4)
	lo, hi := 0., 20.
	for range 60 {
		tilt := (lo + hi) / 2
		g[0], g[1] = a.G[0]+tilt, a.G[1]-tilt
		p.UpdateRows(f, g)
		if a.Value-p.Dual(f, g) > gap {
			hi = tilt
		} else {
			lo = tilt
		}
	}
	p.Plan(plan, f, g)
	return derive(plan)
}

// Looser oracles leave |h'|^2 on a plateau that is higher in proportion to gap/lambda. The error of the oracle is a push of size
// proportional to delta in a direction that theta cannot leave.
func TestThePlateauFollowsTheGap(t *testing.T) {
	const lambda = 1.
	plateau := func(gap float64) float64 {
		// A model that is shifted, x = {theta + 1, theta - 1}, feels a tilt as a force: the columns' masses are uneven.
		p, err := NewProblem(KL, lambda, make([]float64, 4), 2, 2, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		theta, last := .3, 0.
		y := []float64{1, -1}
		for range 300 {
			for i, u := range []float64{theta + 1, theta - 1} {
				for j, v := range y {
					p.C[2*i+j] = (u - v) * (u - v)
				}
			}
			plan := tiltedPlan(p, gap)
			var g float64
			for k, v := range plan {
				g += v * 2 * (theta + y[k/2] - y[k%2])
			}
			last = 2 * theta // h = theta^2 + const
			theta -= .1 * g
		}
		return last * last
	}
	base := plateau(1e-5)
	for _, times := range []float64{10, 100, 1000} {
		got := plateau(1e-5*times) / base
		t.Logf("a gap %g times as large: |h'|^2 %.4g times", times, got)
		if !(got > .7*times && got < 1.4*times) {
			t.Errorf("a gap %g times as large lifts |h'|^2 by %.4g", times, got)
		}
	}
}

// tiltedPlan returns the plan of potentials of that gap, tilted towards one column.
func tiltedPlan(p *Problem, gap float64) []float64 {
	f, g, best := make([]float64, 2), make([]float64, 2), 0.
	for range 200 {
		p.UpdateRows(f, g)
		p.UpdateColumns(f, g)
	}
	best = p.Dual(f, g)
	at := append([]float64(nil), g...)
	lo, hi := 0., 20.
	for range 60 {
		tilt := (lo + hi) / 2
		g[0], g[1] = at[0]+tilt, at[1]-tilt
		p.UpdateRows(f, g)
		if best-p.Dual(f, g) > gap {
			hi = tilt
		} else {
			lo = tilt
		}
	}
	plan := make([]float64, 4)
	p.Plan(plan, f, g)
	return plan
}

// C3: between random parameters the gradient changes by at most L = L1 + L0^2/lambda times as much.
func TestGradientIsSmooth(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var worst float64
	for range 200 {
		n, m := 2+rng.IntN(5), 2+rng.IntN(5)
		lambda := .05 + rng.Float64()
		base, slope := make([]float64, n*m), make([]float64, n*m)
		for k := range base { // C = base + theta slope: L0 = max |slope|, L1 = 0
			base[k], slope[k] = rng.Float64(), 2*rng.Float64()-1
		}
		gradient := func(theta float64) (sum float64) {
			c := make([]float64, n*m)
			for k := range c {
				c[k] = base[k] + theta*slope[k]
			}
			p, err := NewProblem(KL, lambda, c, n, m, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			a, err := new(Exact).Solve(context.Background(), p, 1e-13)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range a.Plan {
				sum += v * slope[k]
			}
			return sum
		}
		var l0 float64
		for _, s := range slope {
			l0 = max(l0, math.Abs(s))
		}
		at, step := rng.NormFloat64(), .01+rng.Float64()
		worst = max(worst, math.Abs(gradient(at+step)-gradient(at))/step/Smoothness(l0, 0, lambda))
	}
	if !(worst <= 1) || !(worst > .01) {
		t.Errorf("the gradient changes %.4g times as fast as L allows", worst)
	}
}

// M5: fitted to N(0,1), a scale ends at sqrt(1 - lambda/2) under OT_lambda, and at 1 under the debiased loss.
func TestFittedScales(t *testing.T) {
	const n = 121
	z, w := make([]float64, n), make([]float64, n)
	for i := range z {
		z[i] = -5 + 10*float64(i)/(n-1)
		w[i] = math.Exp(-z[i] * z[i] / 2)
	}
	derivative := func(s, lambda float64, self bool) (sum float64) {
		c := make([]float64, n*n)
		to := 1.
		if self {
			to = s
		}
		for i := range z {
			for j := range z {
				d := s*z[i] - to*z[j]
				c[i*n+j] = d * d
			}
		}
		p, err := NewProblem(KL, lambda, c, n, n, w, w)
		if err != nil {
			t.Fatal(err)
		}
		a, err := new(Exact).Solve(context.Background(), p, 1e-7)
		if err != nil || !a.Reached {
			t.Fatal(err, a.Why)
		}
		for k, v := range a.Plan {
			i, j := k/n, k%n
			move := z[i]
			if self {
				move -= z[j]
			}
			sum += v * 2 * (s*z[i] - to*z[j]) * move
		}
		return sum
	}
	root := func(h func(s float64) float64) float64 {
		lo, hi := .05, 1.6
		for range 14 {
			if s := (lo + hi) / 2; h(s) < 0 {
				lo = s
			} else {
				hi = s
			}
		}
		return (lo + hi) / 2
	}
	for _, lambda := range []float64{.2, .5, 1, 1.5} {
		shrunk := root(func(s float64) float64 { return derivative(s, lambda, false) })
		if want := math.Sqrt(1 - lambda/2); !(math.Abs(shrunk/want-1) <= .01) {
			t.Errorf("lambda %g: OT_lambda fits a scale of %.5f, want %.5f", lambda, shrunk, want)
		}
		kept := root(func(s float64) float64 { return 2*derivative(s, lambda, false) - derivative(s, lambda, true) })
		if !(math.Abs(kept-1) <= .01) {
			t.Errorf("lambda %g: the debiased loss fits a scale of %.5f, want 1", lambda, kept)
		}
		t.Logf("lambda %g: OT_lambda %.4f, debiased %.4f", lambda, shrunk, kept)
	}
}
