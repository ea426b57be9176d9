package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/cputime"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Sensitivity trains a small generator of points of the plane by the sharp Sinkhorn loss, unrolled, over temperature, batch and number
// of iterations, and holds each against one measure that has none of these: exact transport between samples of the model and of held-out
// data. It also counts the iterations that the first problem of a training needs to a marginal error. Genevay, Peyre and Cuturi 2018 ask
// for this in their section 4.
type Sensitivity struct {
	Seed    uint64
	Data    string    // a built-in name of points of the plane
	Eps     []float64 // over the mean cost of the batch
	Batches []int     // m
	Iters   []int     // L
	Steps   int       // of the optimiser, Adam
	Rate    float64
	Hidden  int // width of both hidden layers
	Seeds   int // trainings of a point

	Every   int     // steps between two looks at the measure
	Held    int     // points of either side of it
	Target  float64 // of the measure, over that of data against data
	Error   float64 // L1 error of the marginals to which iterations are counted
	Measure int     // draws of the measure at the end
}

// NewSensitivity returns the default grid.
func NewSensitivity(seed uint64) *Sensitivity {
	return &Sensitivity{
		Seed: seed, Data: "ring8", Eps: []float64{.003, .01, .1, 1, 10}, Batches: []int{16, 64, 256}, Iters: []int{1, 5, 20, 100},
		Steps: 400, Rate: .003, Hidden: 64, Seeds: 3, Every: 20, Held: 256, Target: 2, Error: 1e-3, Measure: 4,
	}
}

// Name returns eps-batch-iters.
func (s *Sensitivity) Name() string { return "eps-batch-iters" }

// Summary says what it shows.
func (s *Sensitivity) Summary() string {
	return "loss, time and iterations to a target over eps, batch and iterations"
}

// Columns returns the choices and what a training with them gives.
func (s *Sensitivity) Columns() (keys, values []string) {
	return []string{"eps_over_mean", "batch", "iters"},
		[]string{"held_out", "held_out_error", "data_floor", "steps_to_target", "steps_to_target_error", "reached", "iterations_to_error", "step_cpu_ms"}
}

// Points returns a point for each choice of the three.
func (s *Sensitivity) Points() []Point {
	var out []Point
	for _, m := range s.Batches {
		for _, eps := range s.Eps {
			for _, l := range s.Iters {
				out = append(out, Point{
					Key: []string{number(eps), fmt.Sprint(m), fmt.Sprint(l)},
					Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
						return s.measure(ctx, run, eps, m, l)
					},
				})
			}
		}
	}
	return out
}

func (s *Sensitivity) measure(ctx context.Context, run kernels.Runner, eps float64, m, l int) ([]float64, error) {
	floor, err := s.floor(ctx, run)
	if err != nil {
		return nil, err
	}
	reached := make([]float64, s.Seeds)
	held, err := draws(ctx, run, s.Seeds, func(draw uint64) (float64, error) {
		t, err := s.training(eps, m, l, draw)
		if err != nil {
			return 0, err
		}
		loss, steps, err := t.train(ctx, s.Target*floor)
		reached[draw] = steps
		return loss, err
	})
	if err != nil {
		return nil, err
	}
	iterations, err := s.iterations(ctx, run, eps, m)
	if err != nil {
		return nil, err
	}
	ms, err := s.stepTime(ctx, eps, m, l)
	if err != nil {
		return nil, err
	}
	mean, se := meanError(held)
	steps, stepsError := meanError(reached)
	count := 0.
	for _, v := range reached {
		if !math.IsNaN(v) {
			count++
		}
	}
	return []float64{mean, se, floor, steps, stepsError, count, iterations, ms}, nil
}

// A training is one of the trainings of a point.
type training struct {
	s      *Sensitivity
	fit    *generative.Fit
	batch  batches
	test   *data.Dataset
	noise  *random.Stream
	sample []float32
	picked *random.Stream
}

// batches is a batcher whose rows have no names.
type batches struct{ *data.Batcher }

// Next fills dst with the next batch.
func (b batches) Next(dst []float32, rows int) { b.Batcher.Next(dst, rows) }

