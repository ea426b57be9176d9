package sinkhorn_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestBarycentricMapAtBothEnds: an assignment maps to the partner, a product to the mean.
func TestBarycentricMapAtBothEnds(t *testing.T) {
	const n = 30
	r, to := permuted(t, n)
	y, got := make([]float64, 2*n), make([]float64, 2*n)
	random.Normal(random.New(1, "y"), y, 0, 1)
	r.BarycentricMap(got, y, 2)
	for i, j := range to {
		closeTo(t, "x", got[2*i], y[2*j], 1e-12)
		closeTo(t, "y", got[2*i+1], y[2*j+1], 1e-12)
	}
	r = product(t)
	got = make([]float64, 6)
	r.BarycentricMap(got, y[:5], 1)
	for _, v := range got {
		closeTo(t, "map of a product", v, kernels.Dot(spreadB, y[:5]), 1e-8)
	}
}

// TestBarycentricMapIsThePlansMean for random clouds, with weights of 0 among them.
func TestBarycentricMapIsThePlansMean(t *testing.T) {
	for seed := range uint64(30) {
		c := drawCloud(seed, 1)
		cost := c.cost()
		r := solve64(t, cost, c.n, c.m, c.a, c.b, c.eps*mean(cost))
		got, py, plan := make([]float64, c.n*c.d), make([]float64, c.n*c.d), make([]float64, c.n*c.m)
		r.BarycentricMap(got, c.y, c.d)
		r.Apply(py, c.y, c.d)
		r.Plan(plan)
		for i := range c.n {
			for k := range c.d {
				if mass := kernels.Sum(plan[i*c.m : (i+1)*c.m]); mass > 0 {
					closeTo(t, "map", got[i*c.d+k], py[i*c.d+k]/mass, 1e-12*5)
				}
				if v := got[i*c.d+k]; math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("row %d of weight %g goes to %g", i, c.a[i], v)
				}
			}
		}
	}
}

// TestMapLeavesForbiddenRowsAt0: no number is none.
func TestMapLeavesForbiddenRowsAt0(t *testing.T) {
	r := solved(t, []float64{1, 2, inf, inf}, 2, 2, []float64{1, 0}, nil, .1, 1e-10)
	dst, f := make([]float64, 2), make([]float64, 2)
	r.BarycentricMap(dst, []float64{3, 5}, 1)
	closeTo(t, "map", dst[0], 4, 1e-9)
	closeTo(t, "map of a row without partner", dst[1], 0, 0)
	r.EntropicPotential(f, r.Problem().Cost())
	if !math.IsInf(f[1], 1) {
		t.Errorf("potential of a row without partner: %g", f[1])
	}
}

// outOfSample is a solved problem with the cost of some other points, whose own mean is elsewhere, to the same columns.
func outOfSample[T kernels.Float](t *testing.T, ground logsumexp.Ground, reach sinkhorn.Reach, x, y, others []float64, d int, tol float64) (*sinkhorn.Result[T], *logsumexp.Points[T]) {
	t.Helper()
	n, m, k := len(x)/d, len(y)/d, len(others)/d
	c, err := logsumexp.NewPoints[T](ground, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewUnbalanced(c, nil, nil, reach, reach)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[T]{Eps: .3, Tol: tol}).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	other, err := logsumexp.NewPoints[T](ground, others, y, nil, nil, k, m, d)
	if err != nil {
		t.Fatal(err)
	}
	return r, other
}

// TestEntropicMapOutOfSample: at points of the problem it is the potential and the map of the problem; elsewhere, for |x-y|^2/2 and exact
// marginals,
//
//	T(x) = x - grad f(x)
func TestEntropicMapOutOfSample(t *testing.T) {
	const n, m, d, k = 25, 30, 2, 6
	s := random.New(2, "clouds")
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(s, x, 0, 1)
	random.Normal(s, y, 100, 1) // far off, so that much is taken out of the cost
	for _, reach := range []sinkhorn.Reach{{}, {Penalty: sinkhorn.KL, Rho: 1e4}} {
		for _, ground := range []logsumexp.Ground{logsumexp.HalfSqEuclidean, logsumexp.Euclidean} {
			r, other := outOfSample[float64](t, ground, reach, x, y, x[:k*d], d, 1e-11)
			f, to, all := make([]float64, k), make([]float64, k*d), make([]float64, n*d)
			r.EntropicPotential(f, other)
			r.EntropicMap(to, other, y, d)
			r.BarycentricMap(all, y, d)
			for i := range k {
				closeTo(t, ground.String()+": potential", f[i], r.F[i], 1e-8)
			}
			for i := range to {
				closeTo(t, ground.String()+": map", to[i], all[i], 1e-9)
			}
		}
	}
	const h = 1e-4
	at := []float64{3, -2}
	var around []float64
	for l := range d {
		for _, sign := range []float64{-1, 1} {
			around = append(around, at...)
			around[len(around)-d+l] += sign * h
		}
	}
	r, near := outOfSample[float64](t, logsumexp.HalfSqEuclidean, sinkhorn.Reach{}, x, y, around, d, 1e-11)
	f := make([]float64, 2*d)
	r.EntropicPotential(f, near)
	_, here := outOfSample[float64](t, logsumexp.HalfSqEuclidean, sinkhorn.Reach{}, x, y, at, d, 1e-11)
	to := make([]float64, d)
	r.EntropicMap(to, here, y, d)
	for l := range d {
		closeTo(t, "map by the potential", to[l], at[l]-(f[2*l+1]-f[2*l])/(2*h), 1e-5)
	}
	narrow, points := outOfSample[float32](t, logsumexp.HalfSqEuclidean, sinkhorn.Reach{}, x, y, at, d, 1e-4)
	to32 := make([]float64, d)
	narrow.EntropicMap(to32, points, y, d)
	for l := range d {
		closeTo(t, "map in float32", to32[l], to[l], 1e-3)
	}
}
