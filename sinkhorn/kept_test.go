package sinkhorn_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// reaches are the marginals of random problems, rho in units of the mean cost.
func reaches(mean float64) []sinkhorn.Reach {
	return []sinkhorn.Reach{
		{}, {}, {Penalty: sinkhorn.KL, Rho: .3 * mean}, {Penalty: sinkhorn.TV, Rho: .2 * mean}, {Penalty: sinkhorn.Part, Rho: .4 * mean},
	}
}

// TestKernelIterations: after the same number of iterations, from the same start near the solution or far away, a kernel in memory leaves
// the potentials that the log domain leaves, but for rounding, at temperatures from 1e-6 to 1e6 of the mean cost.
func TestKernelIterations(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testKernelIterations[float32](t, 0x1p-24) })
	t.Run("float64", func(t *testing.T) { testKernelIterations[float64](t, 0x1p-53) })
}

func testKernelIterations[T kernels.Float](t *testing.T, unit float64) {
	runs, kept := 0, 0
	defer func() {
		if !(4*kept > runs) {
			t.Errorf("a kernel was used in %d of %d runs", kept, runs)
		}
	}()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		c := drawCloud(seed, 6)
		entries := c.cost()
		size := mean(entries)
		reach := reaches(size)
		p, err := sinkhorn.NewUnbalanced(logsumexp.Cost[T](stored[T](c.x, c.y, c.n, c.m, c.d, 1)), c.a, c.b,
			rapid.SampledFrom(reach).Draw(rt, "x"), rapid.SampledFrom(reach).Draw(rt, "y"))
		if err != nil {
			rt.Fatal(err)
		}
		eps := c.eps * size
		var g []float64
		if far := rapid.SampledFrom([]float64{0, 0, 3, 100, 1000}).Draw(rt, "far"); far > 0 {
			g = make([]float64, c.m)
			random.Normal(random.New(seed, "g"), g, 0, far*eps)
		}
		steps := rapid.IntRange(1, 2*10-1).Draw(rt, "steps") // a solve looks at its progress after as many
		run := func(kernel sinkhorn.Kernel) *sinkhorn.Result[T] {
			s := sinkhorn.Solver[T]{Eps: eps, Tol: 1e-300, MaxIter: steps, Method: sinkhorn.Sweep, Kernel: kernel, G: g}
			r, _ := s.Solve(context.Background(), p) // that it has not converged is known
			return r
		}
		got, want := run(sinkhorn.KernelKept), run(sinkhorn.KernelComputed)
		if strings.Contains(want.Method, "kernel") {
			rt.Fatalf("%s", want.Method)
		}
		if runs++; strings.Contains(got.Method, "kernel") {
			kept++
		}
		// Exponents are rounded in units of the largest cost and potential; what a potential is off by then, later ones follow.
		largest := eps
		for _, v := range [][]float64{entries, g, want.F, want.G} {
			for _, v := range v {
				largest = max(largest, math.Abs(v))
			}
		}
		tol := 64 * unit * float64(steps+got.Warmup) * (largest + 8*eps)
		for _, side := range [][2][]float64{{got.F, want.F}, {got.G, want.G}} {
			for i, v := range side[0] {
				if !(math.Abs(v-side[1][i]) <= tol) {
					rt.Fatalf("%dx%d, eps %.2g: potential %d is %.10g with a kernel, %.10g without, tolerance %.2g", c.n, c.m, c.eps, i, v, side[1][i], tol)
				}
			}
		}
	})
}

// TestKernelSolves: solutions with a kernel in memory are those without, by every method and penalty.
func TestKernelSolves(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testKernelSolves[float32](t, 1e-5, 2e-5) })
	t.Run("float64", func(t *testing.T) { testKernelSolves[float64](t, 1e-10, 1e-9) })
}

