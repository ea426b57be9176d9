package generative

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/oracle"
)

func oracleLoss(loss, self, cost string, oc OracleConfig) TransportConfig {
	return TransportConfig{Loss: loss, Self: self, Cost: cost, Value: sinkhorn.Entropic, Eps: .5, Steps: 5000, Oracle: &oc}
}

// The derivative of an oracle's loss is that of its value, under both regularisers and both algorithms.
func TestOracleGradient(t *testing.T) {
	const n, d = 6, 2
	rng := rand.New(rand.NewPCG(1, 2))
	for _, reg := range []string{"kl", "l2"} {
		for _, q := range []struct{ loss, self string }{{"plain", "same"}, {"sinkhorn", "same"}, {"sinkhorn", "independent"}} {
			tr, err := NewTransport[float64](oracleLoss(q.loss, q.self, "sqeuclidean", OracleConfig{Kind: "exact", Regularizer: reg, Delta: 1e-5, L0: 1}))
			if err != nil {
				t.Fatal(err)
			}
			size := tr.Clouds() * n * d
			x, y, dx := make([]float64, size), make([]float64, size), make([]float64, size)
			for i := range x {
				x[i], y[i] = rng.NormFloat64(), rng.NormFloat64()
			}
			value := func(dx []float64) float64 {
				m, err := tr.Eval(context.Background(), x, y, n, d, dx, nil, true)
				if err != nil {
					t.Fatal(err)
				}
				return m[0].Value
			}
			value(dx)
			for i := range x {
				const h = 1e-4
				at := x[i]
				x[i] = at + h
				up := value(nil)
				x[i] = at - h
				down := value(nil)
				x[i] = at
				if want := (up - down) / (2 * h); !(math.Abs(dx[i]-want) <= 2e-4) {
					t.Errorf("%s %s %s: derivative %d is %.8g, differences give %.8g", reg, q.loss, q.self, i, dx[i], want)
				}
			}
		}
	}
}

