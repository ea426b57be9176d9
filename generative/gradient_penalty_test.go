package generative

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// TestPenaltyGradient holds the derivative of the penalty by the parameters against differences of the penalty, in float64, for features
// that are curved and piecewise linear.
func TestPenaltyGradient(t *testing.T) {
	ops := nn.NewCPU[float64](nil)
	for _, activation := range []string{"tanh", "leaky_relu"} {
		net, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{3, 6, 5, 2}, Hidden: activation}, random.New(1, "critic"), nn.XavierUniform(1.5), nn.Normal(0, .3))
		if err != nil {
			t.Fatal(err)
		}
		const n = 9
		points := nn.NewTensor[float64](2*n, 3)
		random.Normal(random.New(2, "points"), points.Data(), 0, 1)
		u := nn.NewTensor[float64](2*n, 2) // features whose directions stay while the network changes
		copy(u.Data(), net.Forward(points).Data())
		eval := func() float64 {
			q, err := newGradientPenalty[float64](ops, ops, net, 1.5, 3, nil)
			if err != nil {
				t.Fatal(err)
			}
			q.step = 1e-5
			for _, p := range net.Params() {
				clear(p.Grad.Data())
			}
			return 1.5 * q.add(points, u, new(share), true)
		}
		eval()
		var grads []float64
		for _, p := range net.Params() {
			grads = append(grads, p.Grad.Data()...)
		}
		var largest float64
		for _, g := range grads {
			largest = max(largest, math.Abs(g))
		}
		k := 0
		for _, p := range net.Params() {
			for i := range p.Value.Data() {
				const h = 1e-6
				at := &p.Value.Data()[i]
				old := *at
				*at = old + h
				up := eval()
				*at = old - h
				down := eval()
				*at = old
				if want := (up - down) / (2 * h); !(math.Abs(grads[k]-want) <= 1e-6*largest) {
					t.Errorf("%s: element %d of %s: %g, want %g (largest %g)", activation, i, p.Name, grads[k], want, largest)
				}
				k++
			}
		}
	}
}
