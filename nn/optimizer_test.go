package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// oneParam returns a parameter with those values.
func oneParam[T kernels.Float](ops Ops[T], values ...T) []*Param[T] {
	p := newParam(ops, "p", len(values))
	copy(p.Value.Data(), values)
	return []*Param[T]{p}
}

func mustAdam[T kernels.Float](t *testing.T, ops Ops[T], cfg AdamConfig) *Adam[T] {
	t.Helper()
	o, err := NewAdam(ops, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func mustSGD[T kernels.Float](t *testing.T, ops Ops[T], cfg SGDConfig) *SGD[T] {
	t.Helper()
	o, err := NewSGD(ops, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func mustRMSProp[T kernels.Float](t *testing.T, ops Ops[T], cfg RMSPropConfig) *RMSProp[T] {
	t.Helper()
	o, err := NewRMSProp(ops, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// With a constant gradient g, bias correction makes m = g and v = g^2 in every step, so after t steps p = p0 - t rate sign(g) |g|/(|g|+eps).
func TestAdamConstantGradient(t *testing.T) {
	both(t, func(t *testing.T) { testAdamConstantGradient[float32](t, 3e-6) }, func(t *testing.T) { testAdamConstantGradient[float64](t, 1e-14) })
}

func testAdamConstantGradient[T kernels.Float](t *testing.T, tol float64) {
	ops := NewCPU[T](nil)
	for _, beta2 := range []float64{0.999, 0.9, 0} {
		params := oneParam[T](ops, 1, 1, 1, 1)
		o := mustAdam[T](t, ops, AdamConfig{Rate: 0.125, Beta1: 0.5, Beta2: beta2, Eps: 0.5})
		g := []T{2, -0.25, 0, 1e-3}
		for step := 1; step <= 10; step++ {
			copy(params[0].Grad.Data(), g)
			o.Step(params)
			for i, v := range g {
				a := float64(v)
				want := 1 - float64(step)*0.125*a/(math.Abs(a)+0.5)
				if got := float64(params[0].Value.Data()[i]); !(math.Abs(got-want) <= tol*float64(step)) {
					t.Errorf("beta2 %v, step %d, gradient %v: %v, want %v", beta2, step, v, got, want)
				}
			}
		}
	}
}

// Two steps with different gradients, by hand: g1 = 1, g2 = -3, beta1 = 1/2, beta2 = 3/4, eps = 1, rate = 1, decay = 1/8.
//
//	m1 = 1/2, m1/(1-1/2) = 1;           v1 = 1/4, v1/(1-3/4) = 1;                p1 = p0 - p0/8 - 1/2
//	m2 = 1/4 - 3/2 = -5/4, over 3/4: -5/3; v2 = 3/16 + 9/4 = 39/16, over 7/16: 39/7;  p2 = p1 - p1/8 + (5/3)/(sqrt(39/7) + 1)
func TestAdamTwoSteps(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := oneParam[float64](ops, 2)
	o := mustAdam[float64](t, ops, AdamConfig{Rate: 1, Beta1: 0.5, Beta2: 0.75, Eps: 1, WeightDecay: 0.125})
	p := 2.0
	for step, want := range []float64{p - p/8 - 0.5, (p-p/8-0.5)*7/8 + 5.0/3/(math.Sqrt(39.0/7)+1)} {
		params[0].Grad.Data()[0] = []float64{1, -3}[step]
		o.Step(params)
		if got := params[0].Value.Data()[0]; !(math.Abs(got-want) <= 1e-15*8) {
			t.Errorf("step %d: %v, want %v", step+1, got, want)
		}
	}
}

// With a constant gradient g, the momentum after t steps is g (1-mu^t)/(1-mu).
func TestSGDConstantGradient(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := oneParam[float64](ops, 1)
	o := mustSGD[float64](t, ops, SGDConfig{Rate: 0.1, Momentum: 0.9})
	want := 1.0
	for step := 1; step <= 10; step++ {
		params[0].Grad.Data()[0] = 2
		o.Step(params)
		want -= 0.1 * 2 * (1 - math.Pow(0.9, float64(step))) / (1 - 0.9)
		if got := params[0].Value.Data()[0]; !(math.Abs(got-want) <= 1e-13) {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
}

// Two steps with decay and momentum, by hand: p0 = 1, grad = 1, rate = 1/2, mu = 1/2, decay = 1/4.
//
//	u1 = 1 + 1/4 = 5/4, p1 = 1 - 5/8 = 3/8;  u2 = 5/8 + 1 + 3/32 = 55/32, p2 = 3/8 - 55/64 = -31/64
func TestSGDDecay(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := oneParam[float64](ops, 1)
	o := mustSGD[float64](t, ops, SGDConfig{Rate: 0.5, Momentum: 0.5, WeightDecay: 0.25})
	params[0].Grad.Data()[0] = 1
	for step, want := range []float64{3.0 / 8, -31.0 / 64} {
		o.Step(params)
		if got := params[0].Value.Data()[0]; got != want {
			t.Errorf("step %d: %v, want %v", step+1, got, want)
		}
	}
}

// On the quadratic sum_i c_i p_i^2/2, plain descent contracts entry i by 1 - rate (c_i + decay) a step.
func TestSGDQuadratic(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := oneParam[float64](ops, 1, -2, 3)
	c := []float64{1, 0.5, 0.1}
	start := append([]float64(nil), params[0].Value.Data()...)
	o := mustSGD[float64](t, ops, SGDConfig{Rate: 0.5, WeightDecay: 0.05})
	for range 50 {
		for i, v := range params[0].Value.Data() {
			params[0].Grad.Data()[i] = c[i] * v
		}
		o.Step(params)
	}
	for i, got := range params[0].Value.Data() {
		want := start[i] * math.Pow(1-0.5*(c[i]+0.05), 50)
		if !(math.Abs(got-want) <= 1e-12*math.Abs(want)) {
			t.Errorf("entry %d: %v, want %v", i, got, want)
		}
	}
}

// Both optimisers, with momentum and a falling rate, reach the minimum of an ill-conditioned quadratic.
func TestOptimizersConverge(t *testing.T) {
	ops := NewCPU[float64](nil)
	for name, o := range map[string]Optimizer[float64]{
		"Adam": mustAdam[float64](t, ops, DefaultAdam(0.1)), "SGD": mustSGD[float64](t, ops, SGDConfig{Rate: 0.1, Momentum: 0.9}),
	} {
		params := oneParam[float64](ops, 5, -5, 5)
		g := NewGroup("p", params, o)
		for step := range 2000 {
			o.SetRate(0.1 * math.Pow(0.997, float64(step)))
			g.ZeroGrad()
			for i, v := range params[0].Value.Data() {
				params[0].Grad.Data()[i] += []float64{1, 0.1, 0.02}[i] * (v - 1)
			}
			g.Step()
		}
		for i, v := range params[0].Value.Data() {
			if !(math.Abs(v-1) <= 1e-2) {
				t.Errorf("%s: entry %d at %v, minimum at 1", name, i, v)
			}
		}
	}
}

// Steps, save, restore into a fresh optimiser, steps: the bits of an unbroken run.
func TestRestore(t *testing.T) { both(t, testRestore[float32], testRestore[float64]) }

func testRestore[T kernels.Float](t *testing.T) {
	ops := NewCPU[T](nil)
	for name, fresh := range map[string]func() Optimizer[T]{
		"Adam":    func() Optimizer[T] { return mustAdam[T](t, ops, DefaultAdam(1e-2)) },
		"SGD":     func() Optimizer[T] { return mustSGD[T](t, ops, SGDConfig{Rate: 1e-2, Momentum: 0.9}) },
		"RMSProp": func() Optimizer[T] { return mustRMSProp[T](t, ops, DefaultRMSProp(1e-2)) },
		"RMSProp momentum": func() Optimizer[T] {
			return mustRMSProp[T](t, ops, RMSPropConfig{Rate: 1e-2, Decay: .9, Eps: 1e-3, Momentum: .5})
		},
		"SGD Nesterov":         func() Optimizer[T] { return mustSGD[T](t, ops, SGDConfig{Rate: 1e-2, Momentum: 0.9, Nesterov: true}) },
		"SGD without momentum": func() Optimizer[T] { return mustSGD[T](t, ops, SGDConfig{Rate: 1e-2}) },
	} {
		for _, cut := range []int{0, 1, 7} {
			run := func(broken bool) []T {
				src := random.New(1, "gradients")
				params := []*Param[T]{newParam(ops, "0.weight", 3, 4), newParam(ops, "0.bias", 3)}
				o := fresh()
				for step := range 20 {
					if broken && step == cut {
						saved := copyState(o.State())
						o.Step(params) // what comes after the save must not reach it
						for _, p := range params {
							clear(p.Value.Data())
						}
						params = replay(t, fresh, step, ops)
						o = fresh()
						if err := o.Restore(params, saved); err != nil {
							t.Fatal(err)
						}
					}
					for _, p := range params {
						random.Normal(src, p.Grad.Data(), 0, 1)
					}
					o.Step(params)
				}
				if s := o.State(); s.Step != 20 {
					t.Errorf("%s: %d steps counted, want 20", name, s.Step)
				}
				return append(append([]T(nil), params[0].Value.Data()...), params[1].Value.Data()...)
			}
			if !sameBits(run(true), run(false)) {
				t.Errorf("%s: restored after %d steps, other bits", name, cut)
			}
		}
	}
}

// replay returns the parameters of testRestore after that many steps.
func replay[T kernels.Float](t *testing.T, fresh func() Optimizer[T], steps int, ops Ops[T]) []*Param[T] {
	t.Helper()
	src := random.New(1, "gradients")
	params := []*Param[T]{newParam(ops, "0.weight", 3, 4), newParam(ops, "0.bias", 3)}
	o := fresh()
	for range steps {
		for _, p := range params {
			random.Normal(src, p.Grad.Data(), 0, 1)
		}
		o.Step(params)
	}
	return params
}

func copyState[T kernels.Float](s State[T]) State[T] {
	c := State[T]{Step: s.Step, Tensors: map[string]*Tensor[T]{}}
	for name, v := range s.Tensors {
		c.Tensors[name] = TensorOf(append([]T(nil), v.Data()...), v.Shape()...)
	}
	return c
}

// The state before the first step, restored into an optimiser with a past, is a fresh start.
func TestRestoreFresh(t *testing.T) {
	ops := NewCPU[float64](nil)
	for name, o := range map[string]Optimizer[float64]{
		"Adam": mustAdam[float64](t, ops, DefaultAdam(0.1)), "SGD": mustSGD[float64](t, ops, SGDConfig{Rate: 0.1, Momentum: 0.9}),
	} {
		first := func() float64 {
			params := oneParam[float64](ops, 1)
			params[0].Grad.Data()[0] = 3
			o.Step(params)
			return params[0].Value.Data()[0]
		}
		fresh := copyState(o.State())
		want := first()
		if first() == want {
			t.Errorf("%s: the second step is the first", name)
		}
		if err := o.Restore(oneParam[float64](ops, 1), fresh); err != nil {
			t.Fatal(err)
		}
		if got := first(); got != want {
			t.Errorf("%s: first step to %v, again after a restore %v", name, want, got)
		}
	}
}

func TestStateNames(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := []*Param[float64]{newParam[float64](ops, "0.weight", 3, 4)}
	adam, sgd := mustAdam[float64](t, ops, DefaultAdam(1)), mustSGD[float64](t, ops, SGDConfig{Rate: 1, Momentum: 0.5})
	plain := mustSGD[float64](t, ops, SGDConfig{Rate: 1})
	if s := adam.State(); s.Step != 0 || len(s.Tensors) != 0 {
		t.Errorf("state before the first step: %v", s)
	}
	adam.Step(params)
	sgd.Step(params)
	plain.Step(params)
	for _, c := range []struct {
		state State[float64]
		names []string
	}{{adam.State(), []string{"adam.m/0.weight", "adam.v/0.weight"}}, {sgd.State(), []string{"sgd.momentum/0.weight"}}, {plain.State(), nil}} {
		if len(c.state.Tensors) != len(c.names) || c.state.Step != 1 {
			t.Errorf("state %v", c.state)
		}
		for _, name := range c.names {
			if v := c.state.Tensors[name]; v == nil || !v.SameShape(params[0].Value) {
				t.Errorf("%s is %v", name, v)
			}
		}
	}
}

// A state of another network is refused by the tensor that does not fit, and nothing changes.
func TestRestoreRefuses(t *testing.T) {
	ops := NewCPU[float64](nil)
	params := []*Param[float64]{newParam[float64](ops, "a", 2), newParam[float64](ops, "b", 3)}
	step := func(o Optimizer[float64]) Optimizer[float64] {
		for _, p := range params {
			p.Grad.Data()[0] = 1
		}
		o.Step(params)
		return o
	}
	for _, c := range []struct {
		fault  string
		change func(s *State[float64])
	}{
		{`lacks the tensor "adam.v/b"`, func(s *State[float64]) { delete(s.Tensors, "adam.v/b") }},
		{`"adam.m/a" has shape [3], the parameter [2]`, func(s *State[float64]) { s.Tensors["adam.m/a"] = NewTensor[float64](3) }},
		{"5 tensors, want 4", func(s *State[float64]) { s.Tensors["adam.m/c"] = NewTensor[float64](3) }},
		{"4 tensors, want 0", func(s *State[float64]) { s.Step = 0 }},
		{"after -1 steps", func(s *State[float64]) { s.Step = -1 }},
	} {
		s := copyState(step(mustAdam[float64](t, ops, DefaultAdam(1))).State())
		c.change(&s)
		o := step(mustAdam[float64](t, ops, DefaultAdam(1)))
		before := copyState(o.State())
		if err := o.Restore(params, s); err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("error %v, want one with %q", err, c.fault)
		}
		after := o.State()
		for name, v := range before.Tensors {
			if after.Step != before.Step || !sameBits(after.Tensors[name].Data(), v.Data()) {
				t.Errorf("%s: changed though refused", c.fault)
			}
		}
	}
}

func TestOptimizerSettings(t *testing.T) {
	ops := NewCPU[float32](nil)
	nan, inf := math.NaN(), math.Inf(1)
	for _, cfg := range []AdamConfig{
		{}, {Rate: -1, Eps: 1}, {Rate: nan, Eps: 1}, {Rate: inf, Eps: 1}, {Rate: 1, Eps: 0}, {Rate: 1, Eps: 1e-60}, {Rate: 1, Eps: nan}, {Rate: 1, Eps: inf},
		{Rate: 1, Eps: 1, Beta1: 1}, {Rate: 1, Eps: 1, Beta2: 1 - 1e-12}, {Rate: 1, Eps: 1, Beta1: -1}, {Rate: 1, Eps: 1, Beta2: nan},
		{Rate: 1, Eps: 1, WeightDecay: -1}, {Rate: 1, Eps: 1, WeightDecay: nan},
	} {
		if _, err := NewAdam[float32](ops, cfg); err == nil {
			t.Errorf("NewAdam accepts %+v", cfg)
		}
	}
	for _, cfg := range []SGDConfig{{}, {Rate: nan}, {Rate: inf}, {Rate: 1, Momentum: 1}, {Rate: 1, Momentum: -1}, {Rate: 1, Momentum: nan}, {Rate: 1, Nesterov: true}, {Rate: 1, WeightDecay: -1}} {
		if _, err := NewSGD[float32](ops, cfg); err == nil {
			t.Errorf("NewSGD accepts %+v", cfg)
		}
	}
}

func TestRMSPropSettings(t *testing.T) {
	ops := NewCPU[float32](nil)
	for _, cfg := range []RMSPropConfig{
		{}, {Rate: 1}, {Rate: math.NaN(), Eps: 1}, {Rate: 1, Eps: math.Inf(1)}, {Rate: 1, Eps: 1, Decay: 1}, {Rate: 1, Eps: 1, Decay: -1}, {Rate: 1, Eps: 1, Decay: 1 - 1e-12},
		{Rate: 1, Eps: 1, Momentum: 1}, {Rate: 1, Eps: 1, Momentum: math.NaN()}, {Rate: 1, Eps: 1, WeightDecay: -1},
	} {
		if _, err := NewRMSProp[float32](ops, cfg); err == nil {
			t.Errorf("NewRMSProp accepts %+v", cfg)
		}
	}
}

func TestGroupRefusesSameName(t *testing.T) {
	ops := NewCPU[float32](nil)
	p := newParam[float32](ops, "a", 1)
	wantPanic(t, "same name", "two parameters of the same name", func() { NewGroup("g", []*Param[float32]{p, p}, nil) })
	g := NewGroup("g", Prefixed("x", []*Param[float32]{p}), nil)
	if g.Params[0].Name != "x.a" || g.Params[0].Value != p.Value || p.Name != "a" {
		t.Errorf("Prefixed gives %v", g.Params[0])
	}
}
