package main

import "fmt"

func init() { register("gemm", emitGemm) }

// The micro-kernel holds 8 rows x 3 vectors of C in registers: 24 sums, three vectors of B and two of A, four in float64. An element of A
// multiplies where it lies, so that 24 multiplications take five loads of one or two vectors, seven in float64.
const (
	gemmRows    = 8
	gemmVectors = 3
)

func (m *machine) gemmColumns() int { return gemmVectors * m.lanes() }

func emitGemm(m *machine) {
	for rows := gemmRows; rows >= 1; rows /= 2 {
		m.gemmUpdate(rows)
	}
	for _, rows := range []int{1, 4} {
		for columns := 1; columns <= 2; columns++ {
			m.gemmDots(rows, columns)
		}
	}
	m.gemmPackRows(4)
	m.gemmPackRows(2)
	m.gemmPackCols("A", gemmRows)
	m.gemmPackCols("B", m.gemmColumns())
}

// gemmUpdate emits the micro-kernel for a number of rows.
func (m *machine) gemmUpdate(rows int) {
	m.function(fmt.Sprintf("Gemm%dx%d", rows, m.gemmColumns()),
		"func(k int, alpha float32, a *float32, lda int, b *float32, ldb int, beta float32, c *float32, ldc, cols int)",
		fmt.Sprintf("updates %d rows of C and their first cols <= %d columns:", rows, m.gemmColumns()), "",
		"\tc[i*ldc+j] = alpha sum_l a[l*lda+i] b[l*ldb+j] + beta c[i*ldc+j]    l < k, k > 0", "",
		fmt.Sprintf("It reads %d elements of each row of b, and does not read c where beta = 0.", m.gemmColumns()))
	m.gemmPrefetch(rows)
	sum := m.gemmSums(rows)
	alpha := m.scalar("alpha")
	for _, s := range sum {
		for _, v := range s {
			m.FMUL(alpha, v, v)
		}
	}
	m.gemmStore(sum)
}

// gemmPrefetch fetches the tile of C while the sums are formed: the first and the last eight bytes of its rows, which may be in two lines.
func (m *machine) gemmPrefetch(rows int) {
	row, ldc := m.integer("c"), m.stride("ldc")
	for i := range rows {
		m.PRFM(mem{row, 0}, forStore)
		m.PRFM(mem{row, gemmVectors*bytes - 8}, forStore)
		if i < rows-1 {
			m.ADD(ldc, row, row)
		}
	}
}

// gemmSums emits the loop over k.
func (m *machine) gemmSums(rows int) [][]vec {
	k, a, lda, b, ldb := m.integer("k"), m.integer("a"), m.stride("lda"), m.integer("b"), m.stride("ldb")
	sum := make([][]vec, rows)
	for i := range sum {
		sum[i] = m.zeros(gemmVectors)
	}
	step := func() {
		y := m.vecs(gemmVectors)
		m.loadPair(m.at(b, 0), y[0], y[1])
		m.loadAll(m.at(b, 2), y[2])
		x := m.gemmColumn(a, rows)
		for i, s := range sum {
			for v := range s {
				m.FMLALane(i%m.lanes(), x[i/m.lanes()], y[v], s[v])
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

// gemmColumn loads the elements of A of one depth, and none beyond the rows, of which there are 1, 2, 4 or 8.
func (m *machine) gemmColumn(a gp, rows int) []vec {
	x := m.vecs((rows + m.lanes() - 1) / m.lanes())
	switch size := rows * m.size; {
	case size >= 2*bytes:
		for i := 0; i < len(x); i += 2 {
			m.loadPair(m.at(a, i), x[i], x[i+1])
		}
	case size == bytes:
		m.loadAll(m.at(a, 0), x[0])
	case rows == 2:
		m.loadHalf(m.at(a, 0), x[0])
	default:
		m.loadLane(m.at(a, 0), x[0])
	}
	return x
}

// gemmStore adds beta C and stores the columns asked for.
func (m *machine) gemmStore(sum [][]vec) {
	c, ldc, cols, over := m.integer("c"), m.stride("ldc"), m.integer("cols"), m.label("overwrite")
	beta := m.scalar("beta")
	m.jumpIfZero("beta", over)
	m.gemmStoreColumns(sum, c, ldc, cols, &beta)
	m.RET()
	m.Label(over)
	m.gemmStoreColumns(sum, c, ldc, cols, nil)
	m.ret()
}

// jumpIfZero jumps to the label when an element that is an argument is 0 or -0.
func (m *machine) jumpIfZero(name, label string) {
	bits := m.gp()
	if m.double() {
		m.named("MOVD %s, %v", nil, []reg{bits}, m.address(name), bits)
		m.ADD(bits, bits, bits) // drops the sign
		m.CBZ(bits, label)
		return
	}
	m.named("MOVWU %s, %v", nil, []reg{bits}, m.address(name), bits)
	m.ADDW(bits, bits, bits)
	m.CBZW(bits, label)
}

// gemmStoreColumns stores whole vectors while cols reaches, then, of float32, two columns, and one. It moves c and cols.
func (m *machine) gemmStoreColumns(sum [][]vec, c, ldc, cols gp, beta *vec) {
	done := m.label("stored")
	for v := range gemmVectors {
		x := make([]vec, len(sum)) // vector v of each row
		for i := range sum {
			x[i] = sum[i][v]
		}
		whole := m.label("whole")
		m.SUBS(m.lanes(), cols)
		m.BHS(whole)
		m.add(cols, m.lanes())
		if !m.double() {
			m.gemmStoreTwo(x, c, ldc, cols, beta)
		}
		m.TBZ(0, cols, done)
		m.gemmStoreRows(x, c, ldc, beta, m.loadLane, m.storeLane)
		m.JMP(done)
		m.Label(whole)
		m.gemmStoreRows(x, c, ldc, beta, m.loadAll, m.storeAll)
		m.add(c, bytes)
	}
	m.Label(done)
}

// gemmStoreTwo stores two columns where cols has them, and moves the others to the front.
func (m *machine) gemmStoreTwo(x []vec, c, ldc, cols gp, beta *vec) {
	fewer := m.label("fewer")
	m.TBZ(1, cols, fewer)
	m.gemmStoreRows(x, c, ldc, beta, m.loadHalf, m.storeHalf)
	for _, s := range x {
		m.VDUPHigh(s, s)
	}
	m.add(c, bytes/2)
	m.Label(fewer)
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
