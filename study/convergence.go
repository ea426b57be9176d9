package study

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Convergence follows the iterations from g = 0 to the solution. The potential contracts by a factor an iteration,
//
//	osc(f_l - f) <= tanh^2(D/4) osc(f_(l-1) - f)          D = max_ijkl (C_il + C_kj - C_ij - C_kl)/eps, osc = max - min
//
// and in the end by the second largest eigenvalue of S^-1 P^T R^-1 P, where R and S are the sums of rows and columns of the plan P: the
// largest squared correlation between a function of x and one of y under the plan. Sources: Franklin and Lorenz 1989; Knight 2008.
type Convergence struct {
	Seed      uint64
	CloudSize int       // of each cloud, that of Interpolation
	Cost      string    // name of logsumexp.ParseGround
	Eps       []float64 // over the mean cost
	Steps     []int     // iterations after which errors are taken
	Target    float64   // L1 error of the marginals to which iterations are counted
}

// NewConvergence returns the default grid.
func NewConvergence(seed uint64) *Convergence {
	return &Convergence{
		Seed: seed, CloudSize: 200, Cost: "sqeuclidean", Eps: []float64{.01, .03, .1, .3, 1, 3},
		Steps: []int{1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800}, Target: 1e-6,
	}
}

// Name returns convergence.
func (s *Convergence) Name() string { return "convergence" }

// Summary says what it shows.
func (s *Convergence) Summary() string {
	return "errors over the iterations, and rates over eps beside theory"
}

// Columns returns temperature and iterations, and errors and rates.
func (s *Convergence) Columns() (keys, values []string) {
	return []string{"eps_over_mean", "steps"}, []string{"eps", "potential_error", "marginal_error", "sharp_error", "spectral_rate", "bound_rate", "iterations_to_target"}
}

// Points returns a point for each temperature and number of iterations.
func (s *Convergence) Points() []Point {
	var out []Point
	for _, eps := range s.Eps {
		for _, steps := range s.Steps {
			out = append(out, Point{
				Key: []string{number(eps), fmt.Sprint(steps)},
				Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
					return s.measure(ctx, run, eps, steps)
				},
			})
		}
	}
	return out
}

func (s *Convergence) measure(ctx context.Context, run kernels.Runner, relative float64, steps int) ([]float64, error) {
	ground, err := logsumexp.ParseGround(s.Cost)
	if err != nil {
		return nil, err
	}
	x, y := make([]float64, 2*s.CloudSize), make([]float64, 2*s.CloudSize)
	random.Normal(random.New(s.Seed, "x"), x, 0, 1)
	random.Normal(random.New(s.Seed, "y"), y, 0, .5)
	for i := range s.CloudSize {
		y[2*i]++
	}
	p, err := newPair(run, ground, x, y, 2)
	if err != nil {
		return nil, err
	}
	mean, _, _ := p.means()
	return p.errorsAfter(ctx, run, relative*mean, steps, s.Target)
}

// errorsAfter returns the errors after steps iterations and the rates, in the order of the columns.
func (p *pair) errorsAfter(ctx context.Context, run kernels.Runner, eps float64, steps int, target float64) ([]float64, error) {
	problem, _, _, err := p.problems()
	if err != nil {
		return nil, err
	}
	limit := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-11, MaxIter: 100_000, Runner: run}
	r, err := limit.Solve(ctx, problem)
	if err != nil {
		return nil, err
	}
	plain := limit
	plain.Tol, plain.Method, plain.G = target, sinkhorn.Sweep, make([]float64, p.m)
	counted, err := plain.Solve(ctx, problem)
	if err != nil {
		return nil, err
	}
	var u sinkhorn.Unrolled[float64]
	if err := limit.Unroll(ctx, &u, steps, problem); err != nil {
		return nil, err
	}
	f, _ := u.Potentials(0)
	after := u.Values(0)
	return []float64{
		eps, oscillation(f, r.F), after.MarginalError, math.Abs(after.Sharp - r.TransportCost()),
		spectralRate(r, p.n, p.m), boundRate(p.formed[0], eps), float64(counted.Iterations),
	}, nil
}

// oscillation returns max - min of f - g.
func oscillation(f, g []float64) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range f {
		lo, hi = min(lo, f[i]-g[i]), max(hi, f[i]-g[i])
	}
	return hi - lo
}

// boundRate returns tanh^2(D/4).
func boundRate(c *logsumexp.Stored[float64], eps float64) float64 {
	var rows [][]float64
	costs(c, func(_ int, row []float64) { rows = append(rows, append([]float64(nil), row...)) })
	var d float64
	for i := range rows {
		for k := range i {
			d = max(d, oscillation(rows[i], rows[k]))
		}
	}
	t := math.Tanh(d / eps / 4)
	return t * t
}