func testKernelSolves[T kernels.Float](t *testing.T, tol, valueTol float64) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCloud(rapid.Uint64().Draw(rt, "seed"), 1.5)
		entries := c.cost()
		size := mean(entries)
		reach := reaches(size)
		p, err := sinkhorn.NewUnbalanced(logsumexp.Cost[T](stored[T](c.x, c.y, c.n, c.m, c.d, 1)), c.a, c.b,
			rapid.SampledFrom(reach).Draw(rt, "x"), rapid.SampledFrom(reach).Draw(rt, "y"))
		if err != nil {
			rt.Fatal(err)
		}
		s := sinkhorn.Solver[T]{Eps: c.eps * size, Tol: tol, MaxIter: 20000}
		s.Method = rapid.SampledFrom([]sinkhorn.Method{sinkhorn.Auto, sinkhorn.Overrelaxed}).Draw(rt, "method")
		s.Kernel = sinkhorn.KernelKept
		got, err1 := s.Solve(context.Background(), p)
		s.Kernel = sinkhorn.KernelComputed
		want, err2 := s.Solve(context.Background(), p)
		if err2 != nil {
			return // as slow without
		}
		if err1 != nil {
			rt.Fatalf("%v after %s, %d iterations of %s without a kernel", err1, got.Method, want.Iterations, want.Method)
		}
		if scale := max(1, size); !(math.Abs(got.Value()-want.Value()) <= valueTol*scale) {
			rt.Fatalf("value %.15g by %s, %.15g by %s", got.Value(), got.Method, want.Value(), want.Method)
		}
	})
}

// TestKernelAbsorbs: temperatures that fall, and a start that is far off, move the potentials out of the range of one kernel; a solve ends at the
// same value.
func TestKernelAbsorbs(t *testing.T) {
	const n, m, d = 90, 70, 2
	x, y, g := make([]float64, n*d), make([]float64, m*d), make([]float64, m)
	random.Uniform(random.New(5, "x"), x, 0, 1)
	random.Uniform(random.New(5, "y"), y, .5, 2)
	random.Normal(random.New(5, "g"), g, 0, 10)
	p, err := sinkhorn.NewProblem(logsumexp.Cost[float32](stored[float32](x, y, n, m, d, 1)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, start := range [][]float64{nil, g} {
		for _, kernel := range []sinkhorn.Kernel{sinkhorn.KernelKept, sinkhorn.KernelComputed} {
			s := sinkhorn.Solver[float32]{Eps: .01, Tol: 1e-6, Kernel: kernel, G: start}
			r, err := s.Solve(context.Background(), p)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, r.Value())
			t.Logf("%s, %d+%d iterations, marginal error %.2g", r.Method, r.Warmup, r.Iterations, r.MarginalError())
		}
	}
	for _, v := range values {
		near(t, "value", v, values[0], 1e-7)
	}
}

// TestKernelFine: where exponents in float32 are too coarse for the tolerance, a kernel from exponents in float64 reaches it in float32; without one the
// end is done in float64.
func TestKernelFine(t *testing.T) {
	const n, d = 400, 3
	x, y := make([]float64, n*d), make([]float64, n*d)
	random.Uniform(random.New(7, "x"), x, 0, 1)
	random.Uniform(random.New(7, "y"), y, 2, 3)
	p, err := sinkhorn.NewProblem(logsumexp.Cost[float32](stored[float32](x, y, n, n, d, 1)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kernel := range []sinkhorn.Kernel{sinkhorn.KernelKept, sinkhorn.KernelComputed} {
		s := sinkhorn.Solver[float32]{Eps: .05, Tol: 1e-6, Method: sinkhorn.Overrelaxed, Kernel: kernel}
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %d+%d iterations, marginal error %.2g", r.Method, r.Warmup, r.Iterations, r.MarginalError())
		if single := !strings.Contains(r.Method, "64"); single != (kernel == sinkhorn.KernelKept) {
			t.Errorf("%s with kernel %d", r.Method, kernel)
		}
	}
}
