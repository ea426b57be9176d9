package sinkhorn_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A setting is a problem between points, with what its derivatives are taken by.
type setting struct {
	ground string
	x, y   []float64
	a, b   []float64
	d      int
	rx, ry sinkhorn.Reach
	eps    float64
}

func (s *setting) n() int { return len(s.x) / s.d }
func (s *setting) m() int { return len(s.y) / s.d }

// newSetting draws n points against m, away from the origin so that the cosine is smooth.
func newSetting(ground string, n, m, d int, eps float64, rx, ry sinkhorn.Reach) *setting {
	s := &setting{ground: ground, d: d, eps: eps, rx: rx, ry: ry}
	rng := random.New(7, ground)
	draw := func(size int, lo, hi float64) []float64 {
		v := make([]float64, size)
		for i := range v {
			v[i] = lo + (hi-lo)*rng.Float64()
		}
		return v
	}
	s.x, s.y, s.a, s.b = draw(n*d, .2, 1.2), draw(m*d, .5, 1.4), draw(n, .5, 1.5), draw(m, .5, 1.5)
	if rx.Penalty == sinkhorn.Exact || ry.Penalty == sinkhorn.Exact {
		kernels.Scale(s.a, 1/kernels.Sum(s.a))
		kernels.Scale(s.b, 1/kernels.Sum(s.b))
	}
	return s
}

func (s *setting) points(t testing.TB) *logsumexp.Points[float64] {
	t.Helper()
	g, err := logsumexp.ParseGround(s.ground)
	if err != nil {
		t.Fatal(err)
	}
	// Not the weights of the problem: the terms taken out of the cost must not matter.
	p, err := logsumexp.NewPoints[float64](g, s.x, s.y, nil, nil, s.n(), s.m(), s.d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// problem normalises weights itself where both marginals are exact, so that a difference in a weight is that of weights as given.
func (s *setting) problem(t testing.TB, c logsumexp.Cost[float64]) *sinkhorn.Problem[float64] {
	t.Helper()
	a, b := s.a, s.b
	if s.rx.Penalty == sinkhorn.Exact && s.ry.Penalty == sinkhorn.Exact {
		a, b = slices.Clone(a), slices.Clone(b)
		kernels.Scale(a, 1/kernels.Sum(a))
		kernels.Scale(b, 1/kernels.Sum(b))
	}
	p, err := sinkhorn.NewUnbalanced(c, a, b, s.rx, s.ry)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pick(v sinkhorn.Values, value sinkhorn.Value) float64 {
	if value == sinkhorn.Sharp {
		return v.Sharp
	}
	return v.Entropic
}

var exact, kl, tv = sinkhorn.Reach{}, sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: .6}, sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: .25}

// TestUnrolledMeetsDifferences holds the derivatives of L steps by points of both clouds, weights of both sides and entries of the cost to
// central differences of the values, for every ground cost, every kind of marginal and both ways of keeping the kernel.
func TestUnrolledMeetsDifferences(t *testing.T) {
	reaches := []struct {
		name string
		x, y sinkhorn.Reach
	}{{"balanced", exact, exact}, {"kl", kl, kl}, {"tv", tv, tv}, {"kl-exact", kl, exact}, {"exact-tv", exact, tv}, {"tv-kl", tv, kl}}
	for k, ground := range logsumexp.GroundNames {
		if ground == "pow:P" {
			ground = "pow:1.5"
		}
		for q, r := range reaches {
			if testing.Short() && (k+q)%3 != 0 {
				continue
			}
			for _, c := range []struct {
				steps, maxBytes int
				eps             float64
			}{{1, 0, .3}, {4, 1, .1}, {9, 0, .01}, {6, 1, .003}} {
				t.Run(fmt.Sprintf("%s/%s/L=%d/eps=%g", ground, r.name, c.steps, c.eps), func(t *testing.T) {
					s := newSetting(ground, 5, 6, 2, c.eps, r.x, r.y)
					testDifferences(t, s, c.steps, c.maxBytes)
				})
			}
		}
	}
}

func testDifferences(t *testing.T, s *setting, steps, maxBytes int) {
	solver := sinkhorn.Solver[float64]{Eps: s.eps, MaxBytes: maxBytes}
	run := func() (*sinkhorn.Unrolled[float64], *logsumexp.Points[float64]) {
		p := s.points(t)
		var u sinkhorn.Unrolled[float64]
		if err := solver.Unroll(context.Background(), &u, steps, s.problem(t, p)); err != nil {
			t.Fatal(err)
		}
		return &u, p
	}
	u, p := run()
	for _, value := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
		d := sinkhorn.Derivative[float64]{
			Points: p, DX: make([]float64, len(s.x)), DY: make([]float64, len(s.y)), DA: make([]float64, len(s.a)), DB: make([]float64, len(s.b)),
			C: make([]float64, len(s.a)*len(s.b)),
		}
		if err := u.Backward(value, &d); err != nil {
			t.Fatal(err)
		}
		check := func(what string, at, got []float64) {
			t.Helper()
			want := make([]float64, len(at))
			for i := range at {
				want[i] = difference(at, i, 1e-5, func() float64 {
					v, _ := run()
					return pick(v.Values(0), value)
				})
			}
			// Differences of fourth order err by about (h/eps)^4 beside rounding of 1e-15 over h.
			nearAll(t, fmt.Sprintf("value %d by %s", value, what), got, want, 1e-6)
		}
		check("x", s.x, d.DX)
		check("y", s.y, d.DY)
		check("a", s.a, d.DA)
		check("b", s.b, d.DB)
	}
}

