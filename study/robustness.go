package study

import (
	"context"
	"fmt"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// An OracleRobustness trains the generator of a [Sensitivity] by algorithms 1 and 2 of Sanjabi, Ba, Razaviyayn and Lee 2018, on OT_lambda and
// on its debiased loss, with the exact oracle and its automatic rule, over lambda. It holds each against exact transport between samples
// of the model and of held-out data, and against the spread of the data, E|x - E x|^2 of samples over that of the data.
type OracleRobustness struct {
	Seed   uint64
	Data   string    // a built-in name of points of the plane
	Lambda []float64 // over the mean cost between the rows of the data
	Batch  int
	Steps  int
	Rate   float64
	Hidden int // width of both hidden layers
	Seeds  int // trainings of a point
	Held   int // points of either side of the measure
	Draws  int // of the measure
}

// NewOracleRobustness returns the default grid.
func NewOracleRobustness(seed uint64) *OracleRobustness {
	return &OracleRobustness{
		Seed: seed, Data: "ring8", Lambda: []float64{.01, .1, 1, 10, 100}, Batch: 128, Steps: 1000, Rate: .003, Hidden: 64, Seeds: 3, Held: 256, Draws: 4,
	}
}

// Name returns oracle-robustness.
func (s *OracleRobustness) Name() string { return "oracle-robustness" }

// Summary says what it shows.
func (s *OracleRobustness) Summary() string {
	return "rot-gan against rot-gan-debiased over lambda"
}

// The losses, by the names of their objectives.
var oracleLosses = []struct{ name, loss string }{{"rot-gan", "plain"}, {"rot-gan-debiased", "sinkhorn"}}

// Columns returns loss and lambda, and what a training with them gives.
func (s *OracleRobustness) Columns() (keys, values []string) {
	return []string{"objective", "lambda_over_mean"}, []string{"held_out", "held_out_error", "data_floor", "spread", "spread_error"}
}

// Points returns a point for each loss and lambda.
func (s *OracleRobustness) Points() []Point {
	var out []Point
	for _, q := range oracleLosses {
		for _, lambda := range s.Lambda {
			out = append(out, Point{
				Key: []string{q.name, number(lambda)},
				Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
					return s.measure(ctx, run, q.loss, lambda)
				},
			})
		}
	}
	return out
}

func (s *OracleRobustness) measure(ctx context.Context, run kernels.Runner, loss string, lambda float64) ([]float64, error) {
	floor, err := (&Sensitivity{Seed: s.Seed, Data: s.Data, Held: s.Held}).floor(ctx, run)
	if err != nil {
		return nil, err
	}
	spreads := make([]float64, s.Seeds)
	held, err := draws(ctx, run, s.Seeds, func(draw uint64) (held float64, err error) {
		held, spreads[draw], err = s.train(ctx, loss, lambda, s.Seed+draw)
		return held, err
	})
	if err != nil {
		return nil, err
	}
	mean, se := meanError(held)
	spread, spreadError := meanError(spreads)
	return []float64{mean, se, floor, spread, spreadError}, nil
}

// train returns the measure of a training, and the spread of its model.
func (s *OracleRobustness) train(ctx context.Context, loss string, lambda float64, seed uint64) (held, spread float64, err error) {
	src, err := data.Open(s.Data, seed)
	if err != nil {
		return 0, 0, err
	}
	all := make([]int, src.Test.N)
	for i := range all {
		all[i] = i
	}
	variance := varianceOf(widen(rows(src.Test, all)))
	var serial *parallel.Pool
	criterion, err := generative.NewTransport[float32](generative.TransportConfig{
		Loss: loss, Self: "independent", Cost: "sqeuclidean", Value: sinkhorn.Entropic, Eps: lambda * 2 * variance, Steps: 1000, Runner: serial,
		Oracle: &generative.OracleConfig{Kind: "exact", Regularizer: "kl"},
	})
	if err != nil {
		return 0, 0, err
	}
	ops := nn.NewCPU[float32](serial)
	model, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{2, s.Hidden, s.Hidden, 2}, Hidden: "relu"}, "normal", seed)
	if err != nil {
		return 0, 0, err
	}
	fit, err := generative.NewFit(ops, model, criterion, generative.FitConfig{
		Batch: s.Batch, Optimizer: "adam", Rate: s.Rate, HalfLife: float64(s.Steps) / 4, Seed: seed, Runner: serial,
	})
	if err != nil {
		return 0, 0, err
	}
	batch := batches{data.NewBatcher(src.Train, seed, "data")}
	for range s.Steps {
		if _, err := fit.Step(ctx, batch, false); err != nil {
			return 0, 0, err
		}
	}
	t := &training{s: &Sensitivity{Held: s.Held}, fit: fit, test: src.Test, noise: random.New(seed, "study noise"), picked: random.New(seed, "study data")}
	for range s.Draws {
		v, err := t.heldOut(ctx)
		if err != nil {
			return 0, 0, err
		}
		held += v / float64(s.Draws)
	}
	return held, varianceOf(widen(t.sample)) / variance, nil
}

// varianceOf returns E|x - E x|^2 of points of the plane.
func varianceOf(x []float64) (v float64) {
	n := float64(len(x) / 2)
	for k := range 2 {
		var mean, square float64
		for i := k; i < len(x); i += 2 {
			mean += x[i] / n
			square += x[i] * x[i] / n
		}
		v += square - mean*mean
	}
	return v
}

// Figure draws the measure and the spread over lambda.
func (s *OracleRobustness) Figure(t *Table) (report.Figure, error) {
	held := report.Panel{Title: "Held-out W₂²", XLabel: "λ / mean cost", YLabel: "W₂² to held-out data", LogX: true, LogY: true}
	spread := report.Panel{Title: "Spread of the model", XLabel: "λ / mean cost", YLabel: "variance / that of the data", LogX: true, YMin: -.05, YMax: 1.25}
	for k, q := range oracleLosses {
		rows := t.Where("objective", q.name)
		x := t.Floats(rows, "lambda_over_mean")
		held.Series = append(held.Series, report.Series{Name: q.name, X: x, Y: t.Floats(rows, "held_out"), Err: t.Floats(rows, "held_out_error"), Colour: k + 1})
		spread.Series = append(spread.Series, report.Series{Name: q.name, X: x, Y: t.Floats(rows, "spread"), Err: t.Floats(rows, "spread_error"), Colour: k + 1})
	}
	ends := []float64{s.Lambda[0], s.Lambda[len(s.Lambda)-1]}
	floor := t.Float(0, "data_floor")
	held.Series = append(held.Series, report.Series{Name: "data against data", X: ends, Y: []float64{floor, floor}, Formula: true})
	spread.Series = append(spread.Series, report.Series{X: ends, Y: []float64{1, 1}, Formula: true})
	return report.Figure{
		Title: fmt.Sprintf("Robustness to λ: %s, %d steps, %d trainings a point", s.Data, s.Steps, s.Seeds), Columns: 2, Panels: []report.Panel{held, spread},
	}, nil
}

// Findings says what each loss gives over lambda.
func (s *OracleRobustness) Findings(t *Table) []string {
	var out []string
	for _, q := range oracleLosses {
		text := q.name + ": W2^2 to held-out data, and variance over that of the data:"
		for _, r := range t.Where("objective", q.name) {
			text += fmt.Sprintf(" %.4f and %.3f at lambda = %s means,", t.Float(r, "held_out"), t.Float(r, "spread"), t.Text(r, "lambda_over_mean"))
		}
		out = append(out, text+fmt.Sprintf(" data against data %.4f", t.Float(0, "data_floor")))
	}
	return out
}
