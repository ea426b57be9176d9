package measure

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// The lengths of the vectors of Kernels: source and destination in the first level of cache, and beyond the last of most machines.
const (
	InFirstLevel = 2048
	InMemory     = 1 << 23
)

// A Shape is a product of matrices that peers are compared on.
type Shape struct {
	TransA, TransB bool
	M, N, K        int
}

// Shapes are the products that [Session.Kernels] and the peers measure: squares, those of a training step, a skinny one, and GEMV.
var Shapes = []Shape{
	{false, false, 64, 64, 64}, {false, false, 256, 256, 256}, {false, false, 1024, 1024, 1024}, {false, false, 4096, 4096, 4096},
	{false, true, 200, 784, 500}, {false, false, 1000, 2, 500}, {false, false, 1000, 1, 1000}, {true, false, 1000, 1, 1000},
}

// Params returns the parameters of the row of a shape; those of a peer start with peer instead of isa.
func (p Shape) Params(who, name, precision string, threads int) []row.Param {
	trans := [2]byte{'N', 'N'}
	for i, t := range []bool{p.TransA, p.TransB} {
		if t {
			trans[i] = 'T'
		}
	}
	return row.P(who, name, "m", itoa(p.M), "n", itoa(p.N), "k", itoa(p.K), "trans", string(trans[:]), "precision", precision, "threads", itoa(threads))
}

// Gigaflop returns the operations of the product in units of 10^9.
func (p Shape) Gigaflop() float64 { return 2e-9 * float64(p.M) * float64(p.N) * float64(p.K) }

// large products take minutes without vector instructions.
func (p Shape) large() bool { return p.M >= 4096 }

// Kernels measures single kernels in both precisions in the active tier: functions of vectors on one core, and products of matrices on
// each number of threads.
func (s *Session) Kernels(ctx context.Context) error {
	if err := functions[float32](ctx, s, "f32"); err != nil {
		return err
	}
	if err := functions[float64](ctx, s, "f64"); err != nil {
		return err
	}
	if err := products[float32](ctx, s, "f32"); err != nil {
		return err
	}
	return products[float64](ctx, s, "f64")
}

// A function of a vector, with its definition, which is nil where an element depends on the others.
type function[T kernels.Float] struct {
	name string
	run  func(dst, x []T)
	want func(x float64) float64
}

func functionsOf[T kernels.Float]() []function[T] {
	return []function[T]{
		{"exp", kernels.Exp[T], math.Exp},
		{"exp2", kernels.Exp2[T], math.Exp2},
		{"expm1", kernels.Expm1[T], math.Expm1},
		{"log", kernels.Log[T], math.Log},
		{"log1p", kernels.Log1p[T], math.Log1p},
		{"tanh", kernels.Tanh[T], math.Tanh},
		{"sigmoid", kernels.Sigmoid[T], func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{"softplus", kernels.Softplus[T], func(x float64) float64 { return math.Log1p(math.Exp(x)) }},
		{"softmax", kernels.Softmax[T], nil},
		{"log-sum-exp", func(dst, x []T) { dst[0] = kernels.LogSumExp(x) }, nil},
	}
}

func functions[T kernels.Float](ctx context.Context, s *Session, precision string) error {
	lengths := []int{InFirstLevel, InMemory}
	if s.Quick {
		lengths = lengths[:1]
	}
	for _, n := range lengths {
		x, dst := make([]T, n), make([]T, n)
		random.Uniform(random.New(1, "functions"), x, 0, 10)
		for _, f := range functionsOf[T]() {
			if n > InFirstLevel && f.name != "exp" && f.name != "log-sum-exp" && f.name != "softmax" {
				continue // bound by memory alike
			}
			run := func() { f.run(dst, x) }
			_, err := s.measure(ctx, job{name: f.name, params: on(kernels.Active(), 1, "n", itoa(n), "precision", precision), amount: float64(n) / 1e9,
				unit: "G/s", check: func() error { run(); return f.check(dst, x) }, run: run})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// check holds the result to the definition in float64.
func (f *function[T]) check(dst, x []T) error {
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v))
	}
	step := len(x)/1000 + 1
	for i := 0; i < len(x); i += step {
		want := math.Exp(float64(x[i])) / sum
		switch {
		case f.want != nil:
			want = f.want(float64(x[i]))
		case f.name == "log-sum-exp":
			return differs(f.name, float64(dst[0]), math.Log(sum), 1e-6*math.Log(sum))
		}
		if err := differs(fmt.Sprintf("%s of %v", f.name, x[i]), float64(dst[i]), want, 5e-6*math.Abs(want)); err != nil {
			return err
		}
	}
	return nil
}

func products[T kernels.Float](ctx context.Context, s *Session, precision string) error {
	for _, p := range Shapes {
		if p.large() && (s.Quick || kernels.Active() == kernels.Generic) {
			continue
		}
		a, b, c := make([]T, p.M*p.K), make([]T, p.K*p.N), make([]T, p.M*p.N)
		random.Uniform(random.New(1, "a"), a, -1, 1)
		random.Uniform(random.New(1, "b"), b, -1, 1)
		lda, ldb := p.K, p.N
		if p.TransA {
			lda = p.M
		}
		if p.TransB {
			ldb = p.K
		}
		for _, threads := range s.Threads {
			if threads > 1 && kernels.Active() == kernels.Generic {
				continue
			}
			var runner kernels.Runner
			if threads > 1 {
				runner = s.pools[threads]
			}
			run := func() { kernels.Gemm(runner, p.TransA, p.TransB, p.M, p.N, p.K, 1, a, lda, b, ldb, 0, c, p.N) }
			_, err := s.measure(ctx, job{name: "gemm", params: p.Params("isa", kernels.Active().String(), precision, threads), amount: p.Gigaflop(), unit: "GFLOP/s",
				check: func() error { run(); return CheckProduct(p, a, b, c) }, run: run, on: threads})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckProduct holds some elements of C = op(A) op(B) to sums in float64.
func CheckProduct[T kernels.Float](p Shape, a, b, c []T) error {
	at := func(x []T, trans bool, ld, ldTrans, i, j int) float64 {
		if trans {
			return float64(x[j*ldTrans+i])
		}
		return float64(x[i*ld+j])
	}
	for s := range 16 {
		i, j := s*7919%p.M, s*104729%p.N
		var sum, size float64
		for l := range p.K {
			v := at(a, p.TransA, p.K, p.M, i, l) * at(b, p.TransB, p.N, p.K, l, j)
			sum, size = sum+v, size+math.Abs(v)
		}
		if err := differs(fmt.Sprintf("C[%d,%d]", i, j), float64(c[i*p.N+j]), sum, 1e-6*size); err != nil {
			return err
		}
	}
	return nil
}
