package sinkhorn

import (
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A tile of logits is 64 KiB.
const (
	logitRows = 8
	logitCols = 1024
)

// columnLogits returns the part of logits that rows share, in base-2 units of tiles from which v_j was taken out:
//
//	log2(e)/eps (g_j - v_j) + log2 b_j
func (r *Result[T]) columnLogits(v []float64) (kappa float64, g []float64) {
	if v == nil {
		v = make([]float64, r.p.m)
	}
	kappa, _, g = r.base()
	for j := range g {
		if r.p.b[j] > 0 {
			taken := 0.
			if r.p.v != nil {
				taken = r.p.v[j]
			}
			g[j] += kappa * (taken - v[j])
		}
	}
	return kappa, g
}

// logits shows visit every row of a cost to the columns of the problem as the logarithms of its shares, in order and in runs of columns from
// j0 on:
//
//	l_j = log2(e)/eps (g_j - C_ij) + log2 b_j          so that  log2 P_ij = log2 a_i + log2(e)/eps f_i + l_j
//
// Neither the weight nor the potential of a row can make them vanish. C is that of the tiles, without u_i. Rows of different chunks come
// at once.
func (r *Result[T]) logits(cost logsumexp.Cost[T], visit func(i, j0 int, l []float64)) {
	n, m := cost.Dims()
	if m != r.p.m {
		panic("sinkhorn: a cost to other columns than those of the problem")
	}
	var v []float64
	if s, ok := cost.(logsumexp.Shifted); ok {
		_, v = s.Shift()
	}
	kappa, g := r.columnLogits(v)
	wide := (&Problem[T]{cost: cost}).wide()
	count := chunksOf(n, m)
	parallel.For(r.run, count, func(k int) {
		buf, l := make([]float64, logitRows*logitCols), make([]float64, logitCols)
		lo, hi := parallel.Chunk(n, count, k)
		for i0 := lo; i0 < hi; i0 += logitRows {
			i1 := min(i0+logitRows, hi)
			for j0 := 0; j0 < m; j0 += logitCols {
				j1 := min(j0+logitCols, m)
				t, ld := wide.Tile(buf, i0, i1, j0, j1)
				for i := i0; i < i1; i++ {
					run := l[:j1-j0]
					copy(run, g[j0:j1])
					kernels.Axpy(run, -kappa, t[(i-i0)*ld:(i-i0)*ld+j1-j0])
					visit(i, j0, run)
				}
			}
		}
	})
}
