package generative

import (
	"fmt"
	"math/rand/v2"

	"github.com/sinkcpu/sinkcpu/nn"
)

// NewPairModel returns the model of one parameter, "theta", whose points on the line are theta and -theta in turn. Against the data 1 and -1
// regularised transport has a closed form: see the tests of package oracle. theta begins at .5.
func NewPairModel(ops nn.Ops[float32]) *Model {
	l := &scaled{theta: &nn.Param[float32]{Name: "theta", Value: nn.TensorOf([]float32{.5}, 1), Grad: nn.NewTensor[float32](1)}, work: nn.NewWorkspace(ops), ops: ops}
	return &Model{
		ops: ops, hostOnly: true,
		net: l, latent: 1, dim: 1, kind: "pair", decoder: l.Share(),
		draw: func(z []float32, _ *rand.Rand) {
			for i := range z {
				z[i] = float32(1 - 2*(i&1))
			}
		},
		point: func(dst, u []float32) {
			dst[0] = 1
			if u[0] >= .5 {
				dst[0] = -1
			}
		},
	}
}

// scaled is the layer x = theta z.
type scaled struct {
	theta *nn.Param[float32]
	ops   nn.Ops[float32]
	work  *nn.Workspace[float32]
	z     *nn.Tensor[float32]
}

// Forward returns theta z.
func (l *scaled) Forward(z *nn.Tensor[float32]) *nn.Tensor[float32] {
	l.z = z
	x := l.work.Tensor(0, z.Rows(), 1)
	for i, v := range z.Data() {
		x.Data()[i] = l.theta.Value.Data()[0] * v
	}
	return x
}

// Backward adds <dx, z> to the gradient of theta. Latent points have none here: nil is returned.
func (l *scaled) Backward(dx *nn.Tensor[float32], want nn.Want) *nn.Tensor[float32] {
	if want&nn.WantParams != 0 {
		l.theta.Grad.Data()[0] += float32(l.ops.Dot(dx, l.z))
	}
	return nil
}

// Params returns theta.
func (l *scaled) Params() []*nn.Param[float32] { return []*nn.Param[float32]{l.theta} }

// OutputShape returns the shape of the input, whose last dimension must be 1.
func (l *scaled) OutputShape(in []int) ([]int, error) {
	if len(in) != 2 || in[1] != 1 {
		return nil, fmt.Errorf("generative: %v: input of shape %v, want [rows 1]", l, in)
	}
	return in, nil
}

// Share returns a layer with the same parameter and its own output.
func (l *scaled) Share() nn.Layer[float32] {
	return &scaled{theta: l.theta, ops: l.ops, work: nn.NewWorkspace(l.ops)}
}

// String returns "Scaled".
func (l *scaled) String() string { return "Scaled" }
