package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// A Gradient measures bias and deviation of the gradient of the sharp loss over mini-batches, where that over the laws is known: model
// x = s z of R^d with z standard normal, data y standard normal, c = |x-y|^2, derivative by the scale s.
//
//	W_eps(s,t) = d (s^2 + t^2 - 2 k(s,t)),  k = (sqrt(eps^2 + 16 s^2 t^2) - eps)/4          between the laws (Janati et al. 2020)
//	loss       = 2 W_eps(s,1) - W_eps(s,s) - W_eps(1,1)
//
// As eps -> infinity the gradient over a batch of m is 4 <s z' - y', z'>, z' and y' the means, of
//
//	bias 4 s d/m          deviation 4 sqrt(d (2 s^2 + 1))/m
//
// where the gradient over the laws is 0; and as eps -> 0 that over the laws is 4 d (s-1).
type Gradient struct {
	Seed    uint64
	Dim     int
	Scale   float64
	Eps     []float64 // over the mean cost d (s^2 + 1); 0 and +Inf are the limits
	Batches []int
	Draws   int
}

// MarshalJSON writes the settings, with +Inf as a word.
func (s *Gradient) MarshalJSON() ([]byte, error) {
	type settings Gradient
	c := settings(*s)
	c.Eps = nil
	return marshalLimits(c, s.Eps)
}

// NewGradient returns the default grid.
func NewGradient(seed uint64) *Gradient {
	return &Gradient{Seed: seed, Dim: 4, Scale: 1.5, Eps: []float64{0, .1, .3, 1, 3, 10, math.Inf(1)}, Batches: []int{8, 16, 32, 64, 128, 256}, Draws: 200}
}

// Name returns gradient.
func (s *Gradient) Name() string { return "gradient" }

// Summary says what it shows.
func (s *Gradient) Summary() string {
	return "bias and deviation of the mini-batch gradient over eps and batch"
}

// Columns returns temperature and batch, and the moments of the gradient.
func (s *Gradient) Columns() (keys, values []string) {
	return []string{"eps_over_mean", "batch"}, []string{"eps", "mean", "mean_error", "deviation", "deviation_error", "of_laws", "bias_theory", "deviation_theory"}
}

// Points returns a point for each temperature and batch.
func (s *Gradient) Points() []Point {
	var out []Point
	for _, eps := range s.Eps {
		for _, m := range s.Batches {
			out = append(out, Point{
				Key: []string{number(eps), fmt.Sprint(m)},
				Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
					return s.measure(ctx, run, eps, m)
				},
			})
		}
	}
	return out
}

func (s *Gradient) measure(ctx context.Context, run kernels.Runner, relative float64, m int) ([]float64, error) {
	eps := 0.
	if relative > 0 {
		eps = relative * float64(s.Dim) * (s.Scale*s.Scale + 1)
	}
	g, err := draws(ctx, run, s.Draws, func(draw uint64) (float64, error) { return s.draw(ctx, eps, m, draw) })
	if err != nil {
		return nil, err
	}
	mean, se := meanError(g)
	sd := deviation(g)
	bias, spread := math.NaN(), math.NaN()
	if math.IsInf(eps, 1) {
		bias = 4 * s.Scale * float64(s.Dim) / float64(m)
		spread = 4 * math.Sqrt(float64(s.Dim)*(2*s.Scale*s.Scale+1)) / float64(m)
	}
	return []float64{eps, mean, se, sd, deviationError(g), s.ofLaws(eps), bias, spread}, nil
}

// deviationError returns the standard error of the standard deviation, from the fourth moment.
func deviationError(v []float64) float64 {
	mean, sd := total(v)/float64(len(v)), deviation(v)
	var fourth float64
	for _, x := range v {
		fourth += math.Pow(x-mean, 4) / float64(len(v))
	}
	return math.Sqrt(max(0, fourth-math.Pow(sd, 4))/float64(len(v))) / (2 * sd)
}

