package study

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/report"
)

// A PrimalDual follows the two ways to the 1-Wasserstein distance between data and a model y = G(z), which Bousquet et al. 2017 set beside each
// other: over encoders Q, as penalised transport with the cost |x-y|, and over critics f, as a Wasserstein GAN,
//
//	W_1 = inf over Q with Q_Z = P_Z of E |X - G(Z~)|,  Z~ from Q(Z|X)          learned as E |X - G(Z~)| + Lambda MMD^2(Q_Z, P_Z)
//	W_1 = sup over f of slope 1 of E f(X) - E f(G(Z))                          learned as that less Penalty E (|grad f| - 1)^2
//
// once for a model that stays as it is, and once while the model learns too. On n points x of the data and y of the model each side gives an
// estimate, which its constraint may miss, and from it a bound that holds whatever was learned:
//
//	mean |x_i - G(z~_i)| + W_1(G(z~), y)                           >= W_1(x, y)          the triangle inequality
//	mean_j f(x_j) + mean_j min_i (|x_i - y_j| - f(x_i))            <= W_1(x, y)          and the same with f at y
type PrimalDual struct {
	Seed    uint64
	Data    string // a built-in name of points of the plane
	Steps   []int  // after which curves are taken
	Batch   int
	Rate    float64
	Hidden  int // width of both hidden layers of each network
	Noise   int // numbers that the encoder reads beside a point
	Lambda  float64
	Penalty float64
	Critic  int // steps of the critic for one of the model
	Held    int // n
	Seeds   int // trainings of a point
}

// NewPrimalDual returns the default grid.
func NewPrimalDual(seed uint64) *PrimalDual {
	return &PrimalDual{
		Seed: seed, Data: "ring8", Steps: []int{10, 25, 50, 100, 200, 400, 800, 1600, 3200}, Batch: 128, Rate: .001, Hidden: 64, Noise: 2,
		Lambda: 30, Penalty: 1, Critic: 5, Held: 512, Seeds: 3,
	}
}

// Name returns primal-dual.
func (s *PrimalDual) Name() string { return "primal-dual" }

// Summary says what it shows.
func (s *PrimalDual) Summary() string {
	return "W_1 from above by an encoder and from below by a critic, as they learn"
}

// Columns returns what learns, from which side and how long, and the distance beside the side's estimate and bound.
func (s *PrimalDual) Columns() (keys, values []string) {
	return []string{"model", "side", "steps"}, []string{"exact", "exact_error", "estimate", "estimate_error", "bound", "bound_error", "data_floor"}
}

// Points returns a point for each model, side and number of steps.
func (s *PrimalDual) Points() []Point {
	var out []Point
	for _, model := range []string{"fixed", "learned"} {
		for _, side := range []string{"primal", "dual"} {
			for _, steps := range s.Steps {
				out = append(out, Point{
					Key: []string{model, side, fmt.Sprint(steps)},
					Measure: func(ctx context.Context, run kernels.Runner) ([]float64, error) {
						return s.measure(ctx, run, side, model == "fixed", steps)
					},
				})
			}
		}
	}
	return out
}

func (s *PrimalDual) measure(ctx context.Context, run kernels.Runner, side string, fixed bool, steps int) ([]float64, error) {
	estimates, bounds, floors := make([]float64, s.Seeds), make([]float64, s.Seeds), make([]float64, s.Seeds)
	exacts, err := draws(ctx, run, s.Seeds, func(draw uint64) (float64, error) {
		src, err := data.Open(s.Data, s.Seed+draw)
		if err != nil {
			return 0, err
		}
		l, err := s.learner(side, fixed, s.Seed+draw)
		if err != nil {
			return 0, err
		}
		batch := batches{data.NewBatcher(src.Train, s.Seed+draw, "data")}
		for range steps {
			if _, err := l.Step(ctx, batch, false); err != nil {
				return 0, err
			}
		}
		noise, pick := random.New(s.Seed+draw, "study noise"), random.New(s.Seed+draw, "study data").Perm(src.Test.N)
		x, y := rows(src.Test, pick[:s.Held]), make([]float32, 2*s.Held)
		l.Sample(y, s.Held, noise.Rand)
		if estimates[draw], bounds[draw], err = l.judge(ctx, x, y, noise); err != nil {
			return 0, err
		}
		if floors[draw], err = exactTransport(ctx, logsumexp.Euclidean, x, rows(src.Test, pick[s.Held:2*s.Held])); err != nil {
			return 0, err
		}
		return exactTransport(ctx, logsumexp.Euclidean, x, y)
	})
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, v := range [][]float64{exacts, estimates, bounds} {
		mean, se := meanError(v)
		out = append(out, mean, se)
	}
	floor, _ := meanError(floors)
	return append(out, floor), nil
}

// A learner is one side with its model.
type learner interface {
	generative.Generator

	// judge returns what the side says of W_1 between points x of the data and y of the model, and its bound.
	judge(ctx context.Context, x, y []float32, noise *random.Stream) (estimate, bound float64, err error)
}

