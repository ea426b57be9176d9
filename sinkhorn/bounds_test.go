package sinkhorn_test

import (
	"context"
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestBoundsOfUnfinishedSolves: however early a solve stops, its bounds hold the value of the solved problem, and the upper one is at least
// the objective of the rounded plan, by no more than eps times the entropy of what rounding moved.
func TestBoundsOfUnfinishedSolves(t *testing.T) {
	for seed := range uint64(100) {
		c := drawCloud(seed, 1.5)
		cost := c.cost()
		eps := c.eps * mean(cost)
		want := solve64(t, cost, c.n, c.m, c.a, c.b, eps).Value()
		p, err := sinkhorn.NewProblem(logsumexp.NewStored(cost, c.n, c.m, c.m), c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		for _, iterations := range []int{1, 3} {
			s := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-13, MaxIter: iterations, Method: sinkhorn.Sweep}
			r, _ := s.Solve(context.Background(), p)
			lower, upper := r.Bounds()
			plan := make([]float64, c.n*c.m)
			r.Plan(plan)
			moved := round(plan, c.a, c.b)
			objective := objectiveOf(plan, cost, c.a, c.b, eps)
			slack := 1e-12 * (mean(cost) + eps)
			if !(lower <= want+slack && want <= upper+slack && objective <= upper+slack) {
				t.Errorf("seed %d, %d iterations: [%.15g, %.15g] around %.15g, rounded plan %.15g", seed, iterations, lower, upper, want, objective)
			}
			entropy := 0.
			if moved > 0 && moved < 1 {
				entropy = -moved*math.Log(moved) - (1-moved)*math.Log1p(-moved)
			}
			if !(upper-objective <= eps*entropy+slack) {
				t.Errorf("seed %d, %d iterations: upper bound %.15g is %.3g above the rounded plan, entropy of %.3g allows %.3g", seed, iterations,
					upper, upper-objective, moved, eps*entropy)
			}
		}
	}
}

// round gives a plan the marginals a and b, and returns the mass that it filled in.
func round(plan, a, b []float64) (moved float64) {
	n, m := len(a), len(b)
	rows, _ := sums(plan, n, m)
	for k := range plan {
		plan[k] *= min(1, a[k/m]/max(rows[k/m], 1e-300))
	}
	_, cols := sums(plan, n, m)
	for k := range plan {
		plan[k] *= min(1, b[k%m]/max(cols[k%m], 1e-300))
	}
	rows, cols = sums(plan, n, m)
	for i := range n {
		moved += max(0, a[i]-rows[i])
	}
	if moved <= 0 {
		return 0
	}
	for i := range n {
		for j := range m {
			plan[i*m+j] += max(0, a[i]-rows[i]) * max(0, b[j]-cols[j]) / moved
		}
	}
	return moved
}

func sums(plan []float64, n, m int) (rows, cols []float64) {
	rows, cols = make([]float64, n), make([]float64, m)
	for i := range n {
		for j := range m {
			rows[i] += plan[i*m+j]
			cols[j] += plan[i*m+j]
		}
	}
	return rows, cols
}

// objectiveOf returns <C,P> + eps KL(P | a b^T) for a plan of mass 1.
func objectiveOf(plan, cost, a, b []float64, eps float64) (sum float64) {
	for k, p := range plan {
		if p > 0 {
			sum += p * (cost[k] + eps*math.Log(p/(a[k/len(b)]*b[k%len(b)])))
		}
	}
	return sum
}

// TestBoundsHoldCostOfPoints: what bounds of a solve in float32 hold is the value of the points, not only that of the rounded costs: in many
// dimensions, where rounding adds up, near one direction, where the cosine cancels, and of points that are close beside their distance from the middle.
func TestBoundsHoldCostOfPoints(t *testing.T) {
	for _, c := range []struct {
		ground logsumexp.Ground
		cloud  string
		d      int
	}{
		{logsumexp.L1, "alike", 3000}, {logsumexp.L1, "random", 3000}, {logsumexp.DotProduct, "alike", 3000}, {logsumexp.SqEuclidean, "alike", 3000},
		{logsumexp.Euclidean, "random", 300}, {logsumexp.Euclidean, "alike", 784}, {logsumexp.Cosine, "beside", 8}, {logsumexp.Cosine, "beside", 300},
	} {
		for _, n := range []int{1, 24} {
			x := make([]float64, 2*n*c.d)
			random.Normal(random.New(3, c.cloud), x, 0, 1)
			for k := range x {
				switch c.cloud {
				case "alike":
					x[k] = x[k/c.d*c.d]
				case "beside":
					x[k] += 300
				}
			}
			for name, y := range map[string][]float64{"itself": x[:n*c.d], "another": x[n*c.d:]} {
				x := x[:n*c.d]
				eps := 1e-2 * meanCost(t, c.ground, x, y, n, n, c.d)
				lower64, upper64 := boundsBetween[float64](t, c.ground, x, y, n, n, c.d, eps)
				lower, upper := boundsBetween[float32](t, c.ground, x, y, n, n, c.d, eps)
				if !(lower <= upper64 && lower64 <= upper) {
					t.Errorf("%v, %s, n=%d, d=%d, against %s: [%.10g, %.10g], in float64 [%.10g, %.10g]", c.ground, c.cloud, n, c.d, name,
						lower, upper, lower64, upper64)
				}
			}
		}
	}
}

// meanCost returns the mean magnitude of the costs, 1 where that is 0.
func meanCost(t *testing.T, ground logsumexp.Ground, x, y []float64, n, m, d int) float64 {
	t.Helper()
	p, err := logsumexp.NewPoints[float64](ground, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	tile, _ := p.Form(nil).Tile(nil, 0, n, 0, m)
	u, v := p.Shift()
	var sum float64
	for k, c := range tile {
		if u != nil {
			c += u[k/m] + v[k%m]
		}
		sum += math.Abs(c) / float64(n*m)
	}
	if sum == 0 {
		return 1
	}
	return sum
}

func boundsBetween[T kernels.Float](t *testing.T, ground logsumexp.Ground, x, y []float64, n, m, d int, eps float64) (lower, upper float64) {
	t.Helper()
	c, err := logsumexp.NewPoints[T](ground, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(logsumexp.Keep(nil, c, 0), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[T]{Eps: eps}).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r.Bounds()
}

// TestBoundsOfAnyMass: between two points with a reach the value has a closed form, which bounds hold for masses, reaches and temperatures of twelve
// decades, though the terms that are added are larger.
//
//	p = exp((eps log(a b) + rho log a + rho log b - c)/(eps + 2 rho))        OT = eps a b + rho (a + b) - (eps + 2 rho) p
func TestBoundsOfAnyMass(t *testing.T) {
	decades := []float64{1e-6, 1e-3, 1, 1e3, 1e6}
	const c = .75
	wide := func(v float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(v) }
	for _, a := range decades {
		for _, b := range decades {
			for _, rho := range decades {
				for _, eps := range decades {
					log := (eps*math.Log(a*b) + rho*math.Log(a) + rho*math.Log(b) - c) / (eps + 2*rho)
					last := (eps + 2*rho) * math.Exp(log)
					sum := new(big.Float).Sub(new(big.Float).Mul(wide(eps), new(big.Float).Mul(wide(a), wide(b))), wide(last))
					sum.Add(sum, new(big.Float).Mul(wide(rho), new(big.Float).Add(wide(a), wide(b))))
					want, _ := sum.Float64()
					noise := 0x1p-50 * last * (1 + math.Abs(log)) // of the closed form
					lower, upper := boundsWith(t, []float64{c}, []float64{a}, []float64{b}, eps, 100, sinkhorn.KL, sinkhorn.KL, rho)
					lower32, upper32 := boundsWith(t, []float32{c}, []float64{a}, []float64{b}, eps, 100, sinkhorn.KL, sinkhorn.KL, rho)
					if !(max(lower, lower32) <= want+noise && want-noise <= min(upper, upper32)) {
						t.Errorf("masses %g and %g, rho %g, eps %g: [%.15g, %.15g] and [%.15g, %.15g] in float32, want %.15g", a, b, rho, eps,
							lower, upper, lower32, upper32, want)
					}
				}
			}
		}
	}
}

// boundsWith returns the bounds of a solve with penalties, whether it came to its end or not.
func boundsWith[T kernels.Float](t *testing.T, cost []T, a, b []float64, eps float64, iterations int, x, y sinkhorn.Penalty, rho float64) (lower, upper float64) {
	t.Helper()
	p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored(cost, len(a), len(b), len(b)), a, b, sinkhorn.Reach{Penalty: x, Rho: rho}, sinkhorn.Reach{Penalty: y, Rho: rho})
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[T]{Eps: eps, MaxIter: iterations}).Solve(context.Background(), p)
	if err != nil && !errors.Is(err, sinkhorn.ErrNotConverged) {
		t.Fatal(err)
	}
	return r.Bounds()
}

// TestBoundsWithHeldMass: where one side is exact and the other may only leave mass behind, bounds of early and late solves hold each other's, and an
// exact side of more mass than there is on the other is refused.
func TestBoundsWithHeldMass(t *testing.T) {
	for seed := range uint64(200) {
		c := drawCloud(seed, 1.5)
		a, b, x, y := c.a, c.b, sinkhorn.Exact, sinkhorn.Part
		larger := b
		if seed%8 >= 4 {
			x, y, larger = y, x, a
		}
		kernels.Scale(larger, []float64{1, 1.0001, 2, 100}[seed%4])
		cost := c.cost()
		eps, rho := c.eps*mean(cost), mean(cost)*math.Pow(10, float64(seed%5)-2)
		late, high := boundsWith(t, cost, a, b, eps, 3000, x, y, rho)
		for _, iterations := range []int{1, 3} {
			lower, upper := boundsWith(t, cost, a, b, eps, iterations, x, y, rho)
			if !(lower <= high && late <= upper) {
				t.Errorf("seed %d, %d iterations: [%.15g, %.15g], later [%.15g, %.15g]", seed, iterations, lower, upper, late, high)
			}
		}
		if !(late <= high) {
			t.Errorf("seed %d: [%.15g, %.15g]", seed, late, high)
		}
	}
	exact, held := sinkhorn.Reach{}, sinkhorn.Reach{Penalty: sinkhorn.Part, Rho: 1}
	one := logsumexp.NewStored([]float64{1}, 1, 1, 1)
	if _, err := sinkhorn.NewUnbalanced(one, []float64{2}, []float64{1}, exact, held); err == nil {
		t.Error("all of a mass of 2 to a side that holds 1: no error")
	}
	if _, err := sinkhorn.NewUnbalanced(one, []float64{1}, []float64{2}, held, exact); err == nil {
		t.Error("all of a mass of 2 from a side that holds 1: no error")
	}
}
