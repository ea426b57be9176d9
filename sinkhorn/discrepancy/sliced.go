package discrepancy

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Sliced is the sliced Wasserstein distance (Bonneel et al. 2015) to its power P, the mean over directions of transport on lines:
//
//	SW_p^p = 1/K sum_k W_p^p(<theta_k, x>, <theta_k, y>)          theta_k of length 1
//
// Directions are uniform on the sphere and independent, those of number Draw from Seed: the same for the same two numbers. In one
// dimension there is one direction and the value is exact. Over directions its mean lies below W_p^p, and a moved cloud, y = x + t, has
// SW_2^2 = |t|^2/d in the mean. A Sliced keeps its working memory, K (n + m) numbers, from call to call, and serves one call at a time.
type Sliced[T kernels.Float] struct {
	P           float64 // at least 1; 0 stands for 2
	Projections int     // K; 0 stands for 50
	Seed, Draw  uint64
	Runner      kernels.Runner // nil means the pool of the process

	theta  []T // K x d
	px, py []T // K x n and K x m: projections, then slopes
	keys   [][]placed
	acc    []float64
}

const defaultProjections = 50

// Eval returns the distance to its power between x (n x d) and y (m x d), and sets dx and dy, where not nil, to its derivatives. Points that
// meet have derivative 0 of |x-y|.
func (s *Sliced[T]) Eval(x, y []T, n, m, d int, dx, dy []T) (float64, error) {
	if err := checkClouds(x, y, n, m, d, dx, dy); err != nil {
		return 0, err
	}
	p, count := s.P, s.Projections
	if p == 0 {
		p = 2
	}
	if count == 0 {
		count = defaultProjections
	}
	if !(p >= 1) || math.IsInf(p, 1) || count < 0 {
		return 0, fmt.Errorf("discrepancy: power %g and %d projections, want at least 1 of both", p, count)
	}
	run := s.Runner
	if run == nil {
		run = parallel.Default()
	}
	if d == 1 {
		count = 1
	}
	s.draw(count, d)
	s.px, s.py = grown(s.px, count*n), grown(s.py, count*m)
	kernels.Gemm(run, false, true, count, n, d, 1, s.theta, d, x, d, 0, s.px, n)
	kernels.Gemm(run, false, true, count, m, d, 1, s.theta, d, y, d, 0, s.py, m)
	s.acc = grown(s.acc, count)
	for len(s.keys) < count {
		s.keys = append(s.keys, nil)
	}
	// A task a direction, with memory of its own: sorting has work enough.
	parallel.For(run, count, func(k int) {
		s.keys[k] = grown(s.keys[k], 2*(n+m))
		s.acc[k] = line(s.px[k*n:(k+1)*n], s.py[k*m:(k+1)*m], s.keys[k], p)
	})
	var sum float64
	for _, v := range s.acc {
		sum += v
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, fmt.Errorf("discrepancy: the distance of the projections is %g: a coordinate is not finite or too large", sum)
	}
	scale := 1 / T(count)
	if dx != nil {
		kernels.Gemm(run, true, false, n, d, count, scale, s.px, n, s.theta, d, 0, dx, d)
	}
	if dy != nil {
		kernels.Gemm(run, true, false, m, d, count, scale, s.py, m, s.theta, d, 0, dy, d)
	}
	return sum / float64(count), nil
}

// draw sets theta to directions.
func (s *Sliced[T]) draw(count, d int) {
	s.theta = grown(s.theta, count*d)
	if d == 1 {
		s.theta[0] = 1
		return
	}
	rng := random.New(s.Seed, "projections", s.Draw)
	row := make([]float64, d)
	for k := range count {
		var square float64
		for square == 0 {
			random.Normal(rng, row, 0, 1)
			square = kernels.Dot(row, row)
		}
		for l, v := range row {
			s.theta[k*d+l] = T(v / math.Sqrt(square))
		}
	}
}

// line returns W_p^p between points x and y of a line, each of one weight, and replaces the points by the derivatives. keys is scratch for
// twice as many as there are.
//
// In units of 1/(n m), a point of x has m to give and one of y takes n.
func line[T kernels.Float](x, y []T, keys []placed, p float64) (sum float64) {
	n, m := len(x), len(y)
	kx, ky := ordered(keys[:n], keys[n:2*n], x), ordered(keys[2*n:2*n+m], keys[2*n+m:], y)
	clear(x)
	clear(y)
	unit := 1 / (float64(n) * float64(m))
	i, j, left, room := 0, 0, m, n
	for i < n {
		flow := min(left, room)
		w := float64(flow) * unit
		delta := kx[i].value() - ky[j].value()
		value, slope := powerAt(delta, p)
		sum += w * value
		x[kx[i].i] += T(w * slope)
		y[ky[j].i] -= T(w * slope)
		left -= flow
		room -= flow
		if left == 0 {
			i++
			left = m
		}
		if room == 0 {
			j++
			room = n
		}
	}
	return sum
}

// powerAt returns |delta|^p and its derivative.
func powerAt(delta, p float64) (value, slope float64) {
	switch {
	case p == 2:
		return delta * delta, 2 * delta
	case delta == 0:
		return 0, 0
	case p == 1:
		return math.Abs(delta), math.Copysign(1, delta)
	}
	value = math.Pow(math.Abs(delta), p)
	return value, p * value / delta
}
