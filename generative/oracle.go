package generative

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

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
//	gradient_error      see below
//	lambda              where it falls as the model learns
//
// The slope of the model, |J_i^T u|/|u| for the row's own derivative u, is measured every 50 steps on the 4 rows of the largest u, and a
// larger one seen before counts for 50 more steps by nine tenths. It is an estimate, so that delta holds as far as it does, unless L0
// is given.
//
// An oracle is asked for delta at most Delta, and for a gap of at most a tenth of about what the dual gains over the product of the
// marginals, min(mean C, var C/(2 lambda)). With Delta 0 the gap follows the error of the derivative by the points, which is measured every
// 50 steps by solving once more to a hundredth of the gap, and left as it is where the second solve does not get there:
//
//	gap <- (the gap of the step) min(r, r^2) up to that, from a tenth of it on          r = 1/2 |dx'|/|dx - dx'|
//
// as errors grow between the root of the gap and the gap. In the bound 2 fall/(alpha T) + L alpha sigma^2 + delta^2 of |grad h|^2 an error
// far below |grad h| buys nothing, so work goes where gradients are small. The last such error is the metric gradient_error. Only the
// oracle exact is asked in this way; the others are asked for a tenth of the most.
type OracleConfig struct {
	Kind        string  // exact, stochastic (SAG on the batch), stochastic-data (on a potential a row of the data) or neural
	Regularizer string  // kl or l2
	Delta       float64 // wanted error of the generator's gradient; 0 for the automatic rule
	L0          float64 // bound of |d c(g_theta(z), y)/dtheta|; 0 to measure it

	// Lambda begins at Start times Eps, at least 1, and halves in HalfLife steps of [Fit] until it is Eps. 0 for a constant lambda.
	Start, HalfLife float64

	// Rows is the number of rows of the data, for stochastic-data: the potentials of a batch begin where the last batches with the same rows
	// left them. Data must be [IndexedBatches] then.
	Rows int

	// Of the neural oracle: full for two potentials, semi for that of the data and its c-transform on the batch, "" for full; widths of
	// their hidden layers, steps of ascent n_d and their learning rate.
	Dual   string
	Hidden []int
	Steps  int
	Rate   float64         // which falls as that of the model does
	Dim    int             // of the points that are compared
	Ops    nn.Ops[float32] // of the networks
	Seed   uint64          // of their stream "potentials", and of the stochastic oracle
}

// OracleKinds and OracleDuals are the names that [OracleConfig] takes.
var (
	OracleKinds = []string{"exact", "stochastic", "stochastic-data", "neural"}
	OracleDuals = []string{"full", "semi"}
)

const (
	slopeEvery = 50      // steps between measurements
	slopeRows  = 4       // of a measurement of the model's slope
	slopeFades = .9      // of a slope seen at the last measurement
	leastDelta = 1e-6    // over L0: no gap is asked for below
	autoBegin  = 1e-2    // gap over its scale before the first measurement
	autoLeast  = 1e-8    // and its bounds
	autoMost   = 1e-1    //
	autoError  = .5      // error of the derivative that is aimed at
	autoFiner  = .01     // gap over that of the step, by which the error is measured
	autoChange = 1. / 16 // of the gap at once, or its inverse
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

	potentials []float64 // of the rows of the data, under stochastic-data
	index      []int     // of the rows in the batch

	report  bool
	measure bool // the error of the next derivative by the points
	lambda  float64
	factor  float64   // of lambda, over that of the end
	l0      []float64 // of the terms, less the model's slope
	norms   []float64 // of the last derivatives by the points, row by row
	slope   float64   // of the model, 0 until it is measured
	l1      float64   // Lipschitz constant of the gradients of the costs, as far as it is measured
	scale   float64   // of gaps, in the last solve
	wanted  float64   // gap over its scale that the automatic rule asks for
	error   float64   // of the derivative by the points, at the last measurement; 0 before

	why   string // a term's reason for not having reached its gap in the last solve
	watch watch
}

