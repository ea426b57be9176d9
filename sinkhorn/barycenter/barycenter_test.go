package barycenter_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/barycenter"
)

// grid is 201 points from -10 to 10, histogram the normal law on it.
func grid() []float64 {
	x := make([]float64, 201)
	for i := range x {
		x[i] = -10 + float64(i)/10
	}
	return x
}

func histogram(x []float64, mean, sd float64) []float64 {
	w, sum := make([]float64, len(x)), 0.
	for i, v := range x {
		w[i] = math.Exp(-(v - mean) * (v - mean) / (2 * sd * sd))
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

func moments(x, w []float64) (mean, variance float64) {
	for i, v := range x {
		mean += w[i] * v
	}
	for i, v := range x {
		variance += w[i] * (v - mean) * (v - mean)
	}
	return mean, variance
}

func problem(t *testing.T, x, y, b []float64, d int, self bool) *sinkhorn.Problem[float64] {
	t.Helper()
	c, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, len(x)/d, len(y)/d, d)
	if err != nil {
		t.Fatal(err)
	}
	var p *sinkhorn.Problem[float64]
	if self {
		p, err = sinkhorn.NewSelfProblem(c, nil)
	} else {
		p, err = sinkhorn.NewProblem(c, nil, b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFixedGaussians: the average of N(m_k, t^2) with shares lambda has the mean of the m_k and variance t^2 + eps/2, and debiased t^2.
func TestFixedGaussians(t *testing.T) {
	x := grid()
	const sd, eps = 1.2, .8
	problems := []*sinkhorn.Problem[float64]{
		problem(t, x, x, histogram(x, -2, sd), 1, false),
		problem(t, x, x, histogram(x, 3, sd), 1, false),
	}
	lambda := []float64{3, 1} // divided by their sum
	b := barycenter.Fixed{Eps: eps, Tol: 1e-10}
	for _, debias := range []bool{false, true} {
		var self *sinkhorn.Problem[float64]
		want := sd*sd + eps/2
		if debias {
			self, want = problem(t, x, x, nil, 1, true), sd*sd
		}
		r, err := b.Average(context.Background(), problems, lambda, self)
		if err != nil {
			t.Fatal(err)
		}
		mean, variance := moments(x, r.Weights)
		if !(math.Abs(mean+.75) <= 1e-6 && math.Abs(variance-want) <= 1e-4 && r.MarginalError <= 1e-10) {
			t.Errorf("debias %v: mean %.9g, want -.75; variance %.9g, want %.9g; %d iterations to %.2g", debias, mean, variance, want, r.Iterations, r.MarginalError)
		}
	}
}

// TestFixedIsStationary: at the average the potentials of the rows, weighted by the shares, cancel but for the entropy of the average:
//
//	sum_k lambda_k f_k = -eps log a + constant          f_k of the problem whose reference is a b^T, so that
//	d/da sum_k lambda_k (OT_k(a) - eps sum a log a) is constant
//
// on a cost that is no distance, between sides of different sizes, with a share of zero.
func TestFixedIsStationary(t *testing.T) {
	const n, eps = 7, .5
	rng := random.New(3, "costs")
	var problems, weighted []*sinkhorn.Problem[float64]
	var costs []*logsumexp.Stored[float64]
	lambda := []float64{.5, .3, 0, .2}
	for k := range lambda {
		m := 4 + k
		c, w := make([]float64, n*m), make([]float64, m)
		for e := range c {
			c[e] = rng.Float64()
		}
		for j := range w {
			w[j] = float64(j) / float64(m*(m-1)/2) // the first without mass
		}
		costs = append(costs, logsumexp.NewStored(c, n, m, m))
		p, err := sinkhorn.NewProblem(costs[k], nil, w)
		if err != nil {
			t.Fatal(err)
		}
		problems = append(problems, p)
	}
	b := barycenter.Fixed{Eps: eps, Tol: 1e-13}
	r, err := b.Average(context.Background(), problems, lambda, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]float64, n)
	for k, p := range problems {
		_, w := p.Weights()
		q, err := sinkhorn.NewProblem(costs[k], r.Weights, w)
		if err != nil {
			t.Fatal(err)
		}
		weighted = append(weighted, q)
		s := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-13}
		x, err := s.Solve(context.Background(), weighted[k])
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range x.F {
			sum[i] += lambda[k] * f
		}
	}
	for i, f := range sum {
		sum[i] = f + eps*math.Log(r.Weights[i])
	}
	if spread := slices.Max(sum) - slices.Min(sum); !(spread <= 1e-11) {
		t.Errorf("the derivative of the objective varies by %g: %v", spread, sum)
	}
}

// TestFixedErrors and an end from outside.
func TestFixedErrors(t *testing.T) {
	x := grid()
	p := problem(t, x, x, histogram(x, 0, 1), 1, false)
	small := problem(t, x[:5], x, histogram(x, 0, 1), 1, false)
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"eps": func() error {
			_, err := (&barycenter.Fixed{}).Average(ctx, []*sinkhorn.Problem[float64]{p}, nil, nil)
			return err
		},
		"none": func() error { _, err := (&barycenter.Fixed{Eps: 1}).Average(ctx, nil, nil, nil); return err },
		"shares": func() error {
			_, err := (&barycenter.Fixed{Eps: 1}).Average(ctx, []*sinkhorn.Problem[float64]{p}, []float64{0}, nil)
			return err
		},
		"rows": func() error {
			_, err := (&barycenter.Fixed{Eps: 1}).Average(ctx, []*sinkhorn.Problem[float64]{p, small}, nil, nil)
			return err
		},
		"self": func() error {
			_, err := (&barycenter.Fixed{Eps: 1}).Average(ctx, []*sinkhorn.Problem[float64]{p}, nil, small)
			return err
		},
	} {
		if err := call(); err == nil || errors.Is(err, sinkhorn.ErrNotConverged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	q := problem(t, x, x, histogram(x, 3, 1), 1, false)
	if _, err := (&barycenter.Fixed{Eps: .1}).Average(ended, []*sinkhorn.Problem[float64]{p, q}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before: %v", err)
	}
	r, err := (&barycenter.Fixed{Eps: .1, MaxIter: 1}).Average(ctx, []*sinkhorn.Problem[float64]{p, q}, nil, nil)
	if !errors.Is(err, sinkhorn.ErrNotConverged) || r == nil || math.IsNaN(r.Weights[0]) {
		t.Errorf("one iteration: %+v, %v", r, err)
	}
}

// TestFreeTranslations: clouds that are translates of one another have their mean translate as debiased average, for every eps; from any of
// them it is reached in one step.
func TestFreeTranslations(t *testing.T) {
	const n, d = 40, 2
	base := make([]float64, n*d)
	random.Normal(random.New(1, "cloud"), base, 0, 1)
	moved := func(u, v float64) []float64 {
		x := slices.Clone(base)
		for i := range n {
			x[2*i] += u
			x[2*i+1] += v
		}
		return x
	}
	b := barycenter.Free[float64]{Solver: sinkhorn.Solver[float64]{Eps: .5, Tol: 1e-10}, Debias: true, Tol: 1e-7}
	r, err := b.Average(context.Background(), barycenter.Cloud{Points: base},
		[]barycenter.Cloud{{Points: moved(4, 0)}, {Points: moved(0, -8)}, {Points: base}}, []float64{.25, .5, .25}, d)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.
	for k, v := range moved(1, -4) {
		worst = max(worst, math.Abs(r.Points[k]-v))
	}
	if !(worst <= 1e-6) || r.Steps > 2 {
		t.Errorf("off by %g after %d steps: %v", worst, r.Steps, r.Displacement)
	}
}

// TestFreeDescends: the objective never grows; one cloud's average shrinks without debiasing and does not with.
func TestFreeDescends(t *testing.T) {
	const n, d = 50, 2
	x, y, z := make([]float64, n*d), make([]float64, 30*d), make([]float64, n*d)
	random.Normal(random.New(1, "x"), x, 0, 1)
	random.Normal(random.New(1, "y"), y, 3, 2)
	random.Normal(random.New(1, "z"), z, -1, .5)
	clouds := []barycenter.Cloud{{Points: x}, {Points: y, Weights: histogram(y[:30], 3, 2)}}
	for _, debias := range []bool{false, true} {
		b := barycenter.Free[float64]{Solver: sinkhorn.Solver[float64]{Eps: .5, Tol: 1e-9}, Debias: debias, Tol: 1e-3, MaxIter: 200}
		r, err := b.Average(context.Background(), barycenter.Cloud{Points: z}, clouds, nil, d)
		if err != nil {
			t.Fatal(err)
		}
		for k := 1; k < len(r.Value) && !debias; k++ {
			if !(r.Value[k] <= r.Value[k-1]+1e-8) {
				t.Errorf("step %d goes from %.12g to %.12g", k, r.Value[k-1], r.Value[k])
			}
		}
		if first, last := r.Value[0], r.Value[len(r.Value)-1]; !(last < first) {
			t.Errorf("debias %v: from %g to %g", debias, first, last)
		}
		same, err := b.Average(context.Background(), barycenter.Cloud{Points: x}, clouds[:1], nil, d)
		if err != nil {
			t.Fatal(err)
		}
		_, before := moments(x, uniform(n*d))
		_, after := moments(same.Points, uniform(n*d))
		// Smaller by eps/2 of 1 between Gaussians, theory M5.
		if shrinks := after < before*.9; shrinks == debias {
			t.Errorf("debias %v: variance %g becomes %g", debias, before, after)
		}
	}
}

func uniform(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}

// TestFreeErrors are inputs that must be refused, and steps that do not suffice.
func TestFreeErrors(t *testing.T) {
	ctx := context.Background()
	b := barycenter.Free[float32]{Solver: sinkhorn.Solver[float32]{Eps: .5}, MaxIter: 1, Tol: 1e-9}
	x, y := barycenter.Cloud{Points: []float64{0, 1, 2}}, barycenter.Cloud{Points: []float64{5, 7}}
	bad := []barycenter.Cloud{{Points: []float64{math.NaN()}}}
	for name, call := range map[string]func() error{
		"start":  func() error { _, err := b.Average(ctx, barycenter.Cloud{}, []barycenter.Cloud{y}, nil, 1); return err },
		"cloud":  func() error { _, err := b.Average(ctx, x, []barycenter.Cloud{{}}, nil, 1); return err },
		"none":   func() error { _, err := b.Average(ctx, x, nil, nil, 1); return err },
		"shares": func() error { _, err := b.Average(ctx, x, []barycenter.Cloud{y}, []float64{-1}, 1); return err },
		"nan":    func() error { _, err := b.Average(ctx, x, bad, nil, 1); return err },
	} {
		if err := call(); err == nil || errors.Is(err, sinkhorn.ErrNotConverged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := b.Average(ctx, x, []barycenter.Cloud{y}, nil, 1)
	if !errors.Is(err, sinkhorn.ErrNotConverged) || r == nil || r.Steps != 1 {
		t.Errorf("one step: %+v, %v", r, err)
	}
}

// TestWorkers: the same bits on any number of workers.
func TestWorkers(t *testing.T) {
	x := grid()
	var fixed, free []float64
	for _, workers := range []int{1, 3} {
		pool := parallel.New(workers)
		defer pool.Close()
		p := []*sinkhorn.Problem[float64]{problem(t, x, x, histogram(x, -2, 1), 1, false), problem(t, x, x, histogram(x, 3, 2), 1, false)}
		r, err := (&barycenter.Fixed{Eps: 1, Runner: pool}).Average(context.Background(), p, nil, problem(t, x, x, nil, 1, true))
		if err != nil {
			t.Fatal(err)
		}
		b := barycenter.Free[float32]{Solver: sinkhorn.Solver[float32]{Eps: 1, Runner: pool}, MaxIter: 3}
		q, err := b.Average(context.Background(), barycenter.Cloud{Points: x}, []barycenter.Cloud{{x, histogram(x, 1, 2)}}, nil, 1)
		if err != nil && !errors.Is(err, sinkhorn.ErrNotConverged) {
			t.Fatal(err)
		}
		if fixed == nil {
			fixed, free = r.Weights, q.Points
		}
		if !slices.Equal(fixed, r.Weights) || !slices.Equal(free, q.Points) {
			t.Errorf("%d workers: other bits", workers)
		}
	}
}
