package kernels

// thin is the largest number of rows or columns of C for which op(A) op(B) is formed as dot products along k, where that is the
// contiguous direction of the larger operand: packing that operand would cost more than the product.
const thin = 4

// thinDepth bounds the length of a dot product in one call of the kernel.
const thinDepth = 1 << 12

// thinTask is the least number of elements of the larger operand that a task reads.
const thinTask = 1 << 16

// dots forms a C of at most thin columns, or of at most thin rows as the transpose of such a product.
func (g *gemmJob[T]) dots() {
	if !(g.n <= thin && g.a.deep) {
		g.transpose()
	}
	g.nb = g.n
	g.rows = roundUp(max(thinTask/g.k, 1), thin)
	g.layThin()
	tasks := ceilDiv(g.m, g.rows)
	g.thinSums = grow(g.thinSums, tasks*thin*thin)
	g.each(tasks, g.dotsTask)
}

// layThin brings the columns of op(B) into rows of length k.
func (g *gemmJob[T]) layThin() {
	g.thinBuf = grow(g.thinBuf, g.n*g.k)
	for j := range g.n {
		row := g.thinBuf[j*g.k:][:g.k]
		if g.b.deep {
			copy(row, g.b.at(j, 0))
			continue
		}
		for l := range row {
			row[l] = g.b.x[l*g.b.ld+j]
		}
	}
}

// dotsOf is one task of dots: its rows, thin of them at a time.
func (g *gemmJob[T]) dotsOf(task int) {
	d := g.thinSums[task*thin*thin:][:thin*thin]
	end := min((task+1)*g.rows, g.m)
	for i := task * g.rows; i < end; i += thin {
		rows := min(thin, end-i)
		for l := 0; l < g.k; l += thinDepth {
			g.tile.dots(d, min(thinDepth, g.k-l), g.a.at(i, l), g.a.ld, rows, g.thinBuf[l:], g.k, g.n)
			g.storeDots(d, i, l, rows)
		}
	}
}

// storeDots adds the products of rows from i on, over the depths from l on, to C.
func (g *gemmJob[T]) storeDots(d []T, i, l, rows int) {
	beta := g.beta
	if l > 0 {
		beta = 1
	}
	for r := range rows {
		for s := range g.n {
			at := (i+r)*g.ldc + s
			if g.transC {
				at = s*g.ldc + i + r
			}
			store(&g.c[at], g.alpha*d[r*thin+s], beta)
		}
	}
}

// transpose turns the product into C^T = op(B)^T op(A)^T.
func (g *gemmJob[T]) transpose() {
	g.m, g.n = g.n, g.m
	g.a, g.b = g.b, g.a
	g.transC = true
}

// transposed forms a C of at most thin columns as the transpose of a product whose rows are long, in the buffer.
func (g *gemmJob[T]) transposed() {
	c, ldc, beta := g.c, g.ldc, g.beta
	g.transpose()
	g.thinBuf = grow(g.thinBuf, g.m*g.n)
	g.c, g.ldc, g.beta = g.thinBuf, g.n, 0
	g.columns()
	for j := range g.n {
		for i := range g.m {
			store(&c[j*ldc+i], g.thinBuf[i*g.n+j], beta)
		}
	}
}
