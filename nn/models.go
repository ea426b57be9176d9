package nn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Model is a built-in architecture.
type Model struct {
	Name   string
	Doc    string // one line
	Input  []int  // shape of an input, without the batch
	Output []int  // shape of an output, without the batch
}

// Models returns the built-in architectures, sorted by name. Images are [channels, height, width] with pixels in [0, 1].
func Models() []Model { return slices.Clone(models) }

var models = []Model{
	{"classifier-28", "LeNet-class: two convolutions of 5x5 with max pooling, two linear layers with dropout; logits", []int{1, 28, 28}, []int{10}},
	{"classifier-small-28", "classifier-28 with fewer channels: 80,000 parameters", []int{1, 28, 28}, []int{10}},
	{"conv-decoder-28", "of Wasserstein auto-encoders: linear, two transposed convolutions of 4x4 with batch normalisation", []int{8}, []int{1, 28, 28}},
	{"conv-encoder-28", "of Wasserstein auto-encoders: two convolutions of 4x4 with batch normalisation, linear", []int{1, 28, 28}, []int{8}},
	{"dcgan-discriminator-28", "DCGAN, 64 and 128 channels; one logit", []int{1, 28, 28}, []int{1}},
	{"dcgan-discriminator-32", "DCGAN, 64, 128 and 256 channels; one logit", []int{3, 32, 32}, []int{1}},
	{"dcgan-generator-28", "DCGAN, 128 and 64 channels", []int{100}, []int{1, 28, 28}},
	{"dcgan-generator-32", "DCGAN, 256, 128 and 64 channels", []int{100}, []int{3, 32, 32}},
	{"mlp-discriminator-28", "784-500-500-1 with leaky ReLU; one logit", []int{784}, []int{1}},
	{"mlp-generator-28", "2-500-500-784 with softplus, the MNIST generator of Genevay, Peyre and Cuturi 2018", []int{2}, []int{784}},
	{"resnet-discriminator-32", "four residual blocks of 64 channels with spectral normalisation; one logit", []int{3, 32, 32}, []int{1}},
	{"resnet-generator-32", "three residual blocks of 64 channels with batch normalisation", []int{128}, []int{3, 32, 32}},
}

// NewModel returns a built-in architecture in training mode, its parameters drawn from the seed.
func NewModel[T kernels.Float](ops Ops[T], name string, seed uint64) (Layer[T], error) {
	i := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		names := make([]string, len(models))
		for i, m := range models {
			names[i] = m.Name
		}
		return nil, fmt.Errorf("nn: unknown model %q, want one of %s", name, strings.Join(names, ", "))
	}
	b := &builder[T]{ops: ops, src: random.New(seed, "init"), seed: seed, weight: Normal(0, 0.02), norm: Normal(1, 0.02)}
	in := models[i].Input
	switch name {
	case "classifier-28":
		return b.classifier(in, 20, 50, 500)
	case "classifier-small-28":
		return b.classifier(in, 16, 32, 128)
	case "conv-decoder-28":
		return b.decoder(in)
	case "conv-encoder-28":
		return b.encoder(in)
	case "dcgan-discriminator-28":
		return b.discriminator(in, 64, 128)
	case "dcgan-discriminator-32":
		return b.discriminator(in, 64, 128, 256)
	case "dcgan-generator-28":
		return b.generator(in, 7, 128, 64, 1)
	case "dcgan-generator-32":
		return b.generator(in, 4, 256, 128, 64, 3)
	case "mlp-discriminator-28":
		return NewMLP(ops, MLP{Sizes: []int{784, 500, 500, 1}, Hidden: "leaky_relu"}, b.src, HeNormal(leakySlope), nil)
	case "mlp-generator-28":
		return NewMLP(ops, MLP{Sizes: []int{2, 500, 500, 784}, Hidden: "softplus", Output: "sigmoid"}, b.src, XavierUniform(1), nil)
	case "resnet-discriminator-32":
		return b.resnetDiscriminator(in, 64)
	default:
		return b.resnetGenerator(in, 64)
	}
}

// A builder makes layers and draws their parameters in order.
type builder[T kernels.Float] struct {
	ops          Ops[T]
	src          *random.Stream
	seed         uint64
	weight, norm Init
}

func (b *builder[T]) linear(in, out int) Layer[T] {
	l := NewLinear(b.ops, in, out)
	l.Init(b.src, b.weight, nil)
	return l
}