// training prepares one on a single thread: those of a point run beside each other.
func (s *Sensitivity) training(eps float64, m, l int, draw uint64) (*training, error) {
	seed := s.Seed + draw
	src, err := data.Open(s.Data, seed)
	if err != nil {
		return nil, err
	}
	var serial *parallel.Pool
	criterion, err := generative.NewTransport[float32](generative.TransportConfig{
		Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Sharp, Eps: eps, OfMean: true, Steps: l, Runner: serial,
	})
	if err != nil {
		return nil, err
	}
	ops := nn.NewCPU[float32](serial)
	model, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{2, s.Hidden, s.Hidden, 2}, Hidden: "relu"}, "normal", seed)
	if err != nil {
		return nil, err
	}
	fit, err := generative.NewFit(ops, model, criterion, generative.FitConfig{Batch: m, Optimizer: "adam", Rate: s.Rate, Seed: seed, Runner: serial})
	if err != nil {
		return nil, err
	}
	return &training{
		s: s, fit: fit, batch: batches{data.NewBatcher(src.Train, seed, "data")}, test: src.Test,
		noise: random.New(seed, "study noise"), picked: random.New(seed, "study data"),
	}, nil
}

// train returns the measure at the end and the step at which it first was at the target, NaN where it never was.
func (t *training) train(ctx context.Context, target float64) (held, reached float64, err error) {
	reached = math.NaN()
	for step := 1; step <= t.s.Steps; step++ {
		if _, err := t.fit.Step(ctx, t.batch, false); err != nil {
			return 0, 0, err
		}
		if math.IsNaN(reached) && step%t.s.Every == 0 {
			v, err := t.heldOut(ctx)
			if err != nil {
				return 0, 0, err
			}
			if v <= target {
				reached = float64(step)
			}
		}
	}
	for range t.s.Measure {
		v, err := t.heldOut(ctx)
		if err != nil {
			return 0, 0, err
		}
		held += v / float64(t.s.Measure)
	}
	return held, reached, nil
}

// heldOut returns the cost of exact transport between fresh samples of the model and points of the held-out data.
func (t *training) heldOut(ctx context.Context) (float64, error) {
	t.sample = make([]float32, 2*t.s.Held)
	t.fit.Sample(t.sample, t.s.Held, t.noise.Rand)
	return exactTransport(ctx, logsumexp.SqEuclidean, t.sample, rows(t.test, t.picked.Perm(t.test.N)[:t.s.Held]))
}

// exactTransport returns the cost of exact transport between points of the plane.
func exactTransport(ctx context.Context, ground logsumexp.Ground, x, y []float32) (float64, error) {
	var serial *parallel.Pool
	p, err := newPair(serial, ground, widen(x), widen(y), 2)
	if err != nil {
		return 0, err
	}
	return p.transport(ctx)
}

// rows returns rows of points of the plane.
func rows(ds *data.Dataset, pick []int) []float32 {
	out := make([]float32, 2*len(pick))
	for k, i := range pick {
		ds.Row(out[2*k:2*k+2], i)
	}
	return out
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for k, v := range x {
		out[k] = float64(v)
	}
	return out
}

// floor returns the measure of data against other data, the mean of 16 draws.
func (s *Sensitivity) floor(ctx context.Context, run kernels.Runner) (float64, error) {
	src, err := data.Open(s.Data, s.Seed)
	if err != nil {
		return 0, err
	}
	v, err := draws(ctx, run, 16, func(draw uint64) (float64, error) {
		pick := random.New(s.Seed, "study floor", draw).Perm(src.Test.N)
		return exactTransport(ctx, logsumexp.SqEuclidean, rows(src.Test, pick[:s.Held]), rows(src.Test, pick[s.Held:2*s.Held]))
	})
	mean, _ := meanError(v)
	return mean, err
}

