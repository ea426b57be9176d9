package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// gemmBench are the shapes of BenchmarkGemm: squares, and those of a training step: Y = X W^T, dX = dY W, dW = dY^T X.
var gemmBench = []struct {
	transA, transB bool
	m, n, k        int
}{
	{false, false, 64, 64, 64},
	{false, false, 256, 256, 256},
	{false, false, 1024, 1024, 1024},
	{true, false, 1024, 1024, 1024},
	{false, true, 1024, 1024, 1024},
	{false, false, 4096, 4096, 4096},
	{false, true, 200, 784, 500},
	{false, false, 200, 500, 784},
	{true, false, 784, 500, 200},
	{false, true, 200, 500, 500},
	{false, true, 200, 500, 2},
	{false, false, 200, 2, 500},
	{true, false, 500, 2, 200},
	{false, false, 1000, 2, 500},
	{false, false, 1, 1000, 1000},
	{false, true, 1, 1000, 1000},
	{false, false, 1000, 1, 1000},
	{true, false, 1000, 1, 1000},
}

func BenchmarkGemm(b *testing.B) {
	benchGemm(b, func(g *gemmCase[float32], transA, transB blas.Transpose) {
		gonum.Implementation{}.Sgemm(transA, transB, g.m, g.n, g.k, 1, g.a, g.lda, g.b, g.ldb, 0, g.c, g.ldc)
	})
	benchGemm(b, func(g *gemmCase[float64], transA, transB blas.Transpose) {
		gonum.Implementation{}.Dgemm(transA, transB, g.m, g.n, g.k, 1, g.a, g.lda, g.b, g.ldb, 0, g.c, g.ldc)
	})
}

func benchGemm[T Float](b *testing.B, peer func(g *gemmCase[T], transA, transB blas.Transpose)) {
	for _, s := range gemmBench {
		rng := rand.New(rand.NewPCG(1, 1))
		draw := func() T { return T(rng.Float64() - 0.5) }
		g := &gemmCase[T]{transA: s.transA, transB: s.transB, m: s.m, n: s.n, k: s.k, alpha: 1}
		g.a, g.lda = drawBlock(heap, draw, s.transA, s.m, s.k, 0, 0)
		g.b, g.ldb = drawBlock(heap, draw, s.transB, s.k, s.n, 0, 0)
		g.c, g.ldc = drawBlock(heap, draw, false, s.m, s.n, 0, 0)
		name := fmt.Sprintf("m=%d/n=%d/k=%d/trans=%s%s", s.m, s.n, s.k, "NT"[bit(s.transA):][:1], "NT"[bit(s.transB):][:1])
		for _, tab := range tables[T]() {
			b.Run(fmt.Sprintf("type=%T/isa=%v/%s", T(0), tab.tier, name), func(b *testing.B) {
				g.bench(b, func() { g.runIn(&tab.gemm, nil, g.c) })
			})
		}
		b.Run(fmt.Sprintf("type=%T/peer=gonum/%s", T(0), name), func(b *testing.B) {
			g.bench(b, func() { peer(g, blasTrans(s.transA), blasTrans(s.transB)) })
		})
	}
}

func (g *gemmCase[T]) bench(b *testing.B, f func()) {
	f()
	for b.Loop() {
		f()
	}
	flop := 2 * float64(g.m) * float64(g.n) * float64(g.k) * float64(b.N)
	b.ReportMetric(flop/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
}

func bit(v bool) int {
	if v {
		return 1
	}
	return 0
}

func blasTrans(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}
