package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// ConvTranspose2d is the transpose of the matrix of a convolution, from small images to large ones:
//
//	y[n,o,u,v] = Bias[o] + sum of Weight[c,o,ki,kj] x[n,c,i,j] over i Stride + ki - Padding = u, j Stride + kj - Padding = v
//
// x is [n, In, h, w], y is [n, Out, oh, ow], oh = (h-1) Stride - 2 Padding + Kernel + OutputPadding.
type ConvTranspose2d[T kernels.Float] struct {
	Weight *Param[T] // "weight", [In, Out, Kernel, Kernel]
	Bias   *Param[T] // "bias", [Out], or nil

	cfg  ConvConfig
	geo  ConvGeometry
	ops  Ops[T]
	work *Workspace[T]
	x, y *Tensor[T]
	last bool // whether the channels of the output are last
}

// NewConvTranspose2d returns a transposed convolution of zeros; see [ConvTranspose2d.Init]. It panics on a configuration that is out of
// range.
func NewConvTranspose2d[T kernels.Float](ops Ops[T], cfg ConvConfig) *ConvTranspose2d[T] {
	geo, err := cfg.geometry()
	if err != nil {
		panic("nn: ConvTranspose2d: " + err.Error())
	}
	l := &ConvTranspose2d[T]{cfg: cfg, geo: geo, ops: ops, work: NewWorkspace(ops)}
	l.Weight = newParam(ops, "weight", cfg.In, cfg.Out, cfg.Kernel, cfg.Kernel)
	if !cfg.NoBias {
		l.Bias = newParam(ops, "bias", cfg.Out)
	}
	return l
}

// Init draws the weights and then the biases; see [Init]. As in PyTorch, the fan in is that of the transpose: Out times the pixels of the
// window. A nil bias leaves zeros.
func (l *ConvTranspose2d[T]) Init(src Source, weight, bias Init) {
	taps := l.cfg.Kernel * l.cfg.Kernel
	initialise(l.ops, src, weight, l.Weight.Value, l.cfg.Out*taps, l.cfg.In*taps)
	if l.Bias != nil {
		initialise(l.ops, src, bias, l.Bias.Value, l.cfg.Out*taps, l.cfg.In*taps)
	}
}

// Forward returns y [n, Out, oh, ow] for x [n, In, h, w].
func (l *ConvTranspose2d[T]) Forward(x *Tensor[T]) *Tensor[T] {
	l.begin(x)
	l.ops.ConvTranspose(l.y, x, l.Weight.Value, valueOf(l.Bias), l.geo)
	return l.y
}

// begin keeps the input and lends the output.
func (l *ConvTranspose2d[T]) begin(x *Tensor[T]) {
	oh, ow, err := l.size(x.shape)
	if err != nil {
		panic(err.Error())
	}
	l.x, l.y = x, l.work.Tensor(convY, x.shape[0], l.cfg.Out, oh, ow)
	l.y.channelsLast = l.last
}

func (l *ConvTranspose2d[T]) channelsLast(in []int) (input, output bool) {
	fused, ok := l.ops.(FusedOps[T])
	oh, ow, err := l.size(in)
	if !ok || err != nil {
		return false, false
	}
	output, input = fused.ConvChannelsLast(l.geo, []int{in[0], l.cfg.Out, oh, ow}, in, l.Weight.Value.shape)
	return input, output
}

func (l *ConvTranspose2d[T]) giveChannelsLast(last bool) { l.last = last }

func (l *ConvTranspose2d[T]) forwardActivated(x *Tensor[T], slope T) (*Tensor[T], bool) {
	fused, ok := l.ops.(FusedOps[T])
	if ok {
		l.begin(x)
		fused.ConvTransposeLeakyReLU(l.y, x, l.Weight.Value, valueOf(l.Bias), l.geo, slope)
	}
	return l.y, ok
}

func (l *ConvTranspose2d[T]) backwardActivated(*Tensor[T], T, Want) (*Tensor[T], bool) {
	return nil, false
}

// Backward takes dy [n, Out, oh, ow], adds to the gradients of weight and bias, and returns dx [n, In, h, w].
func (l *ConvTranspose2d[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantParams != 0 {
		// forward: y = Bias + ...
		if l.Bias != nil {
			l.ops.ChannelSums(l.Bias.Grad, dy)
		}
	}
	// forward: patches(y) += Weight^T x
	var dx *Tensor[T]
	if want&WantInput != 0 {
		dx = l.work.Like(convDX, l.x)
	}
	if fused, ok := l.ops.(FusedOps[T]); ok && want&WantParams != 0 && dx != nil {
		fused.ConvTransposeBackward(dx, l.Weight.Grad, dy, l.x, l.Weight.Value, l.geo)
		return dx
	}
	if want&WantParams != 0 {
		l.ops.ConvWeight(l.Weight.Grad, l.x, dy, l.geo)
	}
	if dx != nil {
		l.ops.Conv(dx, dy, l.Weight.Value, nil, l.geo)
	}
	return dx
}

// Params returns the weight and, if there is one, the bias.
func (l *ConvTranspose2d[T]) Params() []*Param[T] { return withBias(l.Weight, l.Bias) }

// size returns the height and width of the output.
func (l *ConvTranspose2d[T]) size(in []int) (oh, ow int, err error) {
	if err := checkImage(l, in, l.cfg.In); err != nil {
		return 0, 0, err
	}
	side := func(n int) int { return (n-1)*l.geo.Stride - 2*l.geo.Padding + l.geo.Kernel + l.cfg.OutputPadding }
	oh, ow = side(in[2]), side(in[3])
	if in[2] < 1 || in[3] < 1 || oh < 1 || ow < 1 {
		return 0, 0, fmt.Errorf("nn: %v: input of shape %v gives images of %d x %d, want at least 1 x 1", l, in, oh, ow)
	}
	return oh, ow, nil
}

// OutputShape returns [n, Out, oh, ow] for [n, In, h, w].
func (l *ConvTranspose2d[T]) OutputShape(in []int) ([]int, error) {
	oh, ow, err := l.size(in)
	if err != nil {
		return nil, err
	}
	return []int{in[0], l.cfg.Out, oh, ow}, nil
}

// FLOPs returns the multiplications and additions of a forward pass, those outside the output included.
func (l *ConvTranspose2d[T]) FLOPs(in []int) int64 {
	if _, _, err := l.size(in); err != nil {
		return 0
	}
	return 2 * int64(in[0]) * int64(in[2]) * int64(in[3]) * int64(l.Weight.Value.size)
}

// Share returns a layer with the same parameters and its own activations.
func (l *ConvTranspose2d[T]) Share() Layer[T] {
	return &ConvTranspose2d[T]{Weight: l.Weight, Bias: l.Bias, cfg: l.cfg, geo: l.geo, ops: l.ops, work: NewWorkspace(l.ops)}
}

// String returns "ConvTranspose2d(In, Out, kernel k, ...)".
func (l *ConvTranspose2d[T]) String() string { return "ConvTranspose2d(" + l.cfg.options() + ")" }
