package main

import (
	"context"
	"slices"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// networkRows are those of bench/peers/cuda_peers.py.
var networkRows = []struct {
	model string
	batch int
}{{"dcgan-generator-28", 200}, {"dcgan-generator-32", 64}, {"dcgan-discriminator-32", 64}}

// networks times a step of models, forward, backward and Adam, with the batch on the device.
func (b *bench) networks(ctx context.Context, d devices.Device) error {
	for _, c := range networkRows {
		step, err := networkStep(d.Ops(), c.model, c.batch)
		if err != nil {
			return err
		}
		params := row.P("peer", "sinkcpu", "model", c.model, "batch", strconv.Itoa(c.batch), "precision", "f32")
		r, _ := b.time(ctx, "network", params, "forward, backward, Adam", d.Err(), step)
		if err := d.Err(); err != nil {
			r.Error = err.Error()
		}
	}
	return nil
}

// networkStep returns a step that ends when the device has made it.
func networkStep(ops nn.Ops[float32], name string, batch int) (func(), error) {
	m := nn.Models()[slices.IndexFunc(nn.Models(), func(m nn.Model) bool { return m.Name == name })]
	net, err := nn.NewModel(ops, name, 1)
	if err != nil {
		return nil, err
	}
	adam, err := nn.NewAdam(ops, nn.DefaultAdam(1e-4))
	if err != nil {
		return nil, err
	}
	g := nn.NewGroup(name, net.Params(), adam)
	noise := func(stream string, shape ...int) *nn.Tensor[float32] {
		host := nn.NewTensor[float32](shape...)
		random.Normal(random.New(1, stream), host.Data(), 0, 1)
		x := nn.TensorIn(ops.Alloc(host.Size()), 0, shape...)
		ops.Upload(x, host.Data())
		return x
	}
	x := noise("x", append([]int{batch}, m.Input...)...)
	y := net.Forward(x)
	dy := noise("dy", y.Shape()...)
	return func() {
		g.ZeroGrad()
		net.Forward(x)
		net.Backward(dy, nn.WantParams)
		g.Step()
		ops.Dot(dy, dy) // waits for the device
	}, nil
}
