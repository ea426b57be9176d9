package measure

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/bench/limits/asm"
	"github.com/sinkcpu/sinkcpu/bench/limits/loop"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// chains is the number of operations of each kind in an iteration of a probe.
const chains = 12

// probes are the loops that measure a tier.
type probes struct {
	tier          kernels.Tier
	lanes         int
	fma, add      func(n int, out []float32)
	mixes         []mix
	scale, reduce *rare // nil where the tier has none
	read, read4   func(passes int, x, out []float32)
	load, store   func(n int, x []float32)
}

// A mix is a loop of several kinds of operations.
type mix struct {
	name  string
	count int // of operations in an iteration
	run   func(n int, out []float32)
}

// A rare operation is measured on its own, and as one of five beside multiplications and beside additions, as in an exponential.
type rare struct {
	name               string
	alone, amid, among func(n int, out []float32)
}

// Limits is what the machine can do, as measured.
type Limits struct {
	clock  float64           // cycles a second, 0 where it is not known
	rates  map[string]*rates // by tier
	stream map[stream]float64
	probes []*probes
}

// rates are those of one core, in vectors a second. They are those of the best sample: other work on the machine can hide what it is
// able to do, and cannot add to it.
type rates struct {
	lanes         float64
	fma, add, all float64 // multiplications, additions, and vector operations of any kind
	scale, reduce cost
	load, store   float64
	flops         map[int]float64 // floating-point operations a second by number of threads
}

// A cost is what a rare operation takes: its own rate, and the multiplications and additions that it takes the place of, 0 when it runs
// beside them.
type cost struct{ rate, slots, adds float64 }

// operations is the simple operations that one takes the place of.
func (c cost) operations() float64 { return max(1, c.slots+c.adds) }

// Limits measures the machine and emits a row for each of its limits.
func (s *Session) Limits(ctx context.Context) (*Limits, error) {
	l := &Limits{rates: map[string]*rates{}, stream: map[stream]float64{}, probes: available()}
	if len(l.probes) > 0 {
		if err := s.clock(ctx, l); err != nil {
			return nil, err
		}
	}
	for _, p := range l.probes {
		if err := s.arithmetic(ctx, l, p); err != nil {
			return nil, err
		}
	}
	if err := s.streams(ctx, l); err != nil {
		return nil, err
	}
	return l, s.barriers(ctx)
}

func (s *Session) clock(ctx context.Context, l *Limits) error {
	const n = 4096 // 32 cycles each
	r, err := s.measure(ctx, job{always: true, name: "clock", params: row.P("threads", "1"), amount: 32 * n / 1e9, unit: "GHz", run: func() { cycles(n) }})
	l.clock = r.Max * 1e9
	return err
}

// arithmetic measures the operations of a tier.
func (s *Session) arithmetic(ctx context.Context, l *Limits, p *probes) error {
	r := &rates{lanes: float64(p.lanes), flops: map[int]float64{}}
	l.rates[p.tier.String()] = r
	for _, t := range s.Threads {
		if err := s.multiplications(ctx, r, p, t); err != nil {
			return err
		}
	}
	r.fma = r.flops[1] / (2 * r.lanes)
	for _, m := range append([]mix{{"fma", chains, p.fma}, {"add", chains, p.add}}, p.mixes...) {
		v, err := s.operations(ctx, l, p, m.name, m.count, m.run)
		if err != nil {
			return err
		}
		r.all = max(r.all, v)
		if m.name == "add" {
			r.add = v
		}
	}
	var err error
	if r.scale, err = s.rare(ctx, l, p, p.scale, r); err != nil {
		return err
	}
	if r.reduce, err = s.rare(ctx, l, p, p.reduce, r); err != nil {
		return err
	}
	return s.firstLevel(ctx, l, p, r)
}

// iterations of a probe in a call: some 30 us, as assembly cannot be preempted.
const probeIterations = 1 << 14

// multiplications measures multiplications with addition on so many threads.
func (s *Session) multiplications(ctx context.Context, r *rates, p *probes, threads int) error {
	const calls, tasksPerThread = 8, 4
	tasks := threads * tasksPerThread
	run := func() {
		s.pools[threads].For(tasks, func(int) {
			out := make([]float32, p.lanes)
			for range calls {
				p.fma(probeIterations, out)
			}
		})
	}
	flops := 2 * float64(p.lanes*chains*probeIterations*calls*tasks)
	m, err := s.measure(ctx, job{always: true, name: "fma", params: on(p.tier, threads), amount: flops / 1e9, unit: "GFLOP/s", check: p.checkFMA, run: run, on: threads})
	r.flops[threads] = m.Max * 1e9
	return err
}

// checkFMA holds the probe to its closed form: x = x/2 + 1/2 tends to 1.
func (p *probes) checkFMA() error {
	out := make([]float32, p.lanes)
	p.fma(64, out)
	for _, v := range out {
		if err := differs("the sum of the chains", float64(v), chains, 0); err != nil {
			return err
		}
	}
	return nil
}

// operations measures a mix and returns its vector operations a second.
func (s *Session) operations(ctx context.Context, l *Limits, p *probes, name string, count int, run func(n int, out []float32)) (float64, error) {
	out := make([]float32, p.lanes)
	r, err := s.measure(ctx, job{always: true, name: "operations", params: on(p.tier, 1, "mix", name), amount: float64(count*probeIterations) / l.clock, unit: "/cycle",
		run: func() { run(probeIterations, out) }})
	return r.Max * l.clock, err
}

