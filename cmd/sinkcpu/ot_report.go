package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// An otReport is what ot prints. The divergence's part is absent without --debias.
type otReport struct {
	N             int      `json:"n"`
	M             int      `json:"m"`
	Dim           *int     `json:"dim"` // null for a matrix
	Cost          string   `json:"cost"`
	Eps           otNumber `json:"eps"`
	MassX         otNumber `json:"mass_x"`
	MassY         otNumber `json:"mass_y"`
	Value         otNumber `json:"value"`
	TransportCost otNumber `json:"transport_cost"`
	LowerBound    otNumber `json:"lower_bound"`
	UpperBound    otNumber `json:"upper_bound"`
	MarginalError otNumber `json:"marginal_error"`
	Iterations    int      `json:"iterations"`
	Status        string   `json:"status"`
	Method        string   `json:"method"`
	Device        string   `json:"device"`              // that made the first iterations, "cpu" for the processor
	Evaluated     string   `json:"evaluated,omitempty"` // the device that summed the plan, in float32; absent for the processor in float64
	NonZeros      *int     `json:"nonzeros,omitempty"`  // of the plan of --reg l2 and none
	Seconds       float64  `json:"seconds"`
	*otUnbalanced
	*otDivergence
	*otDrift
	*otExtrapolation
	Ranks *otRanks `json:"ranks,omitempty"`
	Note  string   `json:"note,omitempty"`

	faults []error // of a device
}

// An otRanks says what ranks that shared the work cost, as means over them; see [ranks.Traffic].
type otRanks struct {
	Size           int     `json:"size"`
	MovingSeconds  float64 `json:"moving_seconds"`
	WaitingSeconds float64 `json:"waiting_seconds"`
}

// An otUnbalanced is the part of a problem with a reach.
type otUnbalanced struct {
	Penalty string    `json:"penalty"` // kl, tv, or partial for --mass
	ReachX  *otNumber `json:"reach_x"` // null for a marginal that is exact
	ReachY  *otNumber `json:"reach_y"`
	Mass    otNumber  `json:"mass"` // of the plan
}

type otDivergence struct {
	Divergence      otNumber   `json:"divergence"`
	DivergenceLower otNumber   `json:"divergence_lower"`
	DivergenceUpper otNumber   `json:"divergence_upper"`
	SinkhornLoss    *otNumber  `json:"sinkhorn_loss,omitempty"` // absent with a reach
	Problems        otProblems `json:"problems"`
}

type otProblems struct {
	XY otProblem `json:"xy"`
	XX otProblem `json:"xx"`
	YY otProblem `json:"yy"`
}

type otProblem struct {
	Iterations    int      `json:"iterations"`
	MarginalError otNumber `json:"marginal_error"`
	Status        string   `json:"status"`
}

// An otNumber is null in JSON where it is not finite: an upper bound may be +Inf.
type otNumber float64

func (v otNumber) finite() bool { return !math.IsInf(float64(v), 0) && !math.IsNaN(float64(v)) }

// MarshalJSON implements [json.Marshaler].
func (v otNumber) MarshalJSON() ([]byte, error) {
	if !v.finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(v))
}

// costMatrixName stands for the cost of --cost-matrix.
const costMatrixName = "matrix"

func (s *otSolution[T]) report() *otReport {
	in, xy := s.in, s.xy
	r := &otReport{
		N: in.n, M: in.m, Cost: costMatrixName, Eps: otNumber(xy.Eps()), MassX: otNumber(in.massX), MassY: otNumber(in.massY),
		Value: otNumber(xy.Value()), TransportCost: otNumber(xy.TransportCost()),
		MarginalError: otNumber(xy.MarginalError()), Iterations: xy.Iterations, Status: xy.Status.String(), Method: xy.Method,
		Device: cmp.Or(xy.Device, deviceCPU), Evaluated: xy.Evaluated, faults: s.faults(),
	}
	if in.c == nil {
		r.Dim, r.Cost = &in.dim, s.o.cost
	}
	if s.o.reach.given() {
		r.otUnbalanced = newOTUnbalanced(&s.o.reach, xy.Mass())
	}
	stopped := xy.Status == sinkhorn.Cancelled || s.div != nil && s.div.Status() == sinkhorn.Cancelled
	if stopped {
		r.Note = "stopped from outside: no bounds were computed"
	}
	r.LowerBound, r.UpperBound = unlessStopped(stopped, xy.Bounds)
	if s.div == nil {
		return r
	}
	if r.Note == "" && in.c == nil && !in.ground.NegativeDefinite() {
		r.Note = fmt.Sprintf("the cost %s is not conditionally negative definite: its divergence can be negative, and 0 for clouds that differ", in.ground)
	}
	lower, upper := unlessStopped(stopped, s.div.Bounds)
	r.Status = s.div.Status().String()
	r.otDivergence = &otDivergence{
		Divergence: otNumber(s.div.Value()), DivergenceLower: lower, DivergenceUpper: upper,
		Problems: otProblems{newOTProblem(s.div.XY), newOTProblem(s.div.XX), newOTProblem(s.div.YY)},
	}
	r.otDrift, r.otExtrapolation = s.test, s.limit
	if !s.o.reach.given() {
		loss := otNumber(s.div.SinkhornLoss())
		r.SinkhornLoss = &loss
	}
	return r
}

