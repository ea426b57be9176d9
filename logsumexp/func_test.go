package logsumexp_test

import (
	"math"
	"sync/atomic"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A function's tiles are its entries, wherever they are cut.
func TestFuncTiles(t *testing.T) {
	const n, m = 5, 7
	at := func(i, j int) float64 { return float64(100*i + j) }
	rows := func(dst []float64, i, j0 int) {
		for k := range dst {
			dst[k] = at(i, j0+k)
		}
	}
	for _, c := range []logsumexp.Cost[float64]{logsumexp.NewFunc(n, m, at), logsumexp.NewRowFunc(n, m, rows), logsumexp.Keep(nil, logsumexp.NewFunc(n, m, at), 0)} {
		for i0 := range n {
			for i1 := i0 + 1; i1 <= n; i1++ {
				for j0 := range m {
					for j1 := j0 + 1; j1 <= m; j1++ {
						tile, ld := c.Tile(make([]float64, (i1-i0)*(j1-j0)), i0, i1, j0, j1)
						for i := i0; i < i1; i++ {
							for j := j0; j < j1; j++ {
								if got := tile[(i-i0)*ld+j-j0]; got != at(i, j) {
									t.Fatalf("%T, rows %d to %d, columns %d to %d: entry (%d, %d) is %g", c, i0, i1, j0, j1, i, j, got)
								}
							}
						}
					}
				}
			}
		}
	}
}

// Keep stores what fits to the byte, computes each entry once, and leaves the rest as it is.
func TestKeep(t *testing.T) {
	const n, m = 30, 11
	var calls atomic.Int64
	f := logsumexp.NewFunc(n, m, func(i, j int) float32 { calls.Add(1); return float32(i * j) })
	if c := logsumexp.Keep[float32](nil, f, 4*n*m-1); c != logsumexp.Cost[float32](f) {
		t.Errorf("%d bytes short of the matrix: %T", 1, c)
	}
	c := logsumexp.Keep[float32](parallel.Default(), f, 4*n*m)
	if _, ok := c.(*logsumexp.Stored[float32]); !ok {
		t.Errorf("room for the matrix: %T", c)
	}
	if got := calls.Load(); got != n*m {
		t.Errorf("%d calls for %d entries", got, n*m)
	}
	if logsumexp.Keep(nil, c, 1) != c {
		t.Error("a matrix in memory was not left as it is")
	}
}

// Points that are kept have the costs of their tiles, with the terms taken out of the matrix.
func TestKeepPoints(t *testing.T) {
	x, y := []float64{1000, 1001, 1003}, []float64{999, 1005}
	p, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, 3, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []logsumexp.Cost[float32]{p, logsumexp.Keep[float32](nil, p, 0), logsumexp.Keep(nil, struct {
		logsumexp.Cost[float32]
		logsumexp.Shifted
	}{p, p}, 0)} {
		u, v := c.(logsumexp.Shifted).Shift()
		for i := range x {
			tile, _ := c.Tile(make([]float32, 2), i, i+1, 0, 2)
			for j := range y {
				got, want := float64(tile[j])+u[i]+v[j], (x[i]-y[j])*(x[i]-y[j])
				if !(math.Abs(got-want) <= 1e-5) {
					t.Errorf("%T: cost (%d, %d) is %g, want %g", c, i, j, got, want)
				}
			}
		}
	}
}
