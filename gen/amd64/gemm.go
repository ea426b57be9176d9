package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { register("gemm", emitGemm) }

// A gemmTile is the block of C that the micro-kernel holds in registers: rows x two vectors of columns. Of the registers of the tier,
// 2 rows hold the sums, two the row of B, and the rest the elements of A on their way.
type gemmTile struct {
	*machine
	most int          // rows of a whole tile
	lane *operand.Mem // the numbers of the lanes of two vectors
}

func newGemmTile(m *machine) *gemmTile {
	g := &gemmTile{machine: m, most: 6}
	if m.wide() {
		g.most = 14
	}
	return g
}

// integer returns a parameter that is a number or a pointer.
func (g *gemmTile) integer(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name), r)
	return r
}

func (g *gemmTile) columns() int { return 2 * g.lanes() }

func emitGemm(m *machine) {
	g := newGemmTile(m)
	for rows := 1; rows <= g.most; rows++ {
		g.update(rows)
	}
	for _, rows := range []int{1, 4} {
		for columns := 1; columns <= 2; columns++ {
			g.dots(rows, columns)
		}
	}
	g.packRows(4)
	g.packRows(2)
	g.packCols("B", g.columns())
	g.packCols("A", g.most)
}

// update emits the micro-kernel for a number of rows.
func (g *gemmTile) update(rows int) {
	g.function(fmt.Sprintf("Gemm%dx%d", rows, g.columns()),
		"func(k int, alpha float32, a *float32, lda int, b *float32, ldb int, beta float32, c *float32, ldc, cols int)",
		fmt.Sprintf("updates %d rows of C and their first cols <= %d columns:", rows, g.columns()), "",
		"\tc[i*ldc+j] = alpha sum_l a[l*lda+i] b[l*ldb+j] + beta c[i*ldc+j]    l < k, k > 0", "",
		fmt.Sprintf("It reads %d elements of each row of b, and does not read c where beta = 0.", g.columns()))
	k := g.integer("k")
	a, lda := g.integer("a"), g.stride("lda")
	b, ldb := g.integer("b"), g.stride("ldb")
	c, ldc := g.integer("c"), g.stride("ldc")
	g.prefetchRows(c, ldc, rows)
	sum := g.sums(rows, k, a, lda, b, ldb)
	g.scale(sum)
	g.storeTile(sum, c, ldc)
}

// prefetchRows fetches the tile of C while the sums are formed.
func (g *gemmTile) prefetchRows(c, ldc reg.GPVirtual, rows int) {
	p := g.GP64()
	g.MOVQ(c, p)
	for i := range rows {
		for at := 0; at < 2*g.bytes; at += 64 {
			g.PREFETCHT0(operand.Mem{Base: p, Disp: at})
		}
		if i < rows-1 {
			g.ADDQ(ldc, p)
		}
	}
}

// sums emits the loop over k.
func (g *gemmTile) sums(rows int, k, a, lda, b, ldb reg.GPVirtual) [][2]reg.VecVirtual {
	sum := make([][2]reg.VecVirtual, rows)
	for i := range sum {
		sum[i] = [2]reg.VecVirtual{g.zero(), g.zero()}
	}
	const unroll = 4
	loop, rest, one, done := g.label("loop"), g.label("rest"), g.label("one"), g.label("done")
	step := func() {
		b0, b1 := g.loaded(g.at(b, 0)), g.loaded(g.at(b, 1))
		for i := range sum {
			x := g.vec()
			g.VBROADCAST(operand.Mem{Base: a, Disp: i * g.size}, x)
			g.VFMADD231(b0, x, sum[i][0])
			g.VFMADD231(b1, x, sum[i][1])
		}
		g.ADDQ(lda, a)
		g.ADDQ(ldb, b)
	}
	g.SUBQ(operand.U32(unroll), k)
	g.JB(operand.LabelRef(rest))
	g.Label(loop)
	for range unroll {
		step()
	}
	g.SUBQ(operand.U32(unroll), k)
	g.JAE(operand.LabelRef(loop))
	g.Label(rest)
	g.ADDQ(operand.U32(unroll), k)
	g.JZ(operand.LabelRef(done))
	g.Label(one)
	step()
	g.SUBQ(operand.U32(1), k)
	g.JNZ(operand.LabelRef(one))
	g.Label(done)
	return sum
}

func (g *gemmTile) scale(sum [][2]reg.VecVirtual) {
	alpha := g.scalar("alpha")
	for _, s := range sum {
		g.VMUL(alpha, s[0], s[0])
		g.VMUL(alpha, s[1], s[1])
	}
}

// storeTile adds beta C and stores the columns asked for. AVX2 masks only where it must: its masked stores are slow.
func (g *gemmTile) storeTile(sum [][2]reg.VecVirtual, c, ldc reg.GPVirtual) {
	if g.wide() {
		g.storeRows(sum, c, ldc, g.masks("cols"))
		return
	}
	edge := g.label("edge")
	g.CMPQ(g.integer("cols"), operand.U32(g.columns()))
	g.JB(operand.LabelRef(edge))
	g.storeRows(sum, c, ldc, [2]reg.Register{})
	g.Label(edge)
	g.storeRows(sum, c, ldc, g.masks("cols"))
}

// masks returns the masks of the lanes of two vectors whose number is below the parameter cols.
func (g *gemmTile) masks(cols string) (masks [2]reg.Register) {
	lanes := g.lanes()
	if g.lane == nil {
		t := g.StaticGlobal("lane")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 2 * lanes {
			g.AppendDatum(g.datum(uint64(i)))
		}
		g.lane = &t
	}
	n := g.vec()
	choose(g.machine, g.VPBROADCASTD, g.VPBROADCASTQ)(g.address(g.Param(cols)), n)
	for v := range masks {
		masks[v] = g.vec()
		if g.wide() {
			masks[v] = g.K()
		}
		choose(g.machine, g.VPCMPGTD, g.VPCMPGTQ)(g.lane.Offset(v*g.bytes), n, masks[v])
	}
	return masks
}

func (g *gemmTile) storeRows(sum [][2]reg.VecVirtual, c, ldc reg.GPVirtual, masks [2]reg.Register) {
	over := g.label("overwrite")
	row := g.GP64()
	beta := g.scalar("beta")
	rows := func(add bool) {
		g.MOVQ(c, row)
		for _, s := range sum {
			for v := range s {
				g.mask = masks[v]
				if add {
					g.VFMADD231(g.memory(g.at(row, v)), beta, s[v])
				}
				g.store(s[v], g.at(row, v))
			}
			g.ADDQ(ldc, row)
		}
		g.mask = nil
		g.ret()
	}
	if g.double() {
		bits := g.GP64()
		g.MOVQ(g.address(g.Param("beta")), bits)
		g.ADDQ(bits, bits) // drops the sign of a zero
	} else {
		bits := g.GP32()
		g.MOVL(g.address(g.Param("beta")), bits)
		g.ADDL(bits, bits)
	}
	g.JZ(operand.LabelRef(over))
	rows(true)
	g.Label(over)
	rows(false)
}
