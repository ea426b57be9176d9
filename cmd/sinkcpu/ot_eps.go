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

	// planEntropy: eps is such that the plan has the entropy value, in nats.
	planEntropy epsUnit = "entropy"
)

var errEps = errors.New("want a positive number, alone or times the mean or the standard deviation of the costs, such as 0.1, 0.05*mean or 0.1*std, " +
	"or entropy: and the entropy that the plan is to have, in nats")

func (e *otEps) String() string {
	if e.unit == planEntropy {
		return string(planEntropy) + ":" + strconv.FormatFloat(e.value, 'g', -1, 64)
	}
	s := strconv.FormatFloat(e.value, 'g', -1, 64)
	if e.unit != costUnit {
		s += "*" + string(e.unit)
	}
	return s
}

// Type names the value in help texts.
func (e *otEps) Type() string { return "E|E*mean|E*std|entropy:H" }

// Set reads E, E*mean, E*std or entropy:E with E > 0.
func (e *otEps) Set(s string) error {
	if h, ok := strings.CutPrefix(s, string(planEntropy)+":"); ok {
		v, err := strconv.ParseFloat(strings.TrimSpace(h), 64)
		if err != nil || !(v > 0) || math.IsInf(v, 1) {
			return errEps
		}
		*e = otEps{v, planEntropy}
		return nil
	}
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

// The least eps for which costs over eps stay in the range of the type down to a thousandth of a unit in the last place, for a cost that
// is a sum of squares or a higher power; of a root of such a sum it is the root.
const (
	leastEps32 = 1e-30
	leastEps64 = 1e-290
)

// temperature returns eps in the units of the cost, 0 for a problem without.
func (o *otOptions) temperature(pool *parallel.Pool, in *otInput) (float64, error) {
	if o.reg == regNone {
		return 0, nil
	}
	return o.eps.resolve(pool, in, o.precision)
}

// resolve returns eps in the units of the cost; for an entropy, that from which to look for it.
func (e *otEps) resolve(pool *parallel.Pool, in *otInput, precision string) (float64, error) {
	if e.unit == planEntropy {
		e = &otEps{.05, meanCost}
	}
	unit, err := in.epsUnit(pool, e.unit)
	if err != nil {
		return 0, err
	}
	if math.IsInf(unit, 0) || math.IsNaN(unit) {
		return 0, in.errorf("the costs are too large for their %s in float64; rescale the data", e.unit)
	}
	if unit <= 0 {
		return 0, usagef("--eps %s: the %s of the costs is %g; give eps as a positive number", e, e.unit, unit)
	}
	eps, root := e.value*unit, min(1, distancePower(in.ground)/2)
	switch {
	case !(eps >= math.Pow(leastEps32, root)) && precision == precision32:
		return 0, usagef("--eps %s is %g, below the range of float32; rescale the data, or use --precision f64", e, eps)
	case !(eps >= math.Pow(leastEps64, root)), math.IsInf(eps, 1):
		return 0, usagef("--eps %s is %g, beyond the range of float64; choose another, or rescale the data", e, eps)
	}
	return eps, nil
}

// epsUnit returns the unit of eps. Where all costs are equal the plan is the same for every eps, and a unit without size is their
// magnitude, or 1 where they are 0.
func (in *otInput) epsUnit(pool *parallel.Pool, unit epsUnit) (float64, error) {
	if unit == costUnit || in.samePoints() {
		return 1, nil
	}
	if unit == meanCost && in.squared() {
		return in.meanSquared(), nil
	}
	c, err := in.wideCost()
	if err != nil {
		return 0, err
	}
	q := costMoments(pool, c)
	switch {
	case q.lo == 0 && q.hi == 0:
		return 1, nil
	case unit == meanCost:
		return q.mean, nil
	case q.lo == q.hi:
		return math.Abs(q.lo), nil
	}
	return q.std(), nil
}

// wideCost returns the cost in float64.
func (in *otInput) wideCost() (logsumexp.Cost[float64], error) {
	if in.c != nil {
		return logsumexp.NewStored(in.c, in.n, in.m, in.m), nil
	}
	c, err := logsumexp.NewPoints[float64](in.ground, in.x, in.y, nil, nil, in.n, in.m, in.dim)
	if err != nil {
		return nil, in.errorf("%w", err)
	}
	return c, nil
}

// squared reports whether the cost is a squared distance of points.
func (in *otInput) squared() bool {
	return in.c == nil && (in.ground == logsumexp.SqEuclidean || in.ground == logsumexp.HalfSqEuclidean)
}

// meanSquared returns the mean of a squared distance over all pairs. For s the factor 1 or 1/2 of the cost,
//
//	mean_ij s |x_i - y_j|^2 = s (mean_i |x_i - p|^2 + mean_j |y_j - q|^2 + |p - q|^2)      p, q the means of x, y
func (in *otInput) meanSquared() float64 {
	p, spreadX := spread(in.x, in.n, in.dim)
	q, spreadY := spread(in.y, in.m, in.dim)
	sum := spreadX + spreadY
	for k := range p {
		sum += (p[k] - q[k]) * (p[k] - q[k])
	}
	if in.ground == logsumexp.HalfSqEuclidean {
		sum /= 2
	}
	return sum
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

// samePoints reports whether all points of both clouds are one, at cost 0.
func (in *otInput) samePoints() bool {
	if in.c != nil || in.ground == logsumexp.DotProduct {
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
