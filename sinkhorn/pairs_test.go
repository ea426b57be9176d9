package sinkhorn_test

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// solved solves a problem with a stored cost, to a tolerance.
func solved(t testing.TB, cost []float64, n, m int, a, b []float64, eps, tol float64) *sinkhorn.Result[float64] {
	t.Helper()
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, n, m, m), a, b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: eps, Tol: tol}).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// permuted is a problem whose plan is a permutation to the last bit: row i goes to to[i], at distance 1 from all others and eps = .001.
func permuted(t testing.TB, n int) (r *sinkhorn.Result[float64], to []int) {
	to = random.New(1, "permutation").Perm(n)
	cost := make([]float64, n*n)
	for k := range cost {
		cost[k] = 1
	}
	for i, j := range to {
		cost[i*n+j] = 0
	}
	return solved(t, cost, n, n, nil, nil, .001, 1e-12), to
}

// spreadWeights are the weights of the product plan below, which it tends to as eps grows.
var spreadA, spreadB = []float64{.1, .2, .05, .3, .25, .1}, []float64{.4, .1, .3, .05, .15}

func product(t testing.TB) *sinkhorn.Result[float64] {
	cost := make([]float64, 30)
	random.Uniform(random.New(2, "cost"), cost, 0, 1)
	return solved(t, cost, 6, 5, spreadA, spreadB, 1e9, 1e-12)
}

func entropyOf(p []float64) (h float64) {
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
		}
	}
	return h
}

func closeTo(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %.15g, want %.15g: off by %.2g, allowed %.2g", what, got, want, math.Abs(got-want), tol)
	}
}

func TestSampleOfAPermutation(t *testing.T) {
	const n = 50
	r, to := permuted(t, n)
	for rounds := 1; rounds < 4; rounds++ {
		pairs := r.Sample(random.New(3, "pairs").Rand, rounds*n)
		for s, p := range pairs {
			if p.I != s/rounds || p.J != to[p.I] {
				t.Fatalf("%d rounds: draw %d is %v", rounds, s, p)
			}
			closeTo(t, "entry", p.P, 1./n, 1e-12)
		}
	}
}

// TestSampleSharesOutMass draws from plans whose entries are known: every row comes its share of times, rounded down or up; a column is
// within 5 standard deviations of its share; and the statistic of Pearson over the pairs is within 6 of its mean at most.
func TestSampleSharesOutMass(t *testing.T) {
	const count = 20011
	r := product(t)
	pairs := r.Sample(random.New(4, "pairs").Rand, count)
	seen, rows, cols := make([]float64, 30), make([]float64, 6), make([]float64, 5)
	last := 0
	for _, p := range pairs {
		if p.I < last {
			t.Fatal("rows out of order")
		}
		last = p.I
		seen[p.I*5+p.J]++
		rows[p.I]++
		cols[p.J]++
		closeTo(t, "entry", p.P, spreadA[p.I]*spreadB[p.J], 1e-9)
	}
	var pearson float64
	for i, a := range spreadA {
		if share := count * a; rows[i] != math.Floor(share) && rows[i] != math.Ceil(share) {
			t.Errorf("row %d came %g times, its share is %g", i, rows[i], share)
		}
		for j, b := range spreadB {
			e := count * a * b
			pearson += (seen[i*5+j] - e) * (seen[i*5+j] - e) / e
		}
	}
	for j, b := range spreadB {
		closeTo(t, "times of a column", cols[j], count*b, 1+5*math.Sqrt(count*b*(1-b)))
	}
	if df := 29.; !(pearson <= df+6*math.Sqrt(2*df)) {
		t.Errorf("Pearson's statistic is %g", pearson)
	}
}

// TestSampleIsUnbiased: over many small samples, which rounding of the rows' shares could bias, pairs come in proportion to the plan, within 5
// standard errors of independent draws.
func TestSampleIsUnbiased(t *testing.T) {
	const rounds, count = 4000, 7
	cost := make([]float64, 20)
	random.Uniform(random.New(5, "cost"), cost, 0, 1)
	r := solved(t, cost, 4, 5, []float64{.1, .4, 0, .5}, []float64{.3, .2, .1, .4, 0}, .1, 1e-10)
	plan, seen := make([]float64, 20), make([]float64, 20)
	r.Plan(plan)
	for k := range uint64(rounds) {
		for _, p := range r.Sample(random.New(k, "pairs").Rand, count) {
			seen[p.I*5+p.J]++
		}
	}
	for k, v := range plan {
		closeTo(t, "share of a pair", seen[k]/(rounds*count), v, 5*math.Sqrt(v*(1-v)/(rounds*count)))
		if v == 0 && seen[k] > 0 {
			t.Errorf("pair %d has no mass and came %g times", k, seen[k])
		}
	}
}

