package logsumexp

import "github.com/sinkcpu/sinkcpu/kernels"

// Func is a cost that a function computes.
type Func[T kernels.Float] struct {
	n, m int
	row  func(dst []T, i, j0 int)
}

// NewFunc returns the n x m cost whose entries are cost(i, j). cost is called for every pair in every iteration, from many goroutines at
// once, and must return the same each time: +Inf forbids the pair, NaN and -Inf are errors of the problem that reads them. [Keep] calls it
// once a pair and holds the results, where there is memory for them.
//
// It panics when n or m is negative, or cost is nil.
func NewFunc[T kernels.Float](n, m int, cost func(i, j int) T) *Func[T] {
	if cost == nil {
		panic("logsumexp: no function for a cost")
	}
	return NewRowFunc(n, m, func(dst []T, i, j0 int) {
		for k := range dst {
			dst[k] = cost(i, j0+k)
		}
	})
}

// NewRowFunc is [NewFunc] for a function that computes a run of a row at a time: it sets dst[k] to the cost of row i and column j0+k.
func NewRowFunc[T kernels.Float](n, m int, row func(dst []T, i, j0 int)) *Func[T] {
	if n < 0 || m < 0 {
		panic("logsumexp: a negative number of rows or columns")
	}
	if row == nil {
		panic("logsumexp: no function for a cost")
	}
	return &Func[T]{n: n, m: m, row: row}
}

// Dims returns the numbers of rows and columns.
func (f *Func[T]) Dims() (n, m int) { return f.n, f.m }

// Tile fills buf with costs.
func (f *Func[T]) Tile(buf []T, i0, i1, j0, j1 int) (c []T, ld int) {
	ld = j1 - j0
	for i := i0; i < i1; i++ {
		f.row(buf[(i-i0)*ld:(i-i0+1)*ld], i, j0)
	}
	return buf, ld
}
