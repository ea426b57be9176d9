package blas

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// An Implementation is the BLAS of gonum with the routines of this package in place of its own. The zero value is ready to use; it runs
// on the workers that the process shares.
type Implementation struct {
	gonum.Implementation
	runner kernels.Runner // nil means the pool of the process
}

var (
	_ blas.Float32    = Implementation{}
	_ blas.Float64    = Implementation{}
	_ blas.Complex64  = Implementation{}
	_ blas.Complex128 = Implementation{}
)

// New returns an implementation that runs on the given workers, in the calling goroutine where runner is nil.
func New(runner kernels.Runner) Implementation {
	if runner == nil {
		runner = inPlace{}
	}
	return Implementation{runner: runner}
}

// inPlace is a Runner without workers.
type inPlace struct{}

func (inPlace) For(n int, body func(i int)) {
	for i := range n {
		body(i)
	}
}

func (impl Implementation) workers() kernels.Runner {
	if impl.runner == nil {
		return parallel.Default()
	}
	return impl.runner
}

// The least sizes that are ours, by multiplications. Below, gonum's loops win, on a Zen 5 with AVX-512: our Sgemm makes .7 to 1.1 times
// its speed at 8 x 8 x 8, 1.4 to 2.1 at 12 x 12 x 12; Strsm .8 to 2.5 at 20 x 20, 1.2 to 3 at 24 x 24. Sgemv is even at 64 x 64.
const (
	leastGemm   = 10 * 10 * 10
	leastSquare = 24 * 24 * 24 // of the triangular and symmetric products
	leastGemv   = 64 * 64
	leastRow    = 64  // columns of A in GEMV without transposition
	leastGer    = 512 // columns of A in GER
)

// pays reports whether an operation of that many multiplications is faster here than in gonum.
func pays(multiplications, least int) bool {
	return multiplications >= least && kernels.Active() != kernels.Generic
}
