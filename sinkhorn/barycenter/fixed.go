package barycenter

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Fixed averages clouds by weights on given points, by iterative Bregman projections in the log domain.
type Fixed struct {
	// Eps is the temperature, in the units of the cost.
	Eps float64

	// Tol is the L1 distance of the plans' row sums from the average, weighted over the clouds, at which it stops; 1e-6 by default.
	Tol float64

	// MaxIter bounds the iterations; 10000 by default.
	MaxIter int

	// Runner runs the tasks; nil means the pool of the process.
	Runner kernels.Runner
}

// A FixedResult is an average of clouds.
type FixedResult struct {
	Weights       []float64 // of sum 1
	Iterations    int
	MarginalError float64 // what Tol bounds
}

// Average returns the weights a of the given points, the rows of all problems, that minimise
//
//	sum_k lambda_k min <P,C_k> + eps sum_ij P_ij (log P_ij - 1)          over plans P with row sums a and the column sums of problem k
//
// for balanced problems, whose own row weights are not used; lambda nil is uniform, and is divided by its sum. The minimiser is
// blurred: that of Gaussians of variance t^2 on the line has variance t^2 + eps/2 under |x-y|^2 (Benamou et al. 2015). With self, the problem
// of the given points against themselves, it is that of the debiased divergence, without blur (Janati, Cuturi and Gramfort 2020); nil for
// none. When the tolerance is not met the result comes with an error for which errors.Is(err, sinkhorn.ErrNotConverged).
func (b *Fixed) Average(ctx context.Context, problems []*sinkhorn.Problem[float64], lambda []float64, self *sinkhorn.Problem[float64]) (*FixedResult, error) {
	if !(b.Eps > 0) || math.IsInf(b.Eps, 1) {
		return nil, fmt.Errorf("barycenter: eps is %g, want a positive number", b.Eps)
	}
	lambda, err := shares(lambda, len(problems))
	if err != nil {
		return nil, err
	}
	f, err := b.newState(problems, lambda, self)
	if err != nil {
		return nil, err
	}
	tol, maxIter := b.Tol, b.MaxIter
	if tol <= 0 {
		tol = 1e-6
	}
	if maxIter <= 0 {
		maxIter = 10000
	}
	r := &FixedResult{MarginalError: math.Inf(1)}
	for r.Iterations < maxIter && ctx.Err() == nil {
		r.MarginalError = f.iterate()
		r.Iterations++
		if math.IsNaN(r.MarginalError) {
			return nil, errors.New("barycenter: all pairs of a point are forbidden in one of the problems: leave it out")
		}
		if r.MarginalError <= tol {
			break
		}
	}
	r.Weights = f.weights()
	if r.MarginalError <= tol {
		return r, nil
	}
	err = fmt.Errorf("%w: the average after %d iterations has L1 marginal error %.3g, tolerance %.3g: raise the number of iterations, the tolerance or eps",
		sinkhorn.ErrNotConverged, r.Iterations, r.MarginalError, tol)
	if ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	return r, err
}

// fixedState holds logarithms to base 2: of the scalings u_k = 2^row, v_k = 2^col, of the average a and of the debiasing factor d.
//
//	P_k = diag(u_k) K_k diag(v_k)          K = 2^(-kappa C)
type fixedState struct {
	kernel   []*gibbs
	self     *gibbs // nil without debiasing
	lambda   []float64
	b        [][]float64 // of the columns' weights
	row, col [][]float64
	sum      [][]float64 // K_k v_k
	a, d, kd []float64
}

func (b *Fixed) newState(problems []*sinkhorn.Problem[float64], lambda []float64, self *sinkhorn.Problem[float64]) (*fixedState, error) {
	run := b.Runner
	if run == nil {
		run = parallel.Default()
	}
	n, _ := problems[0].Dims()
	f := &fixedState{a: make([]float64, n), d: make([]float64, n), kd: make([]float64, n)}
	for k, p := range problems {
		rows, m := p.Dims()
		if rows != n || !p.Balanced() {
			return nil, fmt.Errorf("barycenter: problem %d has %d rows, the first %d: want balanced problems on the same points", k, rows, n)
		}
		if lambda[k] == 0 {
			continue
		}
		_, w := p.Weights()
		logs := make([]float64, m)
		for j, v := range w {
			logs[j] = math.Log2(v)
		}
		f.kernel, f.lambda, f.b = append(f.kernel, newGibbs(run, p, b.Eps)), append(f.lambda, lambda[k]), append(f.b, logs)
		f.row, f.sum = append(f.row, nil), append(f.sum, make([]float64, n))
		f.col = append(f.col, make([]float64, m))
	}
	if self != nil {
		if rows, cols := self.Dims(); rows != n || cols != n {
			return nil, fmt.Errorf("barycenter: the points against themselves are %d x %d, want %d x %d", rows, cols, n, n)
		}
		f.self = newGibbs(run, self, b.Eps)
	}
	return f, nil
}

