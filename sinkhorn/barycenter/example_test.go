package barycenter_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/barycenter"
)

// The debiased average of a cloud and of the same cloud moved by 2 is the cloud moved by 1, at every temperature.
func ExampleFree_Average() {
	x, moved := []float64{0, 1, 3}, []float64{2, 3, 5} // points of the line
	b := barycenter.Free[float64]{Solver: sinkhorn.Solver[float64]{Eps: .5, Tol: 1e-9}, Debias: true, Tol: 1e-7}
	r, err := b.Average(context.Background(), barycenter.Cloud{Points: x}, []barycenter.Cloud{{Points: x}, {Points: moved}}, nil, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", r.Points)
	// Output: [1.000 2.000 4.000]
}
