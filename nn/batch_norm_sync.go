package nn

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Synchronise makes each [BatchNorm] in l normalise over a batch whose rows are divided among processes: in training its mean, variance and
// their derivatives are those of the rows of all of them. sum replaces x by its sum over the processes; each of them calls it as often as
// the others, in the same order, with slices of the same length, and gets the same bits. Gradients of parameters stay those of the
// process's own rows, to be summed as those of other layers are. A nil sum ends it. Shares made before keep to their own rows.
func Synchronise[T kernels.Float](l Layer[T], sum func(x []float64)) {
	if n, ok := l.(*BatchNorm[T]); ok {
		n.sum = sum
	}
	if c, ok := l.(Composite[T]); ok {
		for _, p := range c.Parts() {
			Synchronise(p.Layer, sum)
		}
	}
}

// synchronised reports whether other processes have rows of the batch too.
func (l *BatchNorm[T]) synchronised() bool { return l.sum != nil && l.training }

// joinMoments brings the moments of count values to a channel to those of all processes, and returns how many values they have.
//
//	mean = sum_r count_r mean_r / count          variance = sum_r count_r (variance_r + (mean_r - mean)^2) / count
func (l *BatchNorm[T]) joinMoments(count int) int {
	channels := l.Weight.Value.size
	mean, variance := make([]T, channels), make([]T, channels)
	l.ops.Download(mean, l.mean)
	l.ops.Download(variance, l.variance)
	own, wire := float64(count), make([]float64, channels+1)
	for c, v := range mean {
		wire[c] = own * float64(v)
	}
	wire[channels] = own
	l.sum(wire)
	all := wire[channels]
	for c, v := range mean {
		mean[c] = T(wire[c] / all)
		off := float64(v) - float64(mean[c])
		wire[c] = own * (float64(variance[c]) + off*off)
	}
	l.sum(wire[:channels])
	for c, v := range wire[:channels] {
		variance[c] = T(v / all)
	}
	l.ops.Upload(l.mean, mean)
	l.ops.Upload(l.variance, variance)
	return int(all)
}

// backwardJoined is Backward of a batch that others have rows of. With r = 1/sqrt(variance + eps), h = (x - mean) r, and sums over the rows
// and places of all processes, M of them,
//
//	dx = Weight r dy - (Weight r sum(dy h)/M h + Weight r sum(dy)/M)
//
// of which the second term is a normalisation of x with another weight and bias.
func (l *BatchNorm[T]) backwardJoined(dy *Tensor[T], want Want) *Tensor[T] {
	channels := l.Weight.Value.size
	dweight, dbias := l.work.Like(batchNormDWeight, l.Weight.Value), l.work.Like(batchNormDBias, l.Bias.Value)
	l.ops.Zero(dweight)
	l.ops.Zero(dbias)
	l.ops.ChannelNormalizeBackward(nil, dweight, dbias, dy, l.x, l.mean, l.variance, l.Weight.Value, l.Eps, false)
	if want&WantParams != 0 {
		l.ops.Axpy(l.Weight.Grad, 1, dweight)
		l.ops.Axpy(l.Bias.Grad, 1, dbias)
	}
	if want&WantInput == 0 {
		return nil
	}
	slope, offset, variance, weight := make([]T, channels), make([]T, channels), make([]T, channels), make([]T, channels)
	l.ops.Download(slope, dweight)
	l.ops.Download(offset, dbias)
	l.ops.Download(variance, l.variance)
	l.ops.Download(weight, l.Weight.Value)
	wire := make([]float64, 2*channels+1)
	for c := range channels {
		wire[c], wire[channels+c] = float64(slope[c]), float64(offset[c])
	}
	wire[2*channels] = float64(dy.size / channels)
	l.sum(wire)
	for c := range channels {
		scale := float64(weight[c]) / math.Sqrt(float64(variance[c])+l.Eps) / wire[2*channels]
		slope[c], offset[c] = T(scale*wire[c]), T(scale*wire[channels+c])
	}
	l.ops.Upload(dweight, slope)
	l.ops.Upload(dbias, offset)
	dx, taken := l.work.Like(batchNormDX, dy), l.work.Like(batchNormTaken, dy)
	l.ops.ChannelNormalizeBackward(dx, nil, nil, dy, l.x, l.mean, l.variance, l.Weight.Value, l.Eps, false)
	l.ops.ChannelNormalize(taken, l.x, l.mean, l.variance, dweight, dbias, l.Eps)
	l.ops.Axpy(dx, -1, taken)
	return dx
}

// checkCount panics on a batch of a single value to a channel.
func (l *BatchNorm[T]) checkCount(count int) {
	if count < 2 {
		panic(fmt.Sprintf("nn: %v: input of shape %v in training, want more than one value to a channel", l, l.x))
	}
}
