package nn

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// WriteONNX writes a network, as it computes out of training, in the format of ONNX (operator set 17, IR version 8). Its input is "input"
// [batch, in...], its output "output", the batch of any size. An [Embedding] takes classes as numbers of T, as here. It is an error
// when the shape does not fit, or the network has a layer that the format or this function does not know.
func WriteONNX[T kernels.Float](ops Ops[T], w io.Writer, l Layer[T], in []int) error {
	shape := append([]int{1}, in...)
	out, err := l.OutputShape(shape)
	if err != nil {
		return err
	}
	x := &onnxWriter[T]{ops: ops}
	last, _, err := x.layer(l, "", "input", shape)
	if err != nil {
		return err
	}
	x.node("Identity", []string{last}, "output")
	x.graph.text(2, "sinkcpu")
	x.graph.bytes(11, x.value("input", in))
	x.graph.bytes(12, x.value("output", out[1:]))
	var opset, model message
	opset.text(1, "")
	opset.integer(2, 17)
	model.integer(1, 8)
	model.text(2, "sinkcpu")
	model.bytes(7, x.graph)
	model.bytes(8, opset)
	_, err = w.Write(model)
	return err
}

// An onnxWriter collects a GraphProto.
type onnxWriter[T kernels.Float] struct {
	ops   Ops[T]
	graph message
	names int // given to values so far
}

// An attribute of a node: an int, a float32, a string or a []int.
type attribute struct {
	name  string
	value any
}

// fresh returns a name that no value has.
func (x *onnxWriter[T]) fresh() string {
	x.names++
	return "v" + strconv.Itoa(x.names)
}

// node adds a NodeProto and returns its output, which gets a fresh name where it is "".
func (x *onnxWriter[T]) node(op string, inputs []string, output string, attributes ...attribute) string {
	if output == "" {
		output = x.fresh()
	}
	var n message
	for _, in := range inputs {
		n.text(1, in)
	}
	n.text(2, output)
	n.text(4, op)
	for _, a := range attributes {
		n.bytes(5, encodeAttribute(a))
	}
	x.graph.bytes(1, n)
	return output
}

// encodeAttribute returns an AttributeProto.
func encodeAttribute(a attribute) message {
	var m message
	m.text(1, a.name)
	switch v := a.value.(type) {
	case float32:
		m.float(2, v)
		m.integer(20, 1)
	case int:
		m.integer(3, int64(v))
		m.integer(20, 2)
	case string:
		m.text(4, v)
		m.integer(20, 3)
	case []int:
		for _, i := range v {
			m.integer(8, int64(i))
		}
		m.integer(20, 7)
	}
	return m
}

// elementType returns the number of a type in TensorProto.
func elementType(data any) int64 {
	switch data.(type) {
	case []float32:
		return 1
	case []int64:
		return 7
	}
	return 11
}

// constant adds an initializer, a TensorProto, and returns its name.
func (x *onnxWriter[T]) constant(shape []int, data any) string {
	var t message
	for _, d := range shape {
		t.integer(1, int64(d))
	}
	t.integer(2, elementType(data))
	name := x.fresh()
	t.text(8, name)
	raw, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		panic("nn: ONNX: " + err.Error())
	}
	t.bytes(9, raw)
	x.graph.bytes(5, t)
	return name
}

// tensor adds the numbers of a tensor.
func (x *onnxWriter[T]) tensor(v *Tensor[T]) string {
	host := make([]T, v.size)
	x.ops.Download(host, v)
	return x.constant(v.shape, host)
}

// number adds a single number.
func (x *onnxWriter[T]) number(v float64) string { return x.constant(nil, []T{T(v)}) }

// value returns a ValueInfoProto of the shape behind a batch of any size.
func (x *onnxWriter[T]) value(name string, shape []int) message {
	var dims, dim, tensor, typ, v message
	dim.text(2, "batch")
	dims.bytes(1, dim)
	for _, d := range shape {
		dim = nil
		dim.integer(1, int64(d))
		dims.bytes(1, dim)
	}
	tensor.integer(1, elementType([]T(nil)))
	tensor.bytes(2, dims)
	typ.bytes(1, tensor)
	v.text(1, name)
	v.bytes(2, typ)
	return v
}

// layer adds the nodes of a layer and returns its output and that output's shape.
func (x *onnxWriter[T]) layer(l Layer[T], name, in string, shape []int) (string, []int, error) {
	switch net := l.(type) {
	case *Sequential[T]:
		var err error
		for _, p := range net.parts {
			if in, shape, err = x.layer(p.Layer, joinedName(name, p.Name), in, shape); err != nil {
				return "", nil, err
			}
		}
		return in, shape, nil
	case *Graph[T]:
		return x.graphNodes(net, name, in, shape)
	case *tied[T]:
		return x.layer(net.Layer, name, in, shape)
	case *SpectralNorm[T]:
		net.scale()
		return x.layer(net.inner, name, in, shape)
	}
	out, err := l.OutputShape(shape)
	if err != nil {
		return "", nil, fmt.Errorf("layer %q: %w", name, err)
	}
	y, ok := x.simple(l, in, shape)
	if !ok {
		return "", nil, fmt.Errorf("nn: layer %q, %v of an input of shape %v, cannot be written as ONNX", name, l, shape)
	}
	return y, out, nil
}