// iterate runs one iteration, and returns how far the row sums of its plans, before their rows were scaled, lay from the average.
//
//	a = d prod_k (K_k v_k)^lambda_k,  u_k = a / (K_k v_k),  v_k = b_k / (K_k^T u_k),  d = sqrt(d a / (K d))
func (f *fixedState) iterate() (miss float64) {
	before := append([]float64(nil), f.a...)
	copy(f.a, f.d)
	for k, g := range f.kernel {
		g.rows(f.sum[k], f.col[k])
		kernels.Axpy(f.a, f.lambda[k], f.sum[k])
	}
	for k, g := range f.kernel {
		if f.row[k] == nil {
			f.row[k] = make([]float64, len(f.a))
			miss = math.Inf(1)
		}
		var off float64
		for i, s := range f.sum[k] {
			off += math.Abs(math.Exp2(f.row[k][i]+s) - math.Exp2(before[i]))
			f.row[k][i] = f.a[i] - s
		}
		miss += f.lambda[k] * off
		g.columns(f.col[k], f.row[k])
		for j, s := range f.col[k] {
			f.col[k][j] = f.b[k][j] - s
		}
	}
	if f.self == nil {
		return miss
	}
	f.self.rows(f.kd, f.d)
	for i, a := range f.a {
		next := (f.d[i] + a - f.kd[i]) / 2
		miss += math.Exp2(a) * math.Abs(next-f.d[i])
		f.d[i] = next
	}
	return miss
}

// weights returns the average, scaled to sum 1.
func (f *fixedState) weights() []float64 {
	w := make([]float64, len(f.a))
	kernels.Exp2(w, f.a)
	kernels.Scale(w, 1/kernels.Sum(w))
	return w
}

// gibbs is the kernel of a problem, for products in logarithms.
type gibbs struct {
	run    kernels.Runner
	cost   logsumexp.Cost[float64]
	kappa  float64
	u, v   []float64 // terms taken out of the cost
	n, m   int
	chunks int
	max    []float64
	part   [][]float64
}

func newGibbs(run kernels.Runner, p *sinkhorn.Problem[float64], eps float64) *gibbs {
	g := &gibbs{run: run, cost: p.Cost(), kappa: math.Log2E / eps}
	g.n, g.m = p.Dims()
	g.chunks = parallel.Chunks(g.n, 1+16384/(g.m+1), 32)
	g.part = make([][]float64, g.chunks)
	for k := range g.part {
		g.part[k] = make([]float64, g.m)
	}
	g.max = make([]float64, g.m)
	if s, ok := g.cost.(logsumexp.Shifted); ok {
		g.u, g.v = s.Shift()
	}
	return g
}

// each runs body on the chunks of the rows.
func (g *gibbs) each(body func(s *logsumexp.Scratch[float64], k, lo, hi int)) {
	parallel.For(g.run, g.chunks, func(k int) {
		lo, hi := parallel.Chunk(g.n, g.chunks, k)
		body(new(logsumexp.Scratch[float64]), k, lo, hi)
	})
}

// without returns w - kappa terms.
func (g *gibbs) without(w, terms []float64) []float64 {
	if terms == nil {
		return w
	}
	w = append([]float64(nil), w...)
	kernels.Axpy(w, -g.kappa, terms)
	return w
}

// rows sets dst_i = log2 sum_j 2^(col_j - kappa C_ij).
func (g *gibbs) rows(dst, col []float64) {
	col = g.without(col, g.v)
	f := make([]float64, g.n)
	g.each(func(s *logsumexp.Scratch[float64], _, lo, hi int) {
		s.Sweep(g.cost, lo, hi, g.kappa, f, col, nil, true, func(i0 int, sum, _ []float64) {
			for k, v := range sum {
				dst[i0+k] = math.Log2(v) - f[i0+k]
			}
		})
	})
	copy(dst, g.without(dst, g.u))
}

// columns sets dst_j = log2 sum_i 2^(row_i - kappa C_ij).
func (g *gibbs) columns(dst, row []float64) {
	row = g.without(row, g.u)
	g.each(func(s *logsumexp.Scratch[float64], k, lo, hi int) {
		for j := range g.part[k] {
			g.part[k][j] = math.Inf(-1)
		}
		s.ColMax(g.cost, lo, hi, g.kappa, row, g.part[k])
	})
	for j := range g.max {
		top := math.Inf(-1)
		for _, part := range g.part {
			top = max(top, part[j])
		}
		g.max[j] = 0
		if !math.IsInf(top, -1) {
			g.max[j] = -top
		}
	}
	g.each(func(s *logsumexp.Scratch[float64], k, lo, hi int) {
		clear(g.part[k])
		s.ColSum(g.cost, lo, hi, g.kappa, row, g.max, g.part[k])
	})
	for j := range dst {
		var sum float64
		for _, part := range g.part {
			sum += part[j]
		}
		dst[j] = 0 // a column without mass, whose pairs are all forbidden
		if sum > 0 {
			dst[j] = math.Log2(sum) - g.max[j]
		}
	}
	copy(dst, g.without(dst, g.v))
}
