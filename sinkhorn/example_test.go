package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Transport of three points of the line onto four, with a bracket of its value.
func Example() {
	x, y := []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}
	cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, 3, 4, 1) // in one dimension, of equal weights
	if err != nil {
		log.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(cost, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: 1, Tol: 1e-9}).Solve(context.Background(), p)
	if err != nil {
		log.Fatal(err) // errors.Is(err, sinkhorn.ErrNotConverged): r is there, and says how far it came
	}
	lower, upper := r.Bounds()
	fmt.Printf("OT_eps %.6f, between %.6f and %.6f; moving costs %.6f\n", r.Value(), lower, upper, r.TransportCost())
	partner, mass := r.TopK(1)
	for i, j := range partner {
		fmt.Printf("%g goes to %g most of all, with %.3f\n", x[i], y[j], mass[i])
	}
	// Output:
	// OT_eps 1.923766, between 1.923766 and 1.923766; moving costs 1.333181
	// 0 goes to 0.5 most of all, with 0.227
	// 1 goes to 2 most of all, with 0.160
	// 3 goes to 4 most of all, with 0.249
}

// The divergence of two clouds, 0 for equal ones, and which way each point of x has to go for it to fall.
func ExampleSolver_Divergence() {
	x, y := []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}
	xy, cost := problem(x, y, nil, nil)
	xx, own := selfProblem(x)
	yy, _ := selfProblem(y)
	d, err := (&sinkhorn.Solver[float64]{Eps: 1, Tol: 1e-9}).Divergence(context.Background(), xy, xx, yy)
	if err != nil {
		log.Fatal(err)
	}
	dx := make([]float64, len(x))
	d.Gradient(dx, cost, own)
	fmt.Printf("%.6f, by x %.4f\n", d.Value(), dx)
	// Output: 0.979283, by x [-0.5010 -0.9094 -0.4229]
}

// selfProblem is that of points of the line against themselves.
func selfProblem(x []float64) (*sinkhorn.Problem[float64], *logsumexp.Points[float64]) {
	cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, x, nil, nil, len(x), len(x), 1)
	if err != nil {
		log.Fatal(err)
	}
	p, err := sinkhorn.NewSelfProblem(cost, nil)
	if err != nil {
		log.Fatal(err)
	}
	return p, cost
}

// With a reach, mass that is too far from any partner stays behind.
func ExampleNewUnbalanced() {
	x, y := []float64{0, 1, 100}, []float64{0, 1}
	cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, 3, 2, 1)
	if err != nil {
		log.Fatal(err)
	}
	reach := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: 2}
	p, err := sinkhorn.NewUnbalanced(cost, []float64{1, 1, 1}, []float64{1, 1}, reach, reach) // weights are used as given
	if err != nil {
		log.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: .05}).Solve(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	plan := make([]float64, 3*2)
	r.Plan(plan)
	for i := range x {
		fmt.Printf("of %g moves %.2f\n", x[i], plan[2*i]+plan[2*i+1])
	}
	// Output:
	// of 0 moves 1.00
	// of 1 moves 1.00
	// of 100 moves 0.00
}

// Many problems of different sizes at once.
func ExampleSolver_SolveAll() {
	var problems []*sinkhorn.Problem[float64]
	for n := 2; n < 5; n++ {
		x, y := make([]float64, n), make([]float64, n+1)
		for i := range y {
			y[i] = float64(i)
		}
		p, _ := problem(x, y, nil, nil)
		problems = append(problems, p)
	}
	results, err := (&sinkhorn.Solver[float64]{Eps: .1}).SolveAll(context.Background(), problems)
	var one *sinkhorn.ProblemError
	if errors.As(err, &one) {
		log.Fatalf("number %d: %v", one.Index, one.Err)
	}
	for _, r := range results {
		fmt.Printf("%s: %.4f\n", r.Status, r.TransportCost())
	}
	// Output:
	// converged: 1.6667
	// converged: 3.5000
	// converged: 6.0000
}

// The plan as a map, at points that it was not solved for.
func ExampleResult_EntropicMap() {
	x, y := []float64{0, 1, 2, 3}, []float64{10, 11, 12, 13}
	p, _ := problem(x, y, nil, nil)
	r, err := (&sinkhorn.Solver[float64]{Eps: .1}).Solve(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	other := []float64{0, 1.5}
	cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, other, y, nil, nil, len(other), len(y), 1)
	if err != nil {
		log.Fatal(err)
	}
	at := make([]float64, len(other))
	r.EntropicMap(at, cost, y, 1)
	fmt.Printf("%.3f\n", at)
	// Output: [10.000 11.500]
}

// A cost of one's own, and its derivative by points: the square of the way around a circle of circumference 24.
func ExamplePullFunc() {
	x, y := []float64{23, 1, 6}, []float64{0, 2, 9}
	way := func(i, j int) float64 { return math.Remainder(x[i]-y[j], 24) }
	cost := logsumexp.NewFunc(3, 3, func(i, j int) float64 { return way(i, j) * way(i, j) })
	p, err := sinkhorn.NewProblem(logsumexp.Keep(nil, cost, 0), nil, nil) // the function is called once a pair, and not again
	if err != nil {
		log.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: .1, Tol: 1e-9}).Solve(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	dx := make([]float64, len(x))
	r.Gradient(dx, sinkhorn.PullFunc(func(dx, dy []float64, i, j0 int, w []float64) {
		for k, v := range w {
			slope := 2 * v * way(i, j0+k)
			if dx != nil {
				dx[i] += slope
			}
			if dy != nil {
				dy[j0+k] -= slope
			}
		}
	}))
	fmt.Printf("moving costs %.3f, by x %.3f\n", r.TransportCost(), dx)
	// Output: moving costs 3.667, by x [-0.667 -0.667 -2.000]
}
