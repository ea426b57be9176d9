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
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// An Interpolation follows the Sinkhorn loss between two clouds of the plane from exact transport to a maximum mean discrepancy:
//
//	2 W_eps(x,y) - W_eps(x,x) - W_eps(y,y)   ->   2 W_0(x,y)                       as eps -> 0
//	                                         ->   2 E c(x,y) - E c(x,x') - E c(y,y')     as eps -> infinity
//
// The approach to the first is at most 2 eps log n; the second is approached as K/eps, with
//
//	K = 2 |C_xy|^2 - |C_xx|^2 - |C_yy|^2          |C|^2 the mean square of the cost less its means of rows and columns
//
// and half of that for entropic values. Source: Genevay, Peyre and Cuturi 2018, theorem 1.
type Interpolation struct {
	Seed       uint64
	Points2D   int      // of each cloud: standard normal, and normal of deviation 1/2 about (1,0)
	Costs      []string // names of logsumexp.ParseGround
	From, To   float64  // powers of ten of eps over the mean cost
	PerDecade  int
	MarginalL1 float64 // where solves stop
}

// NewInterpolation returns the default grid.
func NewInterpolation(seed uint64) *Interpolation {
	return &Interpolation{Seed: seed, Points2D: 100, Costs: []string{"sqeuclidean", "euclidean"}, From: -6, To: 7.5, PerDecade: 3, MarginalL1: 1e-9}
}

// Name returns interpolation.
func (s *Interpolation) Name() string { return "interpolation" }

// Summary says what it shows.
func (s *Interpolation) Summary() string {
	return "the loss from exact transport at eps -> 0 to an MMD at eps -> infinity"
}

// Columns returns cost and temperature, and the losses with their limits.
func (s *Interpolation) Columns() (keys, values []string) {
	return []string{"cost", "eps_over_mean"}, []string{"eps", "sharp", "entropic", "transport_limit", "mmd_limit", "mmd_rate", "marginal_error", "iterations"}
}

// Points returns a point for each cost and temperature.
func (s *Interpolation) Points() []Point {
	var out []Point
	for _, cost := range s.Costs {
		for k := range int(math.Round((s.To-s.From)*float64(s.PerDecade))) + 1 {
			relative := math.Pow(10, s.From+float64(k)/float64(s.PerDecade))
			out = append(out, Point{
				Key: []string{cost, fmt.Sprintf("%.4g", relative)},
				Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
					return s.measure(ctx, run, cost, relative)
				},
			})
		}
	}
	return out
}

func (s *Interpolation) clouds() (x, y []float64) {
	x, y = make([]float64, 2*s.Points2D), make([]float64, 2*s.Points2D)
	random.Normal(random.New(s.Seed, "x"), x, 0, 1)
	random.Normal(random.New(s.Seed, "y"), y, 0, .5)
	for i := range s.Points2D {
		y[2*i]++
	}
	return x, y
}

func (s *Interpolation) measure(ctx context.Context, run kernels.Runner, cost string, relative float64) ([]float64, error) {
	ground, err := logsumexp.ParseGround(cost)
	if err != nil {
		return nil, err
	}
	x, y := s.clouds()
	p, err := newPair(run, ground, x, y, 2)
	if err != nil {
		return nil, err
	}
	mean, _, _ := p.means()
	eps := relative * mean
	d, err := p.divergence(ctx, run, eps, s.MarginalL1)
	if err != nil {
		return nil, err
	}
	transport, err := p.transport(ctx)
	if err != nil {
		return nil, err
	}
	mmd, err := s.mmd(run, ground, p)
	if err != nil {
		return nil, err
	}
	rate := 2*centred(p.formed[0]) - centred(p.formed[1]) - centred(p.formed[2])
	worst := max(d.XY.MarginalError(), d.XX.MarginalError(), d.YY.MarginalError())
	return []float64{eps, d.SinkhornLoss(), 2 * d.Value(), 2 * transport, mmd, rate, worst, float64(d.XY.Iterations)}, nil
}

// transport returns the cost of exact transport.
func (p *pair) transport(ctx context.Context) (float64, error) {
	problem, err := sinkhorn.NewProblem[float64](p.formed[0], nil, nil, p.reader)
	if err != nil {
		return 0, err
	}
	var e exact.Solver[float64]
	r, err := e.Solve(ctx, problem)
	if err != nil {
		return 0, err
	}
	return r.Value, nil
}

