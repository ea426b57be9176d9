package main

import (
	"context"
	"slices"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// networkRows are those of bench/peers/cuda_peers.py.
var networkRows = []struct {
	model string
	batch int
}{{"dcgan-generator-28", 200}, {"dcgan-generator-32", 64}, {"dcgan-discriminator-32", 64}}

// trainingRows are batches of whole training steps: a DCGAN generator of 28 x 28 pixels under the loss that sinkcpu train has for images.
var trainingRows = []int{200, 1000}

// networks times a step of models, forward, backward and Adam, with the batch on the device, and whole training steps.
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
	for _, batch := range trainingRows {
		if err := b.training(ctx, d, batch); err != nil {
			return err
		}
	}
	return nil
}

// training times steps of [generative.Fit]: noise and a batch of data to the device, the generator, the loss and its derivative, the generator
// back, Adam, and the norm of the gradient to the host.
func (b *bench) training(ctx context.Context, d devices.Device, batch int) error {
	ops := d.Ops()
	m, err := generative.NewDCGANModel(ops, 100, []int{128, 64}, generative.ImageShape{Channels: 1, Height: 28, Width: 28}, "normal", 1)
	if err != nil {
		return err
	}
	loss, err := generative.NewTransport[float32](generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: 1, Steps: 10})
	if err != nil {
		return err
	}
	fit, err := generative.NewFit(ops, m, loss, generative.FitConfig{Batch: batch, Rate: 1e-4})
	if err != nil {
		return err
	}
	data := make(pixels, batch*28*28)
	random.Uniform(random.New(1, "data"), data, 0, 1)
	_, err = fit.Step(ctx, data, false) // an error here is one of every step
	params := row.P("peer", "sinkcpu", "model", "dcgan-generator-28", "batch", strconv.Itoa(batch), "precision", "f32")
	r, _ := b.time(ctx, "training", params, "a whole step: noise, forward, Sinkhorn loss of 10 iterations, backward, Adam", err, func() { fit.Step(ctx, data, false) })
	if err := d.Err(); err != nil {
		r.Error = err.Error()
	}
	return nil
}

// pixels is a source of data that has one batch.
type pixels []float32

func (p pixels) Next(dst []float32, _ int) { copy(dst, p) }

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
