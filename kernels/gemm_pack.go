package kernels

import "unsafe"

// panels is a block of n vectors of an operand, cut into panels of width vectors: what one call of the micro-kernel reads. A panel is
// packed, so that the vectors of one depth are next to each other and those of the next depth follow, or it stays where it lies.
type panels[T Float] struct {
	o         *operand[T]
	i0, l0    int // the first vector of the block, and its first depth
	n, width  int
	depth     int
	packed    []T
	direct    bool // whether panels before firstPack are read where they lie
	firstPack int  // the panels from this vector of the block on are packed
}

// at returns the panel from vector i of the block on, a multiple of the width, and the distance of two depths in it.
func (p *panels[T]) at(i int) ([]T, int) {
	if i < p.firstPack {
		return p.o.at(p.i0+i, p.l0), p.o.ld
	}
	return p.packed[(i-p.firstPack)*p.depth:], p.width
}

// lay cuts a block into panels. Where direct, they are read too seldom to repay packing and stay where they are; the last only where it
// is full, or where partial tells that the micro-kernel reads no vectors beyond it. The buffer is grown to hold the others.
func lay[T Float](o *operand[T], i0, l0, n, depth, width int, direct, partial bool, buf []T) panels[T] {
	p := panels[T]{o: o, i0: i0, l0: l0, n: n, depth: depth, width: width, direct: direct}
	switch {
	case direct && partial:
		p.firstPack = n
	case direct:
		p.firstPack = n / width * width
	}
	if p.firstPack > 0 {
		o.raceRead(i0, l0, p.firstPack, depth)
	}
	p.packed = grow(buf, ceilDiv(n-p.firstPack, width)*width*depth)
	return p
}

// packOf packs the panels from vector i to vector i1.
func (t *gemmTile[T]) packOf(p *panels[T], i, i1 int) {
	pack := t.packCols
	if p.o.deep {
		pack = t.packRows
	} else {
		i = t.packWide(p, i, min(i1, p.n))
	}
	for ; i < i1; i += p.width {
		dst, _ := p.at(i)
		pack(dst[:p.width*p.depth], p.width, p.o.at(p.i0+i, p.l0), p.o.ld, min(p.width, p.n-i), p.depth)
	}
}

// panelsBeside is how many panels that lie side by side are packed at a time, where a tier can: rows of one panel after the other are
// pieces too short for memory, from which four take half of the time.
const panelsBeside = 4

// packWide packs panels side by side from vector i on, and returns the first vector that is left.
func (t *gemmTile[T]) packWide(p *panels[T], i, i1 int) int {
	pack, group := t.packWideB, panelsBeside*p.width
	if p.width == t.mr {
		pack = t.packWideA
	}
	if pack == nil {
		return i
	}
	for ; i+group <= i1; i += group {
		dst, _ := p.at(i)
		pack(dst[:group*p.depth], p.width*p.depth, p.o.at(p.i0+i, p.l0), p.o.ld, p.depth)
	}
	return i
}

// packTaskSize is the least number of elements that a task packs.
const packTaskSize = 1 << 15

// packTasks returns the number of tasks that pack a block, and the vectors of each.
func (p *panels[T]) packTasks() (tasks, vectors int) {
	vectors = roundUp(max(packTaskSize/p.depth, 1), panelsBeside*p.width)
	return ceilDiv(p.n-p.firstPack, vectors), vectors
}

// pack is one task of packing: those of A come first, then those of B.
func (g *gemmJob[T]) pack(task int) {
	p := &g.pa
	tasks, vectors := p.packTasks()
	if task >= tasks {
		task -= tasks
		p = &g.pb
		_, vectors = p.packTasks()
	}
	i := p.firstPack + task*vectors
	g.tile.packOf(p, i, min(i+vectors, p.n))
}

// packBlock packs the panels of A, and those of B where they are not those of the block before.
func (g *gemmJob[T]) packBlock() {
	a, _ := g.pa.packTasks()
	b := 0
	if g.i0 == 0 {
		b, _ = g.pb.packTasks()
	}
	g.each(a+b, g.packTask)
}

// grow returns buf, or a longer one on a boundary of 64 bytes where it is shorter than n.
func grow[T Float](buf []T, n int) []T {
	if n <= len(buf) {
		return buf
	}
	const line = 64
	n = roundUp(n, 1<<12)
	buf = make([]T, n+line)
	size := unsafe.Sizeof(buf[0])
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % line / size
	return buf[skip:][:n]
}
