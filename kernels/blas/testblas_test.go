package blas

import (
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/testblas"
)

// TestGonumSuite runs gonum's own tests of the BLAS of float64: on the exported implementation, on one that leaves no small case to
// gonum, and through checked on both, in float64 and in float32.
func TestGonumSuite(t *testing.T) {
	t.Run("plain, as exported", func(t *testing.T) { suite(t, Implementation{}) })
	t.Run("plain, every size", func(t *testing.T) { suite(t, always{}) })
	for name := range forms(t) {
		t.Run(name, func(t *testing.T) { suite(t, forms(t)[name]) })
	}
}

func suite(t *testing.T, impl blas.Float64) {
	testblas.TestDgemm(t, impl)
	testblas.DsymmTest(t, impl)
	testblas.DsyrkTest(t, impl)
	testblas.Dsyr2kTest(t, impl)
	testblas.DtrmmTest(t, impl)
	testblas.DtrsmTest(t, impl)
	testblas.DgemvTest(t, impl)
	testblas.DgerTest(t, impl)
}

// TestGonumSuiteDelegated runs the rest of the suite, which is gonum's code by embedding.
func TestGonumSuiteDelegated(t *testing.T) {
	impl := Implementation{}
	testblas.DtxmvTest(t, impl)
	testblas.DgbmvTest(t, impl)
	testblas.DtrsvTest(t, impl)
	testblas.DtrmvTest(t, impl)
	testblas.DsymvTest(t, impl)
	testblas.DsyrTest(t, impl)
	testblas.Dsyr2Test(t, impl)
	testblas.DspmvTest(t, impl)
	testblas.ZgemmTest(t, impl)
}
