package nn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// LossOps is the part of [Ops] that compares an output y with what it should be. Each returns the loss, summed in float64, and sets grad
// to its gradient by y unless grad is nil. The loss is a mean, so the gradient does not grow with the batch; grad may be y.
type LossOps[T kernels.Float] interface {
	// SquaredError returns the mean of (y[i] - target[i])^2.
	SquaredError(grad, y, target *Tensor[T]) float64
	// AbsoluteError returns the mean of |y[i] - target[i]|; its gradient is 0 where they are equal.
	AbsoluteError(grad, y, target *Tensor[T]) float64
	// BinaryCrossEntropy returns the mean of log(1 + e^y[i]) - target[i] y[i], for logits y and targets in [0, 1].
	BinaryCrossEntropy(grad, y, target *Tensor[T]) float64
	// Hinge returns the mean of max(0, 1 - sign y[i]): with sign 1 for outputs that should be at least 1, with -1 for those that should be
	// at most -1.
	Hinge(grad, y *Tensor[T], sign T) float64
	// CrossEntropy returns the mean over the rows of y of log(sum_j e^y[i,j]) - y[i,class[i]], for logits y and classes that are integers
	// from 0. It panics on what is no class.
	CrossEntropy(grad, y, class *Tensor[T]) float64
	// GaussianKL returns the divergence of normal distributions from the standard one, summed over a row and averaged over the rows:
	//
	//	sum_j (mean[i,j]^2 + e^logvar[i,j] - 1 - logvar[i,j])/2
	//
	// It sets dmean and dlogvar unless they are nil.
	GaussianKL(dmean, dlogvar, mean, logvar *Tensor[T]) float64
}

// SquaredError returns the mean of (y[i] - target[i])^2.
func (c *CPU[T]) SquaredError(grad, y, target *Tensor[T]) float64 {
	return c.loss(opSquaredError, grad, y, target, 0)
}

// AbsoluteError returns the mean of |y[i] - target[i]|.
func (c *CPU[T]) AbsoluteError(grad, y, target *Tensor[T]) float64 {
	return c.loss(opAbsoluteError, grad, y, target, 0)
}

// BinaryCrossEntropy returns the mean of log(1 + e^y[i]) - target[i] y[i].
func (c *CPU[T]) BinaryCrossEntropy(grad, y, target *Tensor[T]) float64 {
	return c.loss(opBinaryCrossEntropy, grad, y, target, 0)
}

// Hinge returns the mean of max(0, 1 - sign y[i]).
func (c *CPU[T]) Hinge(grad, y *Tensor[T], sign T) float64 {
	return c.loss(opHinge, grad, y, y, sign)
}

// CrossEntropy returns the mean of log(sum_j e^y[i,j]) - y[i,class[i]].
func (c *CPU[T]) CrossEntropy(grad, y, class *Tensor[T]) float64 {
	rows, cols := y.Rows(), y.Cols()
	sameSize(class.size, rows)
	CheckClasses(class.Data(), cols)
	t := c.takeLoss(opCrossEntropy, grad, y, 1/float64(rows))
	t.z, t.rows, t.cols = class.Data(), rows, cols
	return c.total(t, rowBlocks(rows, cols))
}

// GaussianKL returns the mean over the rows of sum_j (mean^2 + e^logvar - 1 - logvar)/2.
func (c *CPU[T]) GaussianKL(dmean, dlogvar, mean, logvar *Tensor[T]) float64 {
	sameSize(logvar.size, mean.size)
	t := c.takeLoss(opGaussianKL, dmean, mean, 1/float64(mean.Rows()))
	t.z = logvar.Data()
	if dlogvar != nil {
		sameSize(dlogvar.size, mean.size)
		t.w = dlogvar.Data()
	}
	return c.total(t, ceilDiv(mean.size, chunk))
}

// loss runs an element-wise loss.
func (c *CPU[T]) loss(op opcode, grad, y, target *Tensor[T], sign T) float64 {
	sameSize(target.size, y.size)
	t := c.takeLoss(op, grad, y, 1/float64(y.size))
	if op == opBinaryCrossEntropy {
		t.w = t.scratchOf(ceilDiv(y.size, chunk) * activationStep)
	}
	t.z, t.hi = target.Data(), sign
	return c.total(t, ceilDiv(y.size, chunk))
}

// takeLoss returns a task on y whose loss and gradient are multiplied by scale.
func (c *CPU[T]) takeLoss(op opcode, grad, y *Tensor[T], scale float64) *task[T] {
	t := c.take(op)
	t.x, t.n, t.norm.eps, t.alpha = y.Data(), y.size, scale, T(scale)
	if grad != nil {
		sameSize(grad.size, y.size)
		t.y = grad.Data()
	}
	return t
}

