package study

import (
	"context"
	"errors"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A pair is two clouds with their costs, in float64 and in memory.
type pair struct {
	x, y       []float64 // n x d and m x d
	n, m, d    int
	xy, xx, yy *logsumexp.Points[float64]
	formed     [3]*logsumexp.Stored[float64]
	reader     sinkhorn.ProblemOption // of the costs
}

func newPair(run kernels.Runner, ground logsumexp.Ground, x, y []float64, d int) (*pair, error) {
	p := &pair{x: x, y: y, n: len(x) / d, m: len(y) / d, d: d, reader: sinkhorn.ReadOn(run)}
	for k, c := range []struct {
		to     **logsumexp.Points[float64]
		a, b   []float64
		na, nb int
	}{{&p.xy, x, y, p.n, p.m}, {&p.xx, x, x, p.n, p.n}, {&p.yy, y, y, p.m, p.m}} {
		points, err := logsumexp.NewPoints[float64](ground, c.a, c.b, nil, nil, c.na, c.nb, d)
		if err != nil {
			return nil, err
		}
		*c.to, p.formed[k] = points, points.Form(run)
	}
	return p, nil
}

// problems returns those of x against y, x against itself and y against itself.
func (p *pair) problems() (xy, xx, yy *sinkhorn.Problem[float64], err error) {
	if xy, err = sinkhorn.NewProblem[float64](p.formed[0], nil, nil, p.reader); err != nil {
		return
	}
	if xx, err = sinkhorn.NewSelfProblem[float64](p.formed[1], nil, p.reader); err != nil {
		return
	}
	yy, err = sinkhorn.NewSelfProblem[float64](p.formed[2], nil, p.reader)
	return
}

// means returns the mean costs of xy, xx and yy.
func (p *pair) means() (xy, xx, yy float64) {
	return meanEntry(p.formed[0]), meanEntry(p.formed[1]), meanEntry(p.formed[2])
}

// costs calls visit for each row of a cost, with the terms that were taken out of it.
func costs(c *logsumexp.Stored[float64], visit func(i int, row []float64)) {
	n, m := c.Dims()
	u, v := c.Shift()
	row := make([]float64, m)
	for i := range n {
		tile, _ := c.Tile(nil, i, i+1, 0, m)
		for j := range row {
			row[j] = tile[j]
			if u != nil {
				row[j] += u[i]
			}
			if v != nil {
				row[j] += v[j]
			}
		}
		visit(i, row)
	}
}

func meanEntry(c *logsumexp.Stored[float64]) float64 {
	n, m := c.Dims()
	var sum float64
	costs(c, func(_ int, row []float64) { sum += total(row) })
	return sum / float64(n) / float64(m)
}

// centred returns the mean square of a cost less the means of its rows and columns, plus its mean.
func centred(c *logsumexp.Stored[float64]) float64 {
	n, m := c.Dims()
	rows, columns := make([]float64, n), make([]float64, m)
	costs(c, func(i int, row []float64) {
		rows[i] = total(row) / float64(m)
		for j, v := range row {
			columns[j] += v / float64(n)
		}
	})
	all := total(rows) / float64(n)
	var sum float64
	costs(c, func(i int, row []float64) {
		for j, v := range row {
			v += all - rows[i] - columns[j]
			sum += v * v
		}
	})
	return sum / float64(n) / float64(m)
}

func total(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum
}

// divergence solves the three problems to a marginal error.
func (p *pair) divergence(ctx context.Context, run kernels.Runner, eps, tol float64) (*sinkhorn.Divergence[float64], error) {
	xy, xx, yy, err := p.problems()
	if err != nil {
		return nil, err
	}
	s := sinkhorn.Solver[float64]{Eps: eps, Tol: tol, MaxIter: 100_000, Runner: run}
	return s.Divergence(ctx, xy, xx, yy)
}

// draws runs body for draws 0 to n-1 and returns their values.
func draws(ctx context.Context, run kernels.Runner, n int, body func(draw uint64) (float64, error)) ([]float64, error) {
	values, errs := make([]float64, n), make([]error, n)
	parallel.For(run, n, func(i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			values[i], errs[i] = body(uint64(i))
		}
	})
	return values, errors.Join(errs...)
}

// meanError returns the mean of values and its standard error, NaN for a single one.
func meanError(v []float64) (mean, se float64) {
	n := float64(len(v))
	mean = total(v) / n
	return mean, deviation(v) / math.Sqrt(n)
}

// deviation returns the standard deviation of the law that values are drawn from, NaN for a single one.
func deviation(v []float64) float64 {
	if len(v) < 2 {
		return math.NaN()
	}
	mean := total(v) / float64(len(v))
	var sum float64
	for _, x := range v {
		sum += (x - mean) * (x - mean)
	}
	return math.Sqrt(sum / float64(len(v)-1))
}

// logSlope returns the slope of log y over log x by least squares.
func logSlope(x, y []float64) float64 {
	n := float64(len(x))
	var mx, my, xy, xx float64
	for i := range x {
		mx += math.Log(x[i]) / n
		my += math.Log(y[i]) / n
	}
	for i := range x {
		xy += (math.Log(x[i]) - mx) * (math.Log(y[i]) - my)
		xx += (math.Log(x[i]) - mx) * (math.Log(x[i]) - mx)
	}
	return xy / xx
}
