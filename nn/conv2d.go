package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// ConvConfig describes a convolution layer. A stride of 0 means 1.
type ConvConfig struct {
	In, Out       int  // channels
	Kernel        int  // side of the square window
	Stride        int  // distance of two places of the window
	Padding       int  // zeros on each side of the image, of the larger image in a transposed convolution
	OutputPadding int  // rows and columns added at the bottom right of a transposed convolution's output, < Stride
	NoBias        bool // leave out the bias, as before a batch normalisation
}

// geometry returns the window, or what is wrong with the configuration.
func (c ConvConfig) geometry() (ConvGeometry, error) {
	g := ConvGeometry{Kernel: c.Kernel, Stride: max(c.Stride, 1), Padding: c.Padding}
	if c.In < 1 || c.Out < 1 {
		return g, fmt.Errorf("%d and %d channels, want at least 1", c.In, c.Out)
	}
	if c.OutputPadding < 0 || c.OutputPadding >= g.Stride {
		return g, fmt.Errorf("output padding %d, want one from 0 to below the stride %d", c.OutputPadding, g.Stride)
	}
	return g, g.check()
}

// options returns the configuration as a layer's name shows it.
func (c ConvConfig) options() string {
	s := fmt.Sprintf("%d, %d, kernel %d", c.In, c.Out, c.Kernel)
	if c.Stride > 1 {
		s += fmt.Sprintf(", stride %d", c.Stride)
	}
	if c.Padding > 0 {
		s += fmt.Sprintf(", padding %d", c.Padding)
	}
	if c.OutputPadding > 0 {
		s += fmt.Sprintf(", output padding %d", c.OutputPadding)
	}
	if c.NoBias {
		s += ", no bias"
	}
	return s
}

// Conv2d is the convolution
//
//	y[n,o,i,j] = Bias[o] + sum_(c,ki,kj) Weight[o,c,ki,kj] x[n, c, i Stride + ki - Padding, j Stride + kj - Padding]
//
// with zeros outside the image: x is [n, In, h, w], y is [n, Out, oh, ow], oh = floor((h + 2 Padding - Kernel)/Stride) + 1.
type Conv2d[T kernels.Float] struct {
	Weight *Param[T] // "weight", [Out, In, Kernel, Kernel]
	Bias   *Param[T] // "bias", [Out], or nil

	cfg  ConvConfig
	geo  ConvGeometry
	ops  Ops[T]
	work *Workspace[T]
	x, y *Tensor[T]
	last bool // whether the channels of the output are last
}

const (
	convY = iota
	convDX
)

// NewConv2d returns a convolution of zeros; see [Conv2d.Init]. It panics on a configuration that is out of range.
func NewConv2d[T kernels.Float](ops Ops[T], cfg ConvConfig) *Conv2d[T] {
	geo, err := cfg.geometry()
	if err == nil && cfg.OutputPadding != 0 {
		err = fmt.Errorf("output padding %d, want none", cfg.OutputPadding)
	}
	if err != nil {
		panic("nn: Conv2d: " + err.Error())
	}
	l := &Conv2d[T]{cfg: cfg, geo: geo, ops: ops, work: NewWorkspace(ops)}
	l.Weight = newParam(ops, "weight", cfg.Out, cfg.In, cfg.Kernel, cfg.Kernel)
	if !cfg.NoBias {
		l.Bias = newParam(ops, "bias", cfg.Out)
	}
	return l
}

// Init draws the weights and then the biases; see [Init]. Fans count the pixels of the window. A nil bias leaves zeros.
func (l *Conv2d[T]) Init(src Source, weight, bias Init) {
	taps := l.cfg.Kernel * l.cfg.Kernel
	initialise(l.ops, src, weight, l.Weight.Value, l.cfg.In*taps, l.cfg.Out*taps)
	if l.Bias != nil {
		initialise(l.ops, src, bias, l.Bias.Value, l.cfg.In*taps, l.cfg.Out*taps)
	}
}

// Forward returns y [n, Out, oh, ow] for x [n, In, h, w].
func (l *Conv2d[T]) Forward(x *Tensor[T]) *Tensor[T] {
	l.begin(x)
	l.ops.Conv(l.y, x, l.Weight.Value, valueOf(l.Bias), l.geo)
	return l.y
}

// begin keeps the input and lends the output.
func (l *Conv2d[T]) begin(x *Tensor[T]) {
	oh, ow, err := l.size(x.shape)
	if err != nil {
		panic(err.Error())
	}
	l.x, l.y = x, l.work.Tensor(convY, x.shape[0], l.cfg.Out, oh, ow)
	l.y.channelsLast = l.last
}