// faults returns why a device was left.
func (s *otSolution[T]) faults() (all []error) {
	results := []*sinkhorn.Result[T]{s.xy}
	if s.div != nil {
		results = append(results, s.div.XX, s.div.YY)
	}
	for _, r := range results {
		if r.DeviceFault != nil {
			all = append(all, r.DeviceFault)
		}
	}
	return all
}

// unlessStopped returns bounds, or numbers that are none after a solve was stopped: the bounds read the costs once or twice more.
func unlessStopped(stopped bool, bounds func() (lower, upper float64)) (lower, upper otNumber) {
	if stopped {
		return otNumber(math.NaN()), otNumber(math.NaN())
	}
	l, u := bounds()
	return otNumber(l), otNumber(u)
}

func newOTUnbalanced(reach *otReach, mass float64) *otUnbalanced {
	u := &otUnbalanced{Penalty: "kl", Mass: otNumber(mass)}
	x, y := reach.sides()
	switch {
	case x.Penalty == sinkhorn.TV:
		u.Penalty = "tv"
	case reach.mass > 0:
		u.Penalty = "partial"
	}
	for _, side := range []struct {
		reach sinkhorn.Reach
		dst   **otNumber
	}{{x, &u.ReachX}, {y, &u.ReachY}} {
		if side.reach.Penalty != sinkhorn.Exact {
			rho := otNumber(side.reach.Rho)
			*side.dst = &rho
		}
	}
	return u
}

func newOTProblem[T kernels.Float](r *sinkhorn.Result[T]) otProblem {
	return otProblem{r.Iterations, otNumber(r.MarginalError()), r.Status.String()}
}

// interval returns bounds for a person, nothing where there are none.
func interval(lower, upper otNumber) string {
	if math.IsNaN(float64(lower)) {
		return ""
	}
	return fmt.Sprintf("  in [%.9g, %.9g]", lower, upper)
}

// text returns the report for a person.
func (r *otReport) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-16s%s\n", name, fmt.Sprintf(format, args...))
	}
	if r.Dim != nil {
		line("points", "%d and %d, of dimension %d", r.N, r.M, *r.Dim)
	} else {
		line("costs", "%d x %d", r.N, r.M)
	}
	if r.Eps > 0 {
		line("cost", "%s, eps %.6g", r.Cost, r.Eps)
	} else {
		line("cost", "%s, not regularised", r.Cost)
	}
	line("value", "%.9g%s", r.Value, interval(r.LowerBound, r.UpperBound))
	line("transport cost", "%.9g", r.TransportCost)
	if d := r.otDivergence; d != nil {
		line("divergence", "%.9g%s", d.Divergence, interval(d.DivergenceLower, d.DivergenceUpper))
		if d.SinkhornLoss != nil {
			line("sinkhorn loss", "%.9g", *d.SinkhornLoss)
		}
	}
	if e := r.otExtrapolation; e != nil {
		line("at eps 0", "%.9g from the value, %.9g from the divergence", e.Cost, e.Divergence)
	}
	if t := r.otDrift; t != nil {
		if t.PValue != nil {
			line("p-value", "%.3g of one law, from %d permutations; bootstrapped divergences in [%.6g, %.6g]", *t.PValue, t.Reps, t.Interval[0], t.Interval[1])
		} else {
			line("of the laws", "divergence in [%.6g, %.6g] with probability .95, from %d redrawings", t.Interval[0], t.Interval[1], t.Reps)
		}
	}
	if u := r.otUnbalanced; u != nil {
		line("mass", "%.9g of %.9g and %.9g, penalty %s", u.Mass, r.MassX, r.MassY, u.Penalty)
	}
	if r.NonZeros != nil {
		line("not zero", "%s", nonZeros(*r.NonZeros, r.N, r.M))
	}
	line("marginal error", "%.3g", r.MarginalError)
	plural := "s"
	if r.Iterations == 1 {
		plural = ""
	}
	line("status", "%s after %d iteration%s (%s), %.3g s", r.Status, r.Iterations, plural, r.Method, r.Seconds)
	if r.Device != deviceCPU {
		line("device", "%s", r.Device)
	}
	if k := r.Ranks; k != nil {
		line("ranks", "%d; %.2g %% of the time in exchange, %.2g %% in wait for the slowest", k.Size, 100*k.MovingSeconds/r.Seconds, 100*k.WaitingSeconds/r.Seconds)
	}
	if d := r.otDivergence; d != nil {
		for _, own := range []struct {
			name string
			p    otProblem
		}{{"X against X", d.Problems.XX}, {"Y against Y", d.Problems.YY}} {
			line(own.name, "%s after %d iterations, marginal error %.3g", own.p.Status, own.p.Iterations, own.p.MarginalError)
		}
	}
	return b.String()
}