func (b *builder[T]) conv(cfg ConvConfig) Layer[T] {
	l := NewConv2d(b.ops, cfg)
	l.Init(b.src, b.weight, nil)
	return l
}

func (b *builder[T]) convTranspose(cfg ConvConfig) Layer[T] {
	l := NewConvTranspose2d(b.ops, cfg)
	l.Init(b.src, b.weight, nil)
	return l
}

func (b *builder[T]) batchNorm(channels int) Layer[T] {
	l := NewBatchNorm2d(b.ops, channels)
	l.Init(b.src, b.norm, nil)
	return l
}

// classifier is close to Caffe's LeNet, which has 20 and 50 channels and 500 features.
func (b *builder[T]) classifier(in []int, first, second, features int) (Layer[T], error) {
	b.weight = HeNormal(0)
	return build(BuildSequential(in,
		b.conv(ConvConfig{In: 1, Out: first, Kernel: 5}), Layer[T](NewMaxPool2d(b.ops, ConvGeometry{Kernel: 2})), NewReLU(b.ops),
		b.conv(ConvConfig{In: first, Out: second, Kernel: 5}), NewMaxPool2d(b.ops, ConvGeometry{Kernel: 2}), NewReLU(b.ops),
		NewFlatten[T](), b.linear(16*second, features), NewReLU(b.ops), NewDropout(b.ops, 0.5, random.New(b.seed, "dropout")), b.linear(features, 10)))
}

// build turns a network and its error into a layer.
func build[T kernels.Float](s *Sequential[T], err error) (Layer[T], error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// generator is a DCGAN generator from noise to images of side x side and more: channels[0] at first, twice the side at each later number.
// Source: Radford, Metz and Chintala 2016, with a sigmoid at the end for pixels in [0, 1].
func (b *builder[T]) generator(in []int, side int, channels ...int) (Layer[T], error) {
	layers := []Layer[T]{NewReshape[T](in[0], 1, 1), b.convTranspose(ConvConfig{In: in[0], Out: channels[0], Kernel: side, NoBias: true})}
	last := len(channels) - 1
	for i, c := range channels[:last] {
		layers = append(layers, b.batchNorm(c), NewReLU(b.ops),
			b.convTranspose(ConvConfig{In: c, Out: channels[i+1], Kernel: 4, Stride: 2, Padding: 1, NoBias: i+1 < last}))
	}
	return build(BuildSequential(in, append(layers, NewSigmoid(b.ops))...))
}

// discriminator is a DCGAN discriminator: each convolution halves the side, the last covers what is left.
func (b *builder[T]) discriminator(in []int, channels ...int) (Layer[T], error) {
	layers, from, side := []Layer[T]{}, in[0], in[1]
	for i, c := range channels {
		layers = append(layers, b.conv(ConvConfig{In: from, Out: c, Kernel: 4, Stride: 2, Padding: 1, NoBias: i > 0}))
		if i > 0 {
			layers = append(layers, b.batchNorm(c))
		}
		layers = append(layers, NewLeakyReLU(b.ops, leakySlope))
		from, side = c, side/2
	}
	return build(BuildSequential(in, append(layers, b.conv(ConvConfig{In: from, Out: 1, Kernel: side}), NewFlatten[T]())...))
}

func (b *builder[T]) encoder(in []int) (Layer[T], error) {
	return build(BuildSequential(in,
		b.conv(ConvConfig{In: 1, Out: 64, Kernel: 4, Stride: 2, Padding: 1, NoBias: true}), b.batchNorm(64), NewReLU(b.ops),
		b.conv(ConvConfig{In: 64, Out: 128, Kernel: 4, Stride: 2, Padding: 1, NoBias: true}), b.batchNorm(128), NewReLU(b.ops),
		NewFlatten[T](), b.linear(128*7*7, 8)))
}

func (b *builder[T]) decoder(in []int) (Layer[T], error) {
	return build(BuildSequential(in,
		b.linear(8, 128*7*7), Layer[T](NewReLU(b.ops)), NewReshape[T](128, 7, 7),
		b.convTranspose(ConvConfig{In: 128, Out: 64, Kernel: 4, Stride: 2, Padding: 1, NoBias: true}), b.batchNorm(64), NewReLU(b.ops),
		b.convTranspose(ConvConfig{In: 64, Out: 1, Kernel: 4, Stride: 2, Padding: 1}), NewSigmoid(b.ops)))
}
