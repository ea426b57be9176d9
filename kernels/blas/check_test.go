package blas

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// checked is a float64 BLAS that computes with another one, in float32 or float64, compares each element with gonum's result in float64,
// and returns gonum's: a suite written for float64 then tests float32 with the tolerance of float32.
//
// The tolerance of an element is an error bound times the same operation on absolute values (for the solution of a triangular system
// on the comparison matrix, of which the diagonal is |T|'s and the rest is that of -|T|: Higham 2002, theorem 8.10).
type checked struct {
	gonum.Implementation
	t  reporter
	s  blas.Float32 // computes where it is not nil
	d  blas.Float64
	at string // said of a failure
}

// reporter is a *testing.T or a *rapid.T.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (c checked) unit() float64 {
	if c.s != nil {
		return 0x1p-24
	}
	return 0x1p-53
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func absolutes(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Abs(v)
	}
	return y
}

func clone(x []float64) []float64 { return append([]float64(nil), x...) }

// compare holds got against gonum's result where touched, up to tol times size, and against the input elsewhere, and puts gonum's into x.
func (c checked) compare(x, got, want, size []float64, tol float64, touched func(i int) bool) {
	c.t.Helper()
	for i, w := range want {
		g := got[i]
		same := g == w || math.IsNaN(g) && math.IsNaN(w)
		if !touched(i) {
			if in := x[i]; !(g == in || float32(g) == float32(in) || math.IsNaN(g) && math.IsNaN(in)) {
				c.t.Fatalf("%s: element %d outside was changed from %v to %v", c.at, i, in, g)
			}
			continue
		}
		if !same && !(math.Abs(g-w) <= tol*size[i]+math.SmallestNonzeroFloat32) {
			c.t.Fatalf("%s: element %d is %v, gonum's %v: differs by %.3g of a tolerance of %.3g", c.at, i, g, w, math.Abs(g-w), tol*size[i])
		}
	}
	copy(x, want)
}

// block is the set of elements of an m x n block, triangle those of a triangle of order n.
func block(m, n, ld int) func(i int) bool {
	return func(i int) bool { return i/ld < m && i%ld < n }
}

func triangle(ul blas.Uplo, n, ld int) func(i int) bool {
	return func(i int) bool {
		r, j := i/ld, i%ld
		return r < n && j < n && (ul == blas.Upper && j >= r || ul == blas.Lower && j <= r)
	}
}

func strided(n, inc int) func(i int) bool {
	inc = max(inc, -inc)
	return func(i int) bool { return i%inc == 0 && i/inc < n }
}

// try runs f, which calls the same routine of both implementations, and lets panics of gonum through where they agree.
func (c checked) try(ours, gonums func()) {
	c.t.Helper()
	got, want := panicOf(ours), panicOf(gonums)
	if got != want {
		c.t.Fatalf("%s: panics with %v, gonum with %v", c.at, got, want)
	}
	if want != nil {
		panic(want)
	}
}

func panicOf(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

var reference gonum.Implementation

func (c checked) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, x []float64, ldc int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Sgemm(tA, tB, m, n, k, float32(alpha), narrow(a), lda, narrow(b), ldb, float32(beta), g, ldc)
			got = widen(g)
			return
		}
		c.d.Dgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, got, ldc)
	}, func() { reference.Dgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, want, ldc) })
	reference.Dgemm(tA, tB, m, n, k, math.Abs(alpha), absolutes(a), lda, absolutes(b), ldb, math.Abs(beta), size, ldc)
	c.compare(x, got, want, size, float64(2*k+12)*c.unit(), block(m, n, ldc))
}

func (c checked) Dsymm(s blas.Side, ul blas.Uplo, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, x []float64, ldc int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Ssymm(s, ul, m, n, float32(alpha), narrow(a), lda, narrow(b), ldb, float32(beta), g, ldc)
			got = widen(g)
			return
		}
		c.d.Dsymm(s, ul, m, n, alpha, a, lda, b, ldb, beta, got, ldc)
	}, func() { reference.Dsymm(s, ul, m, n, alpha, a, lda, b, ldb, beta, want, ldc) })
	reference.Dsymm(s, ul, m, n, math.Abs(alpha), absolutes(a), lda, absolutes(b), ldb, math.Abs(beta), size, ldc)
	c.compare(x, got, want, size, float64(2*orderOf(s, m, n)+12)*c.unit(), block(m, n, ldc))
}

func (c checked) Dsyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, beta float64, x []float64, ldc int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Ssyrk(ul, tA, n, k, float32(alpha), narrow(a), lda, float32(beta), g, ldc)
			got = widen(g)
			return
		}
		c.d.Dsyrk(ul, tA, n, k, alpha, a, lda, beta, got, ldc)
	}, func() { reference.Dsyrk(ul, tA, n, k, alpha, a, lda, beta, want, ldc) })
	reference.Dsyrk(ul, tA, n, k, math.Abs(alpha), absolutes(a), lda, math.Abs(beta), size, ldc)
	c.compare(x, got, want, size, float64(2*k+12)*c.unit(), triangle(ul, n, ldc))
}

func (c checked) Dsyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, x []float64, ldc int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Ssyr2k(ul, tA, n, k, float32(alpha), narrow(a), lda, narrow(b), ldb, float32(beta), g, ldc)
			got = widen(g)
			return
		}
		c.d.Dsyr2k(ul, tA, n, k, alpha, a, lda, b, ldb, beta, got, ldc)
	}, func() { reference.Dsyr2k(ul, tA, n, k, alpha, a, lda, b, ldb, beta, want, ldc) })
	reference.Dsyr2k(ul, tA, n, k, math.Abs(alpha), absolutes(a), lda, absolutes(b), ldb, math.Abs(beta), size, ldc)
	c.compare(x, got, want, size, float64(4*k+12)*c.unit(), triangle(ul, n, ldc))
}