// learner prepares a side on a single thread: the trainings of a point run beside each other.
func (s *PrimalDual) learner(side string, fixed bool, seed uint64) (learner, error) {
	var serial *parallel.Pool
	ops := nn.NewCPU[float32](serial)
	model, err := generative.NewMLPModel(ops, nn.MLP{Sizes: []int{2, s.Hidden, s.Hidden, 2}, Hidden: "relu"}, "normal", seed)
	if err != nil {
		return nil, err
	}
	if side == "primal" {
		enc, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{2 + s.Noise, s.Hidden, s.Hidden, 2}, Hidden: "relu"}, random.New(seed, "encoder"), nn.XavierUniform(1), nil)
		if err != nil {
			return nil, err
		}
		o, err := generative.NewAutoEncoder(ops, model, enc, nil, generative.AutoEncoderConfig{
			Batch: s.Batch, Optimizer: "adam", Rate: s.Rate, Seed: seed, Runner: serial, FixedModel: fixed,
			Encoder: "implicit", EncoderNoise: s.Noise, Decoder: "deterministic", Cost: "euclidean", Penalty: "mmd", Kernel: "imq", Lambda: s.Lambda,
		})
		return primal{o}, err
	}
	critic, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{2, s.Hidden, s.Hidden, 1}, Hidden: "leaky_relu"}, random.New(seed, "critic"), nn.XavierUniform(1), nil)
	if err != nil {
		return nil, err
	}
	fit, err := generative.NewFit(ops, model, generative.MeanDifference[float32]{}, generative.FitConfig{Batch: s.Batch, Optimizer: "adam-wgan", Rate: s.Rate, Seed: seed, Runner: serial})
	if err != nil {
		return nil, err
	}
	turn := 1
	if fixed {
		turn = 0
	}
	o, err := generative.NewAdversarial(fit, critic, generative.CriticConfig{Steps: s.Critic, GeneratorSteps: turn, Penalty: s.Penalty, Optimizer: "adam-wgan", Rate: s.Rate})
	return dual{o, critic}, err
}

// primal is the side of encoders.
type primal struct{ *generative.AutoEncoder }

func (p primal) judge(ctx context.Context, x, y []float32, noise *random.Stream) (estimate, bound float64, err error) {
	n := len(x) / 2
	z, back := make([]float32, n*p.LatentDim()), make([]float32, len(x))
	p.Encode(z, x, n, noise.Rand)
	p.Decode(back, z, n)
	for i := range n {
		estimate += apart(x, back, i, i) / float64(n)
	}
	missed, err := exactTransport(ctx, logsumexp.Euclidean, back, y)
	return estimate, estimate + missed, err
}

// dual is the side of critics.
type dual struct {
	*generative.Adversarial
	critic nn.Layer[float32]
}

func (d dual) judge(_ context.Context, x, y []float32, _ *random.Stream) (estimate, bound float64, err error) {
	n := len(x) / 2
	values := func(p []float32) []float64 {
		out := make([]float64, n)
		for i, v := range d.critic.Share().Forward(nn.TensorOf(p, n, 2)).Data() {
			out[i] = float64(v)
		}
		return out
	}
	fx, fy := values(x), values(y)
	estimate = (total(fx) - total(fy)) / float64(n)
	// The largest g with f(x_i) + g(y_j) <= |x_i - y_j| for this f at x, and the other way about for this f at y.
	var ofX, ofY float64
	for k := range n {
		g, h := math.Inf(1), math.Inf(1)
		for i := range n {
			g, h = min(g, apart(x, y, i, k)-fx[i]), min(h, apart(x, y, k, i)+fy[i])
		}
		ofX += (fx[k] + g) / float64(n)
		ofY += (h - fy[k]) / float64(n)
	}
	return estimate, max(ofX, ofY), nil
}

// apart returns |x_i - y_j| in the plane.
func apart(x, y []float32, i, j int) float64 {
	return math.Hypot(float64(x[2*i])-float64(y[2*j]), float64(x[2*i+1])-float64(y[2*j+1]))
}

// Figure draws estimates and bounds about the distance: both sides for the model that stays, and each with the model that it teaches.
func (s *PrimalDual) Figure(t *Table) (report.Figure, error) {
	f := report.Figure{Title: fmt.Sprintf("W₁ from above by an encoder and from below by a critic: %s, %d trainings a point", s.Data, s.Seeds), Columns: 3}
	for _, p := range []struct {
		title, model string
		sides        []string
	}{
		{"The model stays as it is", "fixed", []string{"primal", "dual"}},
		{"The encoder teaches the model", "learned", []string{"primal"}},
		{"The critic teaches the model", "learned", []string{"dual"}},
	} {
		panel := report.Panel{Title: p.title, XLabel: "steps", YLabel: "W₁", LogX: true}
		for _, side := range p.sides {
			rows, colour := t.Where("model", p.model, "side", side), map[string]int{"primal": 1, "dual": 2}[side]
			add := func(name, column string, colour int) {
				panel.Series = append(panel.Series, report.Series{Name: name, X: t.Floats(rows, "steps"), Y: t.Floats(rows, column), Err: t.Floats(rows, column+"_error"), Colour: colour})
			}
			add(side+": estimate", "estimate", colour)
			add(side+": bound", "bound", colour+4)
			if side == p.sides[0] {
				add("exact", "exact", 7)
			}
		}
		x := []float64{float64(s.Steps[0]), float64(s.Steps[len(s.Steps)-1])}
		floor := t.Float(0, "data_floor")
		panel.Series = append(panel.Series, report.Series{Name: "data against data", X: x, Y: []float64{floor, floor}, Formula: true})
		f.Panels = append(f.Panels, panel)
	}
	return f, nil
}

// Findings says where the curves end.
func (s *PrimalDual) Findings(t *Table) []string {
	last := s.Steps[len(s.Steps)-1]
	var out []string
	for _, model := range []string{"fixed", "learned"} {
		for _, side := range []string{"primal", "dual"} {
			r := t.Where("model", model, "side", side, "steps", last)[0]
			out = append(out, fmt.Sprintf("%s model, %s, %d steps: W_1 = %.4f, estimate %.4f, bound %.4f; data against data %.4f", model, side, last,
				t.Float(r, "exact"), t.Float(r, "estimate"), t.Float(r, "bound"), t.Float(r, "data_floor")))
		}
	}
	return out
}
