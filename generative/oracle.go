package generative

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/oracle"
)

// OracleConfig describes how the duals of a [Transport] are solved where the error of the generator's gradient is to be known. With the loss
// "plain" a step of [Fit] is one of algorithm 1 of Sanjabi et al. 2018, with "sinkhorn" one of algorithm 2:
//
//	theta <- theta - alpha sum_ij P~_ij d/dtheta c(g_theta(z_i), y_j)                          P~ the plan of the oracle's potentials
//	theta <- theta - alpha (2 sum_ij P~_ij d/dtheta c(x_i, y_j) - sum_ij Q~_ij d/dtheta c(x_i, x_j))    Q~ that of x against itself
//
// The metrics have, beside those of the loss,
//
//	gap                 the largest dual gap of a term with a gradient, of the batch's problem; with the oracle stochastic gap_estimate in its place
//	delta               a bound of the error of the gradient: the sum over the terms of |weight| L0 sqrt(2 gap/lambda)
//	l0                  of the term against the data: the slope of the cost, exact on the batch, times that of the model, measured
//	oracle_iterations   of all terms
//	oracle_reached      1 where every term has the gap that was wanted, else 0
//
// The slope of the model, |J_i^T u|/|u| for the row's own derivative u, is measured every 50 steps on the 4 rows of the largest u, and a
// larger one seen before counts for 50 more steps by nine tenths. It is an estimate, so that delta holds as far as it does, unless L0
// is given.
//
// An oracle is asked for delta at most Delta. With Delta 0 that is half the running norm of the gradient: in the bound
// 2 fall/(alpha T) + L alpha sigma^2 + delta^2 of |grad h|^2, a delta far below |grad h| buys nothing, so work goes where gradients are
// small. A gap of lambda/100 is always asked for.
type OracleConfig struct {
	Kind        string  // exact, stochastic (SAG on the batch) or neural
	Regularizer string  // kl or l2
	Delta       float64 // wanted error of the generator's gradient; 0 for the automatic rule
	L0          float64 // bound of |d c(g_theta(z), y)/dtheta|; 0 to measure it

	// Of the neural oracle: widths of the hidden layers of both potentials, steps of ascent n_d and their learning rate.
	Hidden []int
	Steps  int
	Rate   float64
	Dim    int             // of the points that are compared
	Ops    nn.Ops[float32] // of the networks
	Seed   uint64          // of their stream "potentials", and of the stochastic oracle
}

// OracleKinds are the names that [OracleConfig] takes.
var OracleKinds = []string{"exact", "stochastic", "neural"}

const (
	slopeEvery = 50   // steps between measurements of the model's slope
	slopeRows  = 4    // of a measurement
	slopeFades = .9   // of a slope seen at the last measurement
	enoughKL   = .01  // gap over lambda that is always asked for
	autoShare  = .5   // delta over the running norm of the gradient
	normMemory = .9   // of that norm
	leastDelta = 1e-6 // over L0: no gap is asked for below
)

// oraclePlans are those of an oracle's potentials. A nil one says nothing.
type oraclePlans[T kernels.Float] struct {
	cfg    TransportConfig
	oc     OracleConfig
	reg    oracle.Regularizer
	ground logsumexp.Ground
	oracle oracle.Oracle          // nil: neural
	duals  map[string]*neuralDual // by the kind of the term
	terms  []*term[T]             // of the last solve
	found  []*oracle.Answer       // of those

	report bool
	lambda float64
	l0     []float64 // of the terms, less the model's slope
	norms  []float64 // of the last derivatives by the points, row by row
	slope  float64   // of the model, 0 until it is measured
	l1     float64   // Lipschitz constant of the gradients of the costs, as far as it is measured
	norm   float64   // running norm of the gradient, 0 before the first

	why   string // a term's reason for not having reached its gap in the last solve
	watch watch
}

