package oracle_test

import (
	"context"
	"fmt"

	"github.com/sinkcpu/sinkcpu/sinkhorn/oracle"
)

// How well a dual must be solved for gradients that are right to a hundredth, where costs change by at most 2 a unit of a parameter.
func Example() {
	const l0, lambda, delta = 2, .5, .01
	p, err := oracle.NewProblem(oracle.KL, lambda, []float64{0, 1, 1, 0}, 2, 2, nil, nil)
	if err != nil {
		panic(err)
	}
	gap := oracle.GapFor(delta, l0, lambda)
	a, err := (&oracle.Exact{}).Solve(context.Background(), p, gap)
	if err != nil {
		panic(err)
	}
	fmt.Printf("gap %.3g asked for, reached: %v; error of a gradient below .01: %v\n", gap, a.Reached, oracle.Delta(a.Gap, l0, lambda) <= delta)
	fmt.Printf("plan %.4f\n", a.Plan)
	// Output:
	// gap 6.25e-06 asked for, reached: true; error of a gradient below .01: true
	// plan [0.4404 0.0596 0.0596 0.4404]
}
