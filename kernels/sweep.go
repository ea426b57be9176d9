package kernels

// The sweeps work in base-2 units on a block of R rows and m columns of a cost matrix C: with kappa = log2(e)/eps and potentials F_r
// (of the rows) and G_j (of the columns, with the logarithm of the column's weight in it), an entry of the plan is
//
//	e_rj = 2^(G_j - kappa C_rj + F_r)
//
// A block is small enough to stay in the first or second level of cache between two sweeps over it; see [SweepBlock]. The assembly takes
// denormal numbers for 0, as arguments and results.

const (
	badBlock = "kernels: block shorter than its rows and columns"
	badLd    = "kernels: leading dimension smaller than the number of columns"
	badRows  = "kernels: vectors of the rows differ in length"
	badCols  = "kernels: vectors of the columns differ in length"
	badLen   = "kernels: lengths differ"
)

// SweepBlock returns a good number of rows for a block of cols columns: the most that keep e within 32 KiB, but 4 to 32, and 1 beyond
// 2^18 columns, where e would leave the second level of cache.
//
// Measured with SweepRows and SweepCols on a Zen 5 core with AVX-512 (48 KiB and 1 MiB of cache), G entries/s by rows of a block:
//
//	columns      1     2     4     8    16    32
//	     64    1.3   2.3   3.7   5.5   7.3   8.2
//	    200    3.0   4.3   7.1   9.1   9.7  10.1
//	    512    5.2   6.7  10.4  11.5  11.0   9.5
//	   1024    6.7   8.3  11.0  10.9   9.6   9.0
//	   8192    4.5   6.1   8.4   8.3   7.9   6.4
//	  65536    4.3   4.3   6.7   6.9   6.2   5.9
//	 400000    2.5   2.3   2.2   1.4   1.1   1.2
func SweepBlock(cols int) int {
	if cols > 1<<18 {
		return 1
	}
	return min(max(8192/max(cols, 1)&^3, 4), 32)
}

// checkBlock panics unless x holds rows x cols with leading dimension ld.
func checkBlock[T Float](x []T, ld, rows, cols int) {
	if ld < cols {
		panic(badLd)
	}
	if rows > 0 && cols > 0 && len(x) < (rows-1)*ld+cols {
		panic(badBlock)
	}
}

// RowMax sets
//
//	mx[r] = max_j (g[j] - kappa c[r*ldc+j])
//
// for r < len(mx), j < len(g); -Inf for no column. NaN is not propagated.
func RowMax[T Float](mx, c []T, ldc int, kappa T, g []T) {
	checkBlock(c, ldc, len(mx), len(g))
	active[T]().rowMax(mx, c, ldc, kappa, g)
}

// ColMax updates
//
//	mx[j] = max(mx[j], max_r (f[r] - kappa c[r*ldc+j]))
//
// for r < len(f), j < len(mx). NaN is not propagated.
func ColMax[T Float](mx, c []T, ldc int, kappa T, f []T) {
	checkBlock(c, ldc, len(f), len(mx))
	active[T]().colMax(mx, c, ldc, kappa, f)
}

// SweepRows sets
//
//	e[r*lde+j] = 2^(g[j] - kappa c[r*ldc+j] + f[r])
//	s[r]       = sum_j e[r*lde+j]
//
// for r < len(f) = len(s), j < len(g). A cost of +Inf gives 0. e and c must not overlap. In assembly e is within 1.5 ULP
// (2 on NEON; measured over 10^6 exponents: 0.9 on AVX2, 1.1 on AVX-512, 1.5 in float64) of the exponential of the rounded exponent, with a
// mean relative error below 1e-8 (2e-17), and results below the least normal number are 0.
func SweepRows[T Float](e []T, lde int, s, c []T, ldc int, kappa T, g, f []T) {
	if len(s) != len(f) {
		panic(badRows)
	}
	checkBlock(e, lde, len(f), len(g))
	checkBlock(c, ldc, len(f), len(g))
	active[T]().sweepRows(e, lde, s, c, ldc, kappa, g, f)
}

// SweepRowsDot sets e as [SweepRows] does, and
//
//	d[r] = sum_j e[r*lde+j] q[j]
func SweepRowsDot[T Float](e []T, lde int, d, c []T, ldc int, kappa T, g, f, q []T) {
	if len(d) != len(f) {
		panic(badRows)
	}
	if len(q) != len(g) {
		panic(badCols)
	}
	checkBlock(e, lde, len(f), len(g))
	checkBlock(c, ldc, len(f), len(g))
	active[T]().sweepRowsDot(e, lde, d, c, ldc, kappa, g, f, q)
}

// SweepCols updates
//
//	acc[j] += sum_r w[r] e[r*lde+j]
//
// for r < len(w), j < len(acc).
func SweepCols[T Float](acc, e []T, lde int, w []T) {
	checkBlock(e, lde, len(w), len(acc))
	active[T]().sweepCols(acc, e, lde, w)
}

// SweepAdjoint undoes one full iteration on a block whose e is at hand: for the cotangents q of the column update and fbar of the row
// update, it updates
//
//	h[j]              += sum_r e[r*lde+j] fbar[r]
//	cbar[r*ldcbar+j]  += e[r*lde+j] (a[r] q[j] + r[j] fbar[r])
//
// for r < len(a) = len(fbar), j < len(h) = len(q) = len(r). cbar and e must not overlap.
func SweepAdjoint[T Float](h, cbar []T, ldcbar int, e []T, lde int, q, r, a, fbar []T) {
	if len(a) != len(fbar) {
		panic(badRows)
	}
	if len(q) != len(h) || len(r) != len(h) {
		panic(badCols)
	}
	checkBlock(cbar, ldcbar, len(a), len(h))
	checkBlock(e, lde, len(a), len(h))
	active[T]().sweepAdjoint(h, cbar, ldcbar, e, lde, q, r, a, fbar)
}

// SweepValue weighs the cost with a block of the plan a_r e_rj:
//
//	p[r]              = sum_j e[r*lde+j] c[r*ldc+j]
//	h[j]             += sum_r a[r] e[r*lde+j] c[r*ldc+j]
//	cbar[r*ldcbar+j]  = a[r] e[r*lde+j] (1 - c[r*ldc+j] invEps)     where cbar is not nil
//
// for r < len(a) = len(p), j < len(h). An entry e = 0 counts as 0 whatever its cost is, +Inf too.
func SweepValue[T Float](p, h, cbar []T, ldcbar int, e []T, lde int, c []T, ldc int, a []T, invEps T) {
	if len(a) != len(p) {
		panic(badRows)
	}
	if cbar != nil {
		checkBlock(cbar, ldcbar, len(a), len(h))
	}
	checkBlock(e, lde, len(a), len(h))
	checkBlock(c, ldc, len(a), len(h))
	active[T]().sweepValue(p, h, cbar, ldcbar, e, lde, c, ldc, a, invEps)
}
