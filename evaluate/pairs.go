package evaluate

import (
	"math"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

const (
	tileRows = 64
	tileCols = 2048
)

// pairs are the squared distances between two clouds, to within a bound from products of matrices and exactly on demand.
//
//	|x_i - y_j|^2 = |x_i|^2 + |y_j|^2 - 2 <x_i, y_j>
type pairs[T kernels.Float] struct {
	x, y    []T
	n, m, d int
	nx, ny  []float64 // squared norms
	slack   float64   // times |x|^2 + |y|^2, and
	least   float64   // in all, bound the error of the right-hand side
}

func newPairs[T kernels.Float](x, y []T, n, m, d int) *pairs[T] {
	p := &pairs[T]{x: x, y: y, n: n, m: m, d: d, nx: squaredNorms(x, n, d)}
	p.ny = p.nx
	if n != m || &x[0] != &y[0] {
		p.ny = squaredNorms(y, m, d)
	}
	unit, normal := 0x1p-24, 0x1p-126
	if unsafe.Sizeof(T(0)) == 8 {
		unit, normal = 0x1p-53, 0x1p-1022
	}
	// A sum of d products in any order is off by at most d unit/(1 - d unit) |x| |y|, Higham 2002, section 3.1. The rest is for the norms.
	p.slack = 1.01*float64(d)*unit + float64(d+8)*0x1p-52
	p.least = 4 * float64(d) * normal // of products that underflow
	return p
}

func squaredNorms[T kernels.Float](x []T, n, d int) []float64 {
	norms := make([]float64, n)
	for i := range norms {
		for _, v := range x[i*d : (i+1)*d] {
			norms[i] += float64(v) * float64(v)
		}
	}
	return norms
}

// exact returns the squared distance of x_i and y_j, summed in float64: the same bits with the two exchanged, and 0 for equal rows.
func (p *pairs[T]) exact(i, j int) float64 {
	x, y := p.x[i*p.d:(i+1)*p.d], p.y[j*p.d:(j+1)*p.d]
	var s [4]float64
	k := 0
	for ; k+4 <= len(x); k += 4 {
		d0, d1 := float64(x[k])-float64(y[k]), float64(x[k+1])-float64(y[k+1])
		d2, d3 := float64(x[k+2])-float64(y[k+2]), float64(x[k+3])-float64(y[k+3])
		s[0] += d0 * d0
		s[1] += d1 * d1
		s[2] += d2 * d2
		s[3] += d3 * d3
	}
	for ; k < len(x); k++ {
		e := float64(x[k]) - float64(y[k])
		s[0] += e * e
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// near returns bounds of the squared distance of x_i and y_j, given their product.
func (p *pairs[T]) near(dot T, i, j int) (lower, upper float64) {
	norms := p.nx[i] + p.ny[j]
	q, e := norms-2*float64(dot), p.slack*norms+p.least
	if q-q != 0 { // a product overflowed
		return math.Inf(-1), math.Inf(1)
	}
	return q - e, q + e
}

// within reports whether the squared distance of x_i and y_j is at most the bound, given their product.
func (p *pairs[T]) within(dot T, i, j int, bound float64) bool {
	lower, upper := p.near(dot, i, j)
	if lower > bound {
		return false
	}
	return upper <= bound || p.exact(i, j) <= bound
}

// tasks returns the number of tasks of each, a function of the size.
func (p *pairs[T]) tasks() int { return parallel.Chunks(p.n, tileRows, 32) }

// each visits the products of every x_i with runs of y from j0 on. Calls of one task follow each other in the order of i's block, then j0,
// then i; tasks run at the same time and have rows of their own.
func (p *pairs[T]) each(run kernels.Runner, visit func(task, i, j0 int, dots []T)) {
	cols := min(tileCols, p.m)
	parallel.For(run, p.tasks(), func(t int) {
		first, end := parallel.Chunk(p.n, p.tasks(), t)
		tile := make([]T, tileRows*cols)
		for lo := first; lo < end; lo += tileRows {
			rows := min(tileRows, end-lo)
			for j0 := 0; j0 < p.m; j0 += cols {
				width := min(cols, p.m-j0)
				kernels.Gemm(nil, false, true, rows, width, p.d, 1, p.x[lo*p.d:], p.d, p.y[j0*p.d:], p.d, 0, tile, width)
				for i := range rows {
					visit(t, lo+i, j0, tile[i*width:(i+1)*width])
				}
			}
		}
	})
}
