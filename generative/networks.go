package generative

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// An ImageShape is the shape of images as rows: channel, then line, then column.
type ImageShape struct{ Channels, Height, Width int }

func (s ImageShape) dim() int { return s.Channels * s.Height * s.Width }

// start returns the size of images that grow to s by n doublings.
func (s ImageShape) start(n int) (h, w int, err error) {
	if n > 30 || s.dim() < 1 || s.Height%(1<<n) != 0 || s.Width%(1<<n) != 0 {
		return 0, 0, fmt.Errorf("generative: images of %d x %d pixels cannot be halved %d times: want other channels", s.Height, s.Width, n)
	}
	return s.Height >> n, s.Width >> n, nil
}

// NewDCGANModel returns a generator of images with pixels in [0, 1] from latent points of a prior, the network of [NewDCGANDecoder] with its
// weights from the stream "init" of the seed.
func NewDCGANModel(ops nn.Ops[float32], latent int, channels []int, s ImageShape, prior string, seed uint64) (*Model, error) {
	net, err := NewDCGANDecoder(ops, latent, channels, s, random.New(seed, "init"))
	if err != nil {
		return nil, err
	}
	return newNetwork(ops, net, latent, prior)
}

// NewDCGANDecoder returns a network from vectors to images with pixels in [0, 1]: a linear layer to images of channels[0], then for each later
// number, and at last for the image's own channels, a transposed convolution of 4x4 that doubles the side. Batch normalisation and ReLU
// stand between layers, a sigmoid at the end; weights are normal of deviation .02. Source: Radford, Metz and Chintala 2016.
func NewDCGANDecoder(ops nn.Ops[float32], in int, channels []int, s ImageShape, src nn.Source) (nn.Layer[float32], error) {
	if in < 1 || len(channels) == 0 {
		return nil, fmt.Errorf("generative: dimension %d and channels %v, want both positive", in, channels)
	}
	h, w, err := s.start(len(channels))
	if err != nil {
		return nil, err
	}
	weight := nn.Normal(0, .02)
	first := nn.NewLinear(ops, in, channels[0]*h*w)
	first.Init(src, weight, nil)
	layers := []nn.Layer[float32]{first, nn.NewReshape[float32](channels[0], h, w)}
	for i, c := range channels {
		norm := nn.NewBatchNorm2d(ops, c)
		norm.Init(src, nn.Normal(1, .02), nil)
		next := s.Channels
		if i+1 < len(channels) {
			next = channels[i+1]
		}
		up := nn.NewConvTranspose2d(ops, nn.ConvConfig{In: c, Out: next, Kernel: 4, Stride: 2, Padding: 1, NoBias: i+1 < len(channels)})
		up.Init(src, weight, nil)
		layers = append(layers, norm, nn.NewReLU(ops), up)
	}
	return nn.NewSequential(append(layers, nn.NewSigmoid(ops), nn.NewFlatten[float32]())...), nil
}

// NewDCGANFeatures returns a critic for images, the network of [NewDCGANEncoder] with weights from the stream "critic" of the seed.
func NewDCGANFeatures(ops nn.Ops[float32], channels []int, features int, s ImageShape, seed uint64) (*nn.Sequential[float32], error) {
	return NewDCGANEncoder(ops, channels, features, s, random.New(seed, "critic"))
}

// NewDCGANEncoder returns a network from images to vectors: a convolution of 4x4 that halves the side and a leaky ReLU for each number of
// channels, then a linear layer to that many numbers. There is no batch normalisation, which would tie the images of a batch together.
// Weights are normal of deviation .02.
func NewDCGANEncoder(ops nn.Ops[float32], channels []int, out int, s ImageShape, src nn.Source) (*nn.Sequential[float32], error) {
	h, w, err := s.start(len(channels))
	if err != nil {
		return nil, err
	}
	weight := nn.Normal(0, .02)
	layers := []nn.Layer[float32]{nn.NewReshape[float32](s.Channels, s.Height, s.Width)}
	from := s.Channels
	for _, c := range channels {
		down := nn.NewConv2d(ops, nn.ConvConfig{In: from, Out: c, Kernel: 4, Stride: 2, Padding: 1})
		down.Init(src, weight, nil)
		layers = append(layers, down, nn.NewLeakyReLU(ops, .2))
		from = c
	}
	last := nn.NewLinear(ops, from*h*w, out)
	last.Init(src, weight, nil)
	return nn.NewSequential(append(layers, nn.NewFlatten[float32](), last)...), nil
}

// SpectralNormalised returns the layers of a network with the weights of its linear layers and convolutions normalised; see
// [nn.SpectralNorm], whose first vectors come from src. The parameters are shared.
func SpectralNormalised(ops nn.Ops[float32], net *nn.Sequential[float32], src nn.Source) *nn.Sequential[float32] {
	var layers []nn.Layer[float32]
	for _, l := range net.Layers() {
		switch l.(type) {
		case *nn.Linear[float32], *nn.Conv2d[float32]:
			l = nn.NewSpectralNorm(ops, l, src)
		}
		layers = append(layers, l)
	}
	return nn.NewSequential(layers...)
}
