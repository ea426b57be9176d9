package generative

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TransportConfig describes a loss made of entropic transport problems; see [NewTransport].
type TransportConfig struct {
	Loss   string // sinkhorn, divergence, plain or otgan
	Self   string // same or independent: what the self terms compare
	Cost   string // as [logsumexp.ParseGround] takes it
	Value  sinkhorn.Value
	Eps    float64 // temperature, in units of the cost
	OfMean bool    // Eps is a multiple of the mean cost between the clouds at hand, taken as a constant
	Steps  int     // L
	Runner kernels.Runner

	Gradient string  // unrolled, envelope or implicit; "" for unrolled
	Tol      float64 // L1 error of the marginals to which problems are solved for the gradients envelope and implicit
	Reach    float64 // rho of the KL penalties on both marginals; 0 for exact marginals
	Exact    bool    // without regularisation: Value, Eps, Steps, Gradient and Tol say nothing, and Reach must be 0

	// Oracle, where it is not nil, solves the duals to a certified gap; Value must be entropic, Gradient and Tol say nothing, and Steps bounds the
	// iterations. See [OracleConfig].
	Oracle *OracleConfig
}

// TransportLosses and TransportSelves are the names that [TransportConfig] takes.
var (
	TransportLosses = []string{"sinkhorn", "divergence", "plain", "otgan"}
	TransportSelves = []string{"same", "independent"}

	// TransportGradients are the names of gradients.
	TransportGradients = []string{"unrolled", "envelope", "implicit"}
)

// The clouds of a term.
const (
	cloudX = iota
	cloudX2
	cloudY
	cloudY2
)

// term is one transport problem of a loss.
type term[T kernels.Float] struct {
	from, to int
	weight   float64

	x, y    []T // the clouds, of dimension d, x of the rows of this rank
	d       int
	c, cbar []T
	problem *sinkhorn.Problem[T]
}

// Transport is a loss made of transport problems between clouds.
type Transport[T kernels.Float] struct {
	cfg     TransportConfig
	ground  logsumexp.Ground
	terms   []*term[T]
	clouds  int
	plans   plans[T]
	oracle  *oraclePlans[T] // the plans, where an oracle makes them
	active  []*term[T]      // of the last Eval
	metrics [3]Metric       // of the last Eval
	cbar    [][]T           // the derivatives by their costs
	comm    *ranks.Comm     // of those that have the rows of problems; nil for whole ones
}

// NewTransport returns the loss of that name, W being the sharp or the entropic value of [sinkhorn.Values]:
//
//	sinkhorn    2 W(x,y) - W(x,x) - W(y,y)                                               Genevay, Peyre and Cuturi 2018
//	divergence  half of that                                                             Feydy et al. 2019, with entropic values
//	plain       W(x,y)
//	otgan       W(x,y) + W(x,y') + W(x',y) + W(x',y') - 2 W(x,x') - 2 W(y,y')            Salimans et al. 2018
//
// With Self "independent", self terms compare two clouds drawn independently, and both meet the data; its expectation is 0 where the two
// laws are equal, which that of the loss on one cloud is not:
//
//	sinkhorn    W(x,y) + W(x',y') - W(x,x') - W(y,y')
//
// plain has no self term and otgan always has independent ones: Self says nothing there.
//
// What is differentiated, and how each problem is solved, is the Gradient's:
//
//	unrolled    Value after exactly Steps alternating iterations, through all of them
//	envelope    the entropic value at convergence, dW/dC = P, whatever the Value that is reported     as OT-GAN trains
//	implicit    Value at convergence; that of the sharp one by [sinkhorn.Result.SharpGradient]
//
// envelope and implicit solve to Tol in at most Steps iterations. A plan that is not there yet serves envelope as it is, its error in the
// metrics, and is an error of implicit with sharp values. With Reach problems are unbalanced and the value must be entropic: <C,P> alone
// would fall as mass is left out. Exact problems have the value <C,P> = OT_0 and the derivative P; see package exact.
func NewTransport[T kernels.Float](cfg TransportConfig) (*Transport[T], error) {
	if !slices.Contains(TransportLosses, cfg.Loss) {
		return nil, fmt.Errorf("generative: unknown loss %q, want one of %s", cfg.Loss, strings.Join(TransportLosses, ", "))
	}
	if !slices.Contains(TransportSelves, cfg.Self) {
		return nil, fmt.Errorf("generative: self terms on %q, want one of %s", cfg.Self, strings.Join(TransportSelves, ", "))
	}
	if cfg.Runner == nil {
		cfg.Runner = parallel.Default()
	}
	t := &Transport[T]{cfg: cfg, clouds: 1}
	var err error
	if t.ground, err = logsumexp.ParseGround(cfg.Cost); err != nil {
		return nil, err
	}
	if cfg.Oracle != nil {
		if t.oracle, err = newOraclePlans[T](cfg, t.ground); err != nil {
			return nil, err
		}
		t.plans = t.oracle
	} else if t.plans, err = newPlans[T](cfg); err != nil {
		return nil, err
	}
	add := func(from, to int, weight float64) {
		t.terms = append(t.terms, &term[T]{from: from, to: to, weight: weight})
	}
	switch {
	case cfg.Loss == "plain":
		add(cloudX, cloudY, 1)
	case cfg.Loss == "otgan":
		t.clouds = 2
		add(cloudX, cloudY, 1)
		add(cloudX, cloudY2, 1)
		add(cloudX2, cloudY, 1)
		add(cloudX2, cloudY2, 1)
		add(cloudX, cloudX2, -2)
		add(cloudY, cloudY2, -2)
	case cfg.Self == "independent":
		t.clouds = 2
		add(cloudX, cloudY, 1)
		add(cloudX2, cloudY2, 1)
		add(cloudX, cloudX2, -1)
		add(cloudY, cloudY2, -1)
	default:
		add(cloudX, cloudY, 2)
		add(cloudX, cloudX, -1)
		add(cloudY, cloudY, -1)
	}
	if cfg.Loss == "divergence" {
		for _, term := range t.terms {
			term.weight /= 2
		}
	}
	return t, nil
}