// iterations returns how many iterations from g = 0 a batch of the untrained model against one of data takes to a marginal error, the
// mean of the trainings; NaN where one crawls until rounding stops it.
func (s *Sensitivity) iterations(ctx context.Context, run kernels.Runner, eps float64, m int) (float64, error) {
	v, err := draws(ctx, run, s.Seeds, func(draw uint64) (float64, error) {
		t, err := s.training(eps, m, 1, draw)
		if err != nil {
			return 0, err
		}
		fake, real := make([]float32, 2*m), make([]float32, 2*m)
		t.fit.Sample(fake, m, t.noise.Rand)
		t.batch.Next(real, m)
		var serial *parallel.Pool
		p, err := newPair(serial, logsumexp.SqEuclidean, widen(fake), widen(real), 2)
		if err != nil {
			return 0, err
		}
		mean, _, _ := p.means()
		xy, _, _, err := p.problems()
		if err != nil {
			return 0, err
		}
		solver := sinkhorn.Solver[float64]{Eps: eps * mean, Tol: s.Error, MaxIter: 100_000, Method: sinkhorn.Sweep, G: make([]float64, m), Runner: serial}
		r, err := solver.Solve(ctx, xy)
		if errors.Is(err, sinkhorn.ErrNotConverged) && ctx.Err() == nil {
			return math.NaN(), nil
		}
		if err != nil {
			return 0, err
		}
		return float64(r.Iterations), nil
	})
	mean, _ := meanError(v)
	return mean, err
}

// stepTime returns the processor time of a step on one thread, over at least 50 ms.
func (s *Sensitivity) stepTime(ctx context.Context, eps float64, m, l int) (float64, error) {
	t, err := s.training(eps, m, l, 0)
	if err != nil {
		return 0, err
	}
	for range 5 {
		if _, err := t.fit.Step(ctx, t.batch, false); err != nil {
			return 0, err
		}
	}
	begin, used, steps := time.Now(), cputime.Used(), 0
	for steps < 10 || time.Since(begin) < 50*time.Millisecond {
		if _, err := t.fit.Step(ctx, t.batch, false); err != nil {
			return 0, err
		}
		steps++
	}
	return float64((cputime.Used() - used).Microseconds()) / 1000 / float64(steps), nil
}

// Figure draws the measure and the steps to the target over temperatures, a column for each batch, and under them what drives the time.
func (s *Sensitivity) Figure(t *Table) (report.Figure, error) {
	f := report.Figure{
		Title:   fmt.Sprintf("What eps, batch and iterations do: %s, %d steps, %d trainings a point", s.Data, s.Steps, s.Seeds),
		Columns: 3,
	}
	var losses, steps []report.Panel
	for _, m := range s.Batches {
		loss := report.Panel{Title: fmt.Sprintf("Held-out W₂², batch m = %d", m), XLabel: "ε / mean cost", YLabel: "W₂² to held-out data", LogX: true, LogY: true}
		step := report.Panel{Title: fmt.Sprintf("Steps to %g × data floor, m = %d", s.Target, m), XLabel: "ε / mean cost", YLabel: "steps", LogX: true, YMin: -.02 * float64(s.Steps), YMax: 1.05 * float64(s.Steps)}
		for k, l := range s.Iters {
			rows := t.Where("batch", m, "iters", l)
			x := t.Floats(rows, "eps_over_mean")
			name := fmt.Sprintf("L = %d", l)
			loss.Series = append(loss.Series, report.Series{Name: name, X: x, Y: t.Floats(rows, "held_out"), Err: t.Floats(rows, "held_out_error"), Colour: k + 1})
			step.Series = append(step.Series, report.Series{Name: name, X: x, Y: t.Floats(rows, "steps_to_target"), Err: t.Floats(rows, "steps_to_target_error"), Colour: k + 1})
		}
		ends := []float64{s.Eps[0], s.Eps[len(s.Eps)-1]}
		floor := t.Float(0, "data_floor")
		loss.Series = append(loss.Series,
			report.Series{Name: "data against data", X: ends, Y: []float64{floor, floor}, Formula: true},
			report.Series{Name: "target", X: ends, Y: []float64{s.Target * floor, s.Target * floor}, Colour: 10, Formula: true})
		step.Series = append(step.Series, report.Series{X: ends, Y: []float64{float64(s.Steps), float64(s.Steps)}, Colour: 0, Formula: true})
		losses, steps = append(losses, loss), append(steps, step)
	}
	sameRange(losses)
	f.Panels = append(append(append(f.Panels, losses...), steps...), s.costPanels(t)...)
	return f, nil
}

