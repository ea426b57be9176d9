package main

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// otEps is the value of --eps: a number of units.
type otEps struct {
	value float64
	unit  epsUnit
}

// An epsUnit is what --eps is a multiple of. Both statistics are unweighted, over the finite costs.
type epsUnit string

const (
	costUnit epsUnit = ""
	meanCost epsUnit = "mean"
	stdCost  epsUnit = "std"
)

var errEps = errors.New("want a positive number, alone or times the mean or the standard deviation of the costs, such as 0.1, 0.05*mean or 0.1*std")

func (e *otEps) String() string {
	s := strconv.FormatFloat(e.value, 'g', -1, 64)
	if e.unit != costUnit {
		s += "*" + string(e.unit)
	}
	return s
}

// Type names the value in help texts.
func (e *otEps) Type() string { return "E|E*mean|E*std" }

// Set reads E, E*mean or E*std with E > 0.
func (e *otEps) Set(s string) error {
	number, unit, _ := strings.Cut(s, "*")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	u := epsUnit(strings.TrimSpace(unit))
	known := u == meanCost || u == stdCost || u == costUnit && !strings.Contains(s, "*")
	if err != nil || !known || !(v > 0) || math.IsInf(v, 1) {
		return errEps
	}
	*e = otEps{v, u}
	return nil
}

// The least eps for which costs over eps stay in the range of the type down to a thousandth of a unit in the last place.
const (
	leastEps32 = 1e-30
	leastEps64 = 1e-290
)

// resolve returns eps in the units of the cost.
func (e *otEps) resolve(pool *parallel.Pool, in *otInput, precision string) (float64, error) {
	unit := in.epsUnit(pool, e.unit)
	if math.IsInf(unit, 0) || math.IsNaN(unit) {
		return 0, in.errorf("the costs are too large for their %s in float64; rescale the data", e.unit)
	}
	if unit <= 0 {
		return 0, usagef("--eps %s: the %s of the costs is %g; give eps as a positive number", e, e.unit, unit)
	}
	eps := e.value * unit
	switch {
	case !(eps >= leastEps32) && precision == precision32:
		return 0, usagef("--eps %s is %g, below the range of float32; rescale the data, or use --precision f64", e, eps)
	case !(eps >= leastEps64), math.IsInf(eps, 1):
		return 0, usagef("--eps %s is %g, beyond the range of float64; choose another, or rescale the data", e, eps)
	}
	return eps, nil
}

// epsUnit returns the unit of eps. Where all costs are equal the plan is the same for every eps, and a unit without size is their
// magnitude, or 1 where they are 0.
func (in *otInput) epsUnit(pool *parallel.Pool, unit epsUnit) float64 {
	if unit == costUnit || in.samePoints() {
		return 1
	}
	mean := in.meanCost()
	if unit == stdCost {
		std, equal := in.stdCost(pool, mean)
		if !equal {
			return std
		}
		mean = math.Abs(mean)
	}
	if mean == 0 && in.zeroCosts() {
		return 1
	}
	return mean
}

// meanCost returns the mean over all pairs, or over those that are allowed.
//
//	mean_ij s |x_i - y_j|^2 = s (mean_i |x_i - p|^2 + mean_j |y_j - q|^2 + |p - q|^2)      p, q the means of x, y
func (in *otInput) meanCost() float64 {
	if in.c != nil {
		mean, _, _, _ := finiteMoments(in.c, 0)
		return mean
	}
	p, spreadX := spread(in.x, in.n, in.dim)
	q, spreadY := spread(in.y, in.m, in.dim)
	sum := spreadX + spreadY
	for k := range p {
		sum += (p[k] - q[k]) * (p[k] - q[k])
	}
	return in.scale * sum
}

// spread returns the mean of the points and their mean squared distance from it.
func spread(x []float64, n, d int) (mean []float64, variance float64) {
	mean = make([]float64, d)
	for i, v := range x {
		mean[i%d] += v / float64(n)
	}
	for i, v := range x {
		variance += (v - mean[i%d]) * (v - mean[i%d]) / float64(n)
	}
	return mean, variance
}

// stdCost returns the standard deviation over all pairs, or over those that are allowed, and whether the costs are all equal.
func (in *otInput) stdCost(pool *parallel.Pool, mean float64) (std float64, equal bool) {
	if in.c != nil {
		_, second, lo, hi := finiteMoments(in.c, mean)
		return math.Sqrt(second), lo == hi
	}
	count := parallel.Chunks(in.n, 1+16384/in.m, 256)
	second, lo, hi := make([]float64, count), make([]float64, count), make([]float64, count)
	pool.For(count, func(k int) {
		row := make([]float64, in.m)
		begin, end := parallel.Chunk(in.n, count, k)
		lo[k], hi[k] = math.Inf(1), math.Inf(-1)
		for i := begin; i < end; i++ {
			logsumexp.SquaredDistances(nil, row, in.m, in.x[i*in.dim:(i+1)*in.dim], in.y, 1, in.m, in.dim, in.scale)
			_, s, l, h := finiteMoments(row, mean)
			second[k] += s / float64(in.n)
			lo[k], hi[k] = min(lo[k], l), max(hi[k], h)
		}
	})
	var sum float64
	least, most := lo[0], hi[0]
	for k, s := range second {
		sum += s
		least, most = min(least, lo[k]), max(most, hi[k])
	}
	return math.Sqrt(sum), least == most
}

// finiteMoments returns the mean, the mean squared distance from centre, and the range of the finite entries.
func finiteMoments(c []float64, centre float64) (mean, second, lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	count := 0.
	for _, v := range c {
		if !math.IsInf(v, 0) {
			mean += v
			second += (v - centre) * (v - centre)
			lo, hi = min(lo, v), max(hi, v)
			count++
		}
	}
	return mean / count, second / count, lo, hi
}

// samePoints reports whether all points of both clouds are one.
func (in *otInput) samePoints() bool {
	if in.c != nil {
		return false
	}
	for _, cloud := range [][]float64{in.x, in.y} {
		for i, v := range cloud {
			if v != in.x[i%in.dim] {
				return false
			}
		}
	}
	return true
}

// zeroCosts reports whether all costs that are allowed are 0.
func (in *otInput) zeroCosts() bool {
	_, _, lo, hi := finiteMoments(in.c, 0)
	return lo == 0 && hi == 0
}