// ofLaws returns the gradient between the laws.
func (s *Gradient) ofLaws(eps float64) float64 {
	if math.IsInf(eps, 1) {
		return 0
	}
	r := s.Scale
	cross := 4 * r / math.Sqrt(eps*eps+16*r*r)
	self := 8 * r * r * r / math.Sqrt(eps*eps+16*r*r*r*r)
	return float64(s.Dim) * (2*(2*r-2*cross) - (4*r - 2*self))
}

// draw returns the gradient over the batch of a number; batches of a number are the same for all temperatures.
func (s *Gradient) draw(ctx context.Context, eps float64, m int, draw uint64) (float64, error) {
	d := s.Dim
	z, x, y := make([]float64, m*d), make([]float64, m*d), make([]float64, m*d)
	random.Normal(random.New(s.Seed, "z", uint64(m), draw), z, 0, 1)
	random.Normal(random.New(s.Seed, "y", uint64(m), draw), y, 0, 1)
	for k := range x {
		x[k] = s.Scale * z[k]
	}
	if math.IsInf(eps, 1) {
		return meansGradient(x, y, z, d), nil
	}
	dx, err := sharpLossGradient(ctx, eps, x, y, d)
	if err != nil {
		return 0, err
	}
	var sum float64
	for k := range dx {
		sum += dx[k] * z[k]
	}
	return sum, nil
}

// meansGradient returns 4 <x' - y', z'> of the means.
func meansGradient(x, y, z []float64, d int) float64 {
	m := float64(len(x) / d)
	var sum float64
	for k := range d {
		var mx, my, mz float64
		for i := k; i < len(x); i += d {
			mx, my, mz = mx+x[i]/m, my+y[i]/m, mz+z[i]/m
		}
		sum += 4 * (mx - my) * mz
	}
	return sum
}

// sharpLossGradient returns the derivative of 2W(x,y) - W(x,x) - W(y,y) by x at convergence; eps = 0 is exact transport.
func sharpLossGradient(ctx context.Context, eps float64, x, y []float64, d int) ([]float64, error) {
	var serial *parallel.Pool
	p, err := newPair(serial, logsumexp.SqEuclidean, x, y, d)
	if err != nil {
		return nil, err
	}
	dx, self := make([]float64, len(x)), make([]float64, len(x))
	xy, xx, _, err := p.problems()
	if err != nil {
		return nil, err
	}
	if eps == 0 {
		var e exact.Solver[float64]
		r, err := e.Solve(ctx, xy)
		if err != nil {
			return nil, err
		}
		r.Gradient(dx, nil, p.xy)
	} else {
		solver := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-8, MaxIter: 100_000, Runner: serial}
		across, err := solver.Solve(ctx, xy)
		if err != nil {
			return nil, err
		}
		within, err := solver.Solve(ctx, xx)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(
			across.Implicit(&sinkhorn.Derivative[float64]{Points: p.xy, DX: dx}),
			within.Implicit(&sinkhorn.Derivative[float64]{Points: p.xx, DX: self, DY: self}),
		); err != nil {
			return nil, err
		}
	}
	for k := range dx {
		dx[k] = 2*dx[k] - self[k]
	}
	return dx, nil
}

// epsName names a temperature in a legend.
func epsName(eps float64, unit string) string {
	switch {
	case eps == 0:
		return "ε → 0 (exact)"
	case math.IsInf(eps, 1):
		return "ε → ∞ (MMD)"
	}
	return fmt.Sprintf("ε = %g%s", eps, unit)
}

