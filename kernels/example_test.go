package kernels_test

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

func ExampleExp() {
	x := []float32{0, 1, -1}
	kernels.Exp(x, x) // in place
	fmt.Printf("%.4f\n", x)
	// Output:
	// [1.0000 2.7183 0.3679]
}

func ExampleLogSumExp() {
	x := []float64{1000, 1000, float64(math.Inf(-1))}
	fmt.Printf("%.4f\n", kernels.LogSumExp(x)) // e^1000 overflows, this does not
	// Output:
	// 1000.6931
}

func ExampleSoftmax() {
	p := make([]float64, 3)
	kernels.Softmax(p, []float64{1, 2, 3})
	fmt.Printf("%.4f\n", p)
	// Output:
	// [0.0900 0.2447 0.6652]
}

// The product of a 2 x 3 with the transpose of a 2 x 3 matrix, both row-major.
func ExampleGemm() {
	a, b := []float32{1, 2, 3, 4, 5, 6}, []float32{1, 0, 1, 0, 1, 0}
	c := make([]float32, 2*2)
	kernels.Gemm(nil, false, true, 2, 2, 3, 1, a, 3, b, 3, 0, c, 2)
	fmt.Println(c)
	// Output:
	// [4 2 10 5]
}

func ExampleGemv() {
	a := []float64{1, 2, 3, 4, 5, 6} // 2 x 3
	y := make([]float64, 2)
	kernels.Gemv(nil, false, 2, 3, 1, a, 3, []float64{1, 1, 1}, 0, y)
	fmt.Println(y)
	// Output:
	// [6 15]
}

// Half an iteration of Sinkhorn's algorithm on a 2 x 2 cost: with kappa = log2(e)/eps, the potentials f after it make the rows of the
// plan sum to 1.
func ExampleSweepRows() {
	cost, kappa := []float64{0, 1, 1, 0}, math.Log2E/.5
	g, f := []float64{-1, -1}, []float64{0, 0} // log2 of the weights 1/2 of the columns
	e, s := make([]float64, 4), make([]float64, 2)
	kernels.SweepRows(e, 2, s, cost, 2, kappa, g, f)
	for r := range f {
		f[r] -= math.Log2(s[r])
	}
	kernels.SweepRows(e, 2, s, cost, 2, kappa, g, f)
	fmt.Printf("%.4f %.4f\n", e, s)
	// Output:
	// [0.8808 0.1192 0.1192 0.8808] [1.0000 1.0000]
}

func ExampleCosine() {
	fmt.Printf("%.4f\n", kernels.Cosine([]float64{1, 0}, []float64{1, 1}))
	// Output:
	// 0.7071
}
