package nn

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A LayerInfo is one line of a description of a network.
type LayerInfo struct {
	Name   string `json:"name"`   // of its parameters, such as "0"
	Layer  string `json:"layer"`  // such as "Linear(2, 500)"
	Output []int  `json:"output"` // shape for one input, without the batch
	Params int    `json:"params"` // numbers that are trained
	FLOPs  int64  `json:"flops"`  // multiplications and additions of matrix products and convolutions, forward, for one input
}

// Describe returns a line for each layer of a network for inputs of that shape, without the batch, or which layer it does not fit.
func Describe[T kernels.Float](l Layer[T], in []int) ([]LayerInfo, error) {
	lines, _, err := describe(l, "", append([]int{1}, in...))
	return lines, err
}

// describe returns the lines of a layer and its output for an input with the batch.
func describe[T kernels.Float](l Layer[T], name string, in []int) (lines []LayerInfo, out []int, err error) {
	switch net := l.(type) {
	case *Sequential[T]:
		for _, p := range net.parts {
			inner, next, err := describe(p.Layer, joinedName(name, p.Name), in)
			if err != nil {
				return nil, nil, err
			}
			lines, in = append(lines, inner...), next
		}
		return lines, in, nil
	case *Graph[T]:
		return describeGraph(net, name, in)
	}
	out, err = l.OutputShape(in)
	if err != nil {
		return nil, nil, fmt.Errorf("layer %q: %w", name, err)
	}
	info := LayerInfo{Name: name, Layer: l.String(), Output: out[1:], FLOPs: flopsOf(l, in)}
	for _, p := range l.Params() {
		info.Params += p.Value.size
	}
	return []LayerInfo{info}, out, nil
}

// describeGraph returns the lines of a graph's nodes, sums among them.
func describeGraph[T kernels.Float](g *Graph[T], name string, in []int) (lines []LayerInfo, out []int, err error) {
	if _, err := g.OutputShape(in); err != nil {
		return nil, nil, fmt.Errorf("layer %q: %w", name, err)
	}
	shapes := make([][]int, len(g.nodes))
	for i, n := range g.nodes {
		out = in
		if k := g.from[i][0]; k >= 0 {
			out = shapes[k]
		}
		full := joinedName(name, n.Name)
		if len(g.from[i]) > 1 {
			names := make([]string, len(g.from[i]))
			for j, k := range g.from[i] {
				names[j] = g.nameOf(k)
			}
			lines = append(lines, LayerInfo{Name: full, Layer: "Add(" + strings.Join(names, ", ") + ")", Output: out[1:]})
		}
		if n.Layer != nil {
			inner, next, err := describe(n.Layer, full, out)
			if err != nil {
				return nil, nil, err
			}
			lines, out = append(lines, inner...), next
		}
		shapes[i] = out
	}
	return lines, out, nil
}

// joinedName returns the name of a layer in a network, which has none itself.
func joinedName(net, name string) string { return strings.TrimPrefix(net+"."+name, ".") }

// flopsOf returns the FLOPs of layers that say, 0 of others.
func flopsOf[T kernels.Float](l Layer[T], in []int) int64 {
	if t, ok := l.(*tied[T]); ok {
		l = t.Layer
	}
	if f, ok := l.(interface{ FLOPs(in []int) int64 }); ok {
		return f.FLOPs(in)
	}
	return 0
}

// shorter writes kernel, stride and padding as k, s and p, and spectral normalisation behind the layer, so that tables stay narrow.
var shorter = strings.NewReplacer(", kernel ", ", k", ", stride ", ", s", ", padding ", ", p")

// WriteDescription writes the lines as a table, with their sums. Operations are rounded to three digits.
func WriteDescription(w io.Writer, lines []LayerInfo) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "name\tlayer\toutput\tparams\tFLOP")
	var params int
	var flops int64
	for _, l := range lines {
		layer := shorter.Replace(l.Layer)
		if inner, ok := strings.CutPrefix(layer, "SpectralNorm("); ok {
			layer = strings.TrimSuffix(inner, ")") + " spectral"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", l.Name, layer, strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Output), " ", "x"), "[]"), l.Params, rounded(l.FLOPs))
		params, flops = params+l.Params, flops+l.FLOPs
	}
	fmt.Fprintf(t, "total\t\t\t%d\t%s\n", params, rounded(flops))
	return t.Flush()
}

// rounded writes a count with three digits, such as 3.2M.
func rounded(n int64) string {
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 4 {
		v, unit = v/1000, unit+1
	}
	return fmt.Sprintf("%.3g%s", v, []string{"", "k", "M", "G", "T"}[unit])
}
