package sinkhorn

import (
	"context"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// laplacian is the matrix diag(W 1) - W diag(1/(W^T 1)) W^T for W >= 0 (n x m): positive semidefinite, 0 on constants. It is what is left
// of the Hessian of a dual of transport when the potentials of the columns follow those of the rows.
type laplacian struct {
	ctx        context.Context // of the solve
	run        kernels.Runner
	n, m       int
	chunks     int
	w          []float64 // W
	rows, cols []float64 // W 1 and W^T 1
	damping    float64   // lambda, added as lambda diag(W 1)

	// Of problems whose sides may leave their weights. +Inf in extra holds an entry of the solution at 0.
	extra    []float64 // added to the diagonal; nil for none
	follow   []float64 // takes the place of 1/(W^T 1); nil for that
	definite bool      // constants are not in the kernel

	part           [][]float64 // sums of columns, a chunk each
	mean           []float64
	x, z, d, q, re []float64
}

// maxProducts bounds the conjugate gradients of a solve.
const maxProducts = 1000

func newLaplacian(ctx context.Context, run kernels.Runner, n, m int) *laplacian {
	l := &laplacian{ctx: ctx, run: run, n: n, m: m, chunks: chunksOf(n, m), w: make([]float64, n*m), cols: make([]float64, m), mean: make([]float64, m)}
	l.part = make([][]float64, l.chunks)
	for k := range l.part {
		l.part[k] = make([]float64, m)
	}
	for _, v := range []*[]float64{&l.rows, &l.x, &l.z, &l.d, &l.q, &l.re} {
		*v = make([]float64, n)
	}
	return l
}

func (l *laplacian) row(i int) []float64 { return l.w[i*l.m : (i+1)*l.m] }

// overRows runs body on every row i of every chunk k.
func (l *laplacian) overRows(body func(k, i int)) {
	parallel.For(l.run, l.chunks, func(k int) {
		lo, hi := parallel.Chunk(l.n, l.chunks, k)
		for i := lo; i < hi; i++ {
			body(k, i)
		}
	})
}

// addColumns sets dst to sum_i body_i, body adding row i's part to an accumulator of m.
func (l *laplacian) addColumns(dst []float64, body func(i int, acc []float64)) {
	for _, part := range l.part {
		clear(part)
	}
	l.overRows(func(k, i int) { body(i, l.part[k]) })
	clear(dst)
	for _, part := range l.part {
		kernels.Axpy(dst, 1, part)
	}
}

// solve returns the solution of (L + lambda diag(W 1)) x = eps r, up to a residual of target in the norm of the preconditioner, by
// conjugate gradients preconditioned by diag(W 1). After the end of the context it is what was found until then.
func (l *laplacian) solve(eps float64, r []float64, target float64) []float64 {
	var rz float64
	clear(l.x)
	rest := 0.
	if l.damping == 0 && !l.definite {
		rest = kernels.Sum(r) / kernels.Sum(l.rows) // rounding leaves a part outside the matrix's range
	}
	for i, w := range l.rows {
		l.re[i] = eps * (r[i] - rest*w)
		l.z[i] = l.precondition(i)
		l.d[i] = l.z[i]
		rz += l.re[i] * l.z[i]
	}
	first := rz
	for k := 0; k < maxProducts && rz > target*target*first && l.ctx.Err() == nil; k++ {
		l.product()
		dq := kernels.Dot(l.d, l.q)
		if !(dq > l.noise()) {
			break // only rounding is left of the curvature
		}
		alpha := rz / dq
		kernels.Axpy(l.x, alpha, l.d)
		kernels.Axpy(l.re, -alpha, l.q)
		next := 0.
		for i := range l.rows {
			l.z[i] = l.precondition(i)
			next += l.re[i] * l.z[i]
		}
		beta := next / rz
		rz = next
		for i, z := range l.z {
			l.d[i] = z + beta*l.d[i]
		}
	}
	return l.x
}

// precondition returns an entry of the residual over the diagonal.
func (l *laplacian) precondition(i int) float64 {
	w := l.rows[i]
	if l.extra != nil {
		w += l.extra[i]
	}
	if !(w > 0) || math.IsInf(w, 1) {
		return 0
	}
	return l.re[i] / w
}

// noise returns what rounding may make of <d, q>.
func (l *laplacian) noise() float64 {
	var s float64
	for i, w := range l.rows {
		s += w * l.d[i] * l.d[i]
	}
	return 1e-15 * s
}

// product sets q = L d.
func (l *laplacian) product() {
	l.addColumns(l.mean, func(i int, acc []float64) { kernels.Axpy(acc, l.d[i], l.row(i)) })
	for j, c := range l.cols {
		switch {
		case l.follow != nil:
			l.mean[j] *= l.follow[j]
		case c > 0:
			l.mean[j] /= c
		default:
			l.mean[j] = 0
		}
	}
	l.overRows(func(_, i int) {
		l.q[i] = (1+l.damping)*l.rows[i]*l.d[i] - kernels.Dot(l.row(i), l.mean)
		if l.extra != nil && l.d[i] != 0 {
			l.q[i] += l.extra[i] * l.d[i]
		}
	})
}
