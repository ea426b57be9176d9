package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// AddColumns sets y[i, at+j] = beta y[i, at+j] + alpha x[i, from+j] for j < cols.
func (c *CPU[T]) AddColumns(y *Tensor[T], at int, beta T, x *Tensor[T], from, cols int, alpha T) {
	CheckColumns(y, at, x, from, cols)
	wide, other := y.Cols(), x.Cols()
	for i := range y.Rows() {
		dst, src := y.Data()[i*wide+at:][:cols], x.Data()[i*other+from:][:cols]
		switch {
		case beta == 0:
			copy(dst, src)
			if alpha != 1 {
				kernels.Scale(dst, alpha)
			}
			continue
		case beta != 1:
			kernels.Scale(dst, beta)
		}
		kernels.Axpy(dst, alpha, src)
	}
}