// mmd returns the limit at infinity by other code than that of transport.
func (s *Interpolation) mmd(run kernels.Runner, ground logsumexp.Ground, p *pair) (float64, error) {
	switch ground {
	case logsumexp.Euclidean:
		energy, err := discrepancy.NewKernel("energy")
		if err != nil {
			return 0, err
		}
		k := discrepancy.MMD[float64]{Kernel: energy, Runner: run}
		return k.Eval(p.x, p.y, p.n, p.m, p.d, nil, nil, true)
	case logsumexp.SqEuclidean: // twice the squared distance of the means
		var sum float64
		for k := range p.d {
			var mx, my float64
			for i := range p.n {
				mx += p.x[i*p.d+k] / float64(p.n)
			}
			for j := range p.m {
				my += p.y[j*p.d+k] / float64(p.m)
			}
			sum += 2 * (mx - my) * (mx - my)
		}
		return sum, nil
	}
	xy, xx, yy := p.means()
	return 2*xy - xx - yy, nil
}

var costTitles = map[string]string{"sqeuclidean": "c = |x−y|²", "euclidean": "c = |x−y|"}

// Figure draws, for each cost, the losses between their limits, and how they approach these.
func (s *Interpolation) Figure(t *Table) (report.Figure, error) {
	f := report.Figure{Title: "The Sinkhorn loss between exact transport and MMD", Columns: 2}
	for _, cost := range s.Costs {
		rows := t.Where("cost", cost)
		x := t.Floats(rows, "eps_over_mean")
		title := costTitles[cost]
		if title == "" {
			title = cost
		}
		f.Panels = append(f.Panels, report.Panel{
			Title: title + ": the loss", XLabel: "ε / mean cost", YLabel: "loss (units of the cost)", LogX: true,
			Series: []report.Series{
				{Name: "2 W₀ (exact transport)", X: x, Y: t.Floats(rows, "transport_limit"), Colour: 0, Formula: true},
				{Name: "MMD of kernel −c", X: x, Y: t.Floats(rows, "mmd_limit"), Colour: 3, Formula: true},
				{Name: "sharp: 2W − W − W", X: x, Y: t.Floats(rows, "sharp"), Colour: 1},
				{Name: "entropic: 2 S", X: x, Y: t.Floats(rows, "entropic"), Colour: 2},
			},
		}, s.approach(t, rows, x, title))
	}
	return f, nil
}

func (s *Interpolation) approach(t *Table, rows []int, x []float64, title string) report.Panel {
	far := func(value, limit string) []float64 {
		v := t.Floats(rows, value)
		for k, l := range t.Floats(rows, limit) {
			v[k] = math.Abs(v[k] - l)
		}
		return v
	}
	// Each curve is shown on its own side of the temperature where it is as far from one limit as from the other.
	side := func(v, other []float64) []float64 {
		for k := range v {
			if v[k] > other[k] {
				v[k] = math.NaN()
			}
		}
		return v
	}
	bound, rate, half := make([]float64, len(rows)), make([]float64, len(rows)), make([]float64, len(rows))
	for k, r := range rows {
		eps := t.Float(r, "eps")
		bound[k] = 2 * eps * math.Log(float64(s.Points2D))
		rate[k] = math.Abs(t.Float(r, "mmd_rate")) / eps
		half[k] = rate[k] / 2
		if x[k] > 1 {
			bound[k] = math.NaN()
		} else if x[k] < 3 {
			rate[k], half[k] = math.NaN(), math.NaN()
		}
	}
	return report.Panel{
		Title: title + ": distance to the nearer limit", XLabel: "ε / mean cost", YLabel: "|loss − limit|", LogX: true, LogY: true, YMin: 1e-10, YMax: 30,
		Series: []report.Series{
			{Name: "2 ε log n (bound)", X: x, Y: bound, Colour: 7, Formula: true},
			{Name: "K/ε, K/(2ε)", X: x, Y: rate, Colour: 9, Formula: true},
			{X: x, Y: half, Colour: 0, Formula: true},
			{Name: "sharp: 2W − W − W", X: x, Y: side(far("sharp", "transport_limit"), far("sharp", "mmd_limit")), Colour: 1},
			{X: x, Y: side(far("sharp", "mmd_limit"), far("sharp", "transport_limit")), Colour: 1},
			{Name: "entropic: 2 S", X: x, Y: side(far("entropic", "transport_limit"), far("entropic", "mmd_limit")), Colour: 2},
			{X: x, Y: side(far("entropic", "mmd_limit"), far("entropic", "transport_limit")), Colour: 2},
		},
	}
}

// Findings says how far the ends are from the limits.
func (s *Interpolation) Findings(t *Table) []string {
	var out []string
	for _, cost := range s.Costs {
		rows := t.Where("cost", cost)
		lo, hi := rows[0], rows[len(rows)-1]
		out = append(out, fmt.Sprintf("%s: |sharp - 2 W_0| = %.1e at eps = %.1e means; |sharp - MMD| = %.1e at eps = %.1e means", cost,
			math.Abs(t.Float(lo, "sharp")-t.Float(lo, "transport_limit")), t.Float(lo, "eps_over_mean"),
			math.Abs(t.Float(hi, "sharp")-t.Float(hi, "mmd_limit")), t.Float(hi, "eps_over_mean")))
	}
	return out
}
