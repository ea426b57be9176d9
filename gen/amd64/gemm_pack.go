package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packRows emits the transposing copy of 2 or 4 rows: vectors of the rows are interleaved, so that each 128-bit lane holds what goes
// to one or two places.
func (g *gemmTile) packRows(rows int) {
	g.function(fmt.Sprintf("GemmPackRows%d", rows), "func(dst *float32, width int, x *float32, ld, k int)",
		fmt.Sprintf("sets dst[l*width+i] = x[i*ld+l] for i < %d, l < k.", rows))
	k := g.integer("k")
	x := g.rowPointers("x", "ld", rows)
	dst, width := g.integer("dst"), g.stride("width")
	loop, rest, one, done := g.label("loop"), g.label("rest"), g.label("one"), g.label("done")
	lanes := g.lanes()
	p := make([]reg.GPVirtual, 16/g.size) // the places of the consecutive l of 128 bits
	for i := range p {
		p[i] = g.GP64()
	}
	g.MOVQ(dst, p[0])
	for i := 1; i < len(p); i++ {
		g.LEAQ(operand.Mem{Base: p[i-1], Index: width, Scale: 1}, p[i])
	}
	g.SUBQ(operand.U32(lanes), k)
	g.JB(operand.LabelRef(rest))
	g.Label(loop)
	v := make([]reg.VecVirtual, rows)
	for i := range v {
		v[i] = g.loaded(g.at(x[i], 0))
		g.add(x[i], g.bytes)
	}
	if g.double() {
		g.scatterPairs(v, p, width)
	} else {
		g.scatter(g.interleave(v), p, width)
	}
	g.SUBQ(operand.U32(lanes), k)
	g.JAE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(lanes), k)
	g.JZ(operand.LabelRef(done))
	g.Label(one)
	for i := range x {
		s := g.XMM()
		g.VMOVS(operand.Mem{Base: x[i]}, s)
		g.VMOVS(s, operand.Mem{Base: p[0], Disp: i * g.size})
		g.add(x[i], g.size)
	}
	g.ADDQ(width, p[0])
	g.SUBQ(operand.U32(1), k)
	g.JNZ(operand.LabelRef(one))
	g.Label(done)
	g.ret()
}

// interleave transposes the 4 x 4 or 2 x 4 block in each 128-bit lane: the result holds the columns 0 to 3 of each lane, two columns
// a vector where there are two rows.
func (g *gemmTile) interleave(v []reg.VecVirtual) []reg.VecVirtual {
	low, high := g.vec(), g.vec()
	g.VUNPCKLPS(v[1], v[0], low)
	g.VUNPCKHPS(v[1], v[0], high)
	if len(v) == 2 {
		return []reg.VecVirtual{low, high}
	}
	low2, high2 := g.vec(), g.vec()
	g.VUNPCKLPS(v[3], v[2], low2)
	g.VUNPCKHPS(v[3], v[2], high2)
	t := g.vecs(4)
	g.VUNPCKLPD(low2, low, t[0])
	g.VUNPCKHPD(low2, low, t[1])
	g.VUNPCKLPD(high2, high, t[2])
	g.VUNPCKHPD(high2, high, t[3])
	return t
}

// scatter stores the columns of each lane, and moves the four places to the end.
func (g *gemmTile) scatter(t []reg.VecVirtual, p []reg.GPVirtual, width reg.GPVirtual) {
	for lane := range g.bytes / 16 {
		for i := range t {
			x := g.part(t[i], lane)
			if len(t) == 4 {
				g.VMOVU(x, operand.Mem{Base: p[i]})
			} else {
				g.VMOVLPS(x, operand.Mem{Base: p[2*i]})
				g.VMOVHPS(x, operand.Mem{Base: p[2*i+1]})
			}
		}
		for i := range p {
			g.LEAQ(operand.Mem{Base: p[i], Index: width, Scale: 4}, p[i])
		}
	}
}

// part returns the 128 bits of a vector at a lane.
func (g *gemmTile) part(v reg.VecVirtual, lane int) reg.Register {
	if lane == 0 {
		return v.AsX()
	}
	x := g.XMM()
	if g.wide() {
		g.VEXTRACTF32X4(operand.U8(lane), v, x)
	} else {
		g.VEXTRACTF128(operand.U8(lane), v, x)
	}
	return x
}

