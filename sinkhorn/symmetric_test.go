package sinkhorn_test

import (
	"context"
	"math"
	"sync/atomic"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// countedCost counts the entries that are asked for.
type countedCost[T kernels.Float] struct {
	logsumexp.Cost[T]
	entries *atomic.Int64
}

func (c countedCost[T]) Tile(buf []T, i0, i1, j0, j1 int) ([]T, int) {
	c.entries.Add(int64(i1-i0) * int64(j1-j0))
	return c.Cost.Tile(buf, i0, i1, j0, j1)
}

// TestSelfProblemReadsHalf: iterations of a cloud against itself read little more than half of the matrix, and end where alternation does, with
// weights that differ, vanish or nearly so, and with a reach.
func TestSelfProblemReadsHalf(t *testing.T) {
	testSelfHalf[float32](t, 2e-5)
	testSelfHalf[float64](t, 1e-9)
}

func testSelfHalf[T kernels.Float](t *testing.T, tol float64) {
	const n, d = 700, 2
	x, w := make([]float64, n*d), make([]float64, n)
	random.Uniform(random.New(2, "points"), x, 0, 1)
	random.Uniform(random.New(3, "weights"), w, .5/n, 1.5/n)
	w[3], w[n-1] = 0, 0
	for _, least := range []float64{1. / n, 0x1p-50, 0x1p-70} {
		w[17] = least
		for _, reach := range []sinkhorn.Reach{{}, {Penalty: sinkhorn.KL, Rho: 1}} {
			var entries atomic.Int64
			c := countedCost[T]{stored[T](x, x, n, n, d, 1), &entries}
			self, err := sinkhorn.NewUnbalancedSelf(c, w, reach)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := sinkhorn.NewUnbalanced(c, w, w, reach, reach)
			if err != nil {
				t.Fatal(err)
			}
			seen := []int64{}
			s := sinkhorn.Solver[T]{Eps: .1, Runner: parallel.New(1), Progress: func(int, float64) { seen = append(seen, entries.Load()) }}
			got, err := s.Solve(context.Background(), self)
			if err != nil {
				t.Fatal(err)
			}
			s.Progress = nil
			want, err := s.Solve(context.Background(), plain)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "value", got.Value(), want.Value(), tol)
			near(t, "transport cost", got.TransportCost(), want.TransportCost(), 100*tol)
			share := float64(seen[2]-seen[1]) / (n * n)
			if most := .55; least >= 0x1p-60 && !(share <= most) {
				t.Errorf("%T, least weight %g: an iteration reads %.2f of the matrix, want at most %g", T(0), least, share, most)
			}
			if math.IsInf(got.F[3], 0) || math.IsNaN(got.F[3]) {
				t.Errorf("the potential of a point without mass is %g", got.F[3])
			}
		}
	}
}

// BenchmarkSelf is a symmetric iteration against one of alternation on the same matrix.
func BenchmarkSelf(b *testing.B) {
	const n, d = 2048, 2
	x := make([]float64, n*d)
	random.Uniform(random.New(2, "points"), x, 0, 1)
	c := stored[float32](x, x, n, n, d, 1)
	self, err1 := sinkhorn.NewSelfProblem(c, nil)
	plain, err2 := sinkhorn.NewProblem(c, nil, nil)
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	for name, p := range map[string]*sinkhorn.Problem[float32]{"symmetric": self, "alternating": plain} {
		b.Run("update="+name, func(b *testing.B) {
			iterations := 0
			for b.Loop() {
				r, err := (&sinkhorn.Solver[float32]{Eps: .01, Tol: 1e-5, MaxIter: 1e6, Runner: parallel.New(1)}).Solve(context.Background(), p)
				if err != nil {
					b.Fatal(err)
				}
				iterations += r.Iterations
			}
			b.ReportMetric(float64(iterations)/float64(b.N), "iterations")
			b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(iterations), "ms/iteration")
		})
	}
}
