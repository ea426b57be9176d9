package exact_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

// Three depots supply two shops at costs of a matrix. The gap between both objectives proves the plan.
func ExampleSolver_Solve() {
	cost := logsumexp.NewStored([]float64{2, 5, 4, 1, 3, 3}, 3, 2, 2)
	p, err := sinkhorn.NewProblem(cost, []float64{.3, .3, .4}, []float64{.5, .5})
	if err != nil {
		log.Fatal(err)
	}
	var s exact.Solver[float64]
	r, err := s.Solve(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range r.Pairs {
		fmt.Printf("%d to %d: %.1f\n", e.I, e.J, e.P)
	}
	fmt.Printf("%.1f, proved to %.0e\n", r.Value, max(r.Gap(), 1e-12))
	// Output:
	// 0 to 0: 0.3
	// 1 to 1: 0.3
	// 2 to 0: 0.2
	// 2 to 1: 0.2
	// 2.1, proved to 1e-12
}

// W_2^2 between samples of the line, in the time of sorting.
func ExampleLine() {
	x, y := []float64{.1, .9, .4, .75, .2}, []float64{.5, .05, 1.2, .8, .33}
	r, err := exact.Line(x, y, nil, nil, 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.5f\n", r.Value)
	// Output: 0.02438
}
