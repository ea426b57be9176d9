package blas_test

import (
	"math/rand/v2"
	"testing"

	gonumblas "gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/kernels/blas"
)

// TestUnderLapack factorises and solves with gonum's LAPACK on this BLAS.
func TestUnderLapack(t *testing.T) {
	before := gonumblas.Implementation()
	defer gonumblas.Use(before)
	gonumblas.Use(blas.Implementation{})

	const n, rhs = 300, 70
	rng := rand.New(rand.NewPCG(4, 4))
	random := func(rows, cols int) *mat.Dense {
		return mat.NewDense(rows, cols, apply(make([]float64, rows*cols), func() float64 { return rng.NormFloat64() }))
	}
	a, b := random(n, n), random(n, rhs)
	var gram mat.SymDense
	gram.SymOuterK(1, a)
	for i := range n {
		gram.SetSym(i, i, gram.At(i, i)+n)
	}
	var chol mat.Cholesky
	if !chol.Factorize(&gram) {
		t.Fatal("a positive definite matrix has no Cholesky factor")
	}
	var lu mat.LU
	lu.Factorize(a)
	var qr mat.QR
	qr.Factorize(a)

	for name, s := range map[string]struct {
		of    mat.Matrix
		solve func(dst *mat.Dense) error
	}{
		"Cholesky":       {&gram, func(dst *mat.Dense) error { return chol.SolveTo(dst, b) }},
		"LU":             {a, func(dst *mat.Dense) error { return lu.SolveTo(dst, false, b) }},
		"LU, transposed": {a.T(), func(dst *mat.Dense) error { return lu.SolveTo(dst, true, b) }},
		"QR":             {a, func(dst *mat.Dense) error { return qr.SolveTo(dst, false, b) }},
	} {
		var x, r mat.Dense
		if err := s.solve(&x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.Mul(s.of, &x)
		r.Sub(&r, b)
		// Backward stable: a small multiple of n u |A| |X|.
		if res, bound := mat.Norm(&r, 2), 10*n*0x1p-53*mat.Norm(s.of, 2)*mat.Norm(&x, 2); !(res <= bound) {
			t.Errorf("%s: residual %.3g, bound %.3g", name, res, bound)
		}
	}
}

func apply(x []float64, f func() float64) []float64 {
	for i := range x {
		x[i] = f()
	}
	return x
}
