package sinkhorn_test

import (
	"context"
	"math"
	"testing"

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
