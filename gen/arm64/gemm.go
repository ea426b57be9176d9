package main

import "fmt"

func init() { register("gemm", emitGemm) }

// The micro-kernel holds 8 rows x 3 vectors of C in registers: 24 sums, three vectors of B and two of A.
const (
	gemmRows    = 8
	gemmVectors = 3
	gemmColumns = gemmVectors * lanes
)

func emitGemm(m *machine) {
	for rows := gemmRows; rows >= 1; rows /= 2 {
		m.gemmUpdate(rows)
	}
	for _, rows := range []int{1, 4} {
		for columns := 1; columns <= 2; columns++ {
			m.gemmDots(rows, columns)
		}
	}
	m.gemmPackRows()
	m.gemmPackCols("A", gemmRows)
	m.gemmPackCols("B", gemmColumns)
}

// gemmUpdate emits the micro-kernel for a number of rows.
func (m *machine) gemmUpdate(rows int) {
	m.function(fmt.Sprintf("Gemm%dx%d", rows, gemmColumns),
		"func(k int, alpha float32, a *float32, lda int, b *float32, ldb int, beta float32, c *float32, ldc, cols int)",
		fmt.Sprintf("updates %d rows of C and their first cols <= %d columns:", rows, gemmColumns), "",
		"\tc[i*ldc+j] = alpha sum_l a[l*lda+i] b[l*ldb+j] + beta c[i*ldc+j]    l < k, k > 0", "",
		fmt.Sprintf("It reads %d elements of each row of b, and does not read c where beta = 0.", gemmColumns))
	sum := m.gemmSums(rows)
	alpha := m.scalar("alpha")
	for _, s := range sum {
		for _, v := range s {
			m.FMUL(alpha, v, v)
		}
	}
	m.gemmStore(sum)
}

// gemmSums emits the loop over k.
func (m *machine) gemmSums(rows int) [][]vec {
	k, a, lda, b, ldb := m.integer("k"), m.integer("a"), m.stride("lda"), m.integer("b"), m.stride("ldb")
	sum := make([][]vec, rows)
	for i := range sum {
		sum[i] = m.vecs(gemmVectors)
		for _, v := range sum[i] {
			m.VMOVI(v)
		}
	}
	step := func() {
		y := m.vecs(gemmVectors)
		m.loadPair(m.at(b, 0), y[0], y[1])
		m.loadQ(m.at(b, 2), y[2])
		x := m.gemmColumn(a, rows)
		for i, s := range sum {
			for v := range s {
				m.FMLALane(i%lanes, x[i/lanes], y[v], s[v])
			}
		}
		m.ADD(lda, a, a)
		m.ADD(ldb, b, b)
	}
	const unroll = 4
	m.times(k, unroll, func() {
		for range unroll {
			step()
		}
	})
	m.times(k, 1, step)
	return sum
}

// gemmColumn loads the elements of A of one depth, and none beyond the rows.
func (m *machine) gemmColumn(a gp, rows int) []vec {
	x := m.vecs((rows + lanes - 1) / lanes)
	switch rows {
	case 8:
		m.loadPair(m.at(a, 0), x[0], x[1])
	case 4:
		m.loadQ(m.at(a, 0), x[0])
	case 2:
		m.loadD(m.at(a, 0), x[0])
	case 1:
		m.loadS(m.at(a, 0), x[0])
	}
	return x
}

// gemmStore adds beta C and stores the columns asked for.
func (m *machine) gemmStore(sum [][]vec) {
	c, ldc, cols, bits, over := m.integer("c"), m.stride("ldc"), m.integer("cols"), m.gp(), m.label("overwrite")
	beta := m.scalar("beta")
	m.named("MOVWU %s, %v", nil, []reg{bits}, m.address("beta"), bits)
	m.ADDW(bits, bits, bits) // drops the sign of a zero
	m.CBZW(bits, over)
	m.gemmStoreColumns(sum, c, ldc, cols, &beta)
	m.RET()
	m.Label(over)
	m.gemmStoreColumns(sum, c, ldc, cols, nil)
	m.ret()
}

// gemmStoreColumns stores whole vectors while cols reaches, then two columns and one. It moves c and cols.
func (m *machine) gemmStoreColumns(sum [][]vec, c, ldc, cols gp, beta *vec) {
	done := m.label("stored")
	for v := range gemmVectors {
		x := make([]vec, len(sum)) // vector v of each row
		for i := range sum {
			x[i] = sum[i][v]
		}
		whole, one := m.label("whole"), m.label("one")
		m.SUBS(lanes, cols)
		m.BHS(whole)
		m.add(cols, lanes)
		m.TBZ(1, cols, one)
		m.gemmStoreRows(x, c, ldc, beta, m.loadD, m.storeD)
		for _, s := range x {
			m.VDUPHigh(s, s)
		}
		m.add(c, 8)
		m.Label(one)
		m.TBZ(0, cols, done)
		m.gemmStoreRows(x, c, ldc, beta, m.loadS, m.storeS)
		m.JMP(done)
		m.Label(whole)
		m.gemmStoreRows(x, c, ldc, beta, m.loadQ, m.storeQ)
		m.add(c, bytes)
	}
	m.Label(done)
}

// gemmStoreRows stores the first lanes of each of x, with beta C added unless beta is nil.
func (m *machine) gemmStoreRows(x []vec, c, ldc gp, beta *vec, load func(from mem, dst vec), store func(x vec, to mem)) {
	row := m.gp()
	m.MOVD(c, row)
	for i, s := range x {
		if beta != nil {
			old := m.vec()
			load(mem{row, 0}, old)
			m.VFMLA(old, *beta, s)
		}
		store(s, mem{row, 0})
		if i < len(x)-1 {
			m.ADD(ldc, row, row)
		}
	}
}