func (c checked) Dtrmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, x []float64, ldb int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Strmm(s, ul, tA, d, m, n, float32(alpha), narrow(a), lda, g, ldb)
			got = widen(g)
			return
		}
		c.d.Dtrmm(s, ul, tA, d, m, n, alpha, a, lda, got, ldb)
	}, func() { reference.Dtrmm(s, ul, tA, d, m, n, alpha, a, lda, want, ldb) })
	reference.Dtrmm(s, ul, tA, d, m, n, math.Abs(alpha), absolutes(a), lda, size, ldb)
	c.compare(x, got, want, size, float64(2*orderOf(s, m, n)+12)*c.unit(), block(m, n, ldb))
}

func (c checked) Dtrsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, x []float64, ldb int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Strsm(s, ul, tA, d, m, n, float32(alpha), narrow(a), lda, g, ldb)
			got = widen(g)
			return
		}
		c.d.Dtrsm(s, ul, tA, d, m, n, alpha, a, lda, got, ldb)
	}, func() { reference.Dtrsm(s, ul, tA, d, m, n, alpha, a, lda, want, ldb) })
	comparison := absolutes(a)
	for i := range comparison {
		if i%(lda+1) != 0 {
			comparison[i] = -comparison[i]
		}
	}
	reference.Dtrsm(s, ul, tA, d, m, n, math.Abs(alpha), comparison, lda, size, ldb)
	order := float64(orderOf(s, m, n))
	c.residual(s, ul, tA, d, m, n, alpha, a, lda, x, got, ldb)
	c.compare(x, got, want, size, 2*(order*order+3*order+8)*c.unit(), block(m, n, ldb))
}

// residual holds |op(T) X - alpha B| against the backward error bound, with the slack for the rounding of T, alpha and B to float32 and
// for the residual's own.
func (c checked) residual(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, b, x []float64, ldb int) {
	c.t.Helper()
	product, size := clone(x), absolutes(x)
	reference.Dtrmm(s, ul, tA, d, m, n, 1, a, lda, product, ldb)
	reference.Dtrmm(s, ul, tA, d, m, n, 1, absolutes(a), lda, size, ldb)
	tol := float64(orderOf(s, m, n)+12) * c.unit()
	for i := range product {
		want := alpha * b[i]
		if !block(m, n, ldb)(i) || math.IsNaN(want) || math.IsNaN(size[i]) {
			continue
		}
		if r := math.Abs(product[i] - want); !(r <= tol*(size[i]+math.Abs(want))) {
			c.t.Fatalf("%s: residual %d is %.3g, its bound %.3g", c.at, i, r, tol*(size[i]+math.Abs(want)))
		}
	}
}

func (c checked) Dgemv(tA blas.Transpose, m, n int, alpha float64, a []float64, lda int, v []float64, incX int, beta float64, x []float64, incY int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Sgemv(tA, m, n, float32(alpha), narrow(a), lda, narrow(v), incX, float32(beta), g, incY)
			got = widen(g)
			return
		}
		c.d.Dgemv(tA, m, n, alpha, a, lda, v, incX, beta, got, incY)
	}, func() { reference.Dgemv(tA, m, n, alpha, a, lda, v, incX, beta, want, incY) })
	reference.Dgemv(tA, m, n, math.Abs(alpha), absolutes(a), lda, absolutes(v), incX, math.Abs(beta), size, incY)
	ny, nx := shape(tA, m, n)
	c.compare(x, got, want, size, float64(2*nx+12)*c.unit(), strided(ny, incY))
}

// forward reverses a vector of negative increment: Dger of gonum 0.17 reads outside of it.
func forward(x []float64, n, inc int) []float64 {
	if inc >= 0 {
		return x
	}
	y := make([]float64, len(x))
	for i := range n {
		y[-i*inc] = x[(i-n+1)*inc]
	}
	return y
}

func (c checked) Dger(m, n int, alpha float64, v []float64, incX int, w []float64, incY int, x []float64, lda int) {
	c.t.Helper()
	got, want, size := clone(x), clone(x), absolutes(x)
	c.try(func() {
		if c.s != nil {
			g := narrow(x)
			c.s.Sger(m, n, float32(alpha), narrow(v), incX, narrow(w), incY, g, lda)
			got = widen(g)
			return
		}
		c.d.Dger(m, n, alpha, v, incX, w, incY, got, lda)
	}, func() {
		v, incX, w, incY = forward(v, m, incX), max(incX, -incX), forward(w, n, incY), max(incY, -incY)
		reference.Dger(m, n, alpha, v, incX, w, incY, want, lda)
	})
	reference.Dger(m, n, math.Abs(alpha), absolutes(v), incX, absolutes(w), incY, size, lda)
	c.compare(x, got, want, size, 12*c.unit(), block(m, n, lda))
}

// forms returns checked BLAS of ours: as exported, and with nothing left to gonum, in both precisions.
func forms(t reporter) map[string]checked {
	f := make(map[string]checked)
	for _, workers := range []bool{false, true} {
		impl, all := New(nil), always{}
		if workers {
			impl, all = Implementation{}, always{run: Implementation{}.workers()}
		}
		for name, b := range map[string]interface {
			blas.Float32
			blas.Float64
		}{"as exported": impl, "every size": all} {
			name = fmt.Sprintf("%s, workers %t, float", name, workers)
			f[name+"32"] = checked{t: t, s: b, at: name + "32"}
			f[name+"64"] = checked{t: t, d: b, at: name + "64"}
		}
	}
	return f
}
