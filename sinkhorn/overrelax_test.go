package sinkhorn_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestOverrelaxed: over-relaxation ends where plain sweeps do, in a third of the iterations or less where those are many, with a reach too;
// Auto takes it in float32 and says so.
func TestOverrelaxed(t *testing.T) {
	testOverrelaxed[float64](t, 1e-8, 1e-9)
	testOverrelaxed[float32](t, 1e-4, 2e-5)
}

func testOverrelaxed[T kernels.Float](t *testing.T, tol, valueTol float64) {
	const n, m, d = 150, 130, 2
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(random.New(2, "points"), x, 0, 1)
	random.Normal(random.New(3, "points"), y, .5, 1)
	kl := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: 10}
	for _, reach := range []sinkhorn.Reach{{}, kl} {
		p, err := sinkhorn.NewUnbalanced(stored[T](x, y, n, m, d, 1), nil, nil, reach, sinkhorn.Reach{})
		if err != nil {
			t.Fatal(err)
		}
		results := map[sinkhorn.Method]*sinkhorn.Result[T]{}
		for _, method := range []sinkhorn.Method{sinkhorn.Sweep, sinkhorn.Overrelaxed, sinkhorn.Auto} {
			s := sinkhorn.Solver[T]{Eps: .04, Tol: tol, Method: method, MaxIter: 1e5}
			r, err := s.Solve(context.Background(), p)
			if err != nil {
				t.Fatalf("method %d: %v", method, err)
			}
			results[method] = r
		}
		plain, over := results[sinkhorn.Sweep], results[sinkhorn.Overrelaxed]
		near(t, "value", over.Value(), plain.Value(), valueTol*4.5)
		if !(3*over.Iterations <= plain.Iterations) || !strings.Contains(over.Method, "overrelaxed") {
			t.Errorf("%T, reach %v: %d iterations of %s, %d of %s", T(0), reach, over.Iterations, over.Method, plain.Iterations, plain.Method)
		}
		if auto := results[sinkhorn.Auto].Method; tol == 1e-4 && !strings.Contains(auto, "overrelaxed") {
			t.Errorf("Auto took %s", auto)
		}
	}
}
