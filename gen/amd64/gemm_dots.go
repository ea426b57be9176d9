package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dots emits the products of rows of x with one or two rows of y, all contiguous along k.
func (g *gemmTile) dots(rows, columns int) {
	g.function(fmt.Sprintf("GemmDots%dx%d", rows, columns),
		"func(d *float32, k int, x *float32, ldx int, y *float32, ldy int)",
		"sets", "", fmt.Sprintf("\td[4*r+s] = sum_l x[r*ldx+l] y[s*ldy+l]    r < %d, s < %d, l < k", rows, columns))
	k := g.integer("k")
	x := g.rowPointers("x", "ldx", rows)
	y := g.rowPointers("y", "ldy", columns)
	// The rows that the next call takes are fetched now: the processor's own prefetching does not see from one row to another.
	next, ahead := g.stride("ldx"), operand.Mem{Scale: uint8(rows)}
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
	d := g.integer("d")
	for i, s := range sum[0] {
		for u := unroll / 2; u > 0; u /= 2 {
			for v := range u {
				g.VADD(sum[v+u][i], sum[v][i], sum[v][i])
			}
		}
		g.VMOVS(g.total(s), operand.Mem{Base: d, Disp: g.size * (i/columns*4 + i%columns)})
	}
	g.ret()
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