// Figure draws bias and deviation over batches, and the mean over temperatures beside the gradient between the laws.
func (s *Gradient) Figure(t *Table) (report.Figure, error) {
	bias := report.Panel{Title: "Bias", XLabel: "batch m", YLabel: "|mean − gradient of the laws|", LogX: true, LogY: true, YMin: 3e-2, YMax: 30}
	spread := report.Panel{Title: "Standard deviation", XLabel: "batch m", YLabel: "deviation of the gradient", LogX: true, LogY: true}
	for k, eps := range s.Eps {
		rows := t.Where("eps_over_mean", eps)
		m, b := t.Floats(rows, "batch"), t.Floats(rows, "mean")
		for i, law := range t.Floats(rows, "of_laws") {
			b[i] = math.Abs(b[i] - law)
		}
		name := epsName(eps, " means")
		bias.Series = append(bias.Series, report.Series{Name: name, X: m, Y: b, Err: t.Floats(rows, "mean_error"), Colour: k + 1})
		spread.Series = append(spread.Series, report.Series{Name: name, X: m, Y: t.Floats(rows, "deviation"), Err: t.Floats(rows, "deviation_error"), Colour: k + 1})
		if math.IsInf(eps, 1) {
			bias.Series = append(bias.Series, report.Series{Name: "formula for ε → ∞", X: m, Y: t.Floats(rows, "bias_theory"), Formula: true})
			spread.Series = append(spread.Series, report.Series{X: m, Y: t.Floats(rows, "deviation_theory"), Formula: true})
		}
	}
	title := fmt.Sprintf("The mini-batch gradient: N(0, %g² I) to N(0, I) in R%s, ∂/∂scale, %d draws a point", s.Scale, superscript(s.Dim), s.Draws)
	return report.Figure{Title: title, Columns: 3, Panels: []report.Panel{bias, spread, s.means(t)}}, nil
}

// short writes a number as %g does, its exponent without the zero before it: 1e-6.
func short(v float64) string { return strings.ReplaceAll(fmt.Sprintf("%g", v), "e-0", "e-") }

func superscript(n int) string {
	if n >= 0 && n <= 9 {
		return string([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[n])
	}
	return fmt.Sprintf("^%d", n)
}

// means draws the mean gradient of two batches over the temperatures between the limits.
func (s *Gradient) means(t *Table) report.Panel {
	p := report.Panel{Title: "Mean gradient", XLabel: "ε / mean cost", YLabel: "gradient", LogX: true}
	const lo, hi = -1.5, 1.5
	var x, laws, exact []float64
	for k := range 60 {
		relative := math.Pow(10, lo+(hi-lo)*float64(k)/59)
		x = append(x, relative)
		laws = append(laws, s.ofLaws(relative*float64(s.Dim)*(s.Scale*s.Scale+1)))
		exact = append(exact, 4*float64(s.Dim)*(s.Scale-1))
	}
	p.Series = []report.Series{
		{Name: "gradient of the laws", X: x, Y: laws, Colour: 0, Formula: true},
		{Name: "its limit ε → 0", X: x, Y: exact, Colour: 10, Formula: true},
	}
	for k, m := range []int{s.Batches[0], s.Batches[len(s.Batches)-1]} {
		rows := t.Where("batch", m)
		p.Series = append(p.Series, report.Series{Name: fmt.Sprintf("mean ± deviation, m = %d", m), X: t.Floats(rows, "eps_over_mean"), Y: t.Floats(rows, "mean"), Err: t.Floats(rows, "deviation"), Colour: 8 + k})
	}
	return p
}

// Findings says bias and deviation of the largest batch, and how far the limit at infinity is from its formula.
func (s *Gradient) Findings(t *Table) []string {
	var out []string
	largest := s.Batches[len(s.Batches)-1]
	for _, eps := range s.Eps {
		rows := t.Where("eps_over_mean", eps, "batch", largest)
		r := rows[0]
		out = append(out, fmt.Sprintf("eps = %g means, batch %d: bias %.3f +- %.3f of %.3f, deviation %.3f", eps, largest,
			t.Float(r, "mean")-t.Float(r, "of_laws"), t.Float(r, "mean_error"), t.Float(r, "of_laws"), t.Float(r, "deviation")))
	}
	worst := 0.
	for r := range t.Len() {
		if theory := t.Float(r, "bias_theory"); !math.IsNaN(theory) {
			worst = max(worst, math.Abs(t.Float(r, "mean")-theory)/t.Float(r, "mean_error"))
		}
	}
	return append(out, fmt.Sprintf("as eps -> infinity the mean lies within %.1f standard errors of 4 s d/m", worst))
}