// Clouds returns 2 where self terms compare independent clouds, else 1.
func (t *Transport[T]) Clouds() int { return t.clouds }

// Eval returns the loss, the mean of W over the terms between model and data, and the largest L1 error of the marginals of a plan. Without report the term of the data alone is left out where dy is nil.
// The metrics are valid until the next call.
func (t *Transport[T]) Eval(ctx context.Context, x, y []T, n, d int, dx, dy []T, report bool) ([]Metric, error) {
	size := n * d
	if n < 1 || d < 1 || len(x) != t.clouds*size || len(y) != t.clouds*size {
		return nil, fmt.Errorf("generative: %d and %d numbers for %d clouds of %d points of dimension %d", len(x), len(y), t.clouds, n, d)
	}
	cloud := func(all, other []T, k int) []T { // of points, or of their derivatives
		if k >= cloudY {
			all, k = other, k-cloudY
		}
		if all == nil {
			return nil
		}
		return all[k*size : (k+1)*size]
	}
	active := t.activeTerms(dy != nil, report)
	for _, term := range active {
		if err := t.form(term, cloud(x, y, term.from), cloud(x, y, term.to), n, d); err != nil {
			return nil, err
		}
	}
	eps, err := t.eps(active, n)
	if err != nil {
		return nil, err
	}
	if t.oracle != nil {
		t.oracle.report = report
	}
	if err := t.plans.solve(ctx, active, eps); err != nil {
		return nil, err
	}
	metrics := t.weigh(active, t.plans.values)
	if dx == nil && dy == nil {
		return metrics, nil
	}
	if err := t.pull(n, d, dx, dy); err != nil {
		return nil, err
	}
	if t.oracle != nil && dx != nil {
		t.oracle.keepNorms(dx, d)
		if t.oracle.measure && t.oracle.adapts() {
			return metrics, t.oracle.adapt(ctx, dx, func(dx []T) error { return t.pull(n, d, dx, nil) })
		}
	}
	return metrics, nil
}

// activeTerms returns the terms of a step: that of the data alone has a use where it is differentiated or reported.
func (t *Transport[T]) activeTerms(ofData, report bool) []*term[T] {
	t.active = t.active[:0]
	for _, term := range t.terms {
		if term.from < cloudY || report || ofData {
			t.active = append(t.active, term)
		}
	}
	return t.active
}

// crosses reports whether a term is between model and data.
func (t *term[T]) crosses() bool { return t.from < cloudY && t.to >= cloudY }

