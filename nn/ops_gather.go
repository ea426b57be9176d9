package nn

import "fmt"

// Gather sets row i of y to row index[i] of the table.
func (c *CPU[T]) Gather(y, table, index *Tensor[T]) {
	sameSize(y.size, index.size*table.Cols())
	cols := table.Cols()
	for i := range index.Data() {
		copy(y.Data()[i*cols:][:cols], table.Data()[rowAt(index, i, table)*cols:])
	}
}

// ScatterAdd adds row i of y to row index[i] of the table.
func (c *CPU[T]) ScatterAdd(table, y, index *Tensor[T]) {
	sameSize(y.size, index.size*table.Cols())
	cols := table.Cols()
	for i := range index.Data() {
		row := table.Data()[rowAt(index, i, table)*cols:][:cols]
		for k, v := range y.Data()[i*cols:][:cols] {
			row[k] += v
		}
	}
}

// rowAt returns index[i] as an integer. It panics unless it is a row of the table.
func rowAt[T float32 | float64](index *Tensor[T], i int, table *Tensor[T]) int {
	v := index.Data()[i]
	if !(v >= 0 && v < T(table.Rows())) || v != T(int(v)) {
		panic(fmt.Sprintf("nn: index %v at element %d, want an integer from 0 to %d", v, i, table.Rows()-1))
	}
	return int(v)
}