// spectralRate returns the second largest eigenvalue of S^-1 P^T R^-1 P by power iteration, in the inner product of S, in which that
// matrix is symmetric and constants are its first eigenvector.
func spectralRate(r *sinkhorn.Result[float64], n, m int) float64 {
	plan := make([]float64, n*m)
	r.Plan(plan)
	rows, columns := make([]float64, n), make([]float64, m)
	for i := range n {
		for j, v := range plan[i*m : i*m+m] {
			rows[i] += v
			columns[j] += v
		}
	}
	mass := total(rows)
	g, u, next := make([]float64, m), make([]float64, n), make([]float64, m)
	random.Normal(random.New(1, "power iteration"), g, 0, 1)
	rate := 0.
	for range 2000 {
		var mean, square float64
		for j, v := range g {
			mean += columns[j] * v / mass
		}
		for j := range g {
			g[j] -= mean
			square += columns[j] * g[j] * g[j]
		}
		clear(next)
		var dot float64
		for i := range n {
			row := plan[i*m : i*m+m]
			u[i] = 0
			for j, v := range row {
				u[i] += v * g[j]
			}
			dot += u[i] * u[i] / rows[i]
			u[i] /= rows[i]
			for j, v := range row {
				next[j] += v * u[i]
			}
		}
		last := rate
		if rate = dot / square; math.Abs(rate-last) <= 1e-13*rate {
			break
		}
		for j := range g {
			g[j] = next[j] / columns[j] / math.Sqrt(square)
		}
	}
	return rate
}

// measuredRate returns the factor an iteration between the two last errors that rounding did not touch, NaN where there are no two.
func measuredRate(steps, errors []float64, scale float64) float64 {
	rate := math.NaN()
	for k := 1; k < len(steps) && errors[k] > 1e-9*scale; k++ {
		rate = math.Pow(errors[k]/errors[k-1], 1/(steps[k]-steps[k-1]))
	}
	return rate
}

// Figure draws errors over iterations, rates over temperatures and iterations to the target.
func (s *Convergence) Figure(t *Table) (report.Figure, error) {
	decay := report.Panel{Title: "Error of the potential", XLabel: "iterations", YLabel: "osc(f − f*) / ε", LogX: true, LogY: true, YMin: 1e-11, YMax: 1e5}
	rates := report.Panel{Title: "Contraction an iteration", XLabel: "ε / mean cost", YLabel: "1 − rate", LogX: true, LogY: true, YMin: 1e-6, YMax: 2}
	count := report.Panel{Title: fmt.Sprintf("Iterations to a marginal error of %s", short(s.Target)), XLabel: "ε / mean cost", YLabel: "iterations from g = 0", LogX: true, LogY: true}
	var measured, spectral, bound, iterations, inverse []float64
	for k, eps := range s.Eps {
		rows := t.Where("eps_over_mean", eps)
		steps, errors := t.Floats(rows, "steps"), t.Floats(rows, "potential_error")
		absolute, rate := t.Float(rows[0], "eps"), t.Float(rows[0], "spectral_rate")
		m := measuredRate(steps, errors, absolute)
		formula := anchored(steps, errors, absolute, rate)
		for i := range errors {
			errors[i] /= absolute
		}
		decay.Series = append(decay.Series,
			report.Series{Name: fmt.Sprintf("ε = %g means", eps), X: steps, Y: errors, Colour: k + 1},
			report.Series{Name: "spectral rate", X: steps, Y: formula, Colour: 0, Formula: true})
		measured, spectral, bound = append(measured, 1-m), append(spectral, 1-rate), append(bound, 1-t.Float(rows[0], "bound_rate"))
		iterations = append(iterations, t.Float(rows[0], "iterations_to_target"))
	}
	for _, eps := range s.Eps {
		inverse = append(inverse, iterations[0]*s.Eps[0]/eps)
	}
	rates.Series = []report.Series{
		{Name: "measured", X: s.Eps, Y: measured, Colour: 8},
		{Name: "spectral rate", X: s.Eps, Y: spectral, Colour: 0, Formula: true},
		{Name: "tanh²(Δ/4) (bound)", X: s.Eps, Y: bound, Colour: 7, Formula: true},
	}
	count.Series = []report.Series{
		{Name: "measured", X: s.Eps, Y: iterations, Colour: 8},
		{Name: "1/ε", X: s.Eps, Y: inverse, Colour: 3, Formula: true},
	}
	return report.Figure{Title: "Sinkhorn's iterations: linear convergence, faster at larger ε", Columns: 3, Panels: []report.Panel{decay, rates, count}}, nil
}

// anchored returns C rate^l / eps through the last error that rounding did not touch, over the second half of the curve above it.
func anchored(steps, errors []float64, eps, rate float64) []float64 {
	last := 0
	for k := range errors {
		if errors[k] > 1e-9*eps {
			last = k
		}
	}
	out := make([]float64, len(steps))
	for k := range out {
		out[k] = math.NaN()
		if 2*k >= last {
			out[k] = errors[last] / eps * math.Pow(rate, steps[k]-steps[last])
		}
		if out[k] < 1e-12 {
			out[k] = math.NaN()
		}
	}
	return out
}

// Findings compares measured rates with the spectral ones.
func (s *Convergence) Findings(t *Table) []string {
	var out []string
	for _, eps := range s.Eps {
		rows := t.Where("eps_over_mean", eps)
		m := measuredRate(t.Floats(rows, "steps"), t.Floats(rows, "potential_error"), t.Float(rows[0], "eps"))
		out = append(out, fmt.Sprintf("eps = %g means: rate %.5f measured, %.5f from the spectrum, bound %.5f; %.0f iterations to %.0e",
			eps, m, t.Float(rows[0], "spectral_rate"), t.Float(rows[0], "bound_rate"), t.Float(rows[0], "iterations_to_target"), s.Target))
	}
	return out
}
