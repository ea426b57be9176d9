package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/oracle"
)

// Duals holds the settings of the objectives rot-gan and rot-gan-debiased, whose gradient has a bound on its error; see
// [generative.OracleConfig]. They also take self, cost, eps (which is lambda) and iters (at most, of the oracle), and features.
type Duals struct {
	Oracle     string  `json:"oracle"`        // exact, stochastic, stochastic-data or neural
	Reg        string  `json:"reg"`           // kl or l2
	Delta      float64 `json:"delta"`         // wanted error of the gradient; 0 for the automatic rule
	L0         float64 `json:"l0"`            // bound of the gradients of the costs by the parameters; 0 to measure it
	StepRule   string  `json:"step"`          // optimizer, or theory for steps of 1/L
	EpsStart   float64 `json:"eps_start"`     // multiple of eps at which lambda begins; 0 or 1 for a constant lambda
	EpsHalf    float64 `json:"eps_half_life"` // steps in which it halves until it is eps
	Dual       string  `json:"dual"`          // of neural potentials: full, or semi with that of the data alone
	Potentials []int   `json:"potentials"`    // widths of the hidden layers of neural potentials
	Ascent     int     `json:"ascent_steps"`  // of those in each step
	AscentRate float64 `json:"ascent_lr"`     // of their Adam
}

var (
	rotNames  = []string{"rot-gan", "rot-gan-debiased"}
	stepNames = []string{"optimizer", "theory"}
)

// isROT reports whether the objective solves duals to a certified gap.
func (c Config) isROT() bool { return slices.Contains(rotNames, c.Objective) }

// setROT sets the defaults of the objectives rot-gan and rot-gan-debiased.
func (c *Config) setROT() {
	c.Duals = Duals{
		Oracle: "exact", Reg: "kl", StepRule: "optimizer", Potentials: []int{128, 128}, Ascent: 5, AscentRate: 1e-3,
		Dual: "full", EpsStart: 1, EpsHalf: 1000,
	}
	c.Iters = 1000
}

// validate returns a [*ConfigError] for the first setting that no run can have.
func (d Duals) validate(c Config) error {
	bad := func(flag string, value any, problem string) error {
		return &ConfigError{Flag: fmt.Sprintf("--%s %v", flag, value), Problem: problem}
	}
	for _, v := range []struct {
		flag, value string
		names       []string
	}{{"oracle", d.Oracle, generative.OracleKinds}, {"reg", d.Reg, oracle.RegularizerNames}, {"step", d.StepRule, stepNames}, {"dual", cmp.Or(d.Dual, "full"), generative.OracleDuals}} {
		if !slices.Contains(v.names, v.value) {
			return bad(v.flag, v.value, "unknown; known are "+strings.Join(v.names, ", "))
		}
	}
	finite := func(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }
	switch {
	case !finite(d.Delta):
		return bad("delta", d.Delta, "want a positive error of the gradient, or 0 for the automatic rule")
	case !finite(d.L0):
		return bad("l0", d.L0, "want a positive bound of the costs' gradients by the parameters, or 0 to measure it")
	case d.EpsStart != 0 && !(d.EpsStart >= 1 && finite(d.EpsStart)):
		return bad("eps-start", d.EpsStart, "want a multiple of --eps from 1 on, at which lambda begins")
	case d.EpsStart > 1 && !(d.EpsHalf > 0 && finite(d.EpsHalf)):
		return bad("eps-half-life", d.EpsHalf, "want a positive number of steps in which lambda halves")
	case slices.ContainsFunc(d.Potentials, func(w int) bool { return w < 1 || w > maxWidth }):
		return bad("potentials", joinInts(d.Potentials), fmt.Sprintf("want widths from 1 to %d, separated by commas", maxWidth))
	case d.Ascent < 1:
		return bad("ascent-steps", d.Ascent, "want at least 1 step of the potentials")
	case !(d.AscentRate > 0) || math.IsInf(d.AscentRate, 1):
		return bad("ascent-lr", d.AscentRate, "want a positive learning rate")
	case d.StepRule == "theory" && c.comparesFeatures():
		return bad("step", d.StepRule, "the constants of the theory are those of a fixed cost on the rows: give no features")
	}
	return nil
}

// fitsFloat returns a [*ConfigError] where lambda is too small for float32 beside the costs between rows of the data.
func (c Config) fitsFloat(eps float64, ds *data.Dataset) error {
	if c.comparesFeatures() {
		return nil // their costs are not known yet
	}
	ground, err := logsumexp.ParseGround(c.Cost)
	if err != nil {
		return err
	}
	n := min(ds.N, meanRows)
	x, costs := make([]float32, n*ds.Dim), make([]float32, n*n)
	data.NewBatcher(ds, c.Seed, "mean cost").Next(x, n)
	logsumexp.FormCosts(parallel.Default(), ground, costs, n, x, x, n, n, ds.Dim)
	largest := 0.
	for _, v := range costs {
		largest = max(largest, math.Abs(float64(v)))
	}
	if err := oracle.CheckLambda(eps, largest); err != nil {
		return &ConfigError{Flag: fmt.Sprintf("--eps %v", c.Eps), Problem: err.Error()}
	}
	return nil
}

func newROT(c Config, eps float64, d DataState, pool kernels.Runner) (generative.Criterion[float32], error) {
	loss, ops := "plain", nn.NewCPU[float32](pool)
	if c.Objective == "rot-gan-debiased" {
		loss = "sinkhorn"
	}
	dim := d.Dim
	if c.comparesFeatures() {
		features, err := newCritic(ops, c, d)
		if err != nil {
			return nil, err
		}
		out, err := features.OutputShape([]int{1, d.Dim})
		if err != nil {
			return nil, err
		}
		dim = out[len(out)-1]
	}
	return generative.NewTransport[float32](generative.TransportConfig{
		Loss: loss, Self: c.Self, Cost: c.ground(), Value: sinkhorn.Entropic, Eps: eps, OfMean: c.adaptsEps(), Steps: c.Iters, Runner: pool,
		Oracle: &generative.OracleConfig{
			Kind: c.Duals.Oracle, Regularizer: c.Reg, Delta: c.Delta, L0: c.L0,
			Rows: d.Rows, Start: c.EpsStart, HalfLife: c.EpsHalf,
			Dual: c.Dual, Hidden: c.Potentials, Steps: c.Ascent, Rate: c.AscentRate, Dim: dim, Ops: ops, Seed: c.Seed,
		},
	})
}
