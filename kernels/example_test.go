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

// Regression by a Gaussian kernel, which is attention with distances for scores, with one exponential a pair:
//
//	z(x) = sum_j w_j v_j / sum_j w_j          w_j = e^(-|x - y_j|^2/2)
func Example() {
	x := []float32{0, 1}                            // two points on the line, one in a row
	yt, v := []float32{0, 1, 2}, []float32{0, 1, 4} // three points, coordinate by coordinate, and their values
	cost := make([]float32, 2*3)
	kernels.SquaredDistances(cost, 3, x, 1, yt, 3, 2, 3, 1)

	w, sums, dots := make([]float32, 2*3), make([]float32, 2), make([]float32, 2)
	kernels.SweepRows(w, 3, sums, cost, 3, math.Log2E/2, make([]float32, 3), make([]float32, 2)) // 2^(-log2(e) cost/2)
	kernels.SweepDots(dots, w, 3, v)
	for i := range x {
		fmt.Printf("z(%g) = %.4f\n", x[i], dots[i]/sums[i])
	}
	// Output:
	// z(0) = 0.6590
	// z(1) = 1.5481
}

// Squared distances between two points of the plane in rows and three whose coordinates lie in rows.
func ExampleSquaredDistances() {
	x := []float64{0, 0, 3, 4}
	yt := []float64{
		0, 3, 0,
		0, 0, 4,
	}
	d := make([]float64, 2*3)
	kernels.SquaredDistances(d, 3, x, 2, yt, 3, 2, 3, 2)
	fmt.Println(d)
	// Output:
	// [0 9 16 25 16 9]
}