// difference returns the derivative of f by at[i], by central differences of fourth order.
func difference(at []float64, i int, h float64, f func() float64) float64 {
	keep := at[i]
	defer func() { at[i] = keep }()
	eval := func(x float64) float64 {
		at[i] = x
		return f()
	}
	near := eval(keep+h) - eval(keep-h)
	far := eval(keep+2*h) - eval(keep-2*h)
	return (8*near - far) / (12 * h)
}

// TestUnrolledByCost holds the derivative by entries of a stored cost, some of them forbidden, to differences.
func TestUnrolledByCost(t *testing.T) {
	const n, m, steps = 4, 5, 5
	c := squared([]float64{0, 1, 3, 3.5}, []float64{.5, 2, 2.5, 4, 1})
	c[3], c[11] = math.Inf(1), math.Inf(1)
	a, b := []float64{.1, .4, .3, .2}, []float64{.3, .1, .2, .25, .15}
	for _, r := range []sinkhorn.Reach{exact, kl} {
		run := func() *sinkhorn.Unrolled[float64] {
			p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored(c, n, m, m), a, b, r, r)
			if err != nil {
				t.Fatal(err)
			}
			var u sinkhorn.Unrolled[float64]
			if err := (&sinkhorn.Solver[float64]{Eps: .5}).Unroll(context.Background(), &u, steps, p); err != nil {
				t.Fatal(err)
			}
			return &u
		}
		for _, value := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
			got, want := make([]float64, n*m), make([]float64, n*m)
			if err := run().Backward(value, &sinkhorn.Derivative[float64]{C: got}); err != nil {
				t.Fatal(err)
			}
			for i, v := range c {
				if math.IsInf(v, 1) {
					continue
				}
				want[i] = difference(c, i, 1e-4, func() float64 { return pick(run().Values(0), value) })
			}
			nearAll(t, fmt.Sprintf("value %d, penalty %d", value, r.Penalty), got, want, 1e-8)
		}
	}
}

// TestUnrolledZeroWeights: points without mass change no value, their rows have the derivative of one side, and that of a column is refused.
func TestUnrolledZeroWeights(t *testing.T) {
	s := newSetting("sqeuclidean", 5, 6, 2, .1, exact, exact)
	s.a[2] = 0
	kernels.Scale(s.a, 1/kernels.Sum(s.a))
	solver := sinkhorn.Solver[float64]{Eps: s.eps}
	value := func() (float64, *sinkhorn.Unrolled[float64]) {
		var u sinkhorn.Unrolled[float64]
		if err := solver.Unroll(context.Background(), &u, 6, s.problem(t, s.points(t))); err != nil {
			t.Fatal(err)
		}
		return u.Values(0).Sharp, &u
	}
	at, u := value()
	d := sinkhorn.Derivative[float64]{DA: make([]float64, 5)}
	if err := u.Backward(sinkhorn.Sharp, &d); err != nil {
		t.Fatal(err)
	}
	const h = 1e-6
	s.a[2] = h
	one, _ := value()
	s.a[2] = 2 * h
	two, _ := value()
	near(t, "derivative at weight 0", d.DA[2], (4*one-two-3*at)/(2*h), 1e-7)
	s.a[2], s.b[1] = 0, 0
	_, u = value()
	if err := u.Backward(sinkhorn.Sharp, &sinkhorn.Derivative[float64]{DB: make([]float64, 6)}); err == nil {
		t.Error("the derivative by a column's weight 0 was not refused")
	}
	x := sinkhorn.Derivative[float64]{Points: s.points(t), DX: make([]float64, 10), DY: make([]float64, 12)}
	if err := u.Backward(sinkhorn.Sharp, &x); err != nil {
		t.Fatal(err)
	}
	for _, v := range append(x.DX[4:6:6], x.DY[2:4]...) {
		if v != 0 {
			t.Errorf("a point without mass has derivative %g", v)
		}
	}
}