// TestSampleOfUnbalancedPlans takes the plan's own rows as shares.
func TestSampleOfUnbalancedPlans(t *testing.T) {
	reach := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: .1}
	p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored([]float64{0, 1, 1, .5}, 2, 2, 2), []float64{3, 1}, nil, reach, reach)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: .1, Tol: 1e-10}).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	const count = 10000
	plan, seen := make([]float64, 4), make([]float64, 4)
	r.Plan(plan)
	for _, q := range r.Sample(random.New(6, "pairs").Rand, count) {
		seen[q.I*2+q.J]++
		closeTo(t, "entry", q.P, plan[q.I*2+q.J], 1e-15)
	}
	for k, v := range plan {
		share := v / r.Mass()
		closeTo(t, "share", seen[k]/count, share, 5*math.Sqrt(share*(1-share)/count))
	}
}

func TestSampleOfNothing(t *testing.T) {
	r, _ := permuted(t, 3)
	for _, count := range []int{0, -1} {
		if pairs := r.Sample(random.New(1, "pairs").Rand, count); pairs != nil {
			t.Errorf("%d pairs: %v", count, pairs)
		}
	}
}

// TestTopK holds the largest entries against the sorted plan.
func TestTopK(t *testing.T) {
	r, to := permuted(t, 40)
	first, p := r.TopK(1)
	if diff := cmp.Diff(to, first); diff != "" {
		t.Error(diff)
	}
	closeTo(t, "entry", p[7], 1./40, 1e-12)

	const n, m = 9, 2100 // more than one run of columns
	cost := make([]float64, n*m)
	random.Uniform(random.New(7, "cost"), cost, 0, 1)
	b := make([]float64, m)
	random.Uniform(random.New(7, "b"), b, 0, 1)
	b[3] = 0
	cost[m+5] = inf
	r = solved(t, cost, n, m, nil, b, .05, 1e-8)
	plan := make([]float64, n*m)
	r.Plan(plan)
	for _, k := range []int{1, 7, m + 2} {
		columns, p := r.TopK(k)
		for i := range n {
			row := plan[i*m : (i+1)*m]
			order := make([]int, m)
			for j := range order {
				order[j] = j
			}
			sort.SliceStable(order, func(s, t int) bool { return row[order[s]] > row[order[t]] })
			for s := range k {
				j, v := columns[i*k+s], p[i*k+s]
				if s >= m || row[order[s]] == 0 {
					if j != -1 || v != 0 {
						t.Fatalf("row %d has partner %d of %d: %d, %g", i, s, m, j, v)
					}
					continue
				}
				closeTo(t, "entry", v, row[order[s]], 1e-13*row[order[s]]+1e-300)
				closeTo(t, "entry of the column", row[max(j, 0)], v, 1e-13*v+1e-300)
			}
		}
	}
	if columns, p := r.TopK(0); len(columns) != 0 || len(p) != 0 {
		t.Error("none asked for, some given")
	}
}

// TestTopKOfEquals: the first of equal entries is first, and a row without mass has the partners that it would have with some.
func TestTopKOfEquals(t *testing.T) {
	r := solved(t, []float64{1, 1, 1, 3, 0, 0}, 2, 3, []float64{1, 0}, nil, 1, 1e-10)
	columns, p := r.TopK(2)
	if diff := cmp.Diff([]int{0, 1, 1, 2}, columns); diff != "" {
		t.Error(diff)
	}
	for s, want := range []float64{1. / 3, 1. / 3, 0, 0} {
		closeTo(t, "entry", p[s], want, 1e-10)
	}
}

