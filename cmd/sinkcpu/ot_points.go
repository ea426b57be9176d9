package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// between returns the cost between two clouds as points, for gradients, and as what the solver reads.
func (s *otSolution[T]) between(x, y, a, b []float64, n, m int) (*logsumexp.Points[T], logsumexp.Cost[T], error) {
	points, err := logsumexp.NewPoints[T](s.in.ground, x, y, a, b, n, m, s.in.dim)
	if err != nil {
		return nil, nil, s.in.errorf("%w", err)
	}
	if s.o.on != nil { // a device reads points faster than costs
		return points, points, nil
	}
	return points, logsumexp.Keep[T](s.pool, points, s.costBytes(n, m)), nil
}

// costBytes returns what the costs of n x m pairs may take in memory: their share of --memory among all problems of the run,
// so that the costs of all are kept or none.
func (s *otSolution[T]) costBytes(n, m int) int {
	return max(1, int(float64(s.o.maxBytes())*(float64(n)*float64(m)/s.in.costEntries(s.o.debias))))
}

// costEntries returns the number of costs of all problems of a run.
func (in *otInput) costEntries(debias bool) float64 {
	x, y := float64(in.n), float64(in.m)
	if debias {
		return x*y + x*x + y*y
	}
	return x * y
}

// checkOrigin refuses a point that has no direction for the cosine.
func (in *otInput) checkOrigin() error {
	if in.ground != logsumexp.Cosine {
		return nil
	}
	for side, cloud := range [][]float64{in.x, in.y} {
		for i := 0; i < len(cloud); i += in.dim {
			if !slices.ContainsFunc(cloud[i:i+in.dim], func(v float64) bool { return v != 0 }) {
				return fmt.Errorf("%s: row %d is the origin, which has no direction for --cost cosine; leave it out, or choose another cost",
					in.names[side], i/in.dim+1)
			}
		}
	}
	return nil
}

// checkRange refuses points whose costs overflow, by a bound over the box that holds both clouds.
func (in *otInput) checkRange(precision string) error {
	if in.c != nil {
		return nil
	}
	const margin = 16 // of a sum of squares over the square of the box's diagonal
	cost, sum := in.costBound()
	largest := margin * max(cost, sum)
	switch {
	case !(largest < math.MaxFloat64):
		return in.errorf("a cost between points is beyond the range of float64; rescale the data")
	case !(largest < math.MaxFloat32) && precision == precision32:
		return in.errorf("a cost between points is beyond the range of float32; rescale the data, or use --precision f64")
	}
	return nil
}

// costBound returns bounds of the magnitude of a cost within or between the clouds, and of the sums that it is a power of.
func (in *otInput) costBound() (cost, sum float64) {
	var squares, absolutes, lengths float64
	for k := range in.dim {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, cloud := range [][]float64{in.x, in.y} {
			for i := k; i < len(cloud); i += in.dim {
				lo, hi = min(lo, cloud[i]), max(hi, cloud[i])
			}
		}
		squares += (hi - lo) * (hi - lo)
		absolutes += hi - lo
		lengths += max(lo*lo, hi*hi)
	}
	switch in.ground {
	case logsumexp.SqEuclidean, logsumexp.HalfSqEuclidean:
		return squares, squares
	case logsumexp.L1:
		return absolutes, absolutes
	case logsumexp.DotProduct:
		return lengths, lengths
	case logsumexp.Cosine:
		return 2, 2
	}
	return math.Pow(squares, distancePower(in.ground)/2), squares
}

// distancePower returns p in |x - y|^p, and 2 for costs that are not powers of the distance.
func distancePower(g logsumexp.Ground) float64 {
	if g == logsumexp.Euclidean {
		return 1
	}
	if s, ok := strings.CutPrefix(g.String(), "pow:"); ok {
		p, _ := strconv.ParseFloat(s, 64) // it is the name of a ground
		return p
	}
	return 2
}

// moments are the statistics of the finite entries of a cost.
type moments struct {
	count, mean float64
	squares     float64 // sum of the squared differences from the mean
	lo, hi      float64
}

func noMoments() moments { return moments{lo: math.Inf(1), hi: math.Inf(-1)} }

// std returns the standard deviation.
func (q moments) std() float64 { return math.Sqrt(q.squares / q.count) }

// plus returns the moments of both sets of entries. Source: Chan, Golub and LeVeque 1983.
func (q moments) plus(r moments) moments {
	if q.count == 0 || r.count == 0 {
		if q.count == 0 {
			return r
		}
		return q
	}
	count, step := q.count+r.count, r.mean-q.mean
	return moments{
		count: count, mean: q.mean + step*(r.count/count), squares: q.squares + r.squares + step*step*(q.count*(r.count/count)),
		lo: min(q.lo, r.lo), hi: max(q.hi, r.hi),
	}
}

// momentsOf returns the moments of some numbers plus a constant.
func momentsOf(c, plus []float64, constant float64) moments {
	q := noMoments()
	var sum float64
	for j, v := range c {
		if math.IsInf(v, 0) {
			continue
		}
		v += plus[j] + constant
		sum += v
		q.count++
		q.lo, q.hi = min(q.lo, v), max(q.hi, v)
	}
	if q.count == 0 {
		return q
	}
	q.mean = sum / q.count
	for j, v := range c {
		if !math.IsInf(v, 0) {
			t := v + plus[j] + constant - q.mean
			q.squares += t * t
		}
	}
	return q
}

// tile is the piece of a cost that statistics look at: 64 KiB in float64.
const (
	tileRows = 8
	tileCols = 1024
)

// costMoments returns the moments of a cost, tile by tile.
func costMoments(pool *parallel.Pool, c logsumexp.Cost[float64]) moments {
	n, m := c.Dims()
	u, v := shifts(c, n, m)
	count := parallel.Chunks(n, 1+16384/m, 256)
	part := make([]moments, count)
	pool.For(count, func(k int) {
		lo, hi := parallel.Chunk(n, count, k)
		buf := make([]float64, tileRows*tileCols)
		part[k] = noMoments()
		for i0 := lo; i0 < hi; i0 += tileRows {
			i1 := min(i0+tileRows, hi)
			for j0 := 0; j0 < m; j0 += tileCols {
				j1 := min(j0+tileCols, m)
				t, ld := c.Tile(buf, i0, i1, j0, j1)
				for i := i0; i < i1; i++ {
					part[k] = part[k].plus(momentsOf(t[(i-i0)*ld:(i-i0)*ld+j1-j0], v[j0:j1], u[i]))
				}
			}
		}
	})
	q := noMoments()
	for _, p := range part {
		q = q.plus(p)
	}
	return q
}