// TestUnrolledKept: the kernel in memory and the kernel computed by every pass give the same derivatives, on any number of workers the same
// bits, for sizes of several chunks, blocks and tiles, from hot to cold.
func TestUnrolledKept(t *testing.T) {
	const n, m, d, steps = 300, 1100, 3, 12
	for _, eps := range []float64{1, .02, .0005} {
		s := newSetting("sqeuclidean", n, m, d, eps, exact, exact)
		run := func(maxBytes, workers int) *sinkhorn.Derivative[float32] {
			pool := parallel.New(workers)
			defer pool.Close()
			p, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, s.x, s.y, s.a, s.b, n, m, d)
			if err != nil {
				t.Fatal(err)
			}
			problem, err := sinkhorn.NewProblem(p, s.a, s.b)
			if err != nil {
				t.Fatal(err)
			}
			var u sinkhorn.Unrolled[float32]
			solver := sinkhorn.Solver[float32]{Eps: eps, MaxBytes: maxBytes, Runner: kernels.Runner(pool)}
			if err := solver.Unroll(context.Background(), &u, steps, problem); err != nil {
				t.Fatal(err)
			}
			w := &sinkhorn.Derivative[float32]{Points: p, DX: make([]float64, n*d), DY: make([]float64, m*d), DA: make([]float64, n), DB: make([]float64, m)}
			if err := u.Backward(sinkhorn.Sharp, w); err != nil {
				t.Fatal(err)
			}
			return w
		}
		kept, again, computed := run(0, 1), run(0, 3), run(1, 2)
		if !slices.Equal(kept.DX, again.DX) || !slices.Equal(kept.DY, again.DY) || !slices.Equal(kept.DA, again.DA) || !slices.Equal(kept.DB, again.DB) {
			t.Errorf("eps %g: other bits on three workers than on one", eps)
		}
		tol := 1e-3
		if eps < .01 {
			tol = 1e-2
		}
		nearAll(t, "x", computed.DX, kept.DX, tol)
		nearAll(t, "y", computed.DY, kept.DY, tol)
		nearAll(t, "a", computed.DA, kept.DA, tol)
		nearAll(t, "b", computed.DB, kept.DB, tol)
	}
}

// TestUnrolledFinite: whatever the temperature, from a millionth of the cost to a million times it, with points without mass, repeated points,
// forbidden pairs and a reach, values and derivatives are finite, and the derivative of the dual by the cost is a plan: not negative, with
// the columns' weights where those are exact.
func TestUnrolledFinite(t *testing.T) {
	t.Run("float32", testUnrolledFinite[float32])
	t.Run("float64", testUnrolledFinite[float64])
}

func testUnrolledFinite[T kernels.Float](t *testing.T) {
	rng := random.New(11, "finite")
	count := 600
	if testing.Short() {
		count = 100
	}
	for trial := range count {
		n, m := 1+rng.IntN(12), 1+rng.IntN(12)
		c := make([]T, n*m)
		for i := range c {
			c[i] = T(rng.Float64())
			if rng.IntN(4) == 0 && i >= m && i%m > 0 { // the first row and the first column stay open
				c[i] = T(math.Inf(1))
			}
			if rng.IntN(5) == 0 && i%m > 1 {
				c[i] = c[i-1]
			}
		}
		a, b := make([]float64, n), make([]float64, m)
		for i := range a {
			a[i] = float64(rng.IntN(4))
		}
		for j := range b {
			b[j] = float64(rng.IntN(4))
		}
		a[0], b[0] = 1, 1
		kernels.Scale(a, 1/kernels.Sum(a))
		kernels.Scale(b, 1/kernels.Sum(b))
		eps := math.Pow(10, -6+12*rng.Float64())
		x := []sinkhorn.Reach{exact, kl, tv}[rng.IntN(3)]
		y := []sinkhorn.Reach{exact, kl, tv}[rng.IntN(3)]
		p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored(c, n, m, m), a, b, x, y)
		if err != nil {
			t.Fatal(err)
		}
		var u sinkhorn.Unrolled[T]
		solver := sinkhorn.Solver[T]{Eps: eps, MaxBytes: rng.IntN(2)}
		if err := solver.Unroll(context.Background(), &u, 1+rng.IntN(30), p); err != nil {
			t.Fatal(err)
		}
		v := u.Values(0)
		what := fmt.Sprintf("trial %d: %d x %d, eps %g, penalties %d and %d", trial, n, m, eps, x.Penalty, y.Penalty)
		finite(t, what+": values", []float64{v.Sharp, v.Entropic, v.MarginalError})
		for _, value := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
			d := sinkhorn.Derivative[T]{C: make([]T, n*m)}
			if err := u.Backward(value, &d); err != nil {
				t.Fatal(err)
			}
			byWeights := sinkhorn.Derivative[T]{DA: make([]float64, n)}
			if err := u.Backward(value, &byWeights); err == nil {
				finite(t, what+": by weights", byWeights.DA)
			} else if !slices.Contains(a, 0) && eps > 1e-3 { // only cold, or of a point without mass, it may leave the range
				t.Fatalf("%s: %v", what, err)
			}
			wide := make([]float64, n*m)
			for i, w := range d.C {
				wide[i] = float64(w)
			}
			finite(t, what+": by the cost", wide)
		}
	}
}

func finite(t *testing.T, what string, x []float64) {
	t.Helper()
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("%s: entry %d is %g", what, i, v)
		}
	}
}
