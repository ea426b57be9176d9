package sinkhorn_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// bounded is a runner of one's own: at most so many goroutines, whatever GOMAXPROCS is.
type bounded int

func (workers bounded) For(n int, body func(i int)) {
	var wg sync.WaitGroup
	for w := range min(int(workers), n) {
		wg.Go(func() {
			for i := w; i < n; i += int(workers) {
				body(i)
			}
		})
	}
	wg.Wait()
}

// All of the work on a problem, from the look at its costs on, runs where a service wants it to.
func ExampleReadOn() {
	run := bounded(2)
	x, y := []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}
	cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, 3, 4, 1)
	if err != nil {
		log.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(cost, nil, nil, sinkhorn.ReadOn(run))
	if err != nil {
		log.Fatal(err)
	}
	r, err := (&sinkhorn.Solver[float64]{Eps: 1, Tol: 1e-9, Runner: run}).Solve(context.Background(), p)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("OT_eps %.6f\n", r.Value())
	// Output: OT_eps 1.923766
}

// The derivative of a fixed budget of iterations, as training takes it: exactly that of what was computed, converged or not.
func ExampleSolver_Unroll() {
	ctx, y := context.Background(), []float64{.5, 2, 2.5, 4}
	solver := sinkhorn.Solver[float64]{Eps: 1}
	var record sinkhorn.Unrolled[float64]
	unroll := func(x []float64) *logsumexp.Points[float64] {
		cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, 3, 4, 1)
		if err != nil {
			log.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(cost, nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		if err := solver.Unroll(ctx, &record, 5, p); err != nil {
			log.Fatal(err)
		}
		return cost
	}
	dx := make([]float64, 3)
	points := unroll([]float64{0, 1, 3})
	value := record.Values(0).Sharp
	if err := record.Backward(sinkhorn.Sharp, &sinkhorn.Derivative[float64]{Points: points, DX: dx}); err != nil {
		log.Fatal(err)
	}

	const h = 1e-6
	unroll([]float64{h, 1, 3})
	fmt.Printf("<C,P> after five steps %.4f; by the first point %.4f, as a difference %.4f\n", value, dx[0], (record.Values(0).Sharp-value)/h)
	// Output: <C,P> after five steps 1.1141; by the first point -0.1015, as a difference -0.1015
}