// pull sets dx and dy, where they are not nil, to what the plans of the last Eval make of the clouds and costs of its terms.
func (t *Transport[T]) pull(n, d int, dx, dy []T) error {
	size, active := n*d, t.active
	cloud := func(k int) []T {
		all := dx
		if k >= cloudY {
			all, k = dy, k-cloudY
		}
		if all == nil {
			return nil
		}
		return all[k*size : (k+1)*size]
	}
	clear(dx)
	clear(dy)
	cbar := t.cbar[:0]
	for _, term := range active {
		var own []T
		if cloud(term.from) != nil || cloud(term.to) != nil {
			if term.cbar == nil {
				term.cbar = make([]T, len(term.c))
			}
			own = term.cbar
		}
		cbar = append(cbar, own)
	}
	t.cbar = cbar
	if err := t.plans.derive(cbar); err != nil {
		return err
	}
	for k, term := range active {
		if cbar[k] == nil {
			continue
		}
		lo, hi := t.rows(n)
		from := cloud(term.from)
		if from != nil {
			from = from[lo*d : hi*d]
		}
		logsumexp.PullCosts(t.cfg.Runner, t.ground, T(term.weight), term.cbar, term.c, term.x, term.y, hi-lo, n, d, from, cloud(term.to))
	}
	return errors.Join(ranks.Sum(t.comm, dx), ranks.Sum(t.comm, dy))
}

// rows returns which rows of each problem are this rank's.
func (t *Transport[T]) rows(n int) (lo, hi int) { return ranks.Span(n, t.comm.Rank(), t.comm.Size()) }

// form sets the cost of a term.
func (t *Transport[T]) form(term *term[T], x, y []T, n, d int) (err error) {
	lo, hi := t.rows(n)
	rows := hi - lo
	if len(term.c) != rows*n {
		term.c, term.cbar = make([]T, rows*n), nil
		// The matrix is filled below and at every later call.
		if term.problem, err = t.problem(logsumexp.NewStored(term.c, rows, n, n), term.from == term.to); err != nil {
			return err
		}
	}
	term.x, term.y, term.d = x[lo*d:hi*d], y, d
	logsumexp.FormCosts(t.cfg.Runner, t.ground, term.c, n, term.x, y, rows, n, d)
	return nil
}

// problem returns that of a cost. Unrolled iterations treat a cloud against itself as two, so that a loss of equal clouds is 0.
func (t *Transport[T]) problem(c logsumexp.Cost[T], self bool) (*sinkhorn.Problem[T], error) {
	reach := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: t.cfg.Reach}
	reader := sinkhorn.ReadOn(t.cfg.Runner)
	symmetric := self && t.cfg.Gradient != "" && t.cfg.Gradient != "unrolled"
	switch {
	case t.comm != nil && t.cfg.Reach > 0:
		return sinkhorn.NewShare(t.comm, c, nil, nil, reach, reach, reader)
	case t.comm != nil:
		return sinkhorn.NewShare(t.comm, c, nil, nil, sinkhorn.Reach{}, sinkhorn.Reach{}, reader)
	case t.cfg.Reach > 0 && symmetric:
		return sinkhorn.NewUnbalancedSelf(c, nil, reach, reader)
	case t.cfg.Reach > 0:
		return sinkhorn.NewUnbalanced(c, nil, nil, reach, reach, reader)
	case symmetric:
		return sinkhorn.NewSelfProblem(c, nil, reader)
	}
	return sinkhorn.NewProblem(c, nil, nil, reader)
}

// eps returns the temperature.
func (t *Transport[T]) eps(active []*term[T], n int) (float64, error) {
	eps := t.cfg.Eps
	if t.oracle != nil {
		eps *= t.oracle.factor
	}
	if !t.cfg.OfMean || t.cfg.Exact {
		return eps, nil
	}
	var sum, count float64
	for _, term := range active {
		if term.crosses() {
			for c := term.c; len(c) > 0; c = c[n:] {
				sum += float64(kernels.Sum(c[:n]))
			}
			count += float64(n * n)
		}
	}
	all := []float64{sum}
	if err := ranks.Sum(t.comm, all); err != nil {
		return 0, err
	}
	return ofMean(eps, all[0]/count)
}

// ofMean returns the temperature that is a multiple of the mean cost between model and data.
func ofMean(multiple, mean float64) (float64, error) {
	eps := multiple * mean
	if !(eps > 0) || math.IsInf(eps, 1) {
		return 0, fmt.Errorf("%w: the mean cost between model and data is %g", ErrNotFinite, mean)
	}
	return eps, nil
}

// weigh returns the metrics of the values of terms.
func (t *Transport[T]) weigh(active []*term[T], values func(k int) sinkhorn.Values) []Metric {
	var loss, cross, crosses, marginal float64
	for k, term := range active {
		v := values(k)
		w := v.Entropic
		if t.cfg.Value == sinkhorn.Sharp || t.cfg.Exact {
			w = v.Sharp
		}
		loss += term.weight * w
		if term.crosses() {
			cross += w
			crosses++
		}
		marginal = max(marginal, v.MarginalError)
	}
	t.metrics = [...]Metric{{"loss", loss}, {"w_xy", cross / crosses}, {"marginal_error", marginal}}
	return t.metrics[:]
}
