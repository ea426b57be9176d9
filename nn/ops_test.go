package nn

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// The operations of the host against plain loops in float64, at sizes below, at and above the cuts.
func TestOps(t *testing.T) { both(t, testOps[float32], testOps[float64]) }

func testOps[T kernels.Float](t *testing.T) {
	u := math.Ldexp(1, -52)
	if _, single := any(T(0)).(float32); single {
		u = math.Ldexp(1, -23)
	}
	ops := NewCPU[T](nil)
	for _, shape := range [][]int{{1, 1}, {3, 5}, {1, chunk}, {chunk + 1, 1}, {7, chunk - 1}, {2, chunk + 3}, {200, 784}, {0, 3}} {
		rows, cols := shape[0], shape[1]
		x, z := drawInput[T](1, rows, cols), drawInput[T](2, rows, cols)
		at := func(v *Tensor[T], i int) float64 { return float64(v.Data()[i]) }
		check := func(name string, got *Tensor[T], tol float64, want func(i int) float64) {
			t.Helper()
			for i, v := range got.Data() {
				if w := want(i); !(math.Abs(float64(v)-w) <= tol) {
					t.Fatalf("%s of %v: entry %d is %v, want %v", name, shape, i, v, w)
				}
			}
		}
		fresh := func() *Tensor[T] { y := NewTensor[T](rows, cols); ops.Copy(y, x); return y }

		check("Copy", fresh(), 0, func(i int) float64 { return at(x, i) })
		y := fresh()
		ops.Zero(y)
		check("Zero", y, 0, func(int) float64 { return 0 })
		y = fresh()
		ops.Scale(y, 0.5)
		check("Scale", y, 0, func(i int) float64 { return at(x, i) / 2 })
		y = fresh()
		ops.Axpy(y, -2, z)
		check("Axpy", y, 8*u, func(i int) float64 { return at(x, i) - 2*at(z, i) })

		row := drawInput[T](3, cols)
		y = fresh()
		ops.AddRow(y, row)
		check("AddRow", y, 4*u, func(i int) float64 { return at(x, i) + at(row, i%cols) })
		sum := drawInput[T](4, cols)
		was := append([]T(nil), sum.Data()...)
		ops.ColumnSums(sum, x)
		check("ColumnSums", sum, u*float64(4+4*rows), func(j int) float64 {
			s := float64(was[j])
			for i := range rows {
				s += at(x, i*cols+j)
			}
			return s
		})
		var dot float64
		for i := range x.Size() {
			dot += at(x, i) * at(z, i)
		}
		if got := ops.Dot(x, z); !(math.Abs(got-dot) <= 16*u*float64(x.Size())) {
			t.Errorf("Dot of %v: %v, want %v", shape, got, dot)
		}

		host := make([]T, x.Size())
		ops.Download(host, x)
		y = NewTensor[T](rows, cols)
		ops.Upload(y, host)
		if !sameBits(y.Data(), x.Data()) {
			t.Errorf("Download and Upload of %v change bits", shape)
		}
	}
}

// Infinities and NaN in a gradient show in its norm.
func TestGradNorm(t *testing.T) {
	ops := NewCPU[float32](nil)
	p, q := newParam[float32](ops, "p", 3), newParam[float32](ops, "q", 20000)
	copy(p.Grad.Data(), []float32{3, 0, 0})
	q.Grad.Data()[19999] = -4
	params := []*Param[float32]{p, q}
	if got := GradNorm[float32](ops, params); got != 5 {
		t.Errorf("norm %v, want 5", got)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		q.Grad.Data()[7] = float32(bad)
		if got := GradNorm[float32](ops, params); !math.IsNaN(got) && !math.IsInf(got, 0) {
			t.Errorf("norm %v of a gradient with %v", got, bad)
		}
	}
}