// TestEntropyAndPartners at the two ends of the temperature, and against the plan between them.
func TestEntropyAndPartners(t *testing.T) {
	const n = 40
	r, _ := permuted(t, n)
	closeTo(t, "entropy of an assignment", r.Entropy(), math.Log(n), 1e-10)
	rows, cols := r.Partners()
	for k := range n {
		closeTo(t, "partners in an assignment", rows[k], 1, 1e-10)
		closeTo(t, "partners in an assignment", cols[k], 1, 1e-10)
	}
	r = product(t)
	closeTo(t, "entropy of a product", r.Entropy(), entropyOf(spreadA)+entropyOf(spreadB), 1e-8)
	rows, cols = r.Partners()
	for _, v := range rows {
		closeTo(t, "partners in a product", v, math.Exp(entropyOf(spreadB)), 1e-7)
	}
	for _, v := range cols {
		closeTo(t, "partners in a product", v, math.Exp(entropyOf(spreadA)), 1e-7)
	}
	for seed := range uint64(50) {
		c := drawCloud(seed, 1)
		cost := c.cost()
		r := solve64(t, cost, c.n, c.m, c.a, c.b, c.eps*mean(cost))
		plan := make([]float64, c.n*c.m)
		r.Plan(plan)
		closeTo(t, "entropy", r.Entropy(), entropyOf(scaled(plan)), 1e-10)
		rows, cols := r.Partners()
		for i := range c.n {
			closeTo(t, "partners of a row", rows[i], perplexity(plan[i*c.m:(i+1)*c.m]), 1e-9*float64(c.m))
		}
		for j := range c.m {
			col := make([]float64, c.n)
			for i := range col {
				col[i] = plan[i*c.m+j]
			}
			closeTo(t, "partners of a column", cols[j], perplexity(col), 1e-9*float64(c.n))
		}
	}
}

func scaled(p []float64) []float64 {
	out, sum := slices.Clone(p), kernels.Sum(p)
	for k := range out {
		out[k] /= sum
	}
	return out
}

func perplexity(p []float64) float64 {
	if kernels.Sum(p) == 0 {
		return 0
	}
	return math.Exp(entropyOf(scaled(p)))
}

// TestPairsBits: the same bits for any number of workers, from points and in float32 too.
func TestPairsBits(t *testing.T) {
	const n, m, d = 700, 300, 2
	s := random.New(8, "clouds")
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(s, x, 0, 1)
	random.Normal(s, y, 1, 1)
	type answer struct {
		Pairs                     []sinkhorn.Pair
		Top                       []int
		P, Map, Rows, Cols, Potts []float64
		Entropy                   float64
	}
	var first answer
	for _, workers := range []int{1, 2, 3, 7} {
		c, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, m, d)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		pool := parallel.New(workers)
		r, err := (&sinkhorn.Solver[float32]{Eps: .2, Runner: pool}).Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		a := answer{Map: make([]float64, n*d), Potts: make([]float64, n), Entropy: r.Entropy()}
		a.Pairs = r.Sample(random.New(1, "pairs").Rand, 1000)
		a.Top, a.P = r.TopK(3)
		a.Rows, a.Cols = r.Partners()
		r.BarycentricMap(a.Map, y, d)
		r.EntropicPotential(a.Potts, c)
		pool.Close()
		if workers == 1 {
			first = a
		} else if diff := cmp.Diff(first, a); diff != "" {
			t.Errorf("%d workers: %s", workers, diff)
		}
	}
}

// TestSampleTakesNoMatrix: drawing from a plan of 16 million entries takes a fraction of their memory.
func TestSampleTakesNoMatrix(t *testing.T) {
	const n, d = 4000, 3
	s := random.New(9, "clouds")
	x, y := make([]float64, n*d), make([]float64, n*d)
	random.Normal(s, x, 0, 1)
	random.Normal(s, y, 0, 1)
	c, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := (&sinkhorn.Solver[float32]{Eps: 1, MaxIter: 1}).Solve(context.Background(), p)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	pairs := r.Sample(s.Rand, n)
	columns, _ := r.TopK(2)
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; len(pairs) != n || len(columns) != 2*n || !(taken < 8*n*n/2) {
		t.Errorf("%d pairs in %d MiB, of %d for a plan", len(pairs), taken>>20, 8*n*n>>20)
	}
}