func newOraclePlans[T kernels.Float](cfg TransportConfig, ground logsumexp.Ground) (*oraclePlans[T], error) {
	oc := *cfg.Oracle
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
	p := &oraclePlans[T]{cfg: cfg, oc: oc, ground: ground}
	var err error
	if p.reg, err = oracle.ParseRegularizer(oc.Regularizer); err != nil {
		return nil, err
	}
	switch {
	case !positive(cfg.Eps) || cfg.Steps < 1:
		return nil, fmt.Errorf("generative: lambda %g and %d iterations, want both positive", cfg.Eps, cfg.Steps)
	case cfg.Reach != 0 || cfg.Exact || cfg.Value != sinkhorn.Entropic:
		return nil, errors.New("generative: an oracle takes entropic values, no reach, and a regularised problem")
	case oc.Delta != 0 && !positive(oc.Delta):
		return nil, fmt.Errorf("generative: delta %g, want a positive number, or 0 for the automatic rule", oc.Delta)
	case oc.L0 != 0 && !positive(oc.L0):
		return nil, fmt.Errorf("generative: l0 %g, want a positive number, or 0 to measure it", oc.L0)
	}
	switch oc.Kind {
	case "exact":
		p.oracle = &oracle.Exact{MaxIter: cfg.Steps, Runner: cfg.Runner}
	case "stochastic":
		p.oracle = &oracle.Stochastic{SAG: true, Passes: cfg.Steps, Seed: oc.Seed}
	case "neural":
		p.duals, err = newNeuralDuals(cfg)
		return p, err
	default:
		return nil, fmt.Errorf("generative: unknown oracle %q, want exact, stochastic or neural", oc.Kind)
	}
	return p, nil
}

func (p *oraclePlans[T]) solve(ctx context.Context, terms []*term[T], lambda float64) error {
	p.terms, p.lambda = terms, lambda
	p.found, p.l0 = make([]*oracle.Answer, len(terms)), make([]float64, len(terms))
	for k, t := range terms {
		if t.from < cloudY { // else the term has no derivative by the model
			p.l0[k] = logsumexp.MaxSlope(p.ground, t.c, t.x, t.y, t.d)
			if t.to < cloudY {
				p.l0[k] *= 2 // c(x_i, x_j) moves at both ends
			}
		}
	}
	wanted := p.wantedGap()
	p.why = ""
	for k, t := range terms {
		a, err := p.answer(ctx, t, wanted)
		if err != nil {
			return err
		}
		if p.found[k] = a; !a.Reached && p.why == "" && t.from < cloudY {
			p.why = a.Why
		}
	}
	return nil
}

func (p *oraclePlans[T]) answer(ctx context.Context, t *term[T], wanted float64) (*oracle.Answer, error) {
	wide, n := make([]float64, len(t.c)), len(t.x)/t.d
	for i, v := range t.c {
		wide[i] = float64(v)
	}
	q, err := oracle.NewProblem(p.reg, p.lambda, wide, n, n, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotFinite, err)
	}
	if p.oracle != nil {
		return p.oracle.Solve(ctx, q, wanted)
	}
	x, isFloat32 := any(t.x).([]float32)
	y, _ := any(t.y).([]float32)
	if !isFloat32 {
		return nil, errors.New("generative: the neural oracle takes points in float32")
	}
	return p.duals[kindOf(t.from, t.to)].solve(q, x, y, t.d, wanted, p.report)
}

// wantedGap returns the gap to ask of every term: the same delta, up to its own L0, of each.
func (p *oraclePlans[T]) wantedGap() float64 {
	gap, delta := enoughKL*p.lambda, p.oc.Delta
	if delta == 0 {
		delta = autoShare * p.norm
	}
	var slopes float64
	for k, t := range p.terms {
		slopes += math.Abs(t.weight) * p.slopeOf(k)
	}
	if slopes == 0 || delta == 0 {
		return gap
	}
	// Gradients in float32 have errors of some 1e-7 of slopes.
	return max(min(gap, oracle.GapFor(delta, slopes, p.lambda)), oracle.GapFor(leastDelta, 1, p.lambda))
}

// slopeOf returns L0 of a term.
func (p *oraclePlans[T]) slopeOf(k int) float64 {
	if p.oc.L0 == 0 {
		return p.slope * p.l0[k]
	}
	switch t := p.terms[k]; {
	case t.from >= cloudY:
		return 0
	case t.to < cloudY:
		return 2 * p.oc.L0
	}
	return p.oc.L0
}

func (p *oraclePlans[T]) values(k int) sinkhorn.Values {
	a := p.found[k]
	v := sinkhorn.Values{Entropic: a.Value}
	n := len(a.F)
	cols := make([]float64, n)
	for i := range n {
		row := a.Plan[i*n : (i+1)*n]
		v.MarginalError += math.Abs(kernels.Sum(row) - 1/float64(n))
		kernels.Axpy(cols, 1, row)
	}
	for _, c := range cols {
		v.MarginalError += math.Abs(c - 1/float64(n))
	}
	return v
}

