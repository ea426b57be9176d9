package measure

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/bench/limits/loop"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// TestSession measures all rows of a quick run, with hardly a sample each.
func TestSession(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	var rows []row.Row
	s := NewSession(true, 2, func(r row.Row) { rows = append(rows, r) })
	defer s.Close()
	s.Meter = row.Meter{Least: 3, Most: 3, Bound: .01, Budget: time.Millisecond}
	if err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	seen, keys := map[string]int{}, map[string]bool{}
	for i := range rows {
		r := &rows[i]
		seen[r.Name]++
		if keys[r.Key()] {
			t.Errorf("two rows %s", r.Key())
		}
		keys[r.Key()] = true
		if r.Error != "" || !(r.Value > 0) || math.IsInf(r.Value, 0) {
			t.Errorf("%s: %g %s, error %q", r.Key(), r.Value, r.Unit, r.Error)
		}
		// Twice the limit allows for one that was measured while other work ran.
		if r.Limit != nil && !(r.Limit.Fraction > 0 && r.Limit.Fraction < 2) {
			t.Errorf("%s is %g of its limit", r.Key(), r.Limit.Fraction)
		}
	}
	want := map[string]int{"read": 8, "barrier": 2, "exp2": 1, "sweep-rows": 1, "sweep": 3, "iteration": 6, "gemm": 2, "loss": 4, "training-step": 2}
	for name, n := range want {
		if seen[name] != n {
			t.Errorf("%d rows %s, want %d", seen[name], name, n)
		}
	}
}

// TestChecks spoils what each job computes, and asks its check to notice.
func TestChecks(t *testing.T) {
	p := newProduct(make([]float32, 3*64*64), 64, nil)
	if err := p.check(); err != nil {
		t.Error(err)
	}
	clear(p.b[:64])
	p.a[0] = float32(math.NaN())
	if p.check() == nil {
		t.Error("a product with NaN was accepted")
	}
	w := newSweep(newSweepProblem(make([]float32, 64*64), 64, 64))
	if err := w.check(); err != nil {
		t.Error(err)
	}
	update := w.update
	w.update = func(i int, sum []float64, weight []float32) {
		update(i, sum, weight)
		weight[0] *= 1.01
	}
	if w.check() == nil {
		t.Error("a sweep with other weights was accepted")
	}
	w.update = update
	w.f[3] = 200
	if w.check() == nil {
		t.Error("a sweep that computed a row twice was accepted")
	}
	for _, bad := range []float64{1.1, math.NaN(), math.Inf(1)} {
		if differs("it", bad, 1, .01) == nil {
			t.Errorf("%g passes for 1", bad)
		}
	}
}

func TestProbes(t *testing.T) {
	for _, p := range available() {
		if err := p.checkFMA(); err != nil {
			t.Errorf("%v: %v", p.tier, err)
		}
		l := &Limits{probes: []*probes{p}}
		x := make([]float32, 4*wayBlock)
		for i := range x {
			x[i] = float32(i % 97)
		}
		for _, w := range l.ways() {
			if got, want := w.sum(x), total(x); got != want {
				t.Errorf("%v, %d streams: the sum is %g, want %g", p.tier, w.streams, got, want)
			}
			if got, want := w.read(3, x), 3*total(x); got != want {
				t.Errorf("%v, %d streams: three sums are %g, want %g", p.tier, w.streams, got, want)
			}
		}
		y := []float32{chains * 16: 7}
		for i := range y[:chains*16] {
			y[i] = 1
		}
		p.store(2, y)
		if n := slices.IndexFunc(y, func(v float32) bool { return v != 0 }); n != chains*p.lanes {
			t.Errorf("%v: cleared %d elements, want %d", p.tier, n, chains*p.lanes)
		}
	}
}

// TestPerEntry holds the model to cases that can be counted by hand.
func TestPerEntry(t *testing.T) {
	r := &rates{lanes: 8, fma: 2, add: 2, all: 4, scale: cost{rate: 1, adds: 2}, reduce: cost{rate: 1, slots: 1}, load: 2, store: 1, flops: map[int]float64{1: 32, 2: 64}}
	for _, c := range []struct {
		l    loop.Loop
		time float64 // of the loop
		by   string
	}{
		{loop.Loop{Multiply: 6, Other: 2}, 3, "multiplications"},
		{loop.Loop{Multiply: 6, Other: 10}, 4, "vector operations"},
		{loop.Loop{Multiply: 6, Loads: 8}, 4, "loads"},
		{loop.Loop{Multiply: 6, Stores: 5}, 5, "stores"},
		{loop.Loop{Multiply: 6, Scale: 4}, 4, "additions"},
		{loop.Loop{Multiply: 6, Add: 3, Scale: 3}, 4.5, "additions"},
		{loop.Loop{Multiply: 6, Add: 6, Other: 2, Scale: 1}, 4, "additions"},
		{loop.Loop{Multiply: 6, Reduce: 4}, 5, "multiplications"},
	} {
		c.l.Lanes, c.l.Entries = 8, 4
		got, by := r.perEntry(c.l)
		if !(math.Abs(got-c.time/32) <= 1e-15) || by != c.by {
			t.Errorf("%+v: %g by %s, want %g by %s", c.l, got, by, c.time/32, c.by)
		}
	}
	l := &Limits{rates: map[string]*rates{"avx2": r}}
	one, _ := l.Time(kernels.AVX2, 1, "SweepRows", "SweepCols")
	two, _ := l.Time(kernels.AVX2, 2, "SweepRows", "SweepCols")
	if !(math.Abs(one/two-2) <= 1e-12) {
		t.Errorf("%g s on one thread and %g on two of a machine that is twice as fast on two", one, two)
	}
	if unknown, _ := l.Time(kernels.Generic, 1, "SweepRows"); unknown == unknown {
		t.Errorf("the generic tier takes at least %g s an entry, want NaN", unknown)
	}
}

// TestKernels measures the rows of single kernels, with hardly a sample each; their checks hold results to float64.
func TestKernels(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	seen := map[string]int{}
	s := NewSession(true, 2, func(r row.Row) {
		seen[r.Name]++
		if r.Error != "" || !(r.Value > 0) || math.IsInf(r.Value, 0) {
			t.Errorf("%s: %g %s, error %q", r.Key(), r.Value, r.Unit, r.Error)
		}
	})
	defer s.Close()
	s.Meter = row.Meter{Least: 3, Most: 3, Bound: .01, Budget: time.Millisecond}
	if err := s.Kernels(context.Background()); err != nil {
		t.Fatal(err)
	}
	if seen["exp"] != 2 || seen["log-sum-exp"] != 2 || seen["gemm"] < 2*(len(Shapes)-1) {
		t.Errorf("rows %v", seen)
	}
}
