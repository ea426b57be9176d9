package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"pgregory.net/rapid"
)

// drawn is a random operand of rows x cols with a leading dimension of its own. What lies outside is NaN.
type drawn struct {
	x  []float64
	ld int
}

func draw(rng *rand.Rand, rows, cols int) drawn {
	d := drawn{ld: cols + rng.IntN(3)}
	d.x = make([]float64, (rows-1)*d.ld+cols)
	for i := range d.x {
		d.x[i] = math.NaN()
		if i%d.ld < cols {
			d.x[i] = nonzero(rng)
		}
	}
	return d
}

// nonzero draws from [-1.5, -.5) and [.5, 1.5): without zeros, whose product with NaN gonum may skip.
func nonzero(rng *rand.Rand) float64 {
	v := rng.Float64()*2 - 1
	return v + math.Copysign(.5, v)
}

// keep turns into NaN what lies outside a triangle, and with it the diagonal where unit.
func (d drawn) keep(ul blas.Uplo, n int, unit bool) drawn {
	in := triangle(ul, n, d.ld)
	for i := range d.x {
		if !in(i) || unit && i/d.ld == i%d.ld {
			d.x[i] = math.NaN()
		}
	}
	return d
}

// dominate makes a triangle well-conditioned.
func (d drawn) dominate(n int) drawn {
	for i := range n {
		for j := range n {
			if i != j {
				d.x[i*d.ld+j] *= 2 / float64(n)
			}
		}
	}
	return d
}

// vector draws n elements at a distance of inc, NaN between.
func vector(rng *rand.Rand, n, inc int) []float64 {
	x := make([]float64, 1+(n-1)*max(inc, -inc))
	for i := range x {
		x[i] = math.NaN()
		if strided(n, inc)(i) {
			x[i] = nonzero(rng)
		}
	}
	return x
}

// scalars draws alpha and beta, with the values that code treats apart.
func scalars(rng *rand.Rand) (alpha, beta float64) {
	of := []float64{1, -1, nonzero(rng), 0}
	return of[rng.IntN(3)], of[rng.IntN(4)]
}

func side(rng *rand.Rand) blas.Side { return []blas.Side{blas.Left, blas.Right}[rng.IntN(2)] }
func uplo(rng *rand.Rand) blas.Uplo { return []blas.Uplo{blas.Upper, blas.Lower}[rng.IntN(2)] }
func diag(rng *rand.Rand) blas.Diag { return []blas.Diag{blas.Unit, blas.NonUnit}[rng.IntN(2)] }
func op(rng *rand.Rand) blas.Transpose {
	return []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}[rng.IntN(3)]
}

// clearIf spoils what is not read: C where beta = 0.
func clearIf(beta float64, x []float64) []float64 {
	for i := range x {
		if beta == 0 {
			x[i] = math.NaN()
		}
	}
	return x
}