func (p *oraclePlans[T]) derive(cbar [][]T) error {
	for k, c := range cbar {
		if c == nil {
			continue
		}
		for i, v := range p.found[k].Plan {
			c[i] = T(v)
		}
	}
	return nil
}

// keepNorms keeps the norms of the derivatives by the points.
func (p *oraclePlans[T]) keepNorms(dx []T, d int) {
	p.norms = p.norms[:0]
	for ; len(dx) >= d; dx = dx[d:] {
		p.norms = append(p.norms, math.Sqrt(float64(kernels.Dot(dx[:d], dx[:d]))))
	}
}

// due reports whether the slope of the model is to be measured.
func (p *oraclePlans[T]) due(done uint64) bool { return p != nil && done%slopeEvery == 0 }

func (p *oraclePlans[T]) seeSlope(s float64) { p.slope = max(s, slopeFades*p.slope) }

// fell takes in the norm of a step's gradient, and notices an oracle that did not reach its accuracy in it.
func (p *oraclePlans[T]) fell(norm float64, step uint64) {
	if p == nil {
		return
	}
	if p.norm == 0 {
		p.norm = norm
	}
	p.norm = normMemory*p.norm + (1-normMemory)*norm
	if p.why != "" {
		p.watch.add(step, "oracle", "the oracle does not reach its accuracy: "+p.why+
			"; training goes on, with the error in gap and delta: raise --iters, --delta or --eps")
	}
}

// smoothness returns L of the loss, from what is measured so far.
//
//	L = L1 + sum over the terms of |weight| L0^2/lambda
func (p *oraclePlans[T]) smoothness() float64 {
	l := p.l1
	for k, t := range p.terms {
		l += math.Abs(t.weight) * oracle.Smoothness(p.slopeOf(k), 0, p.lambda)
	}
	return l
}

// metrics returns the certificate of the last step.
func (p *oraclePlans[T]) metrics() []Metric {
	if p == nil {
		return nil
	}
	var gap, delta, l0, iterations float64
	reached, name := 1., "gap"
	for k, t := range p.terms {
		a := p.found[k]
		iterations += float64(a.Iterations)
		if t.from >= cloudY {
			continue // of the data alone: there is no gradient
		}
		gap = max(gap, a.Gap)
		delta += math.Abs(t.weight) * oracle.Delta(a.Gap, p.slopeOf(k), p.lambda)
		if t.to >= cloudY {
			l0 = max(l0, p.slopeOf(k))
		}
		if !a.Reached {
			reached = 0
		}
		if a.Estimated {
			name = "gap_estimate"
		}
	}
	m := []Metric{{name, gap}, {"delta", delta}, {"l0", l0}, {"oracle_iterations", iterations}, {"oracle_reached", reached}}
	if p.l1 > 0 {
		m = append(m, Metric{"smoothness", p.smoothness()})
	}
	return m
}

const oracleState = "oracle"

// oracleMemory is what the oracle's demands depend on.
type oracleMemory struct {
	Slope   float64  `json:"slope"`
	L1      float64  `json:"l1"`
	Norm    float64  `json:"norm"`
	Notices []Notice `json:"notices"`
}

// save adds the memory to a state.
func (p *oraclePlans[T]) save(state map[string][]byte) error {
	if p == nil {
		return nil
	}
	doc, err := json.Marshal(oracleMemory{p.slope, p.l1, p.norm, p.watch.notices})
	state[oracleState] = doc
	return err
}

func (p *oraclePlans[T]) restore(state map[string][]byte) error {
	if p == nil {
		return nil
	}
	var m oracleMemory
	if err := json.Unmarshal(state[oracleState], &m); err != nil {
		return fmt.Errorf("generative: the state of an oracle: %w", err)
	}
	if !(m.Slope >= 0 && m.L1 >= 0 && m.Norm >= 0) {
		return errors.New("generative: the state of an oracle has negative norms")
	}
	p.slope, p.l1, p.norm, p.watch.notices = m.Slope, m.L1, m.Norm, m.Notices
	return nil
}