// packWhole emits the transposing copy of as many rows as a panel of A has, or as two vectors of float64 or one of float32 hold, into panels
// of the given width: all of a depth at once, so that the panel is written in order and as many rows are read at a time.
func (g *gemmTile) packWhole(side string, rows, width int) {
	g.function("GemmPackWhole"+side, "func(dst *float32, x *float32, ld, k int)",
		fmt.Sprintf("sets dst[l*%d+i] = x[i*ld+l] for i < %d, l < k.", width, rows))
	k, dst, ld := g.integer("k"), g.integer("dst"), g.stride("ld")
	p := []reg.GPVirtual{g.integer("x")}
	for i := rowsPerPointer; i < rows; i += rowsPerPointer {
		next := g.GP64()
		g.LEAQ(operand.Mem{Base: p[len(p)-1], Index: ld, Scale: 1}, next)
		g.LEAQ(operand.Mem{Base: next, Index: ld, Scale: 2}, next)
		p = append(p, next)
	}
	at := func(i int) operand.Mem {
		m := operand.Mem{Base: p[i/rowsPerPointer]}
		if s := i % rowsPerPointer; s > 0 {
			m.Index, m.Scale = ld, uint8(s)
		}
		return m
	}
	lanes, per := g.lanes(), 16/g.size // columns of a pass; of those, how many 128 bits hold
	mask := g.firstLanes(rows % lanes)
	loop, rest, one, done := g.label("loop"), g.label("rest"), g.label("one"), g.label("done")
	g.SUBQ(operand.U32(lanes), k)
	g.JB(operand.LabelRef(rest))
	g.Label(loop)
	for first := 0; first < rows; first += lanes {
		v := make([]reg.VecVirtual, lanes)
		for i := range v {
			if first+i < rows {
				v[i] = g.loaded(at(first + i))
			} else {
				v[i] = v[i-2] // is not stored
			}
		}
		for c, t := range g.quarters(v) {
			for lane, column := range g.regroup(t) {
				if first+lanes > rows {
					g.mask = mask
				}
				g.store(column, operand.Mem{Base: dst, Disp: ((lane*per+c)*width + first) * g.size})
				g.mask = nil
			}
		}
	}
	for _, r := range p {
		g.add(r, g.bytes)
	}
	g.add(dst, lanes*width*g.size)
	g.SUBQ(operand.U32(lanes), k)
	g.JAE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(lanes), k)
	g.JZ(operand.LabelRef(done))
	g.Label(one)
	for i := range rows {
		s := g.XMM()
		g.VMOVS(at(i), s)
		g.VMOVS(s, operand.Mem{Base: dst, Disp: i * g.size})
	}
	for _, r := range p {
		g.add(r, g.size)
	}
	g.add(dst, width*g.size)
	g.SUBQ(operand.U32(1), k)
	g.JNZ(operand.LabelRef(one))
	g.Label(done)
	g.ret()
}

// quarters transposes the blocks of 128 bits of a square of vectors: element c of the result holds, for each quarter of the rows, the
// columns c of the blocks, one in each.
func (g *gemmTile) quarters(v []reg.VecVirtual) [][]reg.VecVirtual {
	t := make([][]reg.VecVirtual, 16/g.size)
	for i := 0; i < len(v); i += len(t) {
		if g.double() {
			low, high := g.vec(), g.vec()
			g.VUNPCKLPD(v[i+1], v[i], low)
			g.VUNPCKHPD(v[i+1], v[i], high)
			t[0], t[1] = append(t[0], low), append(t[1], high)
			continue
		}
		for c, u := range g.interleave(v[i:][:4]) {
			t[c] = append(t[c], u)
		}
	}
	return t
}

// regroup transposes the 4 x 4 blocks of 128 bits of four vectors.
func (g *gemmTile) regroup(u []reg.VecVirtual) []reg.VecVirtual {
	const even, odd = 0x88, 0xdd
	pick := func(x, y reg.VecVirtual, which uint8) reg.VecVirtual {
		r := g.vec()
		g.VSHUFF32X4(operand.U8(which), y, x, r)
		return r
	}
	e0, e1 := pick(u[0], u[1], even), pick(u[2], u[3], even)
	o0, o1 := pick(u[0], u[1], odd), pick(u[2], u[3], odd)
	return []reg.VecVirtual{pick(e0, e1, even), pick(o0, o1, even), pick(e0, e1, odd), pick(o0, o1, odd)}
}

// scatterPairs transposes the 2 x 2 blocks in each 128-bit lane of pairs of rows, stores them, and moves the two places to the end.
func (g *gemmTile) scatterPairs(v []reg.VecVirtual, p []reg.GPVirtual, width reg.GPVirtual) {
	var t [2][]reg.VecVirtual
	for i := 0; i < len(v); i += 2 {
		low, high := g.vec(), g.vec()
		g.VUNPCKLPD(v[i+1], v[i], low)
		g.VUNPCKHPD(v[i+1], v[i], high)
		t[0], t[1] = append(t[0], low), append(t[1], high)
	}
	for lane := range g.bytes / 16 {
		for column := range t {
			for pair, w := range t[column] {
				g.VMOVU(g.part(w, lane), operand.Mem{Base: p[column], Disp: 16 * pair})
			}
		}
		for i := range p {
			g.LEAQ(operand.Mem{Base: p[i], Index: width, Scale: 2}, p[i])
		}
	}
}

