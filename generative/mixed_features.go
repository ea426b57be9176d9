package generative

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/nn"
)

// NewMixedFeatures returns the layer whose squared distances are a cost between features plus one between the rows themselves:
//
//	x -> [sqrt(weight) x, t f(x)]
//	|.|^2 = weight |x - y|^2 + c(f(x), f(y))          c of the name cost: cosine, sqeuclidean or halfsqeuclidean
//
// f is divided by its length for cosine, so that |f(x) - f(y)|^2/2 = 1 - cos, the cost of package logsumexp. in is the dimension of the
// rows. The parameters are those of the features, under their names.
func NewMixedFeatures(ops nn.Ops[float32], features nn.Layer[float32], in int, cost string, weight float64) (nn.Layer[float32], error) {
	out, err := features.OutputShape([]int{1, in})
	if err != nil {
		return nil, err
	}
	if !(weight > 0) || math.IsInf(weight, 1) {
		return nil, fmt.Errorf("generative: weight %g of the rows in a mixed cost, want a positive number", weight)
	}
	l := &mixedFeatures{features: features, in: in, dim: out[len(out)-1], ofRows: float32(math.Sqrt(weight)), cost: cost, ops: ops, work: nn.NewWorkspace(ops)}
	switch cost {
	case "cosine":
		l.unit, l.ofFeatures = nn.NewL2Normalize(ops), float32(math.Sqrt(.5))
	case "halfsqeuclidean":
		l.ofFeatures = float32(math.Sqrt(.5))
	case "sqeuclidean":
		l.ofFeatures = 1
	default:
		return nil, fmt.Errorf("generative: the cost %q between features cannot be mixed with one between rows, want cosine, sqeuclidean or halfsqeuclidean", cost)
	}
	return l, nil
}

// mixedFeatures is the layer of [NewMixedFeatures].
type mixedFeatures struct {
	features           nn.Layer[float32]
	unit               *nn.L2Normalize[float32] // nil: features of any length
	in, dim            int                      // of rows and features
	ofRows, ofFeatures float32
	cost               string
	ops                nn.Ops[float32]
	work               *nn.Workspace[float32]
}

// The tensors of the workspace.
const (
	mixedOut = iota
	mixedDX
	mixedDF
)

// Forward returns rows beside features, each times its factor.
func (l *mixedFeatures) Forward(x *nn.Tensor[float32]) *nn.Tensor[float32] {
	n := x.Rows()
	f := l.features.Forward(x)
	if l.unit != nil {
		f = l.unit.Forward(f)
	}
	y := l.work.Tensor(mixedOut, n, l.in+l.dim)
	l.ops.AddColumns(y, 0, 0, x.Reshape(n, l.in), 0, l.in, l.ofRows)
	l.ops.AddColumns(y, l.in, 0, f.Reshape(n, l.dim), 0, l.dim, l.ofFeatures)
	return y
}

// Backward undoes Forward.
func (l *mixedFeatures) Backward(dy *nn.Tensor[float32], want nn.Want) *nn.Tensor[float32] {
	n := dy.Rows()
	df := l.work.Tensor(mixedDF, n, l.dim)
	// forward: y[:, in:] = ofFeatures f
	l.ops.AddColumns(df, 0, 0, dy, l.in, l.dim, l.ofFeatures)
	if l.unit != nil {
		df = l.unit.Backward(df, nn.WantInput)
	}
	through := l.features.Backward(df, want) // nil unless wanted
	if want&nn.WantInput == 0 {
		return nil
	}
	dx := l.work.Tensor(mixedDX, n, l.in)
	l.ops.Copy(dx, through)
	// forward: y[:, :in] = ofRows x
	l.ops.AddColumns(dx, 0, 1, dy, 0, l.in, l.ofRows)
	return dx
}

// Params returns those of the features.
func (l *mixedFeatures) Params() []*nn.Param[float32] { return l.features.Params() }

// OutputShape returns the shape [rows, in + features] for rows of in numbers.
func (l *mixedFeatures) OutputShape(in []int) ([]int, error) {
	if len(in) != 2 || in[1] != l.in {
		return nil, fmt.Errorf("generative: %v: input of shape %v, want [rows %d]", l, in, l.in)
	}
	return []int{in[0], l.in + l.dim}, nil
}

// Parts returns the features.
func (l *mixedFeatures) Parts() []nn.Part[float32] { return []nn.Part[float32]{{Layer: l.features}} }

// Share returns a layer with the same parameters and its own activations.
func (l *mixedFeatures) Share() nn.Layer[float32] {
	s := *l
	s.features, s.work = l.features.Share(), nn.NewWorkspace(l.ops)
	if l.unit != nil {
		s.unit = nn.NewL2Normalize(l.ops)
	}
	return &s
}

// String returns the layer's name and what it mixes, such as "MixedFeatures(784 + 128, cosine)".
func (l *mixedFeatures) String() string {
	return fmt.Sprintf("MixedFeatures(%d + %d, %s)", l.in, l.dim, l.cost)
}
