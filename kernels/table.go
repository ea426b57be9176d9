package kernels

import "os"

// impl is one row of the dispatch table: every kernel of one tier, none nil. Wrappers have checked all lengths before they call one.
// Matrices are row-major blocks of len(s), len(f), len(w) or rows rows with a leading dimension.
type impl[T Float] struct {
	tier Tier

	// Element-wise, len(dst) == len(x).
	exp, exp2, expm1, log, log2, log1p func(dst, x []T)
	softplus, sigmoid, tanh            func(dst, x []T)

	// Reductions of a vector.
	max, sum, logSumExp func(x []T) T
	dot                 func(x, y []T) T
	expSum              func(dst, x []T, shift T) T // sets dst[i] = e^(x[i] - shift) and returns their sum

	// Sweeps over a block of a cost matrix; see sweep.go for the formulas.
	rowMax       func(mx, c []T, ldc int, kappa T, g []T)
	colMax       func(mx, c []T, ldc int, kappa T, f []T)
	sweepRows    func(e []T, lde int, s, c []T, ldc int, kappa T, g, f []T)
	sweepRowsDot func(e []T, lde int, d, c []T, ldc int, kappa T, g, f, q []T)
	sweepCols    func(acc, e []T, lde int, w []T)
	sweepScale4  func(d, e []T, lde int, q, acc, a, next []T) // next is d[4:]
	sweepScale2  func(d, e []T, lde int, q, acc, a, next []T) // next is d[2:]
	sweepAdjoint func(h, cbar []T, ldcbar int, e []T, lde int, q, r, a, fbar []T)
	sweepValue   func(p, h, cbar []T, ldcbar int, e []T, lde int, c []T, ldc int, a []T, invEps T)

	// The micro-kernel of GEMM with its companions and its tile sizes; see gemm_job.go.
	gemm gemmTile[T]

	// Costs from points; see distance.go.
	squared, absolute       func(dst []T, ldd int, x []T, ldx int, yt []T, ldy, rows, cols, d int)
	addSquared, addAbsolute func(dst, x, yt []T, ldy int)
	addNorms                func(dst []T, x T, y []T)
	sqrt                    func(dst, x []T)

	// Pieces of networks; see network.go.
	axpy        func(y []T, alpha T, x []T)
	scale       func(x []T, alpha T)
	leakyReLU   func(dst, x []T, slope T)
	leakyReLUBw func(dx, dy, y []T, slope T)
	softplusBw  func(dx, dy, y []T)
	sigmoidBw   func(dx, dy, y []T)
	tanhBw      func(dx, dy, y []T)
	adam        func(p, grad, m, v []T, c *AdamStep[T])
	addRow      func(dst []T, ldd, rows int, bias []T)
	columnSums  func(acc, x []T, ldx, rows int)

	// Products with vectors and cosines; see matvec.go.
	addWeightedRows func(acc, x []T, ldx int, alpha T, w []T)
	ger             func(a []T, lda int, alpha T, x, y []T)
	cosineSums      func(x, y []T) (xy, xx, yy T)
	cosineDistances func(dst []T, x T, y []T)

	// Normalisation; see norm.go.
	squaredDeviations       func(x []T, mean T) T
	deviationProducts       func(y, x []T, mean T) (sum, product T)
	normalize               func(dst, x []T, scale, mean, bias T)
	normalizeBw             func(dx, dy, x []T, scale, slope, mean, offset T)
	columnSquaredDeviations func(acc, x []T, ldx, rows int, mean []T)
	columnDeviationProducts func(sum, product, y []T, ldy int, x []T, ldx, rows int, mean []T)
	normalizeColumns        func(dst []T, ldd int, x []T, ldx, rows int, scale, mean, bias []T)
	normalizeColumnsBw      func(dx []T, lddx int, dy []T, lddy int, x []T, ldx, rows int, scale, slope, mean, offset []T)
	normalizeRow            func(dst, x []T, mean, inv T, weight, bias []T)

	// Updates in place; see update.go.
	rmsprop         func(p, grad, v, u []T, c *RMSPropStep[T])
	clamp           func(dst, x []T, lo, hi T)
	addRowLeakyReLU func(dst []T, ldd, rows int, bias []T, slope T)

	// Windows of convolutions; see window.go and package convolution.
	gatherWindows  func(dst []T, ldd int, x []T, rows, cols int)
	scatterWindows func(dst, x []T, ldx, rows, cols int, bias T)

	// Winograd's algorithm, and the layouts around it; see winograd.go, package convolution and transpose.go.
	winogradExpand, winogradReduce winogradKernels[T]
	transpose                      func(dst []T, ldd int, x []T, ldx, rows, cols int)
}

// The tables of each precision, the reference first and each later row faster; tiers_*.go append to them. Both have the same tiers.
var (
	tables32 = []*impl[float32]{generic[float32]()}
	tables64 = []*impl[float64]{generic[float64]()}

	active32 *impl[float32]
	active64 *impl[float64]
)

func init() {
	registerTiers()
	active32 = choose(tables32, os.Getenv(EnvISA))
	active64 = choose(tables64, os.Getenv(EnvISA))
}

// active returns the table in use for T.
func active[T Float]() *impl[T] {
	var t any = active32
	if _, is64 := any(T(0)).(float64); is64 {
		t = active64
	}
	return t.(*impl[T])
}