func newOraclePlans[T kernels.Float](cfg TransportConfig, ground logsumexp.Ground) (*oraclePlans[T], error) {
	oc := *cfg.Oracle
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
	p := &oraclePlans[T]{cfg: cfg, oc: oc, ground: ground, wanted: autoBegin, factor: 1}
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
	case oc.Start != 0 && !(oc.Start >= 1 && positive(oc.Start) && positive(oc.HalfLife)):
		return nil, fmt.Errorf("generative: lambda begins at %g times its end and halves in %g steps, want a number from 1 and a positive one", oc.Start, oc.HalfLife)
	case oc.Dual != "" && !slices.Contains(OracleDuals, oc.Dual):
		return nil, fmt.Errorf("generative: unknown dual %q, want full or semi", oc.Dual)
	}
	switch oc.Kind {
	case "exact":
		p.oracle = &oracle.Exact{MaxIter: cfg.Steps, Runner: cfg.Runner}
	case "stochastic":
		p.oracle = &oracle.Stochastic{SAG: true, Passes: cfg.Steps, Seed: oc.Seed}
	case "stochastic-data":
		if oc.Rows < 1 {
			return nil, fmt.Errorf("generative: potentials of %d rows of data, want a positive number", oc.Rows)
		}
		p.potentials = make([]float64, oc.Rows)
	case "neural":
		p.duals, err = newNeuralDuals(cfg)
		return p, err
	default:
		return nil, fmt.Errorf("generative: unknown oracle %q, want one of %s", oc.Kind, strings.Join(OracleKinds, ", "))
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
	p.scale = gapScale(terms, lambda)
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

// adapt measures the error of the derivative dx by the points that the last solve left, and sets the gap of the steps to come. pull makes
// the derivative of p.found.
func (p *oraclePlans[T]) adapt(ctx context.Context, dx []T, pull func(dx []T) error) error {
	coarse := p.found
	defer func() { p.found = coarse }()
	p.found = slices.Clone(coarse)
	for k, t := range p.terms {
		if t.from >= cloudY {
			continue
		}
		var err error
		// The gap that was found may be far below the one that was asked for, and below a hundredth of it.
		if p.found[k], err = p.answer(ctx, t, autoFiner*max(coarse[k].Gap, autoLeast*p.scale)); err != nil {
			return err
		}
		if !p.found[k].Reached { // which may be the same plan again, and says nothing about the error
			return nil
		}
	}
	fine := make([]T, len(dx))
	if err := pull(fine); err != nil {
		return err
	}
	var off, size float64
	for i, v := range fine {
		off += float64(dx[i]-v) * float64(dx[i]-v)
		size += float64(v) * float64(v)
	}
	if size == 0 || size-size != 0 {
		return nil
	}
	p.error = math.Sqrt(off / size)
	var gap float64 // which may be far below the one that was asked for
	for k, t := range p.terms {
		if t.from < cloudY {
			gap = max(gap, coarse[k].Gap)
		}
	}
	change := autoError / max(p.error, 1e-30)
	aim := max(autoChange*p.wanted, min(p.wanted/autoChange, gap/p.scale*min(change, change*change)))
	p.wanted = max(autoLeast, min(autoMost, aim))
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
	q.Self = t.from == t.to
	switch {
	case p.oracle != nil:
		return p.oracle.Solve(ctx, q, wanted)
	case p.potentials != nil:
		return p.resume(ctx, q, t, wanted)
	}
	x, isFloat32 := any(t.x).([]float32)
	y, _ := any(t.y).([]float32)
	if !isFloat32 {
		return nil, errors.New("generative: the neural oracle takes points in float32")
	}
	return p.duals[kindOf(t.from, t.to)].solve(q, x, y, t.d, potentialScale*p.lambda/p.factor, wanted, p.report)
}

// draw fills y with the next batch, and keeps which rows it is where the oracle has potentials of rows.
func (p *oraclePlans[T]) draw(data Batches, y *nn.Tensor[float32]) error {
	if p == nil || p.potentials == nil {
		data.Next(y.Data(), y.Rows())
		return nil
	}
	indexed, ok := data.(IndexedBatches)
	if !ok {
		return errors.New("generative: the oracle stochastic-data needs batches that say which rows they are")
	}
	p.index = slices.Grow(p.index[:0], y.Rows())[:y.Rows()]
	indexed.NextIndexed(y.Data(), p.index)
	for _, row := range p.index {
		if row < 0 || row >= len(p.potentials) {
			return fmt.Errorf("generative: row %d of data of %d rows", row, len(p.potentials))
		}
	}
	return nil
}

// resume solves by ascent from the potentials of the rows in the batch, where the term has such, and keeps what becomes of them.
func (p *oraclePlans[T]) resume(ctx context.Context, q *oracle.Problem, t *term[T], wanted float64) (*oracle.Answer, error) {
	s := &oracle.Stochastic{SAG: true, Passes: p.cfg.Steps, Seed: p.oc.Seed}
	if t.from >= cloudY || t.to < cloudY {
		return s.Solve(ctx, q, wanted)
	}
	at := (t.to - cloudY) * q.M
	if len(p.index) < at+q.M {
		return nil, errors.New("generative: the oracle stochastic-data was not told which rows it solves for")
	}
	rows := p.index[at : at+q.M]
	s.Begin = make([]float64, q.M)
	for j, row := range rows {
		s.Begin[j] = p.potentials[row]
	}
	a, err := s.Solve(ctx, q, wanted)
	if err != nil {
		return nil, err
	}
	for j, row := range rows {
		p.potentials[row] = a.G[j]
	}
	return a, nil
}

// adapts reports whether the gap follows the measured error.
func (p *oraclePlans[T]) adapts() bool { return p.oc.Delta == 0 && p.oc.Kind == "exact" }

// wantedGap returns the gap to ask of every term. A delta that is given is divided among them by their L0.
func (p *oraclePlans[T]) wantedGap() float64 {
	if p.oc.Delta == 0 {
		return p.wanted * p.scale
	}
	var slopes float64
	for k, t := range p.terms {
		slopes += math.Abs(t.weight) * p.slopeOf(k)
	}
	if slopes == 0 {
		return autoBegin * p.scale
	}
	// Gradients in float32 have errors of some 1e-7 of slopes.
	return max(min(autoMost*p.scale, oracle.GapFor(p.oc.Delta, slopes, p.lambda)), oracle.GapFor(leastDelta, 1, p.lambda))
}

// gapScale returns the largest min(mean C, var C/(2 lambda)) of a term. The second is the gain over the product of the marginals at large
// lambda, but for the means of rows and columns; the first bounds it.
func gapScale[T kernels.Float](terms []*term[T], lambda float64) (scale float64) {
	for _, t := range terms {
		n := float64(len(t.c))
		var mean, variance float64
		for _, v := range t.c {
			mean += float64(v) / n
		}
		for _, v := range t.c {
			variance += (float64(v) - mean) * (float64(v) - mean) / n
		}
		scale = max(scale, min(math.Abs(mean), variance/(2*lambda)))
	}
	return scale
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

// begin is called before each step, with the factor of its learning rates.
func (p *oraclePlans[T]) begin(done uint64, decay float64) {
	p.measure = p.due(done)
	if p.oc.Start > 1 {
		p.factor = max(1, p.oc.Start*math.Exp2(-float64(done)/p.oc.HalfLife))
	}
	for _, d := range p.duals {
		d.group.Opt.SetRate(p.oc.Rate * decay)
	}
}

func (p *oraclePlans[T]) seeSlope(s float64) { p.slope = max(s, slopeFades*p.slope) }

// fell notices, after a step, an oracle that did not reach its accuracy in it.
func (p *oraclePlans[T]) fell(step uint64) {
	if p != nil && p.why != "" {
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
	if p.oc.Start > 1 {
		m = append(m, Metric{"lambda", p.lambda})
	}
	if p.error > 0 {
		m = append(m, Metric{"gradient_error", p.error})
	}
	if p.l1 > 0 {
		m = append(m, Metric{"smoothness", p.smoothness()})
	}
	return m
}

// The names of an oracle's states.
const (
	oracleState      = "oracle"
	oraclePotentials = "oracle_potentials"
)

// oracleMemory is what the oracle's demands depend on.
type oracleMemory struct {
	Slope   float64  `json:"slope"`
	L1      float64  `json:"l1"`
	Wanted  float64  `json:"wanted"`
	Error   float64  `json:"error"`
	Notices []Notice `json:"notices"`
}

// save adds the memory to a state.
func (p *oraclePlans[T]) save(state map[string][]byte) error {
	if p == nil {
		return nil
	}
	doc, err := json.Marshal(oracleMemory{p.slope, p.l1, p.wanted, p.error, p.watch.notices})
	state[oracleState] = doc
	if p.potentials != nil {
		var kept []byte
		for _, v := range p.potentials {
			kept = binary.LittleEndian.AppendUint64(kept, math.Float64bits(v))
		}
		state[oraclePotentials] = kept
	}
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
	if !(m.Slope >= 0 && m.L1 >= 0 && m.Wanted > 0 && m.Error >= 0) {
		return errors.New("generative: the state of an oracle has numbers below 0")
	}
	kept := state[oraclePotentials]
	if len(kept) != 8*len(p.potentials) {
		return fmt.Errorf("generative: the state of an oracle has %d bytes of potentials, want 8 for each of %d rows", len(kept), len(p.potentials))
	}
	for i := range p.potentials {
		v := math.Float64frombits(binary.LittleEndian.Uint64(kept[8*i:]))
		if v-v != 0 {
			return fmt.Errorf("generative: the potential of row %d in the state of an oracle is %g", i, v)
		}
		p.potentials[i] = v
	}
	p.slope, p.l1, p.wanted, p.error, p.watch.notices = m.Slope, m.L1, m.Wanted, m.Error, m.Notices
	return nil
}
