package oracle

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Truth is a long alternation of half-steps, not an oracle.
func solved(t testing.TB, p *Problem) (f, g []float64) {
	t.Helper()
	f, g = make([]float64, p.N), make([]float64, p.M)
	for range 20000 {
		p.UpdateRows(f, g)
		p.UpdateColumns(f, g)
		if gap := rowError(p, f, g); gap < 1e-14 {
			return f, g
		}
	}
	t.Fatalf("half-steps leave a row error of %.3g", rowError(p, f, g))
	return nil, nil
}

func rowError(p *Problem, f, g []float64) (off float64) {
	plan := make([]float64, p.N*p.M)
	p.Plan(plan, f, g)
	for i, a := range p.A {
		var sum float64
		for _, v := range plan[i*p.M : (i+1)*p.M] {
			sum += v
		}
		off += math.Abs(sum - a)
	}
	return off
}

func randomProblem(t testing.TB, rng *rand.Rand, reg Regularizer, n, m int) *Problem {
	t.Helper()
	c, a, b := make([]float64, n*m), make([]float64, n), make([]float64, m)
	for k := range c {
		c[k] = rng.Float64()
	}
	for i := range a {
		a[i] = .1 + rng.Float64()
	}
	for j := range b {
		b[j] = .1 + rng.Float64()
	}
	p, err := NewProblem(reg, .2+2*rng.Float64(), c, n, m, a, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// C1: the norm-2 values of the golden problem, and strong duality under both regularisers.
func TestDualMeetsPrimal(t *testing.T) {
	x, y := []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}
	for _, q := range []struct {
		reg           Regularizer
		square        bool
		lambda, value float64
	}{
		{Norm2, false, 1, 1.8871527778}, {Norm2, false, 10, 6.6340277778}, {Norm2, true, 1, 2.3611111111}, {Norm2, true, 10, 8.4722222222},
		{KL, false, 1, 1.412232396200}, {KL, false, 10, 1.634347036671}, {KL, true, 1, 1.923766192839}, {KL, true, 10, 3.488382247774},
	} {
		var c []float64
		for _, u := range x {
			for _, v := range y {
				d := math.Abs(u - v)
				if q.square {
					d *= d
				}
				c = append(c, d)
			}
		}
		p, err := NewProblem(q.reg, q.lambda, c, 3, 4, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		f, g := solved(t, p)
		if d := p.Dual(f, g); !(math.Abs(d-q.value) <= 1e-9) {
			t.Errorf("%v, lambda %g: dual %.12g, want %.12g", q.reg, q.lambda, d, q.value)
		}
		if gap := p.Gap(f, g); !(gap <= 1e-9) {
			t.Errorf("%v, lambda %g: gap %.3g at the optimum", q.reg, q.lambda, gap)
		}
		a, err := new(Exact).Solve(context.Background(), p, 1e-9)
		if err != nil || !a.Reached || !(math.Abs(a.Value-q.value) <= 1e-9) || !(a.Gap <= 1e-9) {
			t.Errorf("%v, lambda %g: exact oracle %+v, %v", q.reg, q.lambda, a, err)
		}
	}
}

// C2: of perturbed duals, KL's gap is lambda KL(P*|P~), and no gradient is further from the true one than the bound says.
func TestBoundOfTheGradientHolds(t *testing.T) {
	problems := 25
	if testing.Short() {
		problems = 5
	}
	const each = 200
	rng := rand.New(rand.NewPCG(1, 2))
	for _, reg := range []Regularizer{KL, Norm2} {
		var worst float64
		for range problems {
			n, m, d := 2+rng.IntN(5), 2+rng.IntN(5), 1+rng.IntN(3)
			p := randomProblem(t, rng, reg, n, m)
			f, g := solved(t, p)
			best := make([]float64, n*m)
			p.Plan(best, f, g)
			optimum := p.Dual(f, g)
			for range each {
				worst = max(worst, perturbed(t, rng, p, f, g, best, optimum, d))
			}
		}
		t.Logf("%v: %d duals, largest error over bound %.4f", reg, problems*each, worst)
		if !(worst <= 1) {
			t.Errorf("%v: an error %.6f times its bound", reg, worst)
		}
		if !(worst > .05) {
			t.Errorf("%v: no error above %.3g of its bound: the test tests nothing", reg, worst)
		}
	}
}

// perturbed moves the potentials off the optimum and returns the error of the gradient over its bound.
func perturbed(t *testing.T, rng *rand.Rand, p *Problem, f, g, best []float64, optimum float64, d int) float64 {
	size := p.Lambda * math.Pow(10, -3*rng.Float64())
	f2, g2 := make([]float64, p.N), make([]float64, p.M)
	for j := range g2 {
		g2[j] = g[j] + size*rng.NormFloat64()
	}
	copy(f2, f)
	p.UpdateRows(f2, g2)
	plan := make([]float64, p.N*p.M)
	p.Plan(plan, f2, g2)
	gap := optimum - p.Dual(f2, g2)
	if bound := p.Gap(f2, g2); !(bound >= gap-1e-12) {
		t.Errorf("%v: a rounded plan promises a gap of %.12g, it is %.12g", p.Reg, bound, gap)
	}
	if p.Reg == KL {
		var kl float64
		for k, v := range best {
			kl += v*math.Log(v/plan[k]) - v + plan[k]
		}
		if !(math.Abs(gap-p.Lambda*kl) <= 1e-9) {
			t.Errorf("gap %.15g, lambda KL(P*|P~) %.15g", gap, p.Lambda*kl)
		}
	}
	wrong := make([]float64, d)
	var l0 float64
	for k, v := range best {
		var norm float64
		for e := range wrong {
			s := 1. // along one direction signs of the error make the bound sharp
			if d > 1 {
				s = rng.NormFloat64()
			} else if plan[k] < v {
				s = -1
			}
			wrong[e] += (plan[k] - v) * s
			norm += s * s
		}
		l0 = max(l0, math.Sqrt(norm))
	}
	var off float64
	for _, v := range wrong {
		off += v * v
	}
	return math.Sqrt(off) / Delta(gap+1e-14, l0, p.Lambda)
}

// Every oracle reaches what it says, and the estimates are of the size of the truth.
func TestOraclesReachTheirGap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, reg := range []Regularizer{KL, Norm2} {
		p := randomProblem(t, rng, reg, 12, 9)
		for name, q := range map[string]struct {
			oracle Oracle
			gap    float64
		}{"exact": {new(Exact), 1e-8}, "sgd": {&Stochastic{Passes: 3000}, .02}, "sag": {&Stochastic{SAG: true, Passes: 3000}, 1e-3}} {
			a, err := q.oracle.Solve(context.Background(), p, q.gap)
			if err != nil {
				t.Fatal(err)
			}
			truth := p.Gap(a.F, a.G)
			t.Logf("%v %s: gap %.3g said, %.3g by rounding, %d iterations", reg, name, a.Gap, truth, a.Iterations)
			if !a.Reached || !(a.Gap <= q.gap) || !(truth <= 2*q.gap) {
				t.Errorf("%v %s: gap %.3g said, %.3g by rounding, wanted %.3g; %s", reg, name, a.Gap, truth, q.gap, a.Why)
			}
			if a.Estimated != (name != "exact") {
				t.Errorf("%s: estimated is %v", name, a.Estimated)
			}
		}
	}
}

func TestAnOracleThatCannotSaysSo(t *testing.T) {
	p := randomProblem(t, rand.New(rand.NewPCG(5, 6)), KL, 20, 20)
	p.Lambda = .005
	for _, o := range []Oracle{&Exact{MaxIter: 3}, &Stochastic{Passes: 2}} {
		a, err := o.Solve(context.Background(), p, 1e-10)
		if err != nil || a.Reached || a.Why == "" || !(a.Gap > 1e-10) || math.IsInf(a.Gap, 0) {
			t.Errorf("%T: %+v, %v", o, a, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, o := range []Oracle{&Exact{}, &Stochastic{}} {
		if _, err := o.Solve(ctx, p, 1e-10); err == nil {
			t.Errorf("%T: no error after the end of its context", o)
		}
	}
}

func TestBadProblemsAreRefused(t *testing.T) {
	for name, f := range map[string]func() error{
		"lambda": func() error { _, err := NewProblem(KL, 0, []float64{1}, 1, 1, nil, nil); return err },
		"size":   func() error { _, err := NewProblem(KL, 1, []float64{1}, 1, 2, nil, nil); return err },
		"cost":   func() error { _, err := NewProblem(KL, 1, []float64{math.NaN()}, 1, 1, nil, nil); return err },
		"weight": func() error { _, err := NewProblem(KL, 1, []float64{1}, 1, 1, []float64{0}, nil); return err },
		"name":   func() error { _, err := ParseRegularizer("l1"); return err },
		"float":  func() error { return CheckLambda(1e-6, 100) },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := CheckLambda(100*0x1p-16, 100); err != nil {
		t.Error(err)
	}
}

// A gap that float32 carries is certified as well as one that it does not, also of points against themselves.
func TestExactInBothPrecisions(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const n = 30
	x := make([]float64, 2*n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for _, self := range []bool{false, true} {
		c := make([]float64, n*n)
		for i := range n {
			for j := range n {
				for k := range 2 {
					to := x[2*j+k]
					if !self {
						to = .5*to + 1
					}
					c[i*n+j] += (x[2*i+k] - to) * (x[2*i+k] - to)
				}
			}
		}
		for _, lambda := range []float64{1, 5, 500} {
			p, err := NewProblem(KL, lambda, c, n, n, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			f, g := solved(t, p)
			best := p.Dual(f, g)
			p.Self = self
			for _, gap := range []float64{.1 * lambda, 1e-3, 1e-4, 1e-9} {
				a, err := new(Exact).Solve(context.Background(), p, gap)
				if err != nil || !a.Reached || !(a.Gap <= gap) {
					t.Fatalf("self %v, lambda %g, gap %g: %+v, %v", self, lambda, gap, a.Why, err)
				}
				if short := best - p.Dual(a.F, a.G); !(short <= a.Gap+1e-9) {
					t.Errorf("self %v, lambda %g: the dual lacks %.3g, %.3g is certified", self, lambda, short, a.Gap)
				}
			}
		}
	}
}
