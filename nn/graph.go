package nn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Node is one step of a [Graph]: a layer applied to the sum of what the named nodes give.
type Node[T kernels.Float] struct {
	Name  string   // of the layer's parameters, such as "layer1.conv1"; unique, and not "input"
	Layer Layer[T] // nil passes the sum on
	From  []string // names of nodes before it, or "input"; the node before where there is none
}

// Input is the name by which nodes of a [Graph] take the input of the graph.
const Input = "input"

// Graph is named layers that add their inputs, as residual networks do. Its output is that of the last node. The parameters of a node are
// named "node.name".
type Graph[T kernels.Float] struct {
	nodes  []Node[T]
	from   [][]int // numbers of the sources of each node, -1 for the input
	needed []bool  // whether a parameter lies at or before a node
	parts  []Part[T]
	params []*Param[T]
	ops    Ops[T]
	work   *Workspace[T] // slot 2i is the sum before node i, slot 2i+1 the gradient of its output, slot 2n that of the input
	out    []*Tensor[T]
	grad   []*Tensor[T] // by node, then the input; nil where nothing has come yet
	x      *Tensor[T]
}

// NewGraph returns the graph of the nodes, each after its sources, for a batch of inputs of that shape, without the batch. The error says
// which node has a name, a source or a shape that does not fit.
func NewGraph[T kernels.Float](ops Ops[T], in []int, nodes ...Node[T]) (*Graph[T], error) {
	g, err := newGraph(ops, nodes)
	if err != nil {
		return nil, fmt.Errorf("nn: Graph: %w", err)
	}
	if _, err := g.OutputShape(append([]int{1}, in...)); err != nil {
		return nil, err
	}
	return g, nil
}

func newGraph[T kernels.Float](ops Ops[T], nodes []Node[T]) (*Graph[T], error) {
	g := &Graph[T]{nodes: nodes, ops: ops, work: NewWorkspace(ops), out: make([]*Tensor[T], len(nodes)), grad: make([]*Tensor[T], len(nodes)+1)}
	if len(nodes) == 0 {
		return nil, errors.New("no nodes")
	}
	number := map[string]int{Input: -1}
	for i, n := range nodes {
		if _, taken := number[n.Name]; taken || n.Name == "" {
			return nil, fmt.Errorf("node %d: name %q is empty, reserved or taken", i, n.Name)
		}
		from := []int{i - 1}
		if len(n.From) > 0 {
			from = from[:0]
		}
		for _, name := range n.From {
			k, ok := number[name]
			if !ok {
				return nil, fmt.Errorf("node %q: no node %q before it", n.Name, name)
			}
			if slices.Contains(from, k) {
				return nil, fmt.Errorf("node %q takes %q twice", n.Name, name)
			}
			from = append(from, k)
		}
		number[n.Name] = i
		g.from = append(g.from, from)
		needed := n.Layer != nil && hasParams(n.Layer)
		for _, k := range from {
			needed = needed || k >= 0 && g.needed[k]
		}
		g.needed = append(g.needed, needed)
		if n.Layer != nil {
			g.parts = append(g.parts, Part[T]{n.Name, n.Layer})
			g.params = append(g.params, Prefixed(n.Name, n.Layer.Params())...)
		}
	}
	return g, checkParts(g.parts)
}

// Forward computes the nodes in order and returns the output of the last.
func (g *Graph[T]) Forward(x *Tensor[T]) *Tensor[T] {
	g.x = x
	for i, n := range g.nodes {
		sum := g.source(g.from[i][0])
		if len(g.from[i]) > 1 {
			first := sum
			sum = g.work.Like(2*i, first)
			g.ops.Copy(sum, first)
			for k, from := range g.from[i][1:] {
				if s := g.source(from); s.SameShape(sum) {
					g.ops.Axpy(sum, 1, s)
				} else {
					panic(fmt.Sprintf("nn: Graph: node %q adds shape %v of %q to shape %v of %q", n.Name, s, g.nameOf(g.from[i][k+1]), sum, g.nameOf(g.from[i][0])))
				}
			}
		}
		if n.Layer != nil {
			sum = n.Layer.Forward(sum)
		}
		g.out[i] = sum
	}
	return g.out[len(g.out)-1]
}