// rare measures the cost of a rare operation.
func (s *Session) rare(ctx context.Context, l *Limits, p *probes, op *rare, r *rates) (c cost, err error) {
	if op == nil {
		return cost{rate: math.Inf(1)}, nil
	}
	if c.rate, err = s.operations(ctx, l, p, op.name, chains, op.alone); err != nil {
		return c, err
	}
	const beside = chains / 4
	for _, k := range []struct {
		name  string
		run   func(n int, out []float32)
		rate  float64
		slots *float64
	}{{"4fma+", op.amid, r.fma, &c.slots}, {"4add+", op.among, r.add, &c.adds}} {
		v, err := s.operations(ctx, l, p, k.name+op.name, chains+beside, k.run)
		if err != nil {
			return c, err
		}
		*k.slots = max(0, ((chains+beside)*k.rate/v-chains)/beside)
	}
	return c, nil
}

// firstLevel measures loads and stores of whole vectors in the first level of cache.
func (s *Session) firstLevel(ctx context.Context, l *Limits, p *probes, r *rates) error {
	x := make([]float32, chains*p.lanes+16)
	x = x[aligned(x):]
	for _, k := range []struct {
		name string
		run  func(n int, x []float32)
		rate *float64
	}{{"loads", p.load, &r.load}, {"stores", p.store, &r.store}} {
		m, err := s.measure(ctx, job{always: true, name: k.name, params: on(p.tier, 1, "bytes", itoa(4*p.lanes)), amount: chains * probeIterations / l.clock, unit: "/cycle",
			run: func() { k.run(probeIterations, x) }})
		if err != nil {
			return err
		}
		*k.rate = m.Max * l.clock
	}
	return nil
}

// perEntry returns the least time in seconds that an entry takes in a loop on one core, and what binds it.
func (r *rates) perEntry(l loop.Loop) (seconds float64, by string) {
	bounds := []struct {
		by   string
		time float64
	}{
		{"multiplications", (float64(l.Multiply) + r.scale.slots*float64(l.Scale) + r.reduce.slots*float64(l.Reduce)) / r.fma},
		{"additions", (float64(l.Add) + r.scale.adds*float64(l.Scale) + r.reduce.adds*float64(l.Reduce)) / r.add},
		{"scalef", float64(l.Scale) / r.scale.rate},
		{"reduce", float64(l.Reduce) / r.reduce.rate},
		{"vector operations", (float64(l.Multiply+l.Add+l.Other) + r.scale.operations()*float64(l.Scale) + r.reduce.operations()*float64(l.Reduce)) / r.all},
		{"loads", float64(l.Loads) / r.load},
		{"stores", float64(l.Stores) / r.store},
	}
	for _, b := range bounds {
		if b.time > seconds {
			seconds, by = b.time, b.by
		}
	}
	return seconds / float64(l.Entries*l.Lanes), by
}

// Time returns the least time in seconds that kernels take for an entry of a matrix, one after the other, on so many threads, and what
// binds the slowest; NaN where that is not known.
func (l *Limits) Time(tier kernels.Tier, threads int, names ...string) (seconds float64, by string) {
	r := l.rates[tier.String()]
	if r == nil {
		return math.NaN(), ""
	}
	worst := 0.
	for _, name := range names {
		k, ok := asm.Loops[name+"F32"+asmSuffix[tier]]
		if !ok {
			return math.NaN(), ""
		}
		t, b := r.perEntry(k)
		if seconds += t; t > worst {
			worst, by = t, b
		}
	}
	return seconds * r.flops[1] / r.flops[threads], by
}

// TwoPorts returns the time of Time for a core that starts two vector operations a cycle, of any kind, and does nothing else: a measure
// that tells less about this core, and the same about all.
func (l *Limits) TwoPorts(tier kernels.Tier, threads int, names ...string) (seconds float64) {
	r := l.rates[tier.String()]
	if r == nil {
		return math.NaN()
	}
	for _, name := range names {
		k, ok := asm.Loops[name+"F32"+asmSuffix[tier]]
		if !ok {
			return math.NaN()
		}
		seconds += float64(k.Operations()) / float64(k.Entries*k.Lanes) / (2 * l.clock)
	}
	return seconds * r.flops[1] / r.flops[threads]
}

var asmSuffix = map[kernels.Tier]string{kernels.AVX2: "AVX2", kernels.AVX512: "AVX512"}

// Flops returns the floating-point operations a second of a tier on so many threads, NaN where that is not known.
func (l *Limits) Flops(tier kernels.Tier, threads int) float64 {
	if r := l.rates[tier.String()]; r != nil {
		return r.flops[threads]
	}
	return math.NaN()
}

// Count describes the operations an entry takes in kernels, for a remark.
func Count(tier kernels.Tier, names ...string) string {
	var operations, width float64
	for _, name := range names {
		k, ok := asm.Loops[name+"F32"+asmSuffix[tier]]
		if !ok {
			return ""
		}
		operations += float64(k.Operations()) / float64(k.Entries)
		width = float64(k.Lanes)
	}
	return fmt.Sprintf("%.4g vector operations for %.0f entries", operations, width)
}
