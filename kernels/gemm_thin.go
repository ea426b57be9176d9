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
	g.thinSums = grow(g.thinSums, tasks*g.rows*thin)
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

// dotsOf is one task of dots: its rows, straight into C where they are its elements.
func (g *gemmJob[T]) dotsOf(task int) {
	i := task * g.rows
	rows := min(g.rows, g.m-i)
	if g.k <= thinDepth && g.alpha == 1 && g.beta == 0 && !g.transC {
		g.tile.dots(g.c[i*g.ldc:], g.ldc, g.k, g.a.at(i, 0), g.a.ld, rows, g.thinBuf, g.k, g.n)
		return
	}
	d := g.thinSums[i*thin:][:rows*thin]
	for l := 0; l < g.k; l += thinDepth {
		g.tile.dots(d, thin, min(thinDepth, g.k-l), g.a.at(i, l), g.a.ld, rows, g.thinBuf[l:], g.k, g.n)
		g.storeDots(d, i, l, rows)
	}
}

// storeDots adds the products of rows from i on, over the depths from l on, to C.
func (g *gemmJob[T]) storeDots(d []T, i, l, rows int) {
	beta := g.beta
	if l > 0 {
		beta = 1
	}
	down, right := g.ldc, 1
	if g.transC {
		down, right = right, down
	}
	for r := range rows {
		for s, v := range d[r*thin:][:g.n] {
			store(&g.c[(i+r)*down+s*right], g.alpha*v, beta)
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

// The sizes of the tasks of weighted: columns of one, where there are many; and the elements of the matrix that it reads, in at most
// weightedSums pieces of the rows. A task of fewer columns breaks the reading of memory into short pieces.
const (
	weightedCols = 2048
	weightedTask = 1 << 17
	weightedSums = 32
)

// weighted forms a C of one row or column as a weighted sum of the rows of the larger operand, whose depth is not its contiguous
// direction: blocks of columns, and of rows where there are few columns, whose sums are then added.
func (g *gemmJob[T]) weighted() {
	if g.m != 1 {
		g.transpose()
	}
	g.thinBuf = grow(g.thinBuf, g.k)
	for l := range g.k {
		g.thinBuf[l] = g.a.at(0, l)[0]
	}
	across := max(1, g.n/weightedCols)
	down := max(1, min(weightedSums, g.k*g.n/(weightedTask*across)))
	g.rows, g.cols = ceilDiv(g.k, down), roundUp(ceilDiv(g.n, across), 64)
	down, across = ceilDiv(g.k, g.rows), ceilDiv(g.n, g.cols)
	if g.nb = down; down == 1 && (!g.transC || g.ldc == 1) {
		scaleBlock(g.c, g.n, 1, g.n, g.beta)
		g.nb = 0
	}
	g.thinSums = grow(g.thinSums, g.nb*g.n)
	g.each(across*down, g.weightedTask)
	if g.nb > 0 {
		g.addSums(g.thinSums[:g.n])
	}
}

// weightedOf is one task of weighted: its columns of its rows, into C where it has no sums.
func (g *gemmJob[T]) weightedOf(task int) {
	across := ceilDiv(g.n, g.cols)
	l0, j0 := task/across*g.rows, task%across*g.cols
	l1, j1 := min(l0+g.rows, g.k), min(j0+g.cols, g.n)
	acc := g.c
	if g.nb > 0 {
		acc = g.thinSums[task/across*g.n:]
		clear(acc[j0:j1])
	}
	g.tile.weighted(acc[j0:j1], g.b.at(j0, l0), g.b.ld, g.alpha, g.thinBuf[l0:l1])
}

// addSums adds the sums of the tasks up, and to beta C.
func (g *gemmJob[T]) addSums(sum []T) {
	for r := 1; r < g.nb; r++ {
		g.tile.axpy(sum, 1, g.thinSums[r*g.n:][:g.n])
	}
	step := 1
	if g.transC {
		step = g.ldc
	}
	for j, v := range sum {
		store(&g.c[j*step], v, g.beta)
	}
}
