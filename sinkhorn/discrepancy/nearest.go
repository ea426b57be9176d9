package discrepancy

import (
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A Nearest holds the costs from each point of a cloud to the nearest point of the other.
type Nearest struct {
	Rows, Columns []float64 // min_j C_ij and min_i C_ij; +Inf for a point whose pairs are all forbidden
}

// NewNearest takes one pass over a cost in memory for its rows and columns. run nil means the pool of the process.
func NewNearest[T kernels.Float](run kernels.Runner, cost logsumexp.Cost[T]) *Nearest {
	if run == nil {
		run = parallel.Default()
	}
	n, m := cost.Dims()
	var u, v []float64
	if s, ok := cost.(logsumexp.Shifted); ok {
		u, v = s.Shift()
	}
	near := &Nearest{Rows: make([]float64, n), Columns: make([]float64, m)}
	count := parallel.Chunks(n, 1+16384/(m+1), 64)
	parts := make([][]float64, count)
	parallel.For(run, count, func(k int) {
		lo, hi := parallel.Chunk(n, count, k)
		buf, columns := make([]T, m), infinite(m)
		for i := lo; i < hi; i++ {
			row, _ := cost.Tile(buf, i, i+1, 0, m)
			least := math.Inf(1)
			for j, c := range row {
				whole := float64(c)
				if u != nil {
					whole += u[i]
				}
				if v != nil {
					whole += v[j]
				}
				least = min(least, whole)
				columns[j] = min(columns[j], whole)
			}
			near.Rows[i] = least
		}
		parts[k] = columns
	})
	copy(near.Columns, infinite(m))
	for _, part := range parts {
		for j, c := range part {
			near.Columns[j] = min(near.Columns[j], c)
		}
	}
	return near
}

func infinite(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = math.Inf(1)
	}
	return w
}

// Hausdorff returns the Hausdorff distance, for a cost that is a distance:
//
//	max(max_i min_j C_ij, max_j min_i C_ij)
func (d *Nearest) Hausdorff() float64 {
	most := math.Inf(-1)
	for _, side := range [][]float64{d.Rows, d.Columns} {
		for _, c := range side {
			most = max(most, c)
		}
	}
	return most
}

// Chamfer returns the sum of the mean costs to the nearest point:
//
//	1/n sum_i min_j C_ij + 1/m sum_j min_i C_ij
//
// With |x-y|^2 it is the chamfer distance; its half is what the Hausdorff divergence of package sinkhorn tends to as eps -> 0.
func (d *Nearest) Chamfer() float64 {
	return kernels.Sum(d.Rows)/float64(len(d.Rows)) + kernels.Sum(d.Columns)/float64(len(d.Columns))
}
