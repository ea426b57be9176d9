package study

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// A SampleComplexity measures the mean loss between two independent samples of N points of one law, uniform on [0,1]^d, over N:
//
//	R(N) = E[2 W_eps(x,y) - W_eps(x,x) - W_eps(y,y)]        about N^-k
//
// It is known at both ends:
//
//	R(N) = 2 E c(x,x')/N               eps -> infinity, any law and cost
//	R(N) = 2/(3 (N+1))                 eps -> 0, c = |x-y|^2, d = 1
//	k    = p/d                         eps -> 0, c = |x-y|^p, d > 2, as N grows
//
// Source: Genevay, Peyre and Cuturi 2018, appendix A.1.
type SampleComplexity struct {
	Seed  uint64
	Laws  []UniformLaw
	Eps   []float64 // in units of the cost; 0 and +Inf are the limits
	Sizes []int     // N
	Draws int       // of the largest N; of others in proportion to 1/N, up to Most
	Most  int       // draws, also of all cases that are known
}

// A UniformLaw is the uniform law on a cube of Dim dimensions under the cost |x-y|^Power.
type UniformLaw struct {
	Dim   int
	Power float64
}

// MarshalJSON writes the settings, with +Inf as a word.
func (s *SampleComplexity) MarshalJSON() ([]byte, error) {
	type settings SampleComplexity
	c := settings(*s)
	c.Eps = nil
	return marshalLimits(c, s.Eps)
}

// NewSampleComplexity returns the default grid: a case that is known at both ends, and two of the source's.
func NewSampleComplexity(seed uint64) *SampleComplexity {
	return &SampleComplexity{
		Seed: seed, Laws: []UniformLaw{{1, 2}, {3, 1.5}, {5, 1.5}}, Eps: []float64{0, .01, .1, 1, 10, math.Inf(1)},
		Sizes: []int{16, 32, 64, 128, 256, 512}, Draws: 32, Most: 1000,
	}
}

// Name returns sample-complexity.
func (s *SampleComplexity) Name() string { return "sample-complexity" }

// Summary says what it shows.
func (s *SampleComplexity) Summary() string {
	return "the loss between two samples of one law over their size, and its slopes"
}

// Columns returns law, temperature and size, and the mean loss beside what is known.
func (s *SampleComplexity) Columns() (keys, values []string) {
	return []string{"dim", "power", "eps", "n"}, []string{"mean", "mean_error", "deviation", "draws", "theory"}
}

// Points returns a point for each law, temperature and size.
func (s *SampleComplexity) Points() []Point {
	var out []Point
	for _, law := range s.Laws {
		for _, eps := range s.Eps {
			for _, n := range s.Sizes {
				out = append(out, Point{
					Key: []string{fmt.Sprint(law.Dim), number(law.Power), number(eps), fmt.Sprint(n)},
					Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
						return s.measure(ctx, run, law, eps, n)
					},
				})
			}
		}
	}
	return out
}

func (s *SampleComplexity) measure(ctx context.Context, run kernels.Runner, law UniformLaw, eps float64, n int) ([]float64, error) {
	count := min(s.Most, s.Draws*s.Sizes[len(s.Sizes)-1]/n)
	if !math.IsNaN(law.theory(eps, n)) { // cheap, and held against it
		count = s.Most
	}
	v, err := draws(ctx, run, count, func(draw uint64) (float64, error) {
		x, y := make([]float64, n*law.Dim), make([]float64, n*law.Dim)
		random.Uniform(random.New(s.Seed, "x", uint64(law.Dim), uint64(n), draw), x, 0, 1)
		random.Uniform(random.New(s.Seed, "y", uint64(law.Dim), uint64(n), draw), y, 0, 1)
		return law.loss(ctx, eps, x, y)
	})
	if err != nil {
		return nil, err
	}
	mean, se := meanError(v)
	return []float64{mean, se, deviation(v), float64(count), law.theory(eps, n)}, nil
}

// loss returns the sharp loss between two clouds.
func (l UniformLaw) loss(ctx context.Context, eps float64, x, y []float64) (float64, error) {
	if eps == 0 && l.Dim == 1 {
		r, err := exact.Line(x, y, nil, nil, l.Power)
		if err != nil {
			return 0, err
		}
		return 2 * r.Value, nil
	}
	ground := logsumexp.SqEuclidean
	if l.Power != 2 {
		var err error
		if ground, err = logsumexp.Power(l.Power); err != nil {
			return 0, err
		}
	}
	var serial *parallel.Pool
	p, err := newPair(serial, ground, x, y, l.Dim)
	if err != nil {
		return 0, err
	}
	switch {
	case eps == 0:
		w, err := p.transport(ctx)
		return 2 * w, err
	case math.IsInf(eps, 1):
		xy, xx, yy := p.means()
		return 2*xy - xx - yy, nil
	}
	d, err := p.divergence(ctx, serial, eps, 1e-6)
	if err != nil {
		return 0, err
	}
	return d.SinkhornLoss(), nil
}

// theory returns the expected loss where it is known, else NaN.
func (l UniformLaw) theory(eps float64, n int) float64 {
	switch {
	case math.IsInf(eps, 1):
		return 2 * l.meanCost() / float64(n)
	case eps == 0 && l.Dim == 1 && l.Power == 2:
		return 2 / (3 * float64(n+1))
	}
	return math.NaN()
}

