package main

import (
	"maps"
	"math"
)

// A target is a polynomial to be found: the minimax approximation of f on [lo, hi] under a weight, with some coefficients given.
type target struct {
	name   string
	doc    string
	f      func(x float64) float64
	weight func(x float64) float64 // multiplies the error: 1/f for the relative error, 1 for units in the last place of f in [1, 2)
	lo, hi float64
	degree int
	fixed  map[int]float64 // coefficients that are given, by power
	mean   bool            // weigh the mean error too when rounding: its sum over many arguments matters
}

const (
	nodes  = 400 // of the fit, Chebyshev's
	rounds = 250 // of Lawson's iteration, which leaves the error within a percent of the minimax
	grid   = 8192
)

// minimax returns the coefficients, from the constant up, by Lawson's iteration: least squares, the weight of each node multiplied by
// its error, again. Remez's exchange is no choice here: with a coefficient given and 0 inside the interval the remaining powers all
// vanish at 0, so the best error need not alternate.
func minimax(t target) []float64 {
	var free []int
	c := make([]float64, t.degree+1)
	for i := range c {
		if v, ok := t.fixed[i]; ok {
			c[i] = v
		} else {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		return c
	}
	xs, lawson := make([]float64, nodes), make([]float64, nodes)
	for i := range xs {
		xs[i] = (t.lo+t.hi)/2 - (t.hi-t.lo)/2*math.Cos(math.Pi*float64(i)/(nodes-1))
		lawson[i] = 1
	}
	given := append([]float64(nil), c...)
	best, worst := append([]float64(nil), c...), math.Inf(1)
	for range rounds {
		a, b := make([][]float64, len(free)), make([]float64, nodes)
		for k, p := range free {
			a[k] = make([]float64, nodes)
			for i, x := range xs {
				a[k][i] = math.Pow(x, float64(p)) * t.weight(x) * math.Sqrt(lawson[i])
			}
		}
		for i, x := range xs {
			b[i] = (t.f(x) - horner(given, x)) * t.weight(x) * math.Sqrt(lawson[i])
		}
		for k, v := range leastSquares(a, b) {
			c[free[k]] = v
		}
		var sum, now float64
		for i, x := range xs {
			e := math.Abs(weightedError(t, c, x))
			now = max(now, e)
			lawson[i] *= e
			sum += lawson[i]
		}
		for i := range lawson {
			lawson[i] /= sum
		}
		if now < worst {
			worst = now
			copy(best, c)
		}
	}
	return best
}

// leastSquares minimises |sum_k x_k a_k - b| over x by modified Gram-Schmidt. It overwrites a and b.
func leastSquares(a [][]float64, b []float64) []float64 {
	n := len(a)
	r, x := make([][]float64, n), make([]float64, n)
	for k := range n {
		r[k] = make([]float64, n)
		r[k][k] = math.Sqrt(dot(a[k], a[k]))
		for i := range a[k] {
			a[k][i] /= r[k][k]
		}
		for l := k + 1; l < n; l++ {
			r[k][l] = project(a[l], a[k])
		}
		x[k] = project(b, a[k])
	}
	for k := n - 1; k >= 0; k-- {
		for l := k + 1; l < n; l++ {
			x[k] -= r[k][l] * x[l]
		}
		x[k] /= r[k][k]
	}
	return x
}

func dot(x, y []float64) (s float64) {
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

// project removes from v its part along the unit vector q, and returns its length.
func project(v, q []float64) float64 {
	d := dot(v, q)
	for i := range v {
		v[i] -= d * q[i]
	}
	return d
}

func horner(c []float64, x float64) float64 {
	var s float64
	for i := len(c) - 1; i >= 0; i-- {
		s = s*x + c[i]
	}
	return s
}

func weightedError(t target, c []float64, x float64) float64 {
	return (horner(c, x) - t.f(x)) * t.weight(x)
}

// measure returns the largest weighted error and the mean relative error.
func measure(t target, c []float64) (worst, mean float64) {
	for i := range grid {
		x := t.lo + (t.hi-t.lo)*(float64(i)+.5)/grid
		worst = max(worst, math.Abs(weightedError(t, c, x)))
		mean += (horner(c, x)/t.f(x) - 1) / grid
	}
	return worst, mean
}

// round32 rounds the coefficients to float32 one at a time from the constant up, finding the others anew after each.
func round32(t target) []float32 {
	given := t.fixed
	t.fixed = maps.Clone(given)
	if t.fixed == nil {
		t.fixed = map[int]float64{}
	}
	out := make([]float32, t.degree+1)
	for i := range out {
		out[i] = float32(minimax(t)[i])
		t.fixed[i] = float64(out[i])
	}
	return polish(t, given, out)
}

// polish moves single coefficients by a few units in the last place as long as the largest error falls, or the mean that it leaves.
func polish(t target, given map[int]float64, c []float32) []float32 {
	cost := func(c []float32) float64 {
		w, m := measure(t, widen(c))
		if t.mean {
			w += 4 * math.Abs(m)
		}
		return w
	}
	best := cost(c)
	for improved := true; improved; {
		improved = false
		for i := len(c) - 1; i >= 0; i-- {
			if _, ok := given[i]; ok {
				continue
			}
			for _, step := range []int32{-64, -16, -4, -1, 1, 4, 16, 64} {
				old := c[i]
				c[i] = math.Float32frombits(uint32(int32(math.Float32bits(old)) + step))
				if now := cost(c); now < best {
					best, improved = now, true
				} else {
					c[i] = old
				}
			}
		}
	}
	return c
}

func widen(c []float32) []float64 {
	w := make([]float64, len(c))
	for i, v := range c {
		w[i] = float64(v)
	}
	return w
}
