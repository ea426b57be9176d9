package evaluate_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/evaluate"
)

// Between normal laws on the line the squared distance is that of the means and that of the deviations, here 1 and (2-1)^2.
func ExampleFrechet() {
	a, err := evaluate.NewGaussian([]float64{0}, mat.NewSymDense(1, []float64{1}))
	if err != nil {
		panic(err)
	}
	b, err := evaluate.NewGaussian([]float64{1}, mat.NewSymDense(1, []float64{4}))
	if err != nil {
		panic(err)
	}
	d, err := evaluate.Frechet(a, b)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.4f\n", d)
	// Output: 2.0000
}

// Samples that lie among half of the data, and one far from all of it.
func ExampleReference_Fidelity() {
	data := []float64{0, 1, 2, 3, 10, 11, 12, 13}
	reference, err := evaluate.NewReference(nil, data, 8, 1, 2)
	if err != nil {
		panic(err)
	}
	f, err := reference.Fidelity([]float64{.5, 1.5, 2.5, 50}, 4)
	if err != nil {
		panic(err)
	}
	fmt.Printf("precision %.2f, coverage %.2f\n", f.Precision, f.Coverage)
	// Output: precision 0.75, coverage 0.50
}
