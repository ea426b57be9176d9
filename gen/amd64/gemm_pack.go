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
	if n := width % lanes; n != 0 && g.wide() {
		bits := g.GP32()
		g.MOVL(operand.U32(1<<n-1), bits)
		full = g.K()
		g.KMOVW(bits, full)
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
