package measure

import (
	"context"
	"fmt"
	"slices"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// networkRows are the built-in models that are timed, with their batches; bench/peers/torch_nn.py has the same.
var networkRows = []struct {
	model string
	batch int
}{
	{"mlp-generator-28", 200}, {"dcgan-generator-28", 64}, {"dcgan-generator-28", 200},
	{"dcgan-generator-32", 64}, {"dcgan-discriminator-32", 64}, {"classifier-28", 100},
}

// networks measures a step of models: forward, backward and Adam. The limit is that of the products and convolutions: the forward pass three
// times, less the gradient of the first layer's input.
func (s *Session) networks(ctx context.Context, l *Limits) error {
	for _, c := range networkRows {
		for _, threads := range s.Threads {
			step, flops, err := networkStep(nn.NewCPU[float32](s.pools[threads]), c.model, c.batch)
			if err != nil {
				return err
			}
			_, err = s.measure(ctx, job{name: "network", params: on(kernels.Active(), threads, "model", c.model, "batch", itoa(c.batch), "precision", "f32"),
				unit: "ms", run: step, limit: 1e3 * flops / l.Flops(kernels.Active(), threads), by: "FMA", note: "forward, backward, Adam", on: threads})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// networkStep returns a step of a model on a batch and its operations.
func networkStep(ops nn.Ops[float32], name string, batch int) (step func(), flops float64, err error) {
	at := slices.IndexFunc(nn.Models(), func(m nn.Model) bool { return m.Name == name })
	if at < 0 {
		return nil, 0, fmt.Errorf("no model %q", name)
	}
	m := nn.Models()[at]
	net, err := nn.NewModel(ops, name, 1)
	if err != nil {
		return nil, 0, err
	}
	layers, err := nn.Describe(net, m.Input)
	if err != nil {
		return nil, 0, err
	}
	for _, l := range layers {
		passes := 3.
		if flops == 0 {
			passes = 2
		}
		flops += passes * float64(l.FLOPs) * float64(batch)
	}
	adam, err := nn.NewAdam(ops, nn.DefaultAdam(1e-4))
	if err != nil {
		return nil, 0, err
	}
	g := nn.NewGroup(name, net.Params(), adam)
	x := nn.NewTensor[float32](append([]int{batch}, m.Input...)...)
	random.Uniform(random.New(1, "x"), x.Data(), 0, 1)
	dy := nn.NewTensor[float32](net.Forward(x).Shape()...)
	random.Normal(random.New(1, "dy"), dy.Data(), 0, 1)
	return func() {
		g.ZeroGrad()
		net.Forward(x)
		net.Backward(dy, nn.WantParams)
		g.Step()
	}, flops, nil
}