// source returns the output of a node, or the input.
func (g *Graph[T]) source(node int) *Tensor[T] {
	if node < 0 {
		return g.x
	}
	return g.out[node]
}

// nameOf returns the name of a node, or of the input.
func (g *Graph[T]) nameOf(node int) string {
	if node < 0 {
		return Input
	}
	return g.nodes[node].Name
}

// Backward undoes the nodes in reverse order, those that what is wanted depends on.
func (g *Graph[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	last := len(g.nodes) - 1
	checkBackward(g, dy, g.out[last])
	clear(g.grad)
	g.grad[last] = dy
	for i := last; i >= 0; i-- {
		d := g.grad[i]
		if d == nil {
			continue
		}
		below := want&WantInput != 0
		for _, k := range g.from[i] {
			below = below || k >= 0 && g.needed[k]
		}
		if g.nodes[i].Layer != nil {
			w := want &^ WantInput
			if below {
				w |= WantInput
			}
			if w == 0 || !below && !hasParams(g.nodes[i].Layer) {
				continue
			}
			d = g.nodes[i].Layer.Backward(d, w)
		}
		// forward: sum = source + source + ...
		for _, k := range g.from[i] {
			if k < 0 && want&WantInput != 0 || k >= 0 && below {
				g.accumulate(k, d)
			}
		}
	}
	if want&WantInput == 0 {
		return nil
	}
	if g.grad[last+1] == nil {
		dx := g.work.Like(2*len(g.nodes), g.x)
		g.ops.Zero(dx)
		return dx
	}
	return g.grad[last+1]
}

// accumulate adds d to the gradient of a node's output.
func (g *Graph[T]) accumulate(node int, d *Tensor[T]) {
	slot := 2*node + 1
	if node < 0 {
		node, slot = len(g.nodes), 2*len(g.nodes)
	}
	sum := g.work.Like(slot, d)
	if g.grad[node] == nil {
		g.ops.Copy(sum, d)
	} else {
		g.ops.Axpy(sum, 1, d)
	}
	g.grad[node] = sum
}

// Params returns the parameters of all nodes.
func (g *Graph[T]) Params() []*Param[T] { return g.params }

// Parts returns the layers of the nodes under their names.
func (g *Graph[T]) Parts() []Part[T] { return g.parts }

// Nodes returns the nodes. The caller must not change the slice.
func (g *Graph[T]) Nodes() []Node[T] { return g.nodes }

// OutputShape carries a shape through the nodes. The error says which node it does not fit.
func (g *Graph[T]) OutputShape(in []int) ([]int, error) {
	shapes := make([][]int, len(g.nodes))
	of := func(node int) []int {
		if node < 0 {
			return in
		}
		return shapes[node]
	}
	for i, n := range g.nodes {
		shape := of(g.from[i][0])
		for _, k := range g.from[i][1:] {
			if !slices.Equal(of(k), shape) {
				return nil, fmt.Errorf("nn: Graph: node %q adds shape %v of %q to shape %v of %q", n.Name, of(k), g.nameOf(k), shape, g.nameOf(g.from[i][0]))
			}
		}
		if n.Layer != nil {
			var err error
			if shape, err = n.Layer.OutputShape(shape); err != nil {
				return nil, fmt.Errorf("node %q: %w", n.Name, err)
			}
		}
		shapes[i] = shape
	}
	return slices.Clone(shapes[len(shapes)-1]), nil
}

// Share returns a graph with the same parameters and its own activations.
func (g *Graph[T]) Share() Layer[T] {
	nodes := slices.Clone(g.nodes)
	for i, n := range nodes {
		if n.Layer != nil {
			nodes[i].Layer = n.Layer.Share()
		}
	}
	s, err := newGraph(g.ops, nodes)
	if err != nil {
		panic("nn: Graph: " + err.Error())
	}
	return s
}

// String returns the nodes, separated by commas.
func (g *Graph[T]) String() string {
	names := make([]string, len(g.nodes))
	for i, n := range g.nodes {
		names[i] = n.Name
		if n.Layer != nil {
			names[i] += ": " + n.Layer.String()
		}
	}
	return "Graph(" + strings.Join(names, ", ") + ")"
}