// total runs the blocks of a loss, adds their sums in order and releases the task. The loss of nothing is 0.
func (c *CPU[T]) total(t *task[T], blocks int) float64 {
	t.sums = sumsOf(t.sums, blocks)
	c.do(t, blocks)
	var sum float64
	for _, v := range t.sums {
		sum += v
	}
	scale := t.norm.eps
	c.release(t)
	if blocks == 0 {
		return 0
	}
	return sum * scale
}

// lossBlock computes block i of a loss.
func (t *task[T]) lossBlock(i int) {
	if t.op == opCrossEntropy {
		t.sums[i] = 0
		for r := i * t.rows / t.blocks; r < (i+1)*t.rows/t.blocks; r++ {
			t.sums[i] += t.crossEntropy(r)
		}
		return
	}
	lo, hi := i*chunk, min((i+1)*chunk, t.n)
	var dy []T
	if t.y != nil {
		dy = t.y[lo:hi]
	}
	y, z := t.x[lo:hi], t.z[lo:hi]
	switch t.op {
	case opSquaredError:
		t.sums[i] = squaredError(dy, y, z, t.alpha)
	case opAbsoluteError:
		t.sums[i] = absoluteError(dy, y, z, t.alpha)
	case opBinaryCrossEntropy:
		t.sums[i] = binaryCrossEntropy(dy, y, z, t.stepOf(lo), t.alpha)
	case opHinge:
		t.sums[i] = hinge(dy, y, t.hi, t.alpha)
	case opGaussianKL:
		var dlogvar []T
		if t.w != nil {
			dlogvar = t.w[lo:hi]
		}
		t.sums[i] = gaussianKL(dy, dlogvar, y, z, t.alpha)
	}
}

func squaredError[T kernels.Float](dy, y, target []T, scale T) (sum float64) {
	for i, v := range y {
		e := v - target[i]
		sum += float64(e) * float64(e)
		if dy != nil {
			dy[i] = 2 * scale * e
		}
	}
	return sum
}

func absoluteError[T kernels.Float](dy, y, target []T, scale T) (sum float64) {
	for i, v := range y {
		e := v - target[i]
		sum += math.Abs(float64(e))
		if dy == nil {
			continue
		}
		switch {
		case e > 0:
			dy[i] = scale
		case e < 0:
			dy[i] = -scale
		default:
			dy[i] = 0 * e // NaN stays
		}
	}
	return sum
}

// binaryCrossEntropy takes the softplus and the sigmoid a few elements at a time.
func binaryCrossEntropy[T kernels.Float](dy, y, target, f []T, scale T) (sum float64) {
	for lo := 0; lo < len(y); lo += activationStep {
		hi := min(lo+activationStep, len(y))
		s, t := f[:hi-lo], target[lo:hi]
		kernels.Softplus(s, y[lo:hi])
		for i, v := range s {
			sum += float64(v) - float64(t[i])*float64(y[lo+i])
		}
		if dy == nil {
			continue
		}
		kernels.Sigmoid(s, y[lo:hi])
		for i, v := range s {
			dy[lo+i] = scale * (v - t[i])
		}
	}
	return sum
}

func hinge[T kernels.Float](dy, y []T, sign, scale T) (sum float64) {
	for i, v := range y {
		m := 1 - sign*v
		d := -sign * scale
		if m <= 0 {
			m, d = 0, 0
		}
		sum += float64(m)
		if dy != nil {
			dy[i] = d
		}
	}
	return sum
}

func gaussianKL[T kernels.Float](dmean, dlogvar, mean, logvar []T, scale T) (sum float64) {
	for i, m := range mean {
		variance := math.Exp(float64(logvar[i]))
		sum += (float64(m)*float64(m) + variance - 1 - float64(logvar[i])) / 2
		if dlogvar != nil {
			dlogvar[i] = scale * T((variance-1)/2)
		}
		if dmean != nil {
			dmean[i] = scale * m
		}
	}
	return sum
}

// crossEntropy computes the loss of row r, and its gradient softmax(y) - (1 at the class).
func (t *task[T]) crossEntropy(r int) float64 {
	y, class := t.x[r*t.cols:][:t.cols], int(t.z[r])
	at := y[class]
	total := kernels.LogSumExp(y)
	if t.y != nil {
		dy := t.y[r*t.cols:][:t.cols]
		for j, v := range y {
			dy[j] = v - total
		}
		kernels.Exp(dy, dy)
		dy[class]--
		kernels.Scale(dy, t.alpha)
	}
	return float64(total) - float64(at)
}