// packCols emits the copy of at most width contiguous vectors, with zeros for those that are missing.
func (g *gemmTile) packCols(side string, width int) {
	g.function("GemmPackCols"+side, "func(dst *float32, x *float32, ld, cols, k int)",
		fmt.Sprintf("sets dst[l*%d+i] = x[l*ld+i] for i < cols, and 0 for cols <= i < %d, l < k.", width, width))
	k := g.integer("k")
	x, ld := g.integer("x"), g.stride("ld")
	dst := g.integer("dst")
	masks := g.masks("cols")
	var full reg.Register // the last vector of a panel, where it is not a whole one
	lanes := g.lanes()
	if g.wide() {
		full = g.firstLanes(width % lanes)
	}
	loop, done := g.label("loop"), g.label("done")
	g.TESTQ(k, k)
	g.JZ(operand.LabelRef(done))
	g.Label(loop)
	for v := range (width + lanes - 1) / lanes {
		g.mask = masks[v]
		r := g.loaded(g.at(x, v))
		g.mask = nil
		if n := width - v*lanes; n < lanes {
			g.storeFirst(r, n, full, g.at(dst, v))
		} else {
			g.store(r, g.at(dst, v))
		}
	}
	g.ADDQ(ld, x)
	g.add(dst, width*g.size)
	g.SUBQ(operand.U32(1), k)
	g.JNZ(operand.LabelRef(loop))
	g.Label(done)
	g.ret()
}

// panelsBeside is how many panels packWide copies.
const panelsBeside = 4

// packWide emits the copy of whole panels that lie side by side: their rows are read in one piece, which memory supplies faster than those
// of one panel after the other.
func (g *gemmTile) packWide(side string, width int) {
	g.function("GemmPackWide"+side, "func(dst *float32, panel int, x *float32, ld, k int)",
		fmt.Sprintf("sets dst[p*panel+l*%d+i] = x[l*ld+p*%d+i] for p < %d, i < %d, l < k.", width, width, panelsBeside, width))
	k := g.integer("k")
	x, ld := g.integer("x"), g.stride("ld")
	dst := []reg.GPVirtual{g.integer("dst")}
	panel := g.stride("panel")
	for p := 1; p < panelsBeside; p++ {
		next := g.GP64()
		g.LEAQ(operand.Mem{Base: dst[p-1], Index: panel, Scale: 1}, next)
		dst = append(dst, next)
	}
	mask := g.firstLanes(width % g.lanes())
	loop, done := g.label("loop"), g.label("done")
	g.TESTQ(k, k)
	g.JZ(operand.LabelRef(done))
	g.Label(loop)
	for p := range dst {
		for at := 0; at < width; at += g.lanes() {
			if width-at < g.lanes() {
				g.mask = mask
			}
			g.store(g.loaded(operand.Mem{Base: x, Disp: (p*width + at) * g.size}), operand.Mem{Base: dst[p], Disp: at * g.size})
			g.mask = nil
		}
		g.add(dst[p], width*g.size)
	}
	g.ADDQ(ld, x)
	g.SUBQ(operand.U32(1), k)
	g.JNZ(operand.LabelRef(loop))
	g.Label(done)
	g.ret()
}

// firstLanes returns the mask of the first n lanes of AVX-512, or nil where n = 0.
func (g *gemmTile) firstLanes(n int) reg.Register {
	if n == 0 {
		return nil
	}
	bits, mask := g.GP32(), g.K()
	g.MOVL(operand.U32(1<<n-1), bits)
	g.KMOVW(bits, mask)
	return mask
}

// storeFirst stores the first n lanes: under a mask, or on AVX2 the six, or two of float64, that its tile has.
func (g *gemmTile) storeFirst(r reg.VecVirtual, n int, mask reg.Register, to operand.Mem) {
	if g.wide() {
		g.mask = mask
		g.store(r, to)
		g.mask = nil
		return
	}
	g.VMOVU(r.AsX(), to)
	switch {
	case g.double() && n == 2:
		return
	case g.double() || n != 6:
		panic("packCols: no store for this width")
	}
	x := g.XMM()
	g.VEXTRACTF128(operand.U8(1), r, x)
	to.Disp += 16
	g.VMOVLPS(x, to)
}
