package measure

import (
	"context"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// gemm measures products of square matrices.
func (s *Session) gemm(ctx context.Context, l *Limits) error {
	sizes := []int{1024, 4096}
	if s.Quick || kernels.Active() == kernels.Generic {
		sizes = sizes[:1] // without vector instructions the larger takes minutes
	}
	for _, n := range sizes {
		for _, threads := range s.Threads {
			p := newProduct(s.memory(3*n*n), n, s.pools[threads])
			_, err := s.measure(ctx, job{name: "gemm", params: on(kernels.Active(), threads, "m", itoa(n), "n", itoa(n), "k", itoa(n), "precision", "f32"),
				amount: 2 * math.Pow(float64(n), 3) / 1e9, unit: "GFLOP/s", check: p.check, run: p.run,
				limit: l.Flops(kernels.Active(), threads) / 1e9, by: "FMA", on: threads})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// product is C = A B.
type product struct {
	n       int
	a, b, c []float32
	runner  kernels.Runner
}

func newProduct(memory []float32, n int, runner kernels.Runner) *product {
	p := &product{n: n, a: memory[:n*n], b: memory[n*n : 2*n*n], c: memory[2*n*n : 3*n*n], runner: runner}
	random.Uniform(random.New(1, "a"), p.a, -1, 1)
	random.Uniform(random.New(1, "b"), p.b, -1, 1)
	return p
}

func (p *product) run() {
	n := p.n
	kernels.Gemm(p.runner, false, false, n, n, n, 1, p.a, n, p.b, n, 0, p.c, n)
}

// check holds C t to A (B t) for a random t, in float64: an element of C is off by some 2^-24 sqrt(n) of its size.
func (p *product) check() error {
	p.run()
	t := make([]float64, p.n)
	random.Uniform(random.New(1, "t"), t, -1, 1)
	got, want := p.times(p.c, t), p.times(p.a, p.times(p.b, t))
	var diff, norm float64
	for i := range got {
		diff += (got[i] - want[i]) * (got[i] - want[i])
		norm += want[i] * want[i]
	}
	return differs("|C t - A (B t)| / |A (B t)|", math.Sqrt(diff/norm), 0, 1e-5)
}

func (p *product) times(a []float32, x []float64) []float64 {
	y := make([]float64, p.n)
	for i := range y {
		for j, v := range a[i*p.n : (i+1)*p.n] {
			y[i] += float64(v) * x[j]
		}
	}
	return y
}
