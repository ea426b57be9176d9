package nn

// Gather sets row i of y to row index[i] of the table.
func (c *CPU[T]) Gather(y, table, index *Tensor[T]) {
	sameSize(y.size, index.size*table.Cols())
	cols := table.Cols()
	CheckIndices(index.Data(), table.Rows())
	for i, row := range index.Data() {
		copy(y.Data()[i*cols:][:cols], table.Data()[int(row)*cols:])
	}
}

// ScatterAdd adds row i of y to row index[i] of the table.
func (c *CPU[T]) ScatterAdd(table, y, index *Tensor[T]) {
	sameSize(y.size, index.size*table.Cols())
	cols := table.Cols()
	CheckIndices(index.Data(), table.Rows())
	for i, at := range index.Data() {
		row := table.Data()[int(at)*cols:][:cols]
		for k, v := range y.Data()[i*cols:][:cols] {
			row[k] += v
		}
	}
}
