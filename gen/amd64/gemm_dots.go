package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dots emits the products of rows of x with one or two rows of y, all contiguous along k: rows of x at a time, groups times.
func (g *gemmTile) dots(rows, columns int) {
	g.function(fmt.Sprintf("GemmDots%dx%d", rows, columns),
		"func(d *float32, ldd int, k int, x *float32, ldx int, y *float32, ldy int, groups int)",
		"sets", "", fmt.Sprintf("\td[r*ldd+s] = sum_l x[r*ldx+l] y[s*ldy+l]    r < %d groups, s < %d, l < k", rows, columns), "",
		"for groups > 0.")
	x := g.rowPointers("x", "ldx", rows)
	y := g.rowPointers("y", "ldy", columns)
	// The rows that the next group takes are fetched now: the processor's own prefetching does not see from one row to another.
	next, ahead := g.stride("ldx"), operand.Mem{Scale: uint8(rows)}
	loop := g.label("group")
	g.Label(loop)
	k := g.integer("k")
	// Eight sums at least, to cover the latency of the multiplications on two ports.
	unroll := max(1, 8/(rows*columns))
	sum := make([][]reg.VecVirtual, unroll)
	for u := range sum {
		sum[u] = make([]reg.VecVirtual, rows*columns)
		for i := range sum[u] {
			sum[u][i] = g.zero()
		}
	}
	g.each(k, unroll, append(append([]reg.GPVirtual{}, x...), y...), func(count int) {
		for u := range count {
			var ys []reg.VecVirtual
			for _, p := range y {
				ys = append(ys, g.loaded(g.at(p, u)))
			}
			for r, p := range x {
				xr := g.loaded(g.at(p, u))
				if u%g.perLine() == 0 {
					ahead.Base, ahead.Index, ahead.Disp = p, next, u*g.bytes
					g.PREFETCHT0(ahead)
				}
				for s, v := range ys {
					g.VFMADD231(v, xr, sum[u][r*columns+s])
				}
			}
		}
	})
	for u := unroll / 2; u > 0; u /= 2 {
		for v := range u {
			for i, s := range sum[v] {
				g.VADD(sum[v+u][i], s, s)
			}
		}
	}
	d, ldd := g.integer("d"), g.stride("ldd")
	if g.wide() && rows == 4 && columns == 2 {
		g.storePairs(g.totals(sum[0]), d, ldd)
	} else {
		for i, s := range sum[0] {
			g.VMOVS(g.total(s), operand.Mem{Base: d, Disp: g.size * (i % columns)})
			if i%columns == columns-1 {
				g.ADDQ(ldd, d)
			}
		}
	}
	g.MOVQ(d, g.address(g.Param("d")))
	back := g.inBytes(g.address(g.Param("k")))
	for _, p := range append(x, y...) {
		g.SUBQ(back, p)
	}
	for _, p := range x {
		g.LEAQ(operand.Mem{Base: p, Index: next, Scale: uint8(rows)}, p)
	}
	g.SUBQ(operand.U32(1), g.address(g.Param("groups")))
	g.JNZ(operand.LabelRef(loop))
	g.ret()
}

// totals adds up the lanes of eight vectors, of rows and two columns: the 128 bits at each row of the result begin with its two totals.
func (g *gemmTile) totals(v []reg.VecVirtual) reg.VecVirtual {
	fold := func(a, b reg.VecVirtual, first, second uint8) reg.VecVirtual {
		x, y := g.vec(), g.vec()
		g.VSHUFF64X2(operand.U8(first), b, a, x)
		g.VSHUFF64X2(operand.U8(second), b, a, y)
		g.VADD(y, x, x)
		return x
	}
	const low, high, even, odd = 0x44, 0xee, 0x88, 0xdd
	var column [2]reg.VecVirtual
	for s := range column {
		column[s] = fold(fold(v[s], v[2+s], low, high), fold(v[4+s], v[6+s], low, high), even, odd)
	}
	x, y := g.vec(), g.vec()
	g.VUNPCKLPD(column[1], column[0], x)
	g.VUNPCKHPD(column[1], column[0], y)
	g.VADD(y, x, x)
	if g.double() {
		return x
	}
	const pairs, neighbours = 0b00_00_10_00, 0b00_00_11_01
	g.VPERMILPS(operand.U8(neighbours), x, y)
	g.VPERMILPS(operand.U8(pairs), x, x)
	g.VADD(y, x, x)
	return x
}

// storePairs stores the first two elements of each 128 bits of v, and moves d to the end.
func (g *gemmTile) storePairs(v reg.VecVirtual, d, ldd reg.GPVirtual) {
	for lane := range 4 {
		x := g.part(v, lane)
		if g.double() {
			g.VMOVU(x, operand.Mem{Base: d})
		} else {
			g.VMOVLPS(x, operand.Mem{Base: d})
		}
		g.ADDQ(ldd, d)
	}
}

// rowPointers returns pointers to n rows of a parameter.
func (g *gemmTile) rowPointers(name, ld string, n int) []reg.GPVirtual {
	p := []reg.GPVirtual{g.integer(name)}
	if n == 1 {
		return p
	}
	step := g.stride(ld)
	for len(p) < n {
		next := g.GP64()
		g.LEAQ(operand.Mem{Base: p[len(p)-1], Index: step, Scale: 1}, next)
		p = append(p, next)
	}
	return p
}

// total returns the sum of the lanes of v, in lane 0.
func (g *gemmTile) total(v reg.VecVirtual) reg.VecVirtual {
	if g.wide() {
		half := g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), v, half)
		g.VADD(half, v.AsY(), half)
		v = half
	}
	high := g.XMM()
	g.VEXTRACTF128(operand.U8(1), v.AsY(), high)
	g.VADD(high, v.AsX(), high)
	low := g.XMM()
	if g.double() {
		g.VPERMILPD(operand.U8(1), high, low)
		g.VADD(high, low, low)
		return low
	}
	g.VPERMILPS(operand.U8(0x0e), high, low)
	g.VADD(high, low, low)
	g.VMOVSHDUP(low, high)
	g.VADDSS(high, low, low)
	return low
}
