package exact_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

func problem(t testing.TB, c []float64, n, m int, a, b []float64) *sinkhorn.Problem[float64] {
	t.Helper()
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, m, m), a, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func solve(t testing.TB, p *sinkhorn.Problem[float64]) *exact.Result {
	t.Helper()
	var s exact.Solver[float64]
	r, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verify holds a result against the conditions that make it optimal: its plan has the marginals, its potentials are feasible, and both
// objectives agree.
func verify(c []float64, a, b []float64, r *exact.Result) error {
	n, m := len(a), len(b)
	scale := 1.
	for _, v := range c {
		if !math.IsInf(v, 1) {
			scale = max(scale, math.Abs(v))
		}
	}
	rows, cols := slices.Clone(a), slices.Clone(b)
	var value, dual float64
	for _, p := range r.Pairs {
		if !(p.P > 0) {
			return fmt.Errorf("entry %+v", p)
		}
		rows[p.I] -= p.P
		cols[p.J] -= p.P
		value += p.P * c[p.I*m+p.J]
		if slack := c[p.I*m+p.J] - r.F[p.I] - r.G[p.J]; !(math.Abs(slack) <= 1e-12*scale) {
			return fmt.Errorf("slack %g of the pair %+v", slack, p)
		}
	}
	for _, left := range slices.Concat(rows, cols) {
		if !(math.Abs(left) <= 1e-14) {
			return fmt.Errorf("a marginal is off by %g", left)
		}
	}
	for i := range n {
		for j := range m {
			if !(r.F[i]+r.G[j] <= c[i*m+j]+1e-15*scale) {
				return fmt.Errorf("f_%d + g_%d = %g exceeds the cost %g", i, j, r.F[i]+r.G[j], c[i*m+j])
			}
		}
	}
	for i, v := range a {
		if v > 0 {
			dual += v * r.F[i]
		}
	}
	for j, v := range b {
		if v > 0 {
			dual += v * r.G[j]
		}
	}
	if !(math.Abs(value-r.Value) <= 1e-13*scale && math.Abs(dual-r.Dual) <= 1e-13*scale && math.Abs(r.Gap()) <= 1e-12*scale) {
		return fmt.Errorf("value %.15g and dual %.15g, evaluated %.15g and %.15g", r.Value, r.Dual, value, dual)
	}
	if len(r.Pairs) > n+m-1 {
		return fmt.Errorf("%d entries of %d and %d points", len(r.Pairs), n, m)
	}
	return nil
}

// cheapest returns the least mean cost of a permutation, by trying all.
func cheapest(c []float64, n int) float64 {
	used, best := make([]bool, n), math.Inf(1)
	var try func(i int, sum float64)
	try = func(i int, sum float64) {
		if i == n {
			best = min(best, sum)
			return
		}
		for j := range n {
			if !used[j] {
				used[j] = true
				try(i+1, sum+c[i*n+j])
				used[j] = false
			}
		}
	}
	try(0, 0)
	return best / float64(n)
}

func uniform(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}

// TestAllSmallAssignments: every 3 x 3 matrix with entries 0, 1, 2, ties of all kinds among them.
func TestAllSmallAssignments(t *testing.T) {
	const n = 3
	c := make([]float64, n*n)
	for code := range 19683 {
		for k := range c {
			c[k] = float64(code % 3)
			code /= 3
		}
		r := solve(t, problem(t, c, n, n, nil, nil))
		if want := cheapest(c, n); r.Method != "assignment" || !(math.Abs(r.Value-want) <= 1e-15) {
			t.Fatalf("%v: %s gives %g, want %g", c, r.Method, r.Value, want)
		}
		if err := verify(c, uniform(n), uniform(n), r); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
	}
}

// TestAllSmallTransports: whole weights are an assignment between copies of the points. All splits of 4 into two and three parts, costs of
// 0, 1, 2.
func TestAllSmallTransports(t *testing.T) {
	const total = 4
	var c [6]float64
	for code := range 729 {
		for k := range c {
			c[k] = float64(code % 3)
			code /= 3
		}
		for a0 := range total + 1 {
			for b0 := range total + 1 {
				for b1 := range total + 1 - b0 {
					a, b := []int{a0, total - a0}, []int{b0, b1, total - b0 - b1}
					checkWhole(t, c[:], a, b)
				}
			}
		}
	}
}

// checkWhole compares the transport of whole weights with the assignment of copies.
func checkWhole(t *testing.T, c []float64, a, b []int) {
	t.Helper()
	copies := func(w []int) (at []int, share []float64) {
		total := 0
		for _, k := range w {
			total += k
		}
		for i, k := range w {
			share = append(share, float64(k)/float64(total))
			for range k {
				at = append(at, i)
			}
		}
		return at, share
	}
	rows, wa := copies(a)
	cols, wb := copies(b)
	wide := make([]float64, 0, len(rows)*len(cols))
	for _, i := range rows {
		for _, j := range cols {
			wide = append(wide, c[i*len(b)+j])
		}
	}
	r := solve(t, problem(t, c, len(a), len(b), wa, wb))
	if want := cheapest(wide, len(rows)); !(math.Abs(r.Value-want) <= 1e-14) {
		t.Fatalf("%v, weights %v and %v: %s gives %g, want %g", c, a, b, r.Method, r.Value, want)
	}
	if err := verify(c, wa, wb, r); err != nil {
		t.Fatalf("%v, weights %v and %v: %v", c, a, b, err)
	}
}

// TestRandomProblems: sizes to 40, with weights of zero, repeated points, equal costs and costs far from zero, forbidden pairs among them.
func TestRandomProblems(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	count := 3000
	if testing.Short() {
		count = 500
	}
	solved := 0
	for k := range count {
		n, m := 1+rng.IntN(40), 1+rng.IntN(40)
		if k%4 == 0 {
			m = n
		}
		c := make([]float64, n*m)
		for e := range c {
			switch k % 5 {
			case 0:
				c[e] = float64(rng.IntN(4))
			case 1:
				c[e] = 1e6 + rng.Float64()
			case 2:
				c[e] = math.Exp(20 * rng.NormFloat64())
			case 3:
				if c[e] = rng.Float64(); rng.IntN(3) == 0 {
					c[e] = math.Inf(1)
				}
			default:
				c[e] = rng.NormFloat64()
			}
		}
		var a, b []float64
		if k%3 != 0 {
			a, b = randomWeights(rng, n, k%2 == 0), randomWeights(rng, m, k%2 == 0)
		}
		p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, m, m), a, b)
		if err != nil {
			continue // a point with mass and no partner
		}
		var s exact.Solver[float64]
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			if k%5 != 3 {
				t.Fatalf("problem %d: %v", k, err)
			}
			continue // no plan avoids the forbidden pairs: TestForbidden holds when this is said
		}
		wa, wb := p.Weights()
		if err := verify(c, wa, wb, r); err != nil {
			t.Fatalf("problem %d, %d x %d by %s: %v", k, n, m, r.Method, err)
		}
		solved++
	}
	if solved < count*9/10 {
		t.Errorf("%d of %d problems solved", solved, count)
	}
}