// routines are random calls with sizes m, n, k.
var routines = map[string]func(rng *rand.Rand, c checked, m, n, k int){
	"gemm": func(rng *rand.Rand, c checked, m, n, k int) {
		tA, tB := op(rng), op(rng)
		rowsA, colsA := shape(tA, m, k)
		rowsB, colsB := shape(tB, k, n)
		a, b, x := draw(rng, rowsA, colsA), draw(rng, rowsB, colsB), draw(rng, m, n)
		alpha, beta := scalars(rng)
		c.Dgemm(tA, tB, m, n, k, alpha, a.x, a.ld, b.x, b.ld, beta, clearIf(beta, x.x), x.ld)
	},
	"symm": func(rng *rand.Rand, c checked, m, n, _ int) {
		s, ul := side(rng), uplo(rng)
		order := orderOf(s, m, n)
		a, b, x := draw(rng, order, order).keep(ul, order, false), draw(rng, m, n), draw(rng, m, n)
		alpha, beta := scalars(rng)
		c.Dsymm(s, ul, m, n, alpha, a.x, a.ld, b.x, b.ld, beta, clearIf(beta, x.x), x.ld)
	},
	"syrk": func(rng *rand.Rand, c checked, _, n, k int) {
		ul, tA := uplo(rng), op(rng)
		rows, cols := shape(tA, n, k)
		a, x := draw(rng, rows, cols), draw(rng, n, n).keep(ul, n, false)
		alpha, beta := scalars(rng)
		if ul == blas.Lower && tA != blas.NoTrans && beta == 0 {
			beta = 1 // gonum 0.17 reads C here where beta = 0; see TestSyrkLowerTrans
		}
		c.Dsyrk(ul, tA, n, k, alpha, a.x, a.ld, beta, clearIf(beta, x.x), x.ld)
	},
	"syr2k": func(rng *rand.Rand, c checked, _, n, k int) {
		ul, tA := uplo(rng), op(rng)
		rows, cols := shape(tA, n, k)
		a, b, x := draw(rng, rows, cols), draw(rng, rows, cols), draw(rng, n, n).keep(ul, n, false)
		alpha, beta := scalars(rng)
		c.Dsyr2k(ul, tA, n, k, alpha, a.x, a.ld, b.x, b.ld, beta, clearIf(beta, x.x), x.ld)
	},
	"trmm": func(rng *rand.Rand, c checked, m, n, _ int) {
		s, ul, tA, d := side(rng), uplo(rng), op(rng), diag(rng)
		order := orderOf(s, m, n)
		a, b := draw(rng, order, order).keep(ul, order, d == blas.Unit), draw(rng, m, n)
		alpha, _ := scalars(rng)
		c.Dtrmm(s, ul, tA, d, m, n, alpha, a.x, a.ld, b.x, b.ld)
	},
	"trsm": func(rng *rand.Rand, c checked, m, n, _ int) {
		s, ul, tA, d := side(rng), uplo(rng), op(rng), diag(rng)
		order := orderOf(s, m, n)
		a, b := draw(rng, order, order).dominate(order).keep(ul, order, d == blas.Unit), draw(rng, m, n)
		alpha, _ := scalars(rng)
		c.Dtrsm(s, ul, tA, d, m, n, alpha, a.x, a.ld, b.x, b.ld)
	},
	"gemv": func(rng *rand.Rand, c checked, m, n, _ int) {
		tA, incX, incY := op(rng), 1+rng.IntN(2), 1+rng.IntN(2)
		incX *= 1 - 2*rng.IntN(2)
		incY *= 1 - 2*rng.IntN(2)
		ny, nx := shape(tA, m, n)
		a, alpha, beta := draw(rng, m, n), 0., 0.
		alpha, beta = scalars(rng)
		c.Dgemv(tA, m, n, alpha, a.x, a.ld, vector(rng, nx, incX), incX, beta, clearIf(beta, vector(rng, ny, incY)), incY)
	},
	"ger": func(rng *rand.Rand, c checked, m, n, _ int) {
		incX, incY := (1+rng.IntN(2))*(1-2*rng.IntN(2)), (1+rng.IntN(2))*(1-2*rng.IntN(2))
		a := draw(rng, m, n)
		alpha, _ := scalars(rng)
		c.Dger(m, n, alpha, vector(rng, m, incX), incX, vector(rng, n, incY), incY, a.x, a.ld)
	},
}

// TestEdges compares every routine with gonum at sizes around the edges of blocks.
func TestEdges(t *testing.T) {
	edges := []int{1, 2, 11, 12, 13, 63, 64, 65, 127, 128, 129, 200, 257, 300}
	draws := 40
	if testing.Short() {
		edges, draws = edges[:11], 10 // up to 129
	}
	for name, call := range routines {
		t.Run(name, func(t *testing.T) {
			for form, c := range forms(t) {
				rng := rand.New(rand.NewPCG(3, 9))
				for range draws {
					m, n, k := edges[rng.IntN(len(edges))], edges[rng.IntN(len(edges))], edges[rng.IntN(len(edges))]
					c.at = fmt.Sprintf("%s, m=%d n=%d k=%d", form, m, n, k)
					call(rng, c, m, n, k)
				}
			}
		})
	}
}

// TestSmall draws small sizes of any kind.
func TestSmall(t *testing.T) {
	for name, call := range routines {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			size := rapid.IntRange(1, 40)
			m, n, k, seed := size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k"), rapid.Uint64().Draw(t, "seed")
			for form, c := range forms(t) {
				c.at = form
				call(rand.New(rand.NewPCG(seed, 0)), c, m, n, k)
			}
		}))
	}
}

// TestLongVectors has enough elements that GEMV splits both its rows and its columns.
func TestLongVectors(t *testing.T) {
	for form, c := range forms(t) {
		rng := rand.New(rand.NewPCG(5, 5))
		for _, s := range [][2]int{{15000, 20}, {60, 5000}} {
			c.at = fmt.Sprintf("%s, %v", form, s)
			routines["gemv"](rng, c, s[0], s[1], 0)
			routines["ger"](rng, c, s[0], s[1], 0)
		}
	}
}