// C6: neural potentials come within 5 % of the exact dual on a batch of the grid of 25 Gaussians.
func TestNeuralPotentialsReachTheDual(t *testing.T) {
	const n = 200
	y := data.Grid25(1, n).Points
	x := make([]float32, 2*n)
	random.Normal(random.New(1, "test"), x, 0, .3)
	c := make([]float32, n*n)
	logsumexp.FormCosts(nil, logsumexp.SqEuclidean, c, n, x, y, n, n, 2)
	wide, mean := make([]float64, n*n), 0.
	for i, v := range c {
		wide[i] = float64(v)
		mean += wide[i] / float64(len(c))
	}
	for _, q := range []struct {
		reg  oracle.Regularizer
		dual string
	}{{oracle.KL, "full"}, {oracle.Norm2, "full"}, {oracle.KL, "semi"}, {oracle.Norm2, "semi"}} {
		reg := q.reg
		p, err := oracle.NewProblem(reg, .05*mean, wide, n, n, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		best, err := new(oracle.Exact).Solve(context.Background(), p, 1e-6*mean)
		if err != nil {
			t.Fatal(err)
		}
		duals, err := newNeuralDuals(TransportConfig{Loss: "plain", Oracle: &OracleConfig{
			Dual: q.dual, Hidden: []int{64, 64}, Steps: 400, Rate: 3e-3, Dim: 2, Ops: nn.NewCPU[float32](nil),
		}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := duals["cross"].solve(p, x, y, 2, potentialScale*p.Lambda, 1e-9, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v %s: dual %.6g, exact %.6g, gap %.3g", reg, q.dual, a.Value, best.Value, a.Gap)
		if !(a.Value >= .95*best.Value) || !(a.Value <= best.Value+1e-5*mean) {
			t.Errorf("%v %s: the potentials reach %.6g of %.6g", reg, q.dual, a.Value, best.Value)
		}
		if !(a.Gap >= best.Value-a.Value-1e-5*mean) || a.Reached || a.Why == "" {
			t.Errorf("%v %s: gap %.4g where the dual lacks %.4g; reached %v", reg, q.dual, a.Gap, best.Value-a.Value, a.Reached)
		}
	}
}

// What the steps on the semi-dual descend on has the derivative that they take, under both regularisers.
func TestSemiDualDerivative(t *testing.T) {
	const n, m, scale = 5, 7, .8
	rng := rand.New(rand.NewPCG(7, 8))
	c, g := make([]float64, n*m), make([]float32, m)
	for k := range c {
		c[k] = rng.Float64()
	}
	for j := range g {
		g[j] = rng.Float32()
	}
	for _, reg := range []oracle.Regularizer{oracle.KL, oracle.Norm2} {
		p, err := oracle.NewProblem(reg, .2, c, n, m, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		wide, f := make([]float64, m), make([]float64, n)
		value := func() float64 {
			for j, v := range g {
				wide[j] = scale * float64(v)
			}
			p.UpdateRows(f, wide)
			return -p.Dual(f, wide)
		}
		d, dg := new(neuralDual), make([]float32, m)
		d.begin(p)
		d.semiAscent(p, g, scale, dg)
		for j, got := range dg {
			const h = 0x1p-8
			at := g[j]
			g[j] = at + h
			up := value()
			g[j] = at - h
			down := value()
			g[j] = at
			if want := (up - down) / (2 * h); !(math.Abs(float64(got)-want) <= 2e-5) {
				t.Errorf("%v: derivative %d is %.8g, differences give %.8g", reg, j, got, want)
			}
		}
	}
}

// Lambda falls by half in so many steps, and no further than its end.
func TestLambdaFalls(t *testing.T) {
	cfg := oracleLoss("plain", "same", "sqeuclidean", OracleConfig{Kind: "exact", Regularizer: "kl", L0: 3, Start: 4, HalfLife: 2})
	tr, err := NewTransport[float32](cfg)
	if err != nil {
		t.Fatal(err)
	}
	fit, err := NewFit(nn.NewCPU[float32](nil), NewPairModel(nn.NewCPU[float32](nil)), tr, FitConfig{Batch: 2, Rate: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	for step := range 8 {
		metrics, err := fit.Step(context.Background(), twoPoints{}, true)
		if err != nil {
			t.Fatal(err)
		}
		want, seen := cfg.Eps*max(1, 4*math.Exp2(-float64(step)/2)), false
		for _, v := range metrics {
			if v.Name == "lambda" {
				seen = true
				if !(math.Abs(v.Value-want) <= 1e-12) {
					t.Errorf("step %d: lambda %g, want %g", step, v.Value, want)
				}
			}
		}
		if !seen {
			t.Fatalf("step %d: no lambda in %v", step, metrics)
		}
	}
}

// Potentials of the rows of a data set, kept from batch to batch, are nearer to the optimum of each batch after two passes than those that
// begin anew, and part of the state.
func TestPotentialsOfRows(t *testing.T) {
	const n, rows = 50, 400
	batches := &ringRows{points: data.Ring8(1, rows).Points}
	gaps, ops := map[string]float64{}, nn.NewCPU[float32](nil)
	for _, kind := range []string{"stochastic", "stochastic-data"} {
		cfg := oracleLoss("plain", "same", "sqeuclidean", OracleConfig{Kind: kind, Regularizer: "kl", L0: 1, Rows: rows})
		cfg.Eps, cfg.Steps = .05, 2
		make1 := func() *Fit {
			tr, err := NewTransport[float32](cfg)
			if err != nil {
				t.Fatal(err)
			}
			m, err := NewMLPModel(ops, nn.MLP{Sizes: []int{2, 16, 2}, Hidden: "relu"}, "normal", 1)
			if err != nil {
				t.Fatal(err)
			}
			fit, err := NewFit(ops, m, tr, FitConfig{Batch: n, Rate: 1e-6})
			if err != nil {
				t.Fatal(err)
			}
			return fit
		}
		fit := make1()
		p := fit.oracle()
		for step := range 80 {
			if _, err := fit.Step(context.Background(), batches, true); err != nil {
				t.Fatal(err)
			}
			if step < 60 {
				continue
			}
			term := p.terms[0]
			wide := make([]float64, n*n)
			for k, v := range term.c {
				wide[k] = float64(v)
			}
			q, err := oracle.NewProblem(p.reg, cfg.Eps, wide, n, n, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			best, err := new(oracle.Exact).Solve(context.Background(), q, 1e-6)
			if err != nil {
				t.Fatal(err)
			}
			gaps[kind] += (best.Value - p.found[0].Value) / 20
		}
		state, err := fit.State()
		if err != nil {
			t.Fatal(err)
		}
		back := make1()
		if err := back.Restore(state); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(back.oracle().potentials, p.potentials) {
			t.Errorf("%s: other potentials after a restore", kind)
		}
		if kind == "stochastic" {
			continue
		}
		if state[oraclePotentials] = state[oraclePotentials][8:]; back.Restore(state) == nil {
			t.Error("potentials of a row too few are taken")
		}
		if _, err := fit.Step(context.Background(), twoPoints{}, false); err == nil {
			t.Error("batches that do not say which rows they are, and no error")
		}
	}
	t.Logf("gaps %v", gaps)
	if !(gaps["stochastic-data"] <= .5*gaps["stochastic"]) {
		t.Errorf("gaps of %v: kept potentials are no better", gaps)
	}
}

// ringRows draws rows in turn.
type ringRows struct {
	points []float32
	at     int
}

func (r *ringRows) Next(dst []float32, rows int) { r.NextIndexed(dst, make([]int, rows)) }

func (r *ringRows) NextIndexed(dst []float32, index []int) {
	for i := range index {
		index[i] = r.at % (len(r.points) / 2)
		copy(dst[2*i:2*i+2], r.points[2*index[i]:])
		r.at += 7 // batches overlap in other ways each time
	}
}

// Algorithm 1 with steps of the theory on the swap toy ends where theta = tanh(2 theta/lambda), and its certificate holds: delta bounds the
// distance of the step's gradient from h'.
func TestFitBySwapToy(t *testing.T) {
	const lambda = 1.
	cfg := oracleLoss("plain", "same", "sqeuclidean", OracleConfig{Kind: "exact", Regularizer: "kl", L0: 3})
	cfg.Eps = lambda
	tr, err := NewTransport[float32](cfg)
	if err != nil {
		t.Fatal(err)
	}
	model := NewPairModel(nn.NewCPU[float32](nil))
	fit, err := NewFit(nn.NewCPU[float32](nil), model, tr, FitConfig{Batch: 2, Theory: true})
	if err != nil {
		t.Fatal(err)
	}
	theta := func() float64 { return float64(model.Params()[0].Value.Data()[0]) }
	for range 300 {
		at := theta()
		m, err := fit.Step(context.Background(), twoPoints{}, true)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, v := range m {
			got[v.Name] = v.Value
		}
		h := math.Abs(2*at - 2*math.Tanh(2*at/lambda))
		if !(math.Abs(got["grad_norm"]-h) <= got["delta"]+1e-5) {
			t.Fatalf("theta %g: |gradient| %g, |h'| %g, delta %g", at, got["grad_norm"], h, got["delta"])
		}
	}
	if th := theta(); !(math.Abs(th-math.Tanh(2*th/lambda)) <= 1e-5) || !(th > .5) {
		t.Errorf("theta = %g", th)
	}
	if l1 := fit.oracle().l1; !(l1 > 1.5 && l1 < 2.5) {
		t.Errorf("L1 is measured as %g, it is 2", l1)
	}
	if n := fit.Notices(); len(n) > 0 {
		t.Errorf("notices %+v", n)
	}
}

type twoPoints struct{}

func (twoPoints) Next(dst []float32, rows int) {
	for i := range rows {
		dst[i] = float32(1 - 2*(i&1))
	}
}

// An oracle that is cut short is noticed once, and its state is kept.
func TestAnOracleCutShortIsNoticed(t *testing.T) {
	cfg := oracleLoss("plain", "same", "sqeuclidean", OracleConfig{Kind: "exact", Regularizer: "kl", Delta: 1e-6})
	cfg.Eps, cfg.Steps = .02, 2
	make1 := func() *Fit {
		tr, err := NewTransport[float32](cfg)
		if err != nil {
			t.Fatal(err)
		}
		ops := nn.NewCPU[float32](nil)
		m, err := NewMLPModel(ops, nn.MLP{Sizes: []int{2, 8, 1}, Hidden: "relu"}, "normal", 1)
		if err != nil {
			t.Fatal(err)
		}
		fit, err := NewFit(ops, m, tr, FitConfig{Batch: 20, Rate: 1e-3})
		if err != nil {
			t.Fatal(err)
		}
		return fit
	}
	fit := make1()
	for range 4 {
		if _, err := fit.Step(context.Background(), twoPoints{}, true); err != nil {
			t.Fatal(err)
		}
	}
	if n := fit.Notices(); len(n) != 1 || n[0].Kind != "oracle" {
		t.Fatalf("notices %+v", n)
	}
	state, err := fit.State()
	if err != nil {
		t.Fatal(err)
	}
	back := make1()
	if err := back.Restore(state); err != nil {
		t.Fatal(err)
	}
	a, b := fit.oracle(), back.oracle()
	if a.slope != b.slope || a.wanted != b.wanted || a.error != b.error || len(back.Notices()) != 1 {
		t.Errorf("restored %+v", b.watch)
	}
	state[oracleState] = []byte("{")
	if back.Restore(state) == nil {
		t.Error("a state cut short is taken")
	}
}

func TestBadOraclesAreRefused(t *testing.T) {
	for name, oc := range map[string]OracleConfig{
		"kind": {Kind: "x", Regularizer: "kl"}, "reg": {Kind: "exact", Regularizer: "x"}, "delta": {Kind: "exact", Regularizer: "kl", Delta: -1},
		"l0": {Kind: "exact", Regularizer: "kl", L0: math.NaN()}, "dim": {Kind: "neural", Regularizer: "kl", Steps: 1, Rate: 1},
		"rows": {Kind: "stochastic-data", Regularizer: "kl"}, "start": {Kind: "exact", Regularizer: "kl", Start: .5, HalfLife: 1}, "half-life": {Kind: "exact", Regularizer: "kl", Start: 2},
		"dual": {Kind: "neural", Regularizer: "kl", Steps: 1, Rate: 1, Dim: 1, Ops: nn.NewCPU[float32](nil), Dual: "x"},
	} {
		if _, err := NewTransport[float32](oracleLoss("plain", "same", "sqeuclidean", oc)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The automatic rule moves the gap towards half an error of the derivative by the points: up where solves were needlessly exact, down where a
// gradient of nearly 0 is lost in what is left of the gap.
func TestTheGapFollowsTheMeasuredError(t *testing.T) {
	const n, d = 40, 2
	rng := rand.New(rand.NewPCG(5, 6))
	x, y := make([]float64, n*d), make([]float64, n*d)
	for i := range x {
		y[i] = rng.NormFloat64()
		x[i] = y[i] + .01*rng.NormFloat64()
	}
	for _, far := range []bool{true, false} {
		tr, err := NewTransport[float64](oracleLoss("sinkhorn", "same", "sqeuclidean", OracleConfig{Kind: "exact", Regularizer: "kl"}))
		if err != nil {
			t.Fatal(err)
		}
		p := tr.oracle
		if far {
			for i := range x {
				x[i] += 3
			}
		} else {
			for i := range x {
				x[i] -= 3
			}
		}
		eval := func() []float64 {
			dx := make([]float64, n*d)
			if _, err := tr.Eval(context.Background(), x, y, n, d, dx, nil, false); err != nil {
				t.Fatal(err)
			}
			return dx
		}
		p.measure = true
		for range 8 {
			eval()
		}
		p.measure = false
		got := eval()
		p.wanted = autoLeast * autoLeast
		want := eval()
		var off, size float64
		for i, v := range want {
			off += (got[i] - v) * (got[i] - v)
			size += v * v
		}
		if e := math.Sqrt(off / size); !(e <= 2*autoError) {
			t.Errorf("far %v: the derivative is in error by %.3g of itself; measured as %.3g", far, e, p.error)
		}
		p.measure, p.wanted = true, autoMost/100
		eval()
		if far && !(p.wanted > autoMost/100) || !far && !(p.error > 0) {
			t.Errorf("far %v: gap over its scale %g after an error of %.3g", far, p.wanted, p.error)
		}
	}
}
