package blas_test

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/kernels/blas"
)

func Example_use() {
	blas64.Use(blas.Implementation{})

	a := mat.NewDense(2, 2, []float64{4, 1, 1, 3})
	var x mat.VecDense
	if err := x.SolveVec(a, mat.NewVecDense(2, []float64{1, 2})); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%.4f\n", mat.Formatted(&x))
	// Output:
	// ⎡0.0909⎤
	// ⎣0.6364⎦
}
