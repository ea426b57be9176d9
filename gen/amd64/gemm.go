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
		g.updateRows(rows)
	}
	for _, rows := range []int{1, 4} {
		for columns := 1; columns <= 2; columns++ {
			g.dots(rows, columns)
		}
	}
	g.packRows(4)
	g.packRows(2)
	g.packCols("B", g.columns())
	g.packWide("B", g.columns())
	if g.wide() {
		g.packWide("A", g.most)
		g.packWhole("A", g.most, g.most)
		g.packWhole("B", 16, g.columns())
	}
	g.packCols("A", g.most)
}

// update emits the micro-kernel for a number of rows, of a packed A or of one whose columns lie in rows.
func (g *gemmTile) update(rows int) {
	g.micro("Gemm", "a[l*lda+i]", rows, func() gemmFactors {
		a, lda := g.integer("a"), g.stride("lda")
		return gemmFactors{
			at:   func(i, _ int) operand.Mem { return operand.Mem{Base: a, Disp: i * g.size} },
			step: func() { g.ADDQ(lda, a) },
			jump: func(int) {},
		}
	})
}

// rowsPerPointer is how many rows one pointer reaches: itself and twice the leading dimension.
const rowsPerPointer = 3

// updateRows emits the micro-kernel for rows of an A that lies as it is stored.
func (g *gemmTile) updateRows(rows int) {
	g.micro("GemmRows", "a[i*lda+l]", rows, func() gemmFactors {
		lda := g.stride("lda")
		p := []reg.GPVirtual{g.integer("a")}
		for i := rowsPerPointer; i < rows; i += rowsPerPointer {
			next := g.GP64()
			g.LEAQ(operand.Mem{Base: p[len(p)-1], Index: lda, Scale: 1}, next)
			g.LEAQ(operand.Mem{Base: next, Index: lda, Scale: 2}, next)
			p = append(p, next)
		}
		return gemmFactors{
			at: func(i, l int) operand.Mem {
				m := operand.Mem{Base: p[i/rowsPerPointer], Disp: l * g.size}
				if s := i % rowsPerPointer; s > 0 {
					m.Index, m.Scale = lda, uint8(s)
				}
				return m
			},
			step: func() {},
			jump: func(l int) {
				for _, r := range p {
					g.add(r, l*g.size)
				}
			},
		}
	})
}

// gemmFactors is how the micro-kernel finds the elements of A: at row i and l steps after the last jump. step moves on by one, jump by
// the l steps of a pass of the loop.
type gemmFactors struct {
	at   func(i, l int) operand.Mem
	step func()
	jump func(l int)
}

// micro emits a micro-kernel; element is how its A lies.
func (g *gemmTile) micro(name, element string, rows int, factors func() gemmFactors) {
	g.function(fmt.Sprintf("%s%dx%d", name, rows, g.columns()),
		"func(k int, alpha float32, a *float32, lda int, b *float32, ldb int, beta float32, c *float32, ldc, cols int, next *float32)",
		fmt.Sprintf("updates %d rows of C and their first cols <= %d columns:", rows, g.columns()), "",
		fmt.Sprintf("\tc[i*ldc+j] = alpha sum_l %s b[l*ldb+j] + beta c[i*ldc+j]    l < k, k > 0", element), "",
		fmt.Sprintf("It reads %s elements of each row of b, and does not read c where beta = 0. Lines from next on are asked for into the cache.", g.reads()))
	var masks [2]reg.Register
	if g.wide() {
		masks = g.masks("cols")
	}
	sum := g.sums(rows, factors(), masks)
	g.scale(sum)
	g.storeTile(sum, masks)
}

// reads is how much of a row of b is read: on AVX2 all that fits, as loads under masks take longer there.
func (g *gemmTile) reads() string {
	if g.wide() {
		return "cols"
	}
	return fmt.Sprint(g.columns())
}

// unroll is how many steps of k a pass of the loops takes.
const unroll = 4

// sums emits the loop over k, with B under masks on AVX-512. Each pass asks for a line of what the next calls read, the last ones for a
// row of C each instead: asked for at once, its lines would hold up those of A and B.
func (g *gemmTile) sums(rows int, a gemmFactors, masks [2]reg.Register) [][2]reg.VecVirtual {
	k, b, ldb := g.integer("k"), g.integer("b"), g.stride("ldb")
	next := g.integer("next")
	sum := make([][2]reg.VecVirtual, rows)
	for i := range sum {
		sum[i] = [2]reg.VecVirtual{g.zero(), g.zero()}
	}
	step := func(l int) {
		var row [2]reg.VecVirtual
		for v := range row {
			g.mask = masks[v]
			row[v] = g.loaded(g.at(b, v))
		}
		g.mask = nil
		for i := range sum {
			x := g.vec()
			g.VBROADCAST(a.at(i, l), x)
			g.VFMADD231(row[0], x, sum[i][0])
			g.VFMADD231(row[1], x, sum[i][1])
		}
		a.step()
		g.ADDQ(ldb, b)
	}
	// passes emits a loop that leaves less than last of k.
	passes := func(last int, prefetch func()) {
		loop, end := g.label("loop"), g.label("end")
		g.SUBQ(operand.U32(last), k)
		g.JLT(operand.LabelRef(end))
		g.Label(loop)
		prefetch()
		for l := range unroll {
			step(l)
		}
		a.jump(unroll)
		g.SUBQ(operand.U32(unroll), k)
		g.JGE(operand.LabelRef(loop))
		g.Label(end)
		g.ADDQ(operand.U32(last), k)
	}
	passes(unroll*(1+rows), func() {
		g.PREFETCHT1(operand.Mem{Base: next})
		g.ADDQ(operand.U32(64), next)
	})
	c, ldc := g.integer("c"), g.stride("ldc")
	passes(unroll, func() {
		for at := 0; at < 2*g.bytes; at += 64 {
			g.PREFETCHT0(operand.Mem{Base: c, Disp: at})
		}
		g.ADDQ(ldc, c)
	})
	one, done := g.label("one"), g.label("done")
	g.TESTQ(k, k)
	g.JZ(operand.LabelRef(done))
	g.Label(one)
	step(0)
	a.jump(1)
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
func (g *gemmTile) storeTile(sum [][2]reg.VecVirtual, masks [2]reg.Register) {
	c, ldc := g.integer("c"), g.stride("ldc")
	if g.wide() {
		g.storeRows(sum, c, ldc, masks)
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