// sameRange gives panels the range of all their points.
func sameRange(panels []report.Panel) {
	lo, hi := math.Inf(1), 0.
	for _, p := range panels {
		for _, s := range p.Series {
			for _, y := range s.Y {
				lo, hi = min(lo, y), max(hi, y)
			}
		}
	}
	for k := range panels {
		panels[k].YMin, panels[k].YMax = .8*lo, 1.25*hi
	}
}

// costPanels draws Sinkhorn's iterations and the time of a step.
func (s *Sensitivity) costPanels(t *Table) []report.Panel {
	iterations := report.Panel{Title: fmt.Sprintf("Iterations to a marginal error of %s", short(s.Error)), XLabel: "ε / mean cost", YLabel: "iterations from g = 0", LogX: true, LogY: true}
	times := report.Panel{Title: "Time of a step on one core", XLabel: "iterations L", YLabel: "processor time (ms)", LogX: true, LogY: true}
	target := report.Panel{Title: fmt.Sprintf("Time to %g × data floor", s.Target), XLabel: "ε / mean cost", YLabel: "processor time (s)", LogX: true, LogY: true}
	last := s.Iters[len(s.Iters)-1]
	for k, m := range s.Batches {
		name := fmt.Sprintf("m = %d", m)
		rows := t.Where("batch", m, "iters", s.Iters[0])
		iterations.Series = append(iterations.Series, report.Series{Name: name, X: t.Floats(rows, "eps_over_mean"), Y: t.Floats(rows, "iterations_to_error"), Colour: 5 + k})
		rows = t.Where("batch", m, "eps_over_mean", s.Eps[len(s.Eps)/2])
		times.Series = append(times.Series, report.Series{Name: name, X: t.Floats(rows, "iters"), Y: t.Floats(rows, "step_cpu_ms"), Colour: 5 + k})
		rows = t.Where("batch", m, "iters", last)
		seconds := t.Floats(rows, "steps_to_target")
		for i, ms := range t.Floats(rows, "step_cpu_ms") {
			seconds[i] *= ms / 1000
		}
		target.Series = append(target.Series, report.Series{Name: fmt.Sprintf("m = %d", m), X: t.Floats(rows, "eps_over_mean"), Y: seconds, Colour: 5 + k})
	}
	target.Title += fmt.Sprintf(", L = %d", last)
	return []report.Panel{iterations, times, target}
}

// Findings says the best and the worst choice for each batch, and the trend of the iterations.
func (s *Sensitivity) Findings(t *Table) []string {
	var out []string
	for _, m := range s.Batches {
		best, worst := -1, -1
		for _, r := range t.Where("batch", m) {
			if best < 0 || t.Float(r, "held_out") < t.Float(best, "held_out") {
				best = r
			}
			if worst < 0 || t.Float(r, "held_out") > t.Float(worst, "held_out") {
				worst = r
			}
		}
		say := func(r int) string {
			return fmt.Sprintf("%.4f at eps = %s means, L = %s", t.Float(r, "held_out"), t.Text(r, "eps_over_mean"), t.Text(r, "iters"))
		}
		out = append(out, fmt.Sprintf("batch %d: W2^2 to held-out data from %s to %s; data against data %.4f", m, say(best), say(worst), t.Float(best, "data_floor")))
		text := fmt.Sprintf("batch %d: iterations to a marginal error of %.0e:", m, s.Error)
		for _, r := range t.Where("batch", m, "iters", s.Iters[0]) {
			if math.IsNaN(t.Float(r, "iterations_to_error")) {
				text += fmt.Sprintf(" never at eps = %s means,", t.Text(r, "eps_over_mean"))
				continue
			}
			text += fmt.Sprintf(" %.0f at eps = %s means,", t.Float(r, "iterations_to_error"), t.Text(r, "eps_over_mean"))
		}
		out = append(out, text[:len(text)-1])
	}
	return out
}