func randomWeights(rng *rand.Rand, n int, whole bool) []float64 {
	w := make([]float64, n)
	w[rng.IntN(n)] = 1
	for i := range w {
		switch {
		case rng.IntN(4) == 0:
		case whole:
			w[i] = float64(rng.IntN(3))
		default:
			w[i] = math.Exp(4 * rng.NormFloat64())
		}
	}
	if slices.Max(w) == 0 {
		w[0] = 1
	}
	var sum float64
	for _, v := range w {
		sum += v
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

// TestMethodsAgree: an assignment whose weights are changed in the last bit goes through the simplex method, and costs the same.
func TestMethodsAgree(t *testing.T) {
	rng := random.New(1, "costs")
	const n = 60
	c := make([]float64, n*n)
	for k := range c {
		c[k] = rng.Float64()
	}
	a := uniform(n)
	one := solve(t, problem(t, c, n, n, a, nil))
	a[3] = math.Nextafter(a[3], 1)
	two := solve(t, problem(t, c, n, n, a, nil))
	if one.Method != "assignment" || two.Method != "network simplex" || !(math.Abs(one.Value-two.Value) <= 1e-13) {
		t.Errorf("%s %.17g, %s %.17g", one.Method, one.Value, two.Method, two.Value)
	}
}

// TestForbidden: an answer that avoids forbidden pairs where there is one, an error where weights do not fit.
func TestForbidden(t *testing.T) {
	inf := math.Inf(1)
	c := []float64{inf, 5, inf, 1e-3, inf, 7, 2, inf, inf}
	r := solve(t, problem(t, c, 3, 3, nil, nil))
	if want := 14. / 3; !(math.Abs(r.Value-want) <= 1e-14) {
		t.Errorf("%g, want %g: the one permutation that is allowed", r.Value, want)
	}
	if err := verify(c, uniform(3), uniform(3), r); err != nil {
		t.Error(err)
	}
	block := []float64{1, inf, 1, inf, 1, 1}
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(block, 3, 2, 2), []float64{.3, .3, .4}, []float64{.2, .8})
	if err != nil {
		t.Fatal(err)
	}
	var s exact.Solver[float64]
	if _, err := s.Solve(context.Background(), p); err == nil {
		t.Error("rows of .6 fit a column of .2")
	}
}

// TestErrors: what is refused, and a context that has ended.
func TestErrors(t *testing.T) {
	c := logsumexp.NewStored([]float64{1, 2, 3, 4}, 2, 2, 2)
	p, err := sinkhorn.NewUnbalanced(c, nil, nil, sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: 1}, sinkhorn.Reach{})
	if err != nil {
		t.Fatal(err)
	}
	var s exact.Solver[float64]
	if _, err := s.Solve(context.Background(), p); err == nil {
		t.Error("a reach was taken")
	}
	s.MaxBytes = 31
	if _, err := s.Solve(context.Background(), problem(t, []float64{1, 2, 3, 4}, 2, 2, nil, nil)); err == nil {
		t.Error("more memory was taken than granted")
	}
	rng := random.New(1, "costs")
	big := make([]float64, 90*100)
	for k := range big {
		big[k] = rng.Float64()
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("enough")
	seen := 0
	s = exact.Solver[float64]{Progress: func(iterations int) {
		if seen++; iterations > 0 {
			cancel(cause)
		}
	}}
	if _, err := s.Solve(ctx, problem(t, big, 90, 100, nil, nil)); !errors.Is(err, cause) || seen != 2 {
		t.Errorf("%v after %d reports", err, seen)
	}
}

// TestPrecisions: a float32 cost is solved as it is, in float64; points with terms taken out give potentials of the whole cost.
func TestPrecisions(t *testing.T) {
	const n, m, d = 30, 20, 2
	rng := random.New(3, "points")
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(rng, x, 1e4, 1)
	random.Normal(rng, y, 1e4, 2)
	points, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(points, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := solve(t, p)
	c := make([]float64, n*m)
	for i := range n {
		for j := range m {
			for k := range d {
				c[i*m+j] += (x[i*d+k] - y[j*d+k]) * (x[i*d+k] - y[j*d+k])
			}
		}
	}
	if err := verify(c, uniform(n), uniform(m), r); err != nil {
		t.Error(err)
	}
	narrow, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	q, err := sinkhorn.NewProblem(narrow, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var s exact.Solver[float32]
	got, err := s.Solve(context.Background(), q)
	if err != nil || !(math.Abs(got.Value-r.Value) <= 1e-5*r.Value) {
		t.Errorf("float32 %v: %v, float64 %.9g", got, err, r.Value)
	}
}
