package nn

import (
	"fmt"
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// BatchNorm normalises each channel over the batch and, for images, over their pixels: x is [n, channels] or [n, channels, ...].
//
//	y = Weight (x - mean)/sqrt(variance + eps) + Bias
//
// In training mean and variance are those of the batch, and the running ones follow them by running = (1-Momentum) running +
// Momentum batch, for the variance with the unbiased estimate of the batch; else they are the running ones. Source: Ioffe and Szegedy 2015.
type BatchNorm[T kernels.Float] struct {
	Weight, Bias            *Param[T]  // "weight" of ones and "bias" of zeros, [channels]
	RunningMean, RunningVar *Tensor[T] // buffers "running_mean" of zeros and "running_var" of ones, [channels]
	Momentum, Eps           float64    // 0.1 and 1e-5 unless set before the first pass

	batches              *int64 // buffer "num_batches_tracked"
	dims                 int    // 1 or 2, as the name has it
	training             bool
	ofBatch              bool // whether the last Forward took the moments of the batch
	ops                  Ops[T]
	work                 *Workspace[T]
	x, y, mean, variance *Tensor[T]
	sum                  func([]float64) // over the processes that have rows of the batch; nil where this one has all
}

const (
	batchNormY = iota
	batchNormDX
	batchNormMean
	batchNormVar
	batchNormDWeight // of a batch that other processes have rows of
	batchNormDBias
	batchNormTaken
)

// NewBatchNorm1d returns the normalisation of [n, channels]. It panics unless channels is positive.
func NewBatchNorm1d[T kernels.Float](ops Ops[T], channels int) *BatchNorm[T] {
	return newBatchNorm(ops, channels, 1)
}

// NewBatchNorm2d returns the normalisation of [n, channels, height, width]. It panics unless channels is positive.
func NewBatchNorm2d[T kernels.Float](ops Ops[T], channels int) *BatchNorm[T] {
	return newBatchNorm(ops, channels, 2)
}

func newBatchNorm[T kernels.Float](ops Ops[T], channels, dims int) *BatchNorm[T] {
	if channels < 1 {
		panic("nn: BatchNorm: number of channels must be positive")
	}
	l := &BatchNorm[T]{
		Weight: newParam(ops, "weight", channels), Bias: newParam(ops, "bias", channels),
		RunningMean: newTensor(ops, channels), RunningVar: newTensor(ops, channels),
		Momentum: 0.1, Eps: 1e-5, batches: new(int64), dims: dims, training: true,
		ops: ops, work: NewWorkspace(ops),
	}
	ones := slices.Repeat([]T{1}, channels)
	ops.Upload(l.Weight.Value, ones)
	ops.Upload(l.RunningVar, ones)
	return l
}

// Init draws the weights and then the biases; a nil init leaves ones and zeros. DCGAN draws the weights from N(1, 0.02^2).
func (l *BatchNorm[T]) Init(src Source, weight, bias Init) {
	n := l.Weight.Value.size
	if weight != nil {
		initialise(l.ops, src, weight, l.Weight.Value, n, n)
	}
	if bias != nil {
		initialise(l.ops, src, bias, l.Bias.Value, n, n)
	}
}

// SetTraining sets the mode.
func (l *BatchNorm[T]) SetTraining(training bool) { l.training = training }

// Forward returns y of the shape of x. In training it panics on a batch with a single value to a channel, which has no variance.
func (l *BatchNorm[T]) Forward(x *Tensor[T]) *Tensor[T] {
	l.begin(x)
	l.ops.ChannelNormalize(l.y, x, l.mean, l.variance, l.Weight.Value, l.Bias.Value, l.Eps)
	return l.y
}

func (l *BatchNorm[T]) forwardActivated(x *Tensor[T], slope T) (*Tensor[T], bool) {
	fused, ok := l.ops.(FusedOps[T])
	if ok = ok && !l.synchronised(); ok {
		l.begin(x)
		fused.ChannelNormalizeLeakyReLU(l.y, x, l.mean, l.variance, l.Weight.Value, l.Bias.Value, l.Eps, slope)
	}
	return l.y, ok
}

// begin keeps the input, lends the output and takes the moments.
func (l *BatchNorm[T]) begin(x *Tensor[T]) {
	if err := l.check(x.shape); err != nil {
		panic(err.Error())
	}
	l.x, l.y, l.ofBatch = x, l.work.Like(batchNormY, x), l.training
	l.mean, l.variance = l.RunningMean, l.RunningVar
	if l.training {
		count := x.size / l.Weight.Value.size
		if l.sum == nil {
			l.checkCount(count)
		}
		l.mean, l.variance = l.work.Like(batchNormMean, l.RunningMean), l.work.Like(batchNormVar, l.RunningMean)
		l.ops.ChannelMoments(l.mean, l.variance, x)
		if l.sum != nil {
			count = l.joinMoments(count)
			l.checkCount(count)
		}
		l.follow(count)
	}
}

// follow updates the running moments from those of a batch of count values to a channel.
func (l *BatchNorm[T]) follow(count int) {
	*l.batches++
	l.ops.Scale(l.RunningMean, T(1-l.Momentum))
	l.ops.Axpy(l.RunningMean, T(l.Momentum), l.mean)
	l.ops.Scale(l.RunningVar, T(1-l.Momentum))
	l.ops.Axpy(l.RunningVar, T(l.Momentum*float64(count)/float64(count-1)), l.variance)
}

// Backward adds to the gradients of weight and bias, and returns dx of the shape of dy.
func (l *BatchNorm[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if l.sum != nil && l.ofBatch {
		return l.backwardJoined(dy, want)
	}
	var dx *Tensor[T]
	if want&WantInput != 0 {
		dx = l.work.Like(batchNormDX, dy)
	}
	dweight, dbias := l.wanted(want)
	// forward: y = Weight (x - mean)/sqrt(variance + eps) + Bias
	l.ops.ChannelNormalizeBackward(dx, dweight, dbias, dy, l.x, l.mean, l.variance, l.Weight.Value, l.Eps, l.ofBatch)
	return dx
}

func (l *BatchNorm[T]) backwardActivated(dy *Tensor[T], slope T, want Want) (*Tensor[T], bool) {
	checkBackward(l, dy, l.y)
	dx := l.work.Like(batchNormDX, dy)
	dweight, dbias := l.wanted(want)
	// forward: y = LeakyReLU(Weight (x - mean)/sqrt(variance + eps) + Bias)
	l.ops.(FusedOps[T]).ChannelNormalizeLeakyReLUBackward(dx, dweight, dbias, dy, l.y, l.x, l.mean, l.variance, l.Weight.Value, l.Eps, l.ofBatch, slope)
	return dx, true
}

// wanted returns the gradients of weight and bias where they are wanted, else nil.
func (l *BatchNorm[T]) wanted(want Want) (dweight, dbias *Tensor[T]) {
	if want&WantParams == 0 {
		return nil, nil
	}
	return l.Weight.Grad, l.Bias.Grad
}

// Params returns weight and bias.
func (l *BatchNorm[T]) Params() []*Param[T] { return []*Param[T]{l.Weight, l.Bias} }

// Buffers returns the running moments and the number of batches that they followed.
func (l *BatchNorm[T]) Buffers() []Buffer[T] {
	return []Buffer[T]{{Name: "running_mean", Value: l.RunningMean}, {Name: "running_var", Value: l.RunningVar}, {Name: "num_batches_tracked", Count: l.batches}}
}

// check returns an error unless the input has the channels.
func (l *BatchNorm[T]) check(in []int) error {
	channels := l.Weight.Value.size
	if l.dims == 2 {
		return checkImage(l, in, channels)
	}
	if len(in) != 2 || in[1] != channels {
		return fmt.Errorf("nn: %v: input of shape %v, want [batch %d]", l, in, channels)
	}
	return nil
}

// OutputShape returns the shape of the input.
func (l *BatchNorm[T]) OutputShape(in []int) ([]int, error) {
	if err := l.check(in); err != nil {
		return nil, err
	}
	return slices.Clone(in), nil
}

// Share returns a layer with the same parameters and running moments and its own activations and mode.
func (l *BatchNorm[T]) Share() Layer[T] {
	return &BatchNorm[T]{
		Weight: l.Weight, Bias: l.Bias, RunningMean: l.RunningMean, RunningVar: l.RunningVar, batches: l.batches,
		Momentum: l.Momentum, Eps: l.Eps, dims: l.dims, training: l.training, ops: l.ops, work: NewWorkspace(l.ops), sum: l.sum,
	}
}

// String returns "BatchNorm1d(channels)" or "BatchNorm2d(channels)".
func (l *BatchNorm[T]) String() string {
	return fmt.Sprintf("BatchNorm%dd(%d)", l.dims, l.Weight.Value.size)
}
