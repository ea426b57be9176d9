package discrepancy_test

import (
	"fmt"
	"log"

	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
)

// The energy distance between two clouds, and how it changes with the first point of x.
func ExampleMMD() {
	x, y := []float64{.1, .9, .4, .75, .2}, []float64{.5, .05, 1.2, .8, .33} // five points of the line a side
	kernel, err := discrepancy.NewKernel("energy")
	if err != nil {
		log.Fatal(err)
	}
	mmd := discrepancy.MMD[float64]{Kernel: kernel}
	dx := make([]float64, len(x))
	v, err := mmd.Eval(x, y, 5, 5, 1, dx, nil, true)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f, by x_0 %.2f\n", v, dx[0])
	// Output: 0.0504, by x_0 0.08
}

// The squared sliced Wasserstein distance of a cloud from itself moved by t, |t|^2/d in the mean over directions.
func ExampleSliced() {
	x, y := []float64{0, 0, 1, 0, 0, 2}, []float64{3, 0, 4, 0, 3, 2} // three points of the plane, moved by (3,0)
	sliced := discrepancy.Sliced[float64]{Projections: 20000, Seed: 1}
	v, err := sliced.Eval(x, y, 3, 3, 2, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f\n", v)
	// Output: 4.5
}
