package main

import (
	"math"

	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// otReach are the flags that let the sides leave their weights.
type otReach struct {
	both, x, y, tv float64
	mass           float64 // of the plan; 0 for all
}

// check refuses reaches that cannot be; given reports whether a flag was.
func (r *otReach) check(given func(flag string) bool, debias bool) error {
	for _, f := range []struct {
		name string
		v    float64
	}{{"reach", r.both}, {"reach-x", r.x}, {"reach-y", r.y}, {"tv", r.tv}} {
		switch {
		case given(f.name) && (!(f.v > 0) || math.IsInf(f.v, 1)):
			return usagef("--%s %g: want a positive number in the units of the cost; leave it out for marginals that are exact", f.name, f.v)
		case given(f.name) && f.name != "tv" && given("tv"):
			return usagef("--%s and --tv are different penalties, give one", f.name)
		case given(f.name) && f.name != "reach" && f.name != "tv" && given("reach"):
			return usagef("--reach is that of both sides; give it, or --reach-x and --reach-y")
		}
	}
	switch {
	case !given("mass"):
	case !(r.mass > 0) || math.IsInf(r.mass, 1):
		return usagef("--mass %g: want a positive number below the sums of the weights", r.mass)
	case given("reach") || given("reach-x") || given("reach-y") || given("tv"):
		return usagef("--mass says how much moves, --reach and --tv what it costs to leave mass behind; give one")
	case debias:
		return usagef("--mass and --debias do not go together: a cloud moves part of its mass onto itself at no cost")
	}
	if x, y := r.sides(); debias && x != y {
		return usagef("--debias needs the same reach on both sides: --reach RHO or --tv RHO")
	}
	return nil
}

// sides returns the reach of X and of Y.
func (r *otReach) sides() (x, y sinkhorn.Reach) {
	side := func(rho float64) sinkhorn.Reach {
		switch {
		case r.tv > 0:
			return sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: r.tv}
		case max(rho, r.both) > 0:
			return sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: max(rho, r.both)}
		}
		return sinkhorn.Reach{}
	}
	return side(r.x), side(r.y)
}

// given reports whether a side may leave its weights.
func (r *otReach) given() bool { return *r != otReach{} }
