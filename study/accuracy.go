package study

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/sinkhorn/oracle"
)

// An OracleAccuracy runs algorithm 1 of Sanjabi, Ba, Razaviyayn and Lee 2018 with oracles of a given accuracy, on two problems.
//
// The toy has a closed form: a model of two points {theta + s, -theta + s}, data {1, -1}, equal weights and squared cost,
//
//	h(theta, s) = s^2 + theta^2 + 1 - lambda log cosh(2 theta/lambda)
//	grad h      = (2 theta - 2 tanh(2 theta/lambda), 2 s)
//	L0 = 2^1.5 (1 + |theta| + |s|),  L1 = 4,  L = L1 + L0^2/lambda
//
// Its oracle answers with potentials tilted off the optimum towards one point of the data until their gap is exactly what was set, and its
// gradients have Gaussian noise of a given variance. Steps are those of [oracle.Rate]; the mean of |grad h|^2 over them is held against
// [oracle.StationarityBound].
//
// On the clouds work is counted: a model theta u_i + s of random points u in the plane, other points as data, and half-steps of the dual in
// turn from 0 in each step until a rounded plan certifies the gap. It counts steps and passes over the cost until |grad h|^2 is under a
// target. grad h is that of [oracle.Exact] at a gap of 1e-10 lambda.
type OracleAccuracy struct {
	Seed      uint64
	Lambda    []float64 // of the toy
	Gaps      []float64 // over lambda, of both
	Variances []float64 // of the toy's gradients
	Steps     []int     // of the toy, at which it is looked at

	CloudSize   int
	CloudLambda float64 // over the mean cost
	CloudRate   float64
	CloudSteps  int     // at most
	Target      float64 // of |grad h|^2 over that at the start
}

// NewOracleAccuracy returns the default grid.
func NewOracleAccuracy(seed uint64) *OracleAccuracy {
	return &OracleAccuracy{
		Seed: seed, Lambda: []float64{1, 1.5}, Gaps: []float64{1e-5, 1e-4, 1e-3, 1e-2, 1e-1}, Variances: []float64{0, .04},
		Steps:     []int{10, 20, 50, 100, 200, 500, 1000, 2000},
		CloudSize: 60, CloudLambda: .1, CloudRate: .1, CloudSteps: 60, Target: 1e-4,
	}
}

// Name returns oracle-accuracy.
func (s *OracleAccuracy) Name() string { return "oracle-accuracy" }

// Summary says what it shows.
func (s *OracleAccuracy) Summary() string {
	return "accuracy of the dual against steps to a stationary generator"
}

// The problems of an OracleAccuracy.
const (
	onToy    = "toy"
	onClouds = "clouds"
)

// Columns returns problem, lambda, gap over lambda, variance and steps, and what they give.
func (s *OracleAccuracy) Columns() (keys, values []string) {
	return []string{"problem", "lambda", "gap_over_lambda", "variance", "steps"},
		[]string{"delta", "mean_square", "bound", "square", "steps_to_target", "passes_a_step", "passes_to_target"}
}

// Points returns a point for each choice on the toy, and for each gap on the clouds.
func (s *OracleAccuracy) Points() []Point {
	var out []Point
	for _, lambda := range s.Lambda {
		for _, variance := range s.Variances {
			for _, gap := range s.Gaps {
				for _, steps := range s.Steps {
					out = append(out, Point{
						Key: []string{onToy, number(lambda), number(gap), number(variance), fmt.Sprint(steps)},
						Measure: func(ctx context.Context, _ kernels.Runner) ([]float64, error) {
							return s.descendToy(ctx, lambda, gap*lambda, variance, steps)
						},
					})
				}
			}
		}
	}
	for _, gap := range s.Gaps {
		out = append(out, Point{
			Key: []string{onClouds, number(s.CloudLambda), number(gap), "0", fmt.Sprint(s.CloudSteps)},
			Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
				return s.descendClouds(ctx, run, gap)
			},
		})
	}
	return out
}

// A swapToy is a parameter of the toy and its lambda.
type swapToy struct{ theta, s, lambda float64 }