// graphNodes adds the nodes of a graph.
func (x *onnxWriter[T]) graphNodes(g *Graph[T], name, in string, shape []int) (string, []int, error) {
	values, shapes := make([]string, len(g.nodes)), make([][]int, len(g.nodes))
	var err error
	for i, n := range g.nodes {
		sum, s := in, shape
		for j, k := range g.from[i] {
			v, vs := in, shape
			if k >= 0 {
				v, vs = values[k], shapes[k]
			}
			if j > 0 {
				v = x.node("Add", []string{sum, v}, "")
			}
			sum, s = v, vs
		}
		if n.Layer != nil {
			if sum, s, err = x.layer(n.Layer, joinedName(name, n.Name), sum, s); err != nil {
				return "", nil, err
			}
		}
		values[i], shapes[i] = sum, s
	}
	last := len(values) - 1
	return values[last], shapes[last], nil
}

// simple adds the nodes of a layer that is not made of others, or returns false.
func (x *onnxWriter[T]) simple(l Layer[T], in string, shape []int) (string, bool) {
	one := func(op string, a ...attribute) (string, bool) { return x.node(op, []string{in}, "", a...), true }
	switch l := l.(type) {
	case *Linear[T]:
		if len(shape) != 2 {
			return "", false
		}
		return x.node("Gemm", []string{in, x.tensor(l.Weight.Value), x.tensor(l.Bias.Value)}, "", attribute{"transB", 1}), true
	case *Conv2d[T]:
		return x.node("Conv", x.weighted(in, l.Weight, l.Bias), "", window(l.geo)...), true
	case *ConvTranspose2d[T]:
		a := append(window(l.geo), attribute{"output_padding", []int{l.cfg.OutputPadding, l.cfg.OutputPadding}})
		return x.node("ConvTranspose", x.weighted(in, l.Weight, l.Bias), "", a...), true
	case *BatchNorm[T]:
		inputs := append(x.weighted(in, l.Weight, l.Bias), x.tensor(l.RunningMean), x.tensor(l.RunningVar))
		return x.node("BatchNormalization", inputs, "", attribute{"epsilon", float32(l.Eps)}), true
	case *LayerNorm[T]:
		return x.node("LayerNormalization", x.weighted(in, l.Weight, l.Bias), "", attribute{"axis", -1}, attribute{"epsilon", float32(l.Eps)}), true
	case *L2Normalize[T]:
		length := x.node("ReduceL2", []string{in}, "", attribute{"axes", []int{-1}})
		return x.node("Div", []string{in, x.node("Max", []string{length, x.number(l2Eps)}, "")}, ""), true
	case *Embedding[T]:
		index := x.node("Cast", []string{in}, "", attribute{"to", 7})
		return x.node("Gather", []string{x.tensor(l.Weight.Value), index}, ""), true
	case *Dropout[T]:
		return one("Identity")
	case *Reshape[T]:
		if l.shape == nil {
			return one("Flatten")
		}
		full := make([]int64, len(l.shape)+1) // 0 keeps the batch
		for i, d := range l.shape {
			full[i+1] = int64(d)
		}
		return x.node("Reshape", []string{in, x.constant([]int{len(full)}, full)}, ""), true
	case *Pool2d[T]:
		if l.mean {
			return one("AveragePool", append(window(l.geo), attribute{"count_include_pad", 1})...)
		}
		return one("MaxPool", window(l.geo)...)
	case *Upsample2d[T]:
		f := float32(l.Factor)
		return x.node("Resize", []string{in, "", x.constant([]int{4}, []float32{1, 1, f, f})}, "", attribute{"mode", "nearest"},
			attribute{"coordinate_transformation_mode", "asymmetric"}, attribute{"nearest_mode", "floor"}), true
	}
	return x.activation(l, in)
}

// activation adds the nodes of an activation, or returns false.
func (x *onnxWriter[T]) activation(l Layer[T], in string) (string, bool) {
	one := func(op string, a ...attribute) (string, bool) { return x.node(op, []string{in}, "", a...), true }
	switch l := l.(type) {
	case *ReLU[T]:
		return one("Relu")
	case *LeakyReLU[T]:
		return one("LeakyRelu", attribute{"alpha", float32(l.Slope)})
	case *ELU[T]:
		return one("Elu", attribute{"alpha", float32(l.Alpha)})
	case *Softplus[T]:
		return one("Softplus")
	case *Tanh[T]:
		return one("Tanh")
	case *Sigmoid[T]:
		return one("Sigmoid")
	case *SiLU[T]:
		return x.node("Mul", []string{in, x.node("Sigmoid", []string{in}, "")}, ""), true
	case *GELU[T]:
		erf := x.node("Erf", []string{x.node("Mul", []string{in, x.number(math.Sqrt2 / 2)}, "")}, "")
		phi := x.node("Mul", []string{x.node("Add", []string{erf, x.number(1)}, ""), x.number(.5)}, "")
		return x.node("Mul", []string{in, phi}, ""), true
	}
	return "", false
}

// weighted returns the inputs of a node with a weight and, unless it is nil, a bias.
func (x *onnxWriter[T]) weighted(in string, weight, bias *Param[T]) []string {
	inputs := []string{in, x.tensor(weight.Value)}
	if bias != nil {
		inputs = append(inputs, x.tensor(bias.Value))
	}
	return inputs
}

// window returns the attributes of a window.
func window(g ConvGeometry) []attribute {
	return []attribute{
		{"kernel_shape", []int{g.Kernel, g.Kernel}},
		{"strides", []int{g.Stride, g.Stride}},
		{"pads", []int{g.Padding, g.Padding, g.Padding, g.Padding}},
	}
}
