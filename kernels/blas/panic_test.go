package blas

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// An arguments is a call of a routine by its integer arguments: flags, sizes, leading dimensions, increments, lengths.
type arguments struct {
	valid []int
	call  func(b blas.Float64, p []int)
}

func slice(n int) []float64 { return make([]float64, max(n, 0)) }

// calls are valid calls: with m, n, k = 3, 4, 5 and no slack.
var calls = map[string]arguments{
	"gemm": {[]int{'N', 'T', 3, 4, 5, 5, 5, 4, 15, 20, 12}, func(b blas.Float64, p []int) {
		b.Dgemm(blas.Transpose(p[0]), blas.Transpose(p[1]), p[2], p[3], p[4], 1, slice(p[8]), p[5], slice(p[9]), p[6], 1, slice(p[10]), p[7])
	}},
	"gemm transposed": {[]int{'T', 'N', 3, 4, 5, 3, 4, 4, 15, 20, 12}, func(b blas.Float64, p []int) {
		b.Dgemm(blas.Transpose(p[0]), blas.Transpose(p[1]), p[2], p[3], p[4], 1, slice(p[8]), p[5], slice(p[9]), p[6], 1, slice(p[10]), p[7])
	}},
	"symm": {[]int{'L', 'U', 3, 4, 3, 4, 4, 9, 12, 12}, func(b blas.Float64, p []int) {
		b.Dsymm(blas.Side(p[0]), blas.Uplo(p[1]), p[2], p[3], 1, slice(p[7]), p[4], slice(p[8]), p[5], 1, slice(p[9]), p[6])
	}},
	"syrk": {[]int{'U', 'N', 4, 5, 5, 4, 20, 16}, func(b blas.Float64, p []int) {
		b.Dsyrk(blas.Uplo(p[0]), blas.Transpose(p[1]), p[2], p[3], 1, slice(p[6]), p[4], 1, slice(p[7]), p[5])
	}},
	"syr2k": {[]int{'L', 'T', 4, 5, 4, 4, 4, 20, 20, 16}, func(b blas.Float64, p []int) {
		b.Dsyr2k(blas.Uplo(p[0]), blas.Transpose(p[1]), p[2], p[3], 1, slice(p[7]), p[4], slice(p[8]), p[5], 1, slice(p[9]), p[6])
	}},
	"trmm": {[]int{'L', 'U', 'N', 'N', 3, 4, 3, 4, 9, 12}, func(b blas.Float64, p []int) {
		b.Dtrmm(blas.Side(p[0]), blas.Uplo(p[1]), blas.Transpose(p[2]), blas.Diag(p[3]), p[4], p[5], 1, slice(p[8]), p[6], slice(p[9]), p[7])
	}},
	"trsm": {[]int{'R', 'L', 'T', 'U', 3, 4, 4, 4, 16, 12}, func(b blas.Float64, p []int) {
		b.Dtrsm(blas.Side(p[0]), blas.Uplo(p[1]), blas.Transpose(p[2]), blas.Diag(p[3]), p[4], p[5], 1, slice(p[8]), p[6], slice(p[9]), p[7])
	}},
	"gemv": {[]int{'N', 3, 4, 4, 2, 1, 12, 7, 3}, func(b blas.Float64, p []int) {
		b.Dgemv(blas.Transpose(p[0]), p[1], p[2], 1, slice(p[6]), p[3], slice(p[7]), p[4], 1, slice(p[8]), p[5])
	}},
	"ger": {[]int{3, 4, 2, 1, 4, 5, 4, 12}, func(b blas.Float64, p []int) {
		alpha := 1.
		if b == blas.Float64(reference) {
			alpha = 0 // gonum's reads outside of vectors of negative increment, unless it returns before
		}
		b.Dger(p[0], p[1], alpha, slice(p[5]), p[2], slice(p[6]), p[3], slice(p[7]), p[4])
	}},
}

// TestPanics spoils one or more arguments: our panics are gonum's, values and precedence.
func TestPanics(t *testing.T) {
	bad := []int{-3, -1, 0, 1, 2, 'L', 'U', 'T', 'N', 'C', 'R', 'X'}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			if v := panicOf(func() { c.call(always{}, c.valid) }); v != nil {
				t.Fatalf("valid arguments panic: %v", v)
			}
			seen := make(map[any]bool)
			for range 5000 {
				p := append([]int(nil), c.valid...)
				for range 1 + rng.IntN(3) {
					p[rng.IntN(len(p))] = bad[rng.IntN(len(bad))]
				}
				got, want := panicOf(func() { c.call(always{}, p) }), panicOf(func() { c.call(reference, p) })
				if got != want {
					t.Fatalf("%v: panics with %v, gonum with %v", p, got, want)
				}
				seen[want] = true
			}
			if len(seen) < 6 {
				t.Errorf("only %d different panics were seen", len(seen))
			}
		})
	}
}