func (t swapToy) value() float64 {
	u := math.Abs(2 * t.theta / t.lambda) // log cosh u = u + log((1 + e^-2u)/2)
	return t.s*t.s + t.theta*t.theta + 1 - t.lambda*(u+math.Log1p(math.Exp(-2*u))-math.Ln2)
}

func (t swapToy) gradient() (theta, s float64) {
	return 2*t.theta - 2*math.Tanh(2*t.theta/t.lambda), 2 * t.s
}

// least returns the minimum of the value.
func (t swapToy) least() float64 {
	lo, hi := 0., 1. // the slope of theta - tanh(2 theta/lambda) is negative up to the root
	if t.lambda < 2 {
		lo = math.Sqrt(1-t.lambda/2) / 2
	}
	for range 100 {
		mid := (lo + hi) / 2
		if slope, _ := (swapToy{mid, 0, t.lambda}).gradient(); slope < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return swapToy{lo, 0, t.lambda}.value()
}

var (
	swapSigns = []float64{1, -1}
	swapStart = swapToy{theta: 1.5, s: .5}
)

// problem returns that of the two points against 1 and -1.
func (t swapToy) problem() (*oracle.Problem, error) {
	c := make([]float64, 4)
	for k := range c {
		d := swapSigns[k/2]*t.theta + t.s - swapSigns[k%2]
		c[k] = d * d
	}
	return oracle.NewProblem(oracle.KL, t.lambda, c, 2, 2, nil, nil)
}

// derive returns the gradient that a plan makes.
func (t swapToy) derive(plan []float64) (theta, s float64) {
	for k, p := range plan {
		d := 2 * (swapSigns[k/2]*t.theta + t.s - swapSigns[k%2])
		theta += p * d * swapSigns[k/2]
		s += p * d
	}
	return theta, s
}

// tilted returns the plan of potentials that fall short of the maximum by the gap. Rows are exact.
func (t swapToy) tilted(gap float64) ([]float64, error) {
	p, err := t.problem()
	if err != nil {
		return nil, err
	}
	f, g, plan := make([]float64, 2), make([]float64, 2), make([]float64, 4)
	dual := func(tilt float64) float64 {
		g[0], g[1] = tilt-2*t.s, 2*t.s-tilt // s adds 2 s (x_i - y_j) + s^2 to costs between which the swap alone has no preference
		p.UpdateRows(f, g)
		return p.Dual(f, g)
	}
	most, lo, hi := dual(0), 0., 20*t.lambda
	for range 50 {
		if tilt := (lo + hi) / 2; most-dual(tilt) > gap {
			hi = tilt
		} else {
			lo = tilt
		}
	}
	p.Plan(plan, f, g)
	return plan, nil
}

// descendToy returns delta, the mean of |grad h|^2 over the steps, its bound, and |grad h|^2 after them.
func (s *OracleAccuracy) descendToy(ctx context.Context, lambda, gap, variance float64, steps int) ([]float64, error) {
	at := swapStart
	at.lambda = lambda
	reach := 1 + at.theta + at.s
	l0 := 2 * math.Sqrt2 * reach
	smooth := oracle.Smoothness(l0, 4, lambda)
	fall := at.value() - at.least()
	rate := oracle.Rate(fall, smooth, variance, steps)
	noise := random.New(s.Seed, "oracle accuracy")
	var mean float64
	for range steps {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if 1+math.Abs(at.theta)+math.Abs(at.s) > reach {
			return nil, fmt.Errorf("the toy leaves the region of its constants, at theta %g and s %g", at.theta, at.s)
		}
		dTheta, dS := at.gradient()
		mean += (dTheta*dTheta + dS*dS) / float64(steps)
		plan, err := at.tilted(gap)
		if err != nil {
			return nil, err
		}
		dTheta, dS = at.derive(plan)
		deviation := math.Sqrt(variance / 2)
		at.theta -= rate * (dTheta + deviation*noise.NormFloat64())
		at.s -= rate * (dS + deviation*noise.NormFloat64())
	}
	dTheta, dS := at.gradient()
	delta := oracle.Delta(gap, l0, lambda)
	return []float64{
		delta, mean, oracle.StationarityBound(fall, rate, smooth, variance, delta, steps), dTheta*dTheta + dS*dS,
		math.NaN(), math.NaN(), math.NaN(),
	}, nil
}

// clouds is the second problem: x_i = theta u_i + s against y.
type clouds struct {
	u, y   []float64 // n x 2
	at     [3]float64
	lambda float64
}

func (s *OracleAccuracy) newClouds() *clouds {
	c := &clouds{u: make([]float64, 2*s.CloudSize), y: make([]float64, 2*s.CloudSize), at: [3]float64{.3, 0, 0}}
	random.Normal(random.New(s.Seed, "u"), c.u, 0, 1)
	random.Normal(random.New(s.Seed, "y"), c.y, 0, 1)
	var mean float64
	costs, _ := c.costs()
	for _, v := range costs {
		mean += v / float64(len(costs))
	}
	c.lambda = s.CloudLambda * mean
	return c
}

// costs returns them, and what a plan makes of their derivative.
func (c *clouds) costs() ([]float64, func(plan []float64) [3]float64) {
	n := len(c.u) / 2
	out := make([]float64, n*n)
	d := func(i, j, k int) float64 { return c.at[0]*c.u[2*i+k] + c.at[1+k] - c.y[2*j+k] }
	for i := range n {
		for j := range n {
			out[i*n+j] = d(i, j, 0)*d(i, j, 0) + d(i, j, 1)*d(i, j, 1)
		}
	}
	return out, func(plan []float64) (g [3]float64) {
		for i := range n {
			for j := range n {
				for k := range 2 {
					v := 2 * plan[i*n+j] * d(i, j, k)
					g[0] += v * c.u[2*i+k]
					g[1+k] += v
				}
			}
		}
		return g
	}
}

// problem returns that at hand, and what a plan makes of the derivative.
func (c *clouds) problem() (*oracle.Problem, func(plan []float64) [3]float64, error) {
	costs, derive := c.costs()
	n := len(c.u) / 2
	p, err := oracle.NewProblem(oracle.KL, c.lambda, costs, n, n, nil, nil)
	return p, derive, err
}

// alternate returns the plan of potentials from half-steps in turn, and how many passes they took until they have the gap.
func alternate(ctx context.Context, p *oracle.Problem, gap float64) (plan []float64, passes float64, err error) {
	f, g := make([]float64, p.N), make([]float64, p.M)
	for {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		p.UpdateRows(f, g)
		p.UpdateColumns(f, g)
		passes += 2
		if p.Gap(f, g) <= gap {
			plan = make([]float64, len(p.C))
			p.Plan(plan, f, g)
			return plan, passes, nil
		}
	}
}

// descendClouds counts steps and passes to the target, NaN where it is not reached, and returns |grad h|^2 at the end.
func (s *OracleAccuracy) descendClouds(ctx context.Context, run kernels.Runner, gap float64) ([]float64, error) {
	c := s.newClouds()
	var goal, square, total float64
	toTarget, passes := math.NaN(), math.NaN()
	for step := range s.CloudSteps {
		p, derive, err := c.problem()
		if err != nil {
			return nil, err
		}
		best, err := (&oracle.Exact{Runner: run}).Solve(ctx, p, 1e-10*c.lambda)
		if err != nil {
			return nil, err
		}
		square = 0
		for _, v := range derive(best.Plan) {
			square += v * v
		}
		if step == 0 {
			goal = s.Target * square
		}
		if math.IsNaN(toTarget) && square <= goal {
			toTarget, passes = float64(step), total
		}
		plan, took, err := alternate(ctx, p, gap*c.lambda)
		if err != nil {
			return nil, err
		}
		total += took
		for k, v := range derive(plan) {
			c.at[k] -= s.CloudRate * v
		}
	}
	none := math.NaN()
	return []float64{none, none, none, square, toTarget, total / float64(s.CloudSteps), passes}, nil
}

// Figure draws the descent under its bound, the plateaus over the gap, and steps and work to the target.
func (s *OracleAccuracy) Figure(t *Table) (report.Figure, error) {
	lambda := s.Lambda[len(s.Lambda)-1]
	f := report.Figure{Title: "Algorithm 1 with oracles of a given accuracy", Columns: 3}
	for _, variance := range s.Variances {
		p := report.Panel{
			Title: fmt.Sprintf("Toy, λ = %g, gradient variance %g", lambda, variance), XLabel: "steps", YLabel: "mean |grad h|²", LogX: true, LogY: true,
		}
		for k, gap := range s.Gaps {
			rows := t.Where("problem", onToy, "lambda", lambda, "gap_over_lambda", gap, "variance", variance)
			x := t.Floats(rows, "steps")
			p.Series = append(p.Series, report.Series{Name: fmt.Sprintf("gap = %s λ", short(gap)), X: x, Y: t.Floats(rows, "mean_square"), Colour: k + 1},
				report.Series{Name: "bound of the theorem", X: x, Y: t.Floats(rows, "bound"), Colour: 0, Formula: true})
		}
		f.Panels = append(f.Panels, p)
	}
	plateau := report.Panel{Title: fmt.Sprintf("Toy, |grad h|² after %d steps", s.last()), XLabel: "gap / λ", YLabel: "|grad h|²", LogX: true, LogY: true}
	for k, lambda := range s.Lambda {
		y, deltas := s.plateau(t, lambda)
		plateau.Series = append(plateau.Series,
			report.Series{Name: fmt.Sprintf("λ = %g", lambda), X: s.Gaps, Y: y, Colour: 7 + k},
			report.Series{Name: "δ²", X: s.Gaps, Y: deltas, Colour: 0, Formula: true})
	}
	f.Panels = append(f.Panels, plateau)
	rows := t.Where("problem", onClouds)
	for _, p := range []struct{ title, unit, column string }{
		{"Clouds, |grad h|² at the end", "|grad h|²", "square"},
		{"Clouds, passes of the oracle a step", "passes over the cost", "passes_a_step"},
		{"Clouds, passes to the target", "passes over the cost", "passes_to_target"},
	} {
		f.Panels = append(f.Panels, report.Panel{
			Title: p.title, XLabel: "gap / λ", YLabel: p.unit, LogX: true, LogY: true,
			Series: []report.Series{{Name: "half-steps from 0", X: s.Gaps, Y: t.Floats(rows, p.column), Colour: 6}},
		})
	}
	return f, nil
}

func (s *OracleAccuracy) last() int { return s.Steps[len(s.Steps)-1] }

// plateau returns |grad h|^2 of the toy at the end, without noise, and delta^2.
func (s *OracleAccuracy) plateau(t *Table, lambda float64) (square, deltas []float64) {
	for _, gap := range s.Gaps {
		row := t.Where("problem", onToy, "lambda", lambda, "gap_over_lambda", gap, "variance", 0., "steps", s.last())[0]
		square = append(square, t.Float(row, "square"))
		deltas = append(deltas, t.Float(row, "delta")*t.Float(row, "delta"))
	}
	return square, deltas
}

// Findings holds means against bounds, plateaus against gaps, and says where the work to the target is least.
func (s *OracleAccuracy) Findings(t *Table) []string {
	worst, count := 0., 0
	for _, row := range t.Where("problem", onToy) {
		worst = max(worst, t.Float(row, "mean_square")/t.Float(row, "bound"))
		count++
	}
	out := []string{fmt.Sprintf("toy: the mean of |grad h|^2 is at most %.3f of its bound over %d runs", worst, count)}
	for _, lambda := range s.Lambda {
		y, _ := s.plateau(t, lambda)
		out = append(out, fmt.Sprintf("toy, lambda %g: without noise |grad h|^2 ends at %.2g to %.2g, growing as gap^%.3f", lambda, y[0], y[len(y)-1], logSlope(s.Gaps, y)))
	}
	for _, gap := range s.Gaps {
		row := t.Where("problem", onClouds, "gap_over_lambda", gap)[0]
		text := fmt.Sprintf("clouds, gap %g lambda: %.1f passes a step, |grad h|^2 ends at %.2g", gap, t.Float(row, "passes_a_step"), t.Float(row, "square"))
		if steps := t.Float(row, "steps_to_target"); math.IsNaN(steps) {
			text += "; the target is not reached"
		} else {
			text += fmt.Sprintf("; the target after %.0f steps and %.0f passes", steps, t.Float(row, "passes_to_target"))
		}
		out = append(out, text)
	}
	return out
}
