package blas

import "gonum.org/v1/gonum/blas"

// The strings with which gonum panics.
const (
	zeroIncX = "blas: zero x index increment"
	zeroIncY = "blas: zero y index increment"

	mLT0 = "blas: m < 0"
	nLT0 = "blas: n < 0"
	kLT0 = "blas: k < 0"

	badUplo      = "blas: illegal triangle"
	badTranspose = "blas: illegal transpose"
	badDiag      = "blas: illegal diagonal"
	badSide      = "blas: illegal side"

	badLdA = "blas: bad leading dimension of A"
	badLdB = "blas: bad leading dimension of B"
	badLdC = "blas: bad leading dimension of C"

	shortX = "blas: insufficient length of x"
	shortY = "blas: insufficient length of y"
	shortA = "blas: insufficient length of a"
	shortB = "blas: insufficient length of b"
	shortC = "blas: insufficient length of c"
)

// The checks below panic as gonum does, and report whether there is anything to compute. As in gonum, the lengths of slices are not
// looked at where there is not.

func require(ok bool, message string) {
	if !ok {
		panic(message)
	}
}

func isTranspose(t blas.Transpose) bool {
	return t == blas.NoTrans || t == blas.Trans || t == blas.ConjTrans
}

// span is the length of a block of rows and columns.
func span(rows, cols, ld int) int { return (rows-1)*ld + cols }

// shape is that of the matrix as stored, of which op is rows x cols.
func shape(t blas.Transpose, rows, cols int) (int, int) {
	if t == blas.NoTrans {
		return rows, cols
	}
	return cols, rows
}

func checkGemm(tA, tB blas.Transpose, m, n, k, lenA, lda, lenB, ldb, lenC, ldc int) bool {
	require(isTranspose(tA), badTranspose)
	require(isTranspose(tB), badTranspose)
	require(m >= 0, mLT0)
	require(n >= 0, nLT0)
	require(k >= 0, kLT0)
	rowsA, colsA := shape(tA, m, k)
	rowsB, colsB := shape(tB, k, n)
	require(lda >= max(1, colsA), badLdA)
	require(ldb >= max(1, colsB), badLdB)
	require(ldc >= max(1, n), badLdC)
	if m == 0 || n == 0 {
		return false
	}
	require(lenA >= span(rowsA, colsA, lda), shortA)
	require(lenB >= span(rowsB, colsB, ldb), shortB)
	require(lenC >= span(m, n, ldc), shortC)
	return true
}

func checkSymm(s blas.Side, ul blas.Uplo, m, n, lenA, lda, lenB, ldb, lenC, ldc int) bool {
	require(s == blas.Right || s == blas.Left, badSide)
	require(ul == blas.Lower || ul == blas.Upper, badUplo)
	require(m >= 0, mLT0)
	require(n >= 0, nLT0)
	order := orderOf(s, m, n)
	require(lda >= max(1, order), badLdA)
	require(ldb >= max(1, n), badLdB)
	require(ldc >= max(1, n), badLdC)
	if m == 0 || n == 0 {
		return false
	}
	require(lenA >= span(order, order, lda), shortA)
	require(lenB >= span(m, n, ldb), shortB)
	require(lenC >= span(m, n, ldc), shortC)
	return true
}

// orderOf is the order of the square matrix that is multiplied with one of m x n.
func orderOf(s blas.Side, m, n int) int {
	if s == blas.Left {
		return m
	}
	return n
}

func checkRank(ul blas.Uplo, tA blas.Transpose, n, k int) {
	require(ul == blas.Lower || ul == blas.Upper, badUplo)
	require(isTranspose(tA), badTranspose)
	require(n >= 0, nLT0)
	require(k >= 0, kLT0)
}

func checkSyrk(ul blas.Uplo, tA blas.Transpose, n, k, lenA, lda, lenC, ldc int) bool {
	checkRank(ul, tA, n, k)
	rows, cols := shape(tA, n, k)
	require(lda >= max(1, cols), badLdA)
	require(ldc >= max(1, n), badLdC)
	if n == 0 {
		return false
	}
	require(lenA >= span(rows, cols, lda), shortA)
	require(lenC >= span(n, n, ldc), shortC)
	return true
}

func checkSyr2k(ul blas.Uplo, tA blas.Transpose, n, k, lenA, lda, lenB, ldb, lenC, ldc int) bool {
	checkRank(ul, tA, n, k)
	rows, cols := shape(tA, n, k)
	require(lda >= max(1, cols), badLdA)
	require(ldb >= max(1, cols), badLdB)
	require(ldc >= max(1, n), badLdC)
	if n == 0 {
		return false
	}
	require(lenA >= span(rows, cols, lda), shortA)
	require(lenB >= span(rows, cols, ldb), shortB)
	require(lenC >= span(n, n, ldc), shortC)
	return true
}

func checkTriangular(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n, lenA, lda, lenB, ldb int) bool {
	require(s == blas.Left || s == blas.Right, badSide)
	require(ul == blas.Lower || ul == blas.Upper, badUplo)
	require(isTranspose(tA), badTranspose)
	require(d == blas.NonUnit || d == blas.Unit, badDiag)
	require(m >= 0, mLT0)
	require(n >= 0, nLT0)
	order := orderOf(s, m, n)
	require(lda >= max(1, order), badLdA)
	require(ldb >= max(1, n), badLdB)
	if m == 0 || n == 0 {
		return false
	}
	require(lenA >= span(order, order, lda), shortA)
	require(lenB >= span(m, n, ldb), shortB)
	return true
}

func checkGemv(tA blas.Transpose, m, n, lenA, lda, lenX, incX, lenY, incY int) bool {
	require(isTranspose(tA), badTranspose)
	require(m >= 0, mLT0)
	require(n >= 0, nLT0)
	require(lda >= max(1, n), badLdA)
	require(incX != 0, zeroIncX)
	require(incY != 0, zeroIncY)
	if m == 0 || n == 0 {
		return false
	}
	ny, nx := shape(tA, m, n)
	require(holds(lenX, nx, incX), shortX)
	require(holds(lenY, ny, incY), shortY)
	require(lenA >= span(m, n, lda), shortA)
	return true
}

func checkGer(m, n, lenX, incX, lenY, incY, lenA, lda int) bool {
	require(m >= 0, mLT0)
	require(n >= 0, nLT0)
	require(lda >= max(1, n), badLdA)
	require(incX != 0, zeroIncX)
	require(incY != 0, zeroIncY)
	if m == 0 || n == 0 {
		return false
	}
	require(holds(lenX, m, incX), shortX)
	require(holds(lenY, n, incY), shortY)
	require(lenA >= span(m, n, lda), shortA)
	return true
}

// holds reports whether a slice is long enough for n elements at a distance of inc.
func holds(length, n, inc int) bool { return length > (n-1)*max(inc, -inc) }
