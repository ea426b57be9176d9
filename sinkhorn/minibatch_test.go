package sinkhorn_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/numtest"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// energyOf solves the six problems between clouds of n points of the plane, under |x-y|.
func energyOf(t *testing.T, x, x2, y, y2 []float64, n int, eps, tol float64) (*sinkhorn.MinibatchEnergy[float64], sinkhorn.MinibatchPulls) {
	t.Helper()
	between := func(u, v []float64) (*sinkhorn.Problem[float64], sinkhorn.Pull) {
		points, err := logsumexp.NewPoints[float64](logsumexp.Euclidean, u, v, nil, nil, n, n, 2)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(points, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p, points
	}
	var problems sinkhorn.MinibatchProblems[float64]
	var pulls sinkhorn.MinibatchPulls
	problems.XY, pulls.XY = between(x, y)
	problems.XY2, pulls.XY2 = between(x, y2)
	problems.X2Y, pulls.X2Y = between(x2, y)
	problems.X2Y2, pulls.X2Y2 = between(x2, y2)
	problems.XX2, pulls.XX2 = between(x, x2)
	problems.YY2, _ = between(y, y2)
	s := sinkhorn.Solver[float64]{Eps: eps, Tol: tol}
	e, err := s.MinibatchEnergy(context.Background(), problems)
	if err != nil {
		t.Fatal(err)
	}
	return e, pulls
}

// TestMinibatchEnergyIsUnbiased: over 300 draws of four clouds of one law the mean of either value is 0 within 3 standard errors; at laws
// that differ it is far from 0.
func TestMinibatchEnergyIsUnbiased(t *testing.T) {
	const n, draws = 8, 300
	for _, shift := range []float64{0, 1} {
		rng := random.New(11, "clouds")
		var sum, squares [2]float64
		for range draws {
			var c [4][]float64
			for k := range c {
				c[k] = make([]float64, 2*n)
				random.Normal(rng, c[k], shift*float64(k/2), 1)
			}
			e, _ := energyOf(t, c[0], c[1], c[2], c[3], n, .3, 1e-3)
			for k, kind := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
				v := e.Value(kind)
				sum[k] += v
				squares[k] += v * v
			}
		}
		for k := range sum {
			mean := sum[k] / draws
			se := math.Sqrt((squares[k]/draws - mean*mean) / (draws - 1))
			if off := math.Abs(mean) / se; (off <= 3) != (shift == 0) || math.IsNaN(off) {
				t.Errorf("shift %g, value %d: mean %.4g, standard error %.2g", shift, k, mean, se)
			}
		}
	}
}

// TestMinibatchEnergyGradient against differences of the entropic value, by both halves.
func TestMinibatchEnergyGradient(t *testing.T) {
	const n = 4
	var c [4][]float64
	for k := range c {
		c[k] = make([]float64, 2*n)
		random.Normal(random.New(12, "cloud", uint64(k)), c[k], float64(k), 2)
	}
	whole, _ := energyOf(t, c[0], c[1], c[2], c[3], n, 1, 1e-13)
	var terms float64 // what the energy is the difference of, and its rounding in proportion to
	for _, r := range []*sinkhorn.Result[float64]{whole.XY, whole.XY2, whole.X2Y, whole.X2Y2, whole.XX2, whole.YY2} {
		terms += math.Abs(r.Value())
	}
	err := numtest.Grad(1, func() []float64 {
		e, _ := energyOf(t, c[0], c[1], c[2], c[3], n, 1, 1e-13)
		return []float64{e.Value(sinkhorn.Entropic), terms}
	}, func(w []float64) []numtest.Leaf[float64] {
		e, pulls := energyOf(t, c[0], c[1], c[2], c[3], n, 1, 1e-13)
		dx, dx2 := make([]float64, 2*n), make([]float64, 2*n)
		e.Gradient(dx, dx2, pulls)
		for _, g := range [][]float64{dx, dx2} {
			for i := range g {
				g[i] *= w[0]
			}
		}
		return []numtest.Leaf[float64]{{Name: "x", Value: c[0], Grad: dx}, {Name: "x'", Value: c[1], Grad: dx2}}
	})
	if err != nil {
		t.Error(err)
	}
}
