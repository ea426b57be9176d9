package main

import (
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// primes returns the first n primes.
func primes(n int) (p []float64) {
	for c := 2; len(p) < n; c++ {
		if !slices.ContainsFunc(p, func(q float64) bool { return c%int(q) == 0 }) {
			p = append(p, float64(c))
		}
	}
	return p
}

// clouds returns x_ik = frac((i+1) sqrt(p_k)) and y_ik = .3 + 1.2 frac((i+1) sqrt(q_k)), p and q the primes, three in turn: p is 2, 3, 5, 17,
// q 7, 11, 13, 29. They are evenly spread, without a generator of random numbers, so that another language makes the same.
func clouds(n, dim int) (x, y []float64) {
	x, y = make([]float64, n*dim), make([]float64, n*dim)
	all := primes(6 * ((dim + 2) / 3))
	for i := range n {
		for k := range dim {
			_, u := math.Modf(float64(i+1) * math.Sqrt(all[k/3*6+k%3]))
			_, v := math.Modf(float64(i+1) * math.Sqrt(all[k/3*6+k%3+3]))
			x[i*dim+k], y[i*dim+k] = u, .3+1.2*v
		}
	}
	return x, y
}

// problem returns the squared distances of the clouds as a problem, and their mean.
func problem[T kernels.Float](run kernels.Runner, n int, stored bool) (*sinkhorn.Problem[T], float64, error) {
	x, y := clouds(n, dim)
	return between[T](run, x, y, n, dim, stored)
}

// between returns the squared distances of n points each as a problem, and their mean; all on the runner.
func between[T kernels.Float](run kernels.Runner, x, y []float64, n, dim int, stored bool) (*sinkhorn.Problem[T], float64, error) {
	points, err := logsumexp.NewPoints[T](logsumexp.SqEuclidean, x, y, nil, nil, n, n, dim)
	if err != nil {
		return nil, 0, err
	}
	var mean float64
	for k := range dim { // of |x-y|^2 over all pairs, a coordinate at a time
		var sx, sy, sxx, syy float64
		for i := range n {
			u, v := x[i*dim+k], y[i*dim+k]
			sx, sy, sxx, syy = sx+u, sy+v, sxx+u*u, syy+v*v
		}
		mean += (sxx+syy)/float64(n) - 2*sx*sy/float64(n*n)
	}
	var cost logsumexp.Cost[T] = points
	if stored {
		cost = points.Form(run)
	}
	p, err := sinkhorn.NewProblem(cost, nil, nil, sinkhorn.ReadOn(run))
	return p, mean, err
}
