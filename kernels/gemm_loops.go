package kernels

// The five loops around the micro-kernel, as in Van Zee and van de Geijn 2015 (BLIS): columns by nc, depth by kc, rows by mc, then,
// inside a task, panels of B by nr and panels of A by mr. C is updated once for each step of the depth.

// columns is the fifth loop, over blocks of nc columns of B and C.
func (g *gemmJob[T]) columns() {
	for g.j0 = 0; g.j0 < g.n; g.j0 += g.tile.nc {
		g.nb = min(g.tile.nc, g.n-g.j0)
		g.depth()
	}
}

// depth is the fourth loop, over equal blocks of at most kc of the sum.
func (g *gemmJob[T]) depth() {
	blocks := (g.k + g.tile.kc - 1) / g.tile.kc
	step := roundUp(ceilDiv(g.k, blocks), 16)
	for g.l0 = 0; g.l0 < g.k; g.l0 += step {
		g.kb = min(step, g.k-g.l0)
		g.blockRows()
	}
}

// blockRows is the third loop, over blocks of mc rows of A and C.
func (g *gemmJob[T]) blockRows() {
	for g.i0 = 0; g.i0 < g.m; g.i0 += g.tile.mc {
		g.mb = min(g.tile.mc, g.m-g.i0)
		g.pa = lay(&g.a, g.i0, g.l0, g.mb, g.kb, g.tile.mr, g.tile.direct(&g.a, g.n), g.a.deep || g.tile.masked, g.pa.packed)
		if g.i0 == 0 {
			g.pb = lay(&g.b, g.j0, g.l0, g.nb, g.kb, g.tile.nr, g.m <= direct && !g.b.deep, g.tile.masked, g.pb.packed)
		}
		g.packBlock()
		g.cut()
		tasks := ceilDiv(g.mb, g.rows) * ceilDiv(g.nb, g.cols)
		if g.triangle != whole {
			g.thinSums = grow(g.thinSums, tasks*g.tile.mr*g.tile.nr)
		}
		g.each(tasks, g.updateTask)
	}
}

// direct is the largest number of rows of C for which B is read where it lies, and of columns for A, provided that k is not its
// contiguous direction. A packed operand is no faster to read on a Zen 5: with 500 x 500 packing B takes 31 % of the speed at 14 rows,
// 10 % at 56 and 1 % at 200, with 2048 x 2048 4 % at 224.
const direct = 256

// directRows is the largest number of columns of C for which A is read where it lies although k is its contiguous direction. Packing it
// takes 5 % of 256 x 256 x 256, and 8 % of 64 x 64 x 64, on a Zen 5.
const directRows = 256

// The tasks of a block: as many as can keep 64 workers busy, each of minTask multiplications at least, so that handing it over costs
// little, and of taskRows x taskCols elements of C at most, so that its panels of A stay in the second level of cache.
const (
	manyTasks = 160
	minTask   = 1 << 19
	taskRows  = 112
	taskCols  = 512
)

// cut chooses the size of a task.
func (g *gemmJob[T]) cut() {
	area := max(g.mb*g.nb/manyTasks, minTask/g.kb)
	g.rows = roundUp(min(taskRows, g.mb), g.tile.mr)
	g.cols = roundUp(min(max(area/g.rows, 1), taskCols), g.tile.nr)
	if g.cols >= g.nb {
		g.cols = roundUp(g.nb, g.tile.nr)
		g.rows = roundUp(max(area/g.nb, 1), g.tile.mr)
	}
}

// update is one task: the second and first loop, over the panels of B and of A.
func (g *gemmJob[T]) update(task int) {
	mr, nr := g.tile.mr, g.tile.nr
	across := ceilDiv(g.nb, g.cols)
	i0, j0 := task/across*g.rows, task%across*g.cols
	i1, j1 := min(i0+g.rows, g.mb), min(j0+g.cols, g.nb)
	for j := j0; j < j1; j += nr {
		b, ldb := g.pb.at(j)
		ahead, stride := g.ahead(j, i1-i0)
		for i := i0; i < i1; i += mr {
			rows, cols := min(mr, i1-i), min(nr, j1-j)
			outside, across := g.triangle.place(g.i0+i, g.j0+j, rows, cols)
			if outside {
				continue
			}
			a, lda := g.pa.at(i)
			if across {
				g.updateAcross(task, a, lda, b, ldb, i, j, rows, cols)
			} else {
				g.updateTile(a, lda, b, ldb, i, j, rows, cols, &ahead[(i-i0)*stride])
			}
		}
	}
}

// updateTile updates the tile of C at row i and column j of the block.
func (g *gemmJob[T]) updateTile(a []T, lda int, b []T, ldb int, i, j, rows, cols int, next *T) {
	i, j = g.i0+i, g.j0+j
	g.micro()(g.kb, g.alpha, a, lda, b, ldb, g.betaNow(), g.c[i*g.ldc+j:], g.ldc, rows, cols, next)
}

// ahead returns the panel of B after that from column j of the block on, which is asked for during the updates with this one, and how
// much of it lies between the parts for two of the rows.
func (g *gemmJob[T]) ahead(j, rows int) ([]T, int) {
	if j += g.tile.nr; j < g.nb && j >= g.pb.firstPack {
		b, _ := g.pb.at(j)
		return b, g.pb.width * g.kb / rows
	}
	b, _ := g.pb.at(j - g.tile.nr)
	return b, 0
}

// micro returns the micro-kernel for A as it lies, or packed.
func (g *gemmJob[T]) micro() gemmUpdate[T] {
	if g.pa.direct {
		return g.tile.micro(&g.a)
	}
	return g.tile.update
}

// betaNow is the factor of C in this block of the depth: beta in the first, then 1.
func (g *gemmJob[T]) betaNow() T {
	if g.l0 > 0 {
		return 1
	}
	return g.beta
}

// store sets *c = v + beta *c, without reading it where beta = 0.
func store[T Float](c *T, v, beta T) {
	if beta != 0 {
		v += beta * *c
	}
	*c = v
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
func roundUp(a, b int) int { return ceilDiv(a, b) * b }