// meanCost returns E |x-y|^p of independent points, as an integral over the distances u_k of coordinates, of density 2 (1 - u_k): a
// product of Gauss-Legendre rules in v = u^(1/3), which takes the root at 0 away. Ten nodes a dimension give 1e-5.
func (l UniformLaw) meanCost() float64 {
	if l.Power == 2 {
		return float64(l.Dim) / 6
	}
	const nodes = 10
	at, weight := make([]float64, nodes), make([]float64, nodes)
	quad.Legendre{}.FixedLocations(at, weight, 0, 1)
	var sum func(k int, square, mass float64) float64
	sum = func(k int, square, mass float64) float64 {
		if k == l.Dim {
			return mass * math.Pow(square, l.Power/2)
		}
		var s float64
		for i, v := range at {
			u := v * v * v
			s += sum(k+1, square+u*u, mass*weight[i]*3*v*v*2*(1-u))
		}
		return s
	}
	return sum(0, 0, 1)
}

// slope returns the exponent k of R(N), and that of what is known, NaN where nothing is.
func (s *SampleComplexity) slope(t *Table, law UniformLaw, eps float64) (measured, theory float64) {
	rows := t.Where("dim", law.Dim, "power", law.Power, "eps", eps)
	n := t.Floats(rows, "n")
	return -logSlope(n, t.Floats(rows, "mean")), -logSlope(n, t.Floats(rows, "theory"))
}

// Figure draws a panel for each law.
func (s *SampleComplexity) Figure(t *Table) (report.Figure, error) {
	f := report.Figure{Title: "Sample complexity: loss between two samples of one law", Columns: len(s.Laws)}
	for _, law := range s.Laws {
		p := report.Panel{
			Title:  fmt.Sprintf("U[0,1]%s, c = |x−y|%s", superscript(law.Dim), map[float64]string{2: "²", 1.5: "^1.5", 1: ""}[law.Power]),
			XLabel: "points N of a sample", YLabel: "mean loss (units of the cost)", LogX: true, LogY: true,
		}
		if law.Dim == 1 {
			p.Title = "U[0,1], c = |x−y|²"
		}
		for k, eps := range s.Eps {
			rows := t.Where("dim", law.Dim, "power", law.Power, "eps", eps)
			n := t.Floats(rows, "n")
			p.Series = append(p.Series, report.Series{Name: epsName(eps, ""), X: n, Y: t.Floats(rows, "mean"), Err: t.Floats(rows, "mean_error"), Colour: k + 1})
			if theory := t.Floats(rows, "theory"); !math.IsNaN(theory[0]) {
				p.Series = append(p.Series, report.Series{Name: "exact expectation", X: n, Y: theory, Formula: true})
			}
		}
		if law.Dim > 2 {
			p.Series = append(p.Series, s.rate(t, law))
		}
		f.Panels = append(f.Panels, p)
	}
	return f, nil
}

// rate returns the line N^(-p/d) through the last point of exact transport.
func (s *SampleComplexity) rate(t *Table, law UniformLaw) report.Series {
	rows := t.Where("dim", law.Dim, "power", law.Power, "eps", 0)
	n := t.Floats(rows, "n")
	y := make([]float64, len(n))
	for k := range y {
		last := len(rows) - 1
		y[k] = t.Float(rows[last], "mean") * math.Pow(n[k]/n[last], -law.Power/float64(law.Dim))
	}
	return report.Series{Name: "N^(−p/d)", X: n, Y: y, Colour: 7, Formula: true}
}

// Findings says the slopes, and how far means are from what is known.
func (s *SampleComplexity) Findings(t *Table) []string {
	var out []string
	for _, law := range s.Laws {
		for _, eps := range s.Eps {
			k, theory := s.slope(t, law, eps)
			text := fmt.Sprintf("U[0,1]^%d, |x-y|^%g, eps %g: N^-%.3f", law.Dim, law.Power, eps, k)
			if !math.IsNaN(theory) {
				text += fmt.Sprintf(", exact expectations fall as N^-%.3f", theory)
			} else if eps == 0 && law.Dim > 2 {
				rows := t.Where("dim", law.Dim, "power", law.Power, "eps", eps)
				rows = rows[max(0, len(rows)-2):]
				text += fmt.Sprintf(", between the two largest N^-%.3f, p/d = %.3f as N grows", -logSlope(t.Floats(rows, "n"), t.Floats(rows, "mean")), law.Power/float64(law.Dim))
			}
			out = append(out, text)
		}
	}
	return append(out, fmt.Sprintf("means lie within %.1f standard errors and %.1f %% of the exact expectations", s.worst(t, "mean_error"), 100*s.worst(t, "theory")))
}

// worst returns the largest distance of a mean from its expectation in units of another column.
func (s *SampleComplexity) worst(t *Table, unit string) float64 {
	worst := 0.
	for r := range t.Len() {
		if theory := t.Float(r, "theory"); !math.IsNaN(theory) {
			worst = max(worst, math.Abs(t.Float(r, "mean")-theory)/t.Float(r, unit))
		}
	}
	return worst
}
