package logsumexp

import (
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// directDim is the largest dimension in which squared distances are summed from differences; above it they come from inner products,
// whose rounding error is about 2^-24 (|x|^2 + |y|^2) in float32. In float64 differences are always taken.
const directDim = 8

// SquaredDistances sets
//
//	dst[i*ld+j] = scale |x_i - y_j|^2
//
// for x (n x d) and y (m x d), row-major. Points far from the origin should be centred first; see [Centred]. dst holds n rows of leading
// dimension ld >= m and does not overlap x or y. A nil Runner runs in place; the result is the same bits for any.
func SquaredDistances[T kernels.Float](run kernels.Runner, dst []T, ld int, x, y []T, n, m, d int, scale T) {
	if len(x) < n*d || len(y) < m*d {
		panic("logsumexp: points shorter than their rows and columns")
	}
	var wide any = T(0)
	if _, is64 := wide.(float64); is64 || d <= directDim {
		count := parallel.Chunks(n, 1+16384/(m*d+1), 256)
		parallel.For(run, count, func(k int) {
			lo, hi := parallel.Chunk(n, count, k)
			for i := lo; i < hi; i++ {
				directRow(dst[i*ld:i*ld+m], x[i*d:(i+1)*d], y, scale)
			}
		})
		return
	}
	yy := make([]T, m)
	for j := range yy {
		yj := y[j*d : (j+1)*d]
		yy[j] = scale * kernels.Dot(yj, yj)
	}
	kernels.Gemm(run, false, true, n, m, d, -2*scale, x, d, y, d, 0, dst, ld)
	count := parallel.Chunks(n, 1+16384/(m+1), 256)
	parallel.For(run, count, func(k int) {
		lo, hi := parallel.Chunk(n, count, k)
		for i := lo; i < hi; i++ {
			xi := x[i*d : (i+1)*d]
			xx := scale * kernels.Dot(xi, xi)
			row := dst[i*ld : i*ld+m]
			for j, v := range row {
				row[j] = max(0, v+xx+yy[j])
			}
		}
	})
}

func directRow[T kernels.Float](dst, x, y []T, scale T) {
	d := len(x)
	for j := range dst {
		yj := y[j*d : (j+1)*d]
		var s T
		for k, v := range x {
			t := v - yj[k]
			s += t * t
		}
		dst[j] = scale * s
	}
}

// Centred returns the cost scale |x_i - y_j|^2 as a stored matrix, formed after each cloud was moved to its own mean in float64.
//
// With the means p of x under weights a and q of y under b, x' = x - p, y' = y - q and t = p - q,
//
//	|x - y|^2 = |x' - y'|^2 + (2 <x', t> + |t|^2) - 2 <y', t>
//
// The first term is stored, the others are its [Shifted] terms. Adding the same or different vectors to the clouds thus costs no precision.
// Weights nil are uniform; they need not sum to 1.
func Centred[T kernels.Float](run kernels.Runner, x, y, a, b []float64, n, m, d int, scale float64) *Stored[T] {
	p, q := mean(x, a, n, d), mean(y, b, m, d)
	t := make([]float64, d)
	var tt float64
	for k := range t {
		t[k] = p[k] - q[k]
		tt += t[k] * t[k]
	}
	xc, u := centre[T](x, p, t, n, d, 2*scale, scale*tt)
	yc, v := centre[T](y, q, t, m, d, -2*scale, 0)
	c := make([]T, n*m)
	SquaredDistances(run, c, m, xc, yc, n, m, d, T(scale))
	return &Stored[T]{c: c, n: n, m: m, ld: m, u: u, v: v}
}

func mean(x, w []float64, n, d int) []float64 {
	p := make([]float64, d)
	var mass float64
	for i := range n {
		wi := 1.
		if w != nil {
			wi = w[i]
		}
		mass += wi
		for k := range p {
			p[k] += wi * x[i*d+k]
		}
	}
	for k := range p {
		p[k] /= mass
	}
	return p
}

// centre returns x - p rounded to T, and the terms alpha <x - p, t> + beta.
func centre[T kernels.Float](x, p, t []float64, n, d int, alpha, beta float64) (xc []T, u []float64) {
	xc, u = make([]T, n*d), make([]float64, n)
	for i := range n {
		var s float64
		for k, pk := range p {
			v := x[i*d+k] - pk
			xc[i*d+k] = T(v)
			s += v * t[k]
		}
		u[i] = alpha*s + beta
	}
	return xc, u
}