func (l *Conv2d[T]) channelsLast(in []int) (input, output bool) {
	fused, ok := l.ops.(FusedOps[T])
	oh, ow, err := l.size(in)
	if !ok || err != nil {
		return false, false
	}
	input, output = fused.ConvChannelsLast(l.geo, in, []int{in[0], l.cfg.Out, oh, ow}, l.Weight.Value.shape)
	return input, output
}

func (l *Conv2d[T]) giveChannelsLast(last bool) { l.last = last }

func (l *Conv2d[T]) forwardActivated(x *Tensor[T], slope T) (*Tensor[T], bool) {
	fused, ok := l.ops.(FusedOps[T])
	if ok {
		l.begin(x)
		fused.ConvLeakyReLU(l.y, x, l.Weight.Value, valueOf(l.Bias), l.geo, slope)
	}
	return l.y, ok
}

func (l *Conv2d[T]) backwardActivated(*Tensor[T], T, Want) (*Tensor[T], bool) { return nil, false }

// Backward takes dy [n, Out, oh, ow], adds to the gradients of weight and bias, and returns dx [n, In, h, w].
func (l *Conv2d[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantParams != 0 {
		// forward: y = Bias + ...
		if l.Bias != nil {
			l.ops.ChannelSums(l.Bias.Grad, dy)
		}
	}
	// forward: y = Weight patches(x)
	var dx *Tensor[T]
	if want&WantInput != 0 {
		dx = l.work.Like(convDX, l.x)
	}
	if fused, ok := l.ops.(FusedOps[T]); ok && want&WantParams != 0 && dx != nil {
		fused.ConvBackward(dx, l.Weight.Grad, dy, l.x, l.Weight.Value, l.geo)
		return dx
	}
	if want&WantParams != 0 {
		l.ops.ConvWeight(l.Weight.Grad, dy, l.x, l.geo)
	}
	if dx != nil {
		l.ops.ConvTranspose(dx, dy, l.Weight.Value, nil, l.geo)
	}
	return dx
}

// Params returns the weight and, if there is one, the bias.
func (l *Conv2d[T]) Params() []*Param[T] { return withBias(l.Weight, l.Bias) }

// size returns the height and width of the output.
func (l *Conv2d[T]) size(in []int) (oh, ow int, err error) {
	if err := checkImage(l, in, l.cfg.In); err != nil {
		return 0, 0, err
	}
	oh, ow = l.geo.places(in[2]), l.geo.places(in[3])
	if oh < 1 || ow < 1 {
		return 0, 0, fmt.Errorf("nn: %v: input of shape %v, want images of %d x %d at least", l, in, l.geo.Kernel-2*l.geo.Padding, l.geo.Kernel-2*l.geo.Padding)
	}
	return oh, ow, nil
}

// OutputShape returns [n, Out, oh, ow] for [n, In, h, w].
func (l *Conv2d[T]) OutputShape(in []int) ([]int, error) {
	oh, ow, err := l.size(in)
	if err != nil {
		return nil, err
	}
	return []int{in[0], l.cfg.Out, oh, ow}, nil
}

// FLOPs returns the multiplications and additions of a forward pass, those of the padding included.
func (l *Conv2d[T]) FLOPs(in []int) int64 {
	oh, ow, err := l.size(in)
	if err != nil {
		return 0
	}
	return 2 * int64(in[0]) * int64(oh) * int64(ow) * int64(l.Weight.Value.size)
}

// Share returns a layer with the same parameters and its own activations.
func (l *Conv2d[T]) Share() Layer[T] {
	return &Conv2d[T]{Weight: l.Weight, Bias: l.Bias, cfg: l.cfg, geo: l.geo, ops: l.ops, work: NewWorkspace(l.ops)}
}

// String returns "Conv2d(In, Out, kernel k, ...)".
func (l *Conv2d[T]) String() string { return "Conv2d(" + l.cfg.options() + ")" }

// valueOf returns the value of a parameter that may be nil.
func valueOf[T kernels.Float](p *Param[T]) *Tensor[T] {
	if p == nil {
		return nil
	}
	return p.Value
}

// withBias returns the parameters that are there.
func withBias[T kernels.Float](weight, bias *Param[T]) []*Param[T] {
	if bias == nil {
		return []*Param[T]{weight}
	}
	return []*Param[T]{weight, bias}
}

// checkImage returns an error unless in is [n, channels, h, w]; channels < 0 stands for any.
func checkImage[T kernels.Float](l Layer[T], in []int, channels int) error {
	if len(in) == 4 && (in[1] == channels || channels < 0) {
		return nil
	}
	if channels < 0 {
		return fmt.Errorf("nn: %v: input of shape %v, want [batch channels height width]", l, in)
	}
	return fmt.Errorf("nn: %v: input of shape %v, want [batch %d height width]", l, in, channels)
}
