package nn

import "github.com/sinkcpu/sinkcpu/kernels"

// The residual pair follows Miyato, Kataoka, Koyama and Yoshida 2018, with fewer channels.

// resnetGenerator doubles 4x4 images three times.
func (b *builder[T]) resnetGenerator(in []int, channels int) (Layer[T], error) {
	b.weight, b.norm = XavierUniform(1), nil
	nodes := []Node[T]{{Name: "linear", Layer: b.linear(in[0], channels*16)}, {Name: "shape", Layer: NewReshape[T](channels, 4, 4)}}
	for _, name := range []string{"block1", "block2", "block3"} {
		nodes = append(nodes, b.upBlock(name, nodes[len(nodes)-1].Name, channels)...)
	}
	nodes = append(nodes, Node[T]{Name: "bn", Layer: b.batchNorm(channels)}, Node[T]{Name: "relu", Layer: NewReLU(b.ops)},
		Node[T]{Name: "conv", Layer: b.conv(ConvConfig{In: channels, Out: 3, Kernel: 3, Padding: 1})}, Node[T]{Name: "sigmoid", Layer: NewSigmoid(b.ops)})
	return buildGraph(NewGraph(b.ops, in, nodes...))
}

// buildGraph turns a graph and its error into a layer.
func buildGraph[T kernels.Float](g *Graph[T], err error) (Layer[T], error) {
	if err != nil {
		return nil, err
	}
	return g, nil
}

// upBlock returns a block that doubles the side: two convolutions beside one of a pixel.
func (b *builder[T]) upBlock(name, from string, channels int) []Node[T] {
	wide := ConvConfig{In: channels, Out: channels, Kernel: 3, Padding: 1}
	return []Node[T]{
		{Name: name + ".bn1", Layer: b.batchNorm(channels), From: []string{from}},
		{Name: name + ".relu1", Layer: NewReLU(b.ops)},
		{Name: name + ".up", Layer: NewUpsample2d(b.ops, 2)},
		{Name: name + ".conv1", Layer: b.conv(wide)},
		{Name: name + ".bn2", Layer: b.batchNorm(channels)},
		{Name: name + ".relu2", Layer: NewReLU(b.ops)},
		{Name: name + ".conv2", Layer: b.conv(wide)},
		{Name: name + ".shortcut_up", Layer: NewUpsample2d(b.ops, 2), From: []string{from}},
		{Name: name + ".shortcut", Layer: b.conv(ConvConfig{In: channels, Out: channels, Kernel: 1})},
		{Name: name, From: []string{name + ".conv2", name + ".shortcut"}},
	}
}

// resnetDiscriminator halves the image twice, then keeps 8x8 pixels and takes their mean.
func (b *builder[T]) resnetDiscriminator(in []int, channels int) (Layer[T], error) {
	b.weight = XavierUniform(1)
	nodes := b.downBlock("block1", Input, in[0], channels, true, false)
	for _, k := range []struct {
		name string
		down bool
	}{{"block2", true}, {"block3", false}, {"block4", false}} {
		nodes = append(nodes, b.downBlock(k.name, nodes[len(nodes)-1].Name, channels, channels, k.down, true)...)
	}
	nodes = append(nodes, Node[T]{Name: "relu", Layer: NewReLU(b.ops)}, Node[T]{Name: "pool", Layer: NewAvgPool2d(b.ops, ConvGeometry{Kernel: in[1] / 4})},
		Node[T]{Name: "flatten", Layer: NewFlatten[T]()}, Node[T]{Name: "linear", Layer: b.spectral(b.linear(channels, 1))})
	return buildGraph(NewGraph(b.ops, in, nodes...))
}

func (b *builder[T]) spectral(l Layer[T]) Layer[T] { return NewSpectralNorm(b.ops, l, b.src) }

// downBlock returns a block of two convolutions beside one of a pixel, or beside nothing where it keeps channels and side.
func (b *builder[T]) downBlock(name, from string, channels, out int, down, relu bool) []Node[T] {
	source := []string{from}
	var nodes []Node[T]
	if relu {
		nodes = append(nodes, Node[T]{Name: name + ".relu1", Layer: NewReLU(b.ops), From: source})
		source = nil
	}
	nodes = append(nodes,
		Node[T]{Name: name + ".conv1", Layer: b.spectral(b.conv(ConvConfig{In: channels, Out: out, Kernel: 3, Padding: 1})), From: source},
		Node[T]{Name: name + ".relu2", Layer: NewReLU(b.ops)},
		Node[T]{Name: name + ".conv2", Layer: b.spectral(b.conv(ConvConfig{In: out, Out: out, Kernel: 3, Padding: 1}))})
	if !down {
		return append(nodes, Node[T]{Name: name, From: []string{name + ".conv2", from}})
	}
	half := ConvGeometry{Kernel: 2}
	return append(nodes,
		Node[T]{Name: name + ".pool", Layer: NewAvgPool2d(b.ops, half)},
		Node[T]{Name: name + ".shortcut_pool", Layer: NewAvgPool2d(b.ops, half), From: []string{from}},
		Node[T]{Name: name + ".shortcut", Layer: b.spectral(b.conv(ConvConfig{In: channels, Out: out, Kernel: 1}))},
		Node[T]{Name: name, From: []string{name + ".pool", name + ".shortcut"}})
}
