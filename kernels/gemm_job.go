package kernels

import (
	"sync"
	"unsafe"
)

// gemmTile holds the kernels of GEMM of one tier, and the sizes of their blocks. All sizes are constants: the order of every sum
// follows from m, n and k alone.
type gemmTile[T Float] struct {
	mr, nr int // rows and columns of C that the micro-kernel holds in registers
	kc     int // greatest depth of a block: C is read and written once for each
	mc, nc int // rows of A and columns of B that are packed at a time

	// update sets the block C of rows <= mr by cols <= nr to
	//
	//	c[i*ldc+j] = alpha sum_l a[l*lda+i] b[l*ldb+j] + beta c[i*ldc+j]    l < k, k > 0
	//
	// It reads cols elements of each row of b where masked, else nr, and does not read c where beta = 0. It may fetch what lies at next into
	// the cache.
	update gemmUpdate[T]
	// updateRows is update with a[i*lda+l] in place of a[l*lda+i], and the same bits; nil where a tier has none.
	updateRows gemmUpdate[T]
	masked     bool

	// packRows sets dst[l*width+i] = x[i*ld+l] for i < rows, l < k, and, unless width is mr, 0 for rows <= i < width.
	packRows func(dst []T, width int, x []T, ld, rows, k int)
	// packCols sets dst[l*width+i] = x[l*ld+i] for i < cols, and 0 for cols <= i < width, l < k.
	packCols func(dst []T, width int, x []T, ld, cols, k int)
	// packWideA and packWideB are packCols for panelsBeside panels of A and of B that lie side by side, each as many elements after the
	// one before as panel says; nil where a tier has none.
	packWideA, packWideB func(dst []T, panel int, x []T, ld, k int)

	// dots sets d[r*ldd+s] = sum_l x[r*ldx+l] y[s*ldy+l] for r < rows, s < cols <= thin, l < k, k > 0.
	dots func(d []T, ldd, k int, x []T, ldx, rows int, y []T, ldy, cols int)

	// weighted sets acc[j] += sum_r (alpha w[r]) x[r*ldx+j] for r < len(w), j < len(acc), and axpy y[i] += alpha x[i].
	weighted func(acc, x []T, ldx int, alpha T, w []T)
	axpy     func(y []T, alpha T, x []T)
}

type gemmUpdate[T Float] func(k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, rows, cols int, next *T)

// An operand is A or B of a product, seen as a set of vectors along k.
type operand[T Float] struct {
	x    []T
	ld   int
	deep bool // whether k is the contiguous direction
}

// at returns the storage from vector i and depth l on.
func (o *operand[T]) at(i, l int) []T {
	if o.deep {
		return o.x[i*o.ld+l:]
	}
	return o.x[l*o.ld+i:]
}

// raceRead tells the race detector of n vectors from i on, from depth l on.
func (o *operand[T]) raceRead(i, l, n, depth int) {
	if o.deep {
		raceReadBlock(o.at(i, l), o.ld, n, depth)
	} else {
		raceReadBlock(o.at(i, l), o.ld, depth, n)
	}
}

// direct tells whether the micro-kernel reads this operand, as A of a product with n columns, where it lies. Rows a multiple of
// 4 KiB apart would share one set of the first level of cache.
func (t *gemmTile[T]) direct(a *operand[T], n int) bool {
	if !a.deep {
		return n <= direct
	}
	const aliased = 4 << 10
	return t.updateRows != nil && n <= directRows && a.ld*int(unsafe.Sizeof(T(0)))%aliased != 0
}

// micro returns the micro-kernel for an A that is read where it lies.
func (t *gemmTile[T]) micro(a *operand[T]) gemmUpdate[T] {
	if a.deep {
		return t.updateRows
	}
	return t.update
}

// A gemmJob is one product: its arguments, where its loops stand, and its buffers. It is reused, so that a product allocates nothing,
// not even the functions that it hands to the Runner.
type gemmJob[T Float] struct {
	tile *gemmTile[T]
	run  Runner

	m, n, k     int
	alpha, beta T
	a, b        operand[T]
	c           []T
	ldc         int
	transC      bool     // C is stored n x m
	triangle    triangle // the part of C that is updated

	i0, j0, l0 int // the block in hand: rows from i0, columns from j0, depth from l0
	mb, nb, kb int // and its size
	pa, pb     panels[T]
	rows, cols int // size of a task in rows of A and columns of B

	packTask, updateTask, dotsTask, weightedTask func(i int)

	thinBuf, thinSums []T // op(B) of a product of few columns; the sums of each task, or its tile across the edge of a triangle
}

// set prepares a job for a product of the given sizes; its operands are missing.
func (g *gemmJob[T]) set(tile *gemmTile[T], run Runner, m, n, k int, alpha, beta T, c []T, ldc int) {
	g.tile, g.run = tile, run
	g.m, g.n, g.k = m, n, k
	g.alpha, g.beta = alpha, beta
	g.c, g.ldc, g.transC, g.triangle = c, ldc, false, whole
}

// release gives a job back, without its references.
func (g *gemmJob[T]) release() {
	g.tile, g.run, g.a.x, g.b.x, g.c = nil, nil, nil, nil, nil
	jobsOf[T]().give(g)
}

// each runs the tasks, a single one without the Runner.
func (g *gemmJob[T]) each(n int, task func(i int)) {
	if g.run != nil && n > 1 {
		g.run.For(n, task)
		return
	}
	for i := range n {
		task(i)
	}
}

// keepJobs bounds the jobs that are kept: more products than this at the same time allocate.
const keepJobs = 64

// gemmJobs is a free list of jobs.
type gemmJobs[T Float] struct {
	mu   sync.Mutex
	free []*gemmJob[T]
}

var (
	jobs32 gemmJobs[float32]
	jobs64 gemmJobs[float64]
)

func jobsOf[T Float]() *gemmJobs[T] {
	var p any = &jobs32
	if !is32[T]() {
		p = &jobs64
	}
	return p.(*gemmJobs[T])
}

func (s *gemmJobs[T]) take() *gemmJob[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.free) - 1; last >= 0 {
		g := s.free[last]
		s.free = s.free[:last]
		return g
	}
	g := new(gemmJob[T])
	g.packTask, g.updateTask, g.dotsTask, g.weightedTask = g.pack, g.update, g.dotsOf, g.weightedOf
	return g
}

func (s *gemmJobs[T]) give(g *gemmJob[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < keepJobs {
		s.free = append(s.free, g)
	}
}
