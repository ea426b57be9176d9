package kernels

// Axpy updates y[i] += alpha x[i]. len(y) must equal len(x).
func Axpy[T Float](y []T, alpha T, x []T) {
	sameLen(y, x)
	active[T]().axpy(y, alpha, x)
}

// Scale updates x[i] *= alpha.
func Scale[T Float](x []T, alpha T) { active[T]().scale(x, alpha) }

// LeakyReLU sets dst[i] = x[i] where x[i] > 0, else slope x[i]; slope 0 is the ReLU. dst may be x.
func LeakyReLU[T Float](dst, x []T, slope T) {
	sameLen(dst, x)
	active[T]().leakyReLU(dst, x, slope)
}

// LeakyReLUBackward sets dx[i] = dy[i] where y[i] > 0, else slope dy[i], for y the output of [LeakyReLU] with slope >= 0. dx may be dy.
func LeakyReLUBackward[T Float](dx, dy, y []T, slope T) {
	sameLen(dx, dy)
	sameLen(dx, y)
	active[T]().leakyReLUBw(dx, dy, y, slope)
}

// SoftplusBackward sets dx[i] = dy[i] (1 - e^-y[i]), the derivative of [Softplus] written in its output y. dx may be dy.
func SoftplusBackward[T Float](dx, dy, y []T) {
	sameLen(dx, dy)
	sameLen(dx, y)
	active[T]().softplusBw(dx, dy, y)
}

// SigmoidBackward sets dx[i] = dy[i] y[i] (1 - y[i]), for y the output of [Sigmoid]. dx may be dy.
func SigmoidBackward[T Float](dx, dy, y []T) {
	sameLen(dx, dy)
	sameLen(dx, y)
	active[T]().sigmoidBw(dx, dy, y)
}

// TanhBackward sets dx[i] = dy[i] (1 - y[i]^2), for y the output of [Tanh]. dx may be dy.
func TanhBackward[T Float](dx, dy, y []T) {
	sameLen(dx, dy)
	sameLen(dx, y)
	active[T]().tanhBw(dx, dy, y)
}

// AdamStep holds the scalars of one step of Adam with bias correction folded in.
type AdamStep[T Float] struct {
	Beta1, Beta2 T // decay of the first and second moment
	StepSize     T // lr / (1 - Beta1^t)
	InvSqrtBias2 T // 1 / sqrt(1 - Beta2^t)
	Eps          T // added to the root of the corrected second moment
	WeightDecay  T // lr * decay of AdamW, 0 for Adam
}

// Adam updates parameters p and moments m, v with the gradient grad:
//
//	m[i] = Beta1 m[i] + (1-Beta1) grad[i]
//	v[i] = Beta2 v[i] + (1-Beta2) grad[i]^2
//	p[i] = p[i] - WeightDecay p[i] - StepSize m[i] / (sqrt(v[i]) InvSqrtBias2 + Eps)
//
// All four have the same length and do not overlap. Source: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019 for the decay.
func Adam[T Float](p, grad, m, v []T, c *AdamStep[T]) {
	sameLen(p, grad)
	sameLen(p, m)
	sameLen(p, v)
	active[T]().adam(p, grad, m, v, c)
}

const badCount = "kernels: negative number of rows"

// AddRow adds a row to each row of a matrix:
//
//	dst[r*ldd+j] += bias[j]
//
// for r < rows, j < len(bias).
func AddRow[T Float](dst []T, ldd, rows int, bias []T) {
	if rows < 0 {
		panic(badCount)
	}
	checkBlock(dst, ldd, rows, len(bias))
	active[T]().addRow(dst, ldd, rows, bias)
}

// ColumnSums adds the sums of the columns of a matrix:
//
//	acc[j] += sum_r x[r*ldx+j]
//
// for r < rows, j < len(acc).
func ColumnSums[T Float](acc, x []T, ldx, rows int) {
	if rows < 0 {
		panic(badCount)
	}
	checkBlock(x, ldx, rows, len(acc))
	active[T]().columnSums(acc, x, ldx, rows)
}
