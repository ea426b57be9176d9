package discrepancy

import (
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// An MMD is the squared maximum mean discrepancy between two clouds (Gretton et al. 2012):
//
//	MMD^2 = E k(x,x') + E k(y,y') - 2 E k(x,y)
//
// The biased estimate (V-statistic) averages over all pairs of a cloud with itself, the unbiased one (U-statistic) over pairs of different
// points; the latter can be negative and needs two points a side:
//
//	within_biased = ((n-1) within_unbiased + k(0))/n
//
// With the energy kernel it is the energy distance 2 E|x-y| - E|x-x'| - E|y-y'|, twice what a divergence of cost |x-y| tends to as eps ->
// infinity. An MMD keeps its working memory, n^2 + m^2 + n m numbers or more, from call to call, and serves one call at a time.
type MMD[T kernels.Float] struct {
	Kernel   Kernel
	Unbiased bool
	Runner   kernels.Runner // nil means the pool of the process

	w   [3][]T // per term: squared distances, then slopes
	acc []float64
	e   []T // for the rows of a Gaussian kernel
}

// The terms of a discrepancy.
const (
	termXY = iota
	termXX
	termYY
)

// Eval returns the discrepancy between x (n x d) and y (m x d), and sets dx and dy, where not nil, to its derivatives. Where dy is nil the
// term of y alone has no derivative: without withYY it is left out of the value. Points should lie near the origin compared with their
// spread.
func (k *MMD[T]) Eval(x, y []T, n, m, d int, dx, dy []T, withYY bool) (float64, error) {
	if err := checkClouds(x, y, n, m, d, dx, dy); err != nil {
		return 0, err
	}
	if k.Kernel.name == "" {
		return 0, errors.New("discrepancy: no kernel; NewKernel makes one")
	}
	if k.Unbiased && min(n, m) < 2 {
		return 0, fmt.Errorf("discrepancy: %d and %d points, want at least 2 for the unbiased estimate, which is over pairs of a cloud", n, m)
	}
	run := k.Runner
	if run == nil {
		run = parallel.Default()
	}
	clear(dx)
	clear(dy)
	pairs := float64(n) * float64(m)
	value := -2 * k.sum(run, termXY, x, y, n, m, d) / pairs
	if dx != nil || dy != nil {
		logsumexp.PullDifferences(run, T(-2/pairs), k.w[termXY], x, y, n, m, d, dx, dy)
	}
	for _, own := range []struct {
		term  int
		z, dz []T
		n     int
	}{{termXX, x, dx, n}, {termYY, y, dy, m}} {
		if own.term == termYY && dy == nil && !withYY {
			break
		}
		sum, pairs := k.sum(run, own.term, own.z, own.z, own.n, own.n, d), float64(own.n)*float64(own.n)
		if k.Unbiased {
			sum -= float64(own.n) * k.Kernel.zero()
			pairs -= float64(own.n)
		}
		value += sum / pairs
		if own.dz != nil {
			logsumexp.PullDifferences(run, T(1/pairs), k.w[own.term], own.z, own.z, own.n, own.n, d, own.dz, own.dz)
		}
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, fmt.Errorf("discrepancy: the discrepancy is %g: a coordinate is not finite or too large", value)
	}
	return value, nil
}

// sum returns the sum of the kernel over the pairs of a term, and leaves its slopes in w.
func (k *MMD[T]) sum(run kernels.Runner, term int, x, y []T, n, m, d int) (sum float64) {
	k.w[term] = grown(k.w[term], n*m)
	k.acc = grown(k.acc, n)
	if k.Kernel.name == gaussianName {
		k.e = grown(k.e, 2*n*m)
	}
	w := k.w[term]
	logsumexp.SquaredDistances(run, w, m, x, y, n, m, d, 1)
	parallel.Rows(run, n, 16*m, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := w[i*m : (i+1)*m]
			if term != termXY {
				row[i] = 0
			}
			var scratch []T
			if k.Kernel.name == gaussianName {
				scratch = k.e[2*i*m : 2*(i+1)*m]
			}
			k.acc[i] = sumRow(k.Kernel, row, scratch)
		}
	})
	for _, v := range k.acc {
		sum += v
	}
	return sum
}

// grown returns n elements, of s where it holds as many.
func grown[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

// checkClouds holds slices against their sizes; derivatives may be nil.
func checkClouds[T kernels.Float](x, y []T, n, m, d int, dx, dy []T) error {
	if n < 1 || m < 1 || d < 1 || len(x) != n*d || len(y) != m*d || dx != nil && len(dx) != n*d || dy != nil && len(dy) != m*d {
		return fmt.Errorf("discrepancy: %d and %d coordinates, %d and %d derivatives for %d and %d points of dimension %d",
			len(x), len(y), len(dx), len(dy), n, m, d)
	}
	return nil
}
