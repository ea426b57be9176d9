package sinkhorn_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Newton's method moves three points of weights 1/2, 1/3, 1/6 to where their divergence from five equal ones is least. The Hessian is formed
// from one product a coordinate; with many points, conjugate gradients need only the products.
func ExampleDivergence_HessianProduct() {
	x, y := []float64{0, 1.2, 2.5}, []float64{0, .5, 1, 2, 3}
	a := []float64{1. / 2, 1. / 3, 1. / 6}
	n := len(x)
	solver := sinkhorn.Solver[float64]{Eps: .5, Tol: 1e-12}
	for step := range 4 {
		xy, cost := problem(x, y, a, nil)
		xx, own := problem(x, x, a, a)
		yy, _ := problem(y, y, nil, nil)
		d, err := solver.Divergence(context.Background(), xy, xx, yy)
		if err != nil {
			log.Fatal(err)
		}
		gradient := make([]float64, n)
		d.Gradient(gradient, cost, own)
		hessian := mat.NewDense(n, n, nil)
		for k := range n {
			unit, column := make([]float64, n), make([]float64, n)
			unit[k] = 1
			if err := d.HessianProduct(column, unit, cost, own); err != nil {
				log.Fatal(err)
			}
			hessian.SetCol(k, column)
		}
		g := mat.NewVecDense(n, gradient)
		fmt.Printf("step %d: divergence %.6f, gradient 1e%+.0f\n", step, d.Value(), math.Log10(mat.Norm(g, 2)))
		var move mat.VecDense
		if err := move.SolveVec(hessian, g); err != nil {
			log.Fatal(err)
		}
		for i := range x {
			x[i] -= move.AtVec(i)
		}
	}
	// Output:
	// step 0: divergence 0.288171, gradient 1e-0
	// step 1: divergence 0.043613, gradient 1e-2
	// step 2: divergence 0.043578, gradient 1e-5
	// step 3: divergence 0.043578, gradient 1e-9
}

// problem is that between points of the line under |x-y|^2.
func problem(x, y, a, b []float64) (*sinkhorn.Problem[float64], *logsumexp.Points[float64]) {
	cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, a, b, len(x), len(y), 1)
	if err != nil {
		log.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(cost, a, b)
	if err != nil {
		log.Fatal(err)
	}
	return p, cost
}
