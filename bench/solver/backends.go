package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// POT's documentation has a table of its backends: sinkhorn on a given cost |x-y|^2 between n/4 and n points of the unit cube in 100 dimensions,
// eps = 1, until the 2-norm of one marginal's error is 1e-7. Its times, in ms, are of NumPy and of PyTorch on a Xeon Gold 6248, in float32.
var potTable = []struct {
	n            int
	numpy, torch float64
}{{50, .8, 2.2}, {100, .5, 1.3}, {500, .9, 1.6}, {1000, 2.1, 2.1}, {2000, 6.9, 4.3}, {5000, 70.7, 31.4}}

// Errors of both marginals in the 1-norm: in float64 that of the table, in float32 one that can be had.
const (
	backendTol64 = 1e-7
	backendTol32 = 1e-6
)

// potBackends measures the cases of that table in both precisions.
func (m measurement) potBackends() error {
	for _, c := range potTable {
		narrow, err := backendCase[float32](m, c.n, backendTol32)
		if err != nil {
			return err
		}
		narrow.Note += fmt.Sprintf("; published: %g ms on NumPy, %g on PyTorch", c.numpy, c.torch)
		m.emit(narrow)
		wide, err := backendCase[float64](m, c.n, backendTol64)
		if err != nil {
			return err
		}
		m.emit(wide)
	}
	return nil
}

// cube returns n points x_ik = frac((i+1) sqrt(p_(k+from))) for the primes p.
func cube(n, d, from int) []float64 {
	p, x := primes(from + d)[from:], make([]float64, n*d)
	for i := range n {
		for k := range d {
			_, x[i*d+k] = math.Modf(float64(i+1) * math.Sqrt(p[k]))
		}
	}
	return x
}

// backendCase times solves of the case, the cost given.
func backendCase[T kernels.Float](m measurement, n int, tol float64) (row.Row, error) {
	const d = 100
	points, err := logsumexp.NewPoints[T](logsumexp.SqEuclidean, cube(n/4, d, 0), cube(n, d, d), nil, nil, n/4, n, d)
	if err != nil {
		return row.Row{}, err
	}
	cost := points.Form(m.pool)
	var last *sinkhorn.Result[T]
	var failed error
	meter := row.Default()
	meter.Threads = m.pool.Workers()
	samples, err := meter.Run(m.ctx, func() {
		p, err := sinkhorn.NewProblem[T](cost, nil, nil)
		if err == nil {
			last, err = (&sinkhorn.Solver[T]{Eps: 1, Tol: tol, Runner: m.pool}).Solve(m.ctx, p)
		}
		if err != nil {
			failed = err
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return row.Row{}, err
	}
	precision := "f32"
	if _, wide := any(T(0)).(float64); wide {
		precision = "f64"
	}
	line := samples.Time("backends", m.params(n, "d", strconv.Itoa(d), "eps", "1", "precision", precision), 1e3, "ms")
	line.Note = fmt.Sprintf("%s, %d+%d iterations, L1 error %.1e, matrix given", last.Method, last.Warmup, last.Iterations, last.MarginalError())
	return line, nil
}
