package main

import (
	"context"
	"slices"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// networkRows are those of bench/peers/cuda_peers.py.
var networkRows = []struct {
	model string
	batch int
}{{"dcgan-generator-28", 200}, {"dcgan-generator-32", 64}, {"dcgan-discriminator-32", 64}}

// A trainingRow is whole training steps.
type trainingRow struct {
	model string
	batch int
	note  string
	make  func(ops nn.Ops[float32], batch int) (generative.Objective, error)
}

// trainingRows are of a DCGAN generator of 28 x 28 pixels under the loss that sinkcpu train has for images, and of it and a critic of two convolutions
// under a gradient penalty, a step of either.
var trainingRows = []trainingRow{
	{"dcgan-generator-28", 200, sinkhornNote, newFit}, {"dcgan-generator-28", 1000, sinkhornNote, newFit}, {"dcgan-wgan-gp-28", 200, wganNote, newWGAN},
}

const (
	sinkhornNote = "a whole step: noise, forward, Sinkhorn loss of 10 iterations, backward, Adam"
	wganNote     = "a step of the critic with its gradient penalty, and one of the generator"
)

// networkPart returns the rows of training, and what makes them: steps of models, forward, backward and Adam, with the batch on the device, and whole training
// steps.
func (b *bench) networkPart() (rows []row.Row, run func(context.Context) error) {
	var makes []func(ctx context.Context, r row.Row) error
	add := func(name, model string, batch int, make func(ctx context.Context, r row.Row) error) {
		rows = append(rows, row.Row{Name: name, Params: row.P("peer", "sinkcpu", "model", model, "batch", strconv.Itoa(batch), "precision", "f32")})
		makes = append(makes, make)
	}
	for _, c := range trainingRows {
		add("training", c.model, c.batch, func(ctx context.Context, r row.Row) error { return b.training(ctx, r, c) })
	}
	for _, c := range networkRows {
		add("network", c.model, c.batch, func(ctx context.Context, r row.Row) error { return b.network(ctx, r, c.model, c.batch) })
	}
	return rows, func(ctx context.Context) error {
		for k, r := range rows {
			if b.wanted(r) {
				if err := makes[k](ctx, r); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// noted is the check of what is compared with the processor elsewhere: the tests of package cuda.
func noted(note string) func() (string, error) { return func() (string, error) { return note, nil } }

// network adds a row of a model.
func (b *bench) network(ctx context.Context, r row.Row, model string, batch int) error {
	step, err := networkStep(b.ops, model, batch)
	if err != nil {
		return b.fail(ctx, r, err)
	}
	return b.time(ctx, r, step, noted("forward, backward, Adam"))
}

// training adds a row of steps of an objective: noise and batches of data to the device, networks, loss and its derivative, optimisers, and the norms of
// gradients to the host.
func (b *bench) training(ctx context.Context, r row.Row, c trainingRow) error {
	obj, err := c.objective(b.ops)
	if err != nil {
		return b.fail(ctx, r, err)
	}
	data := pixels(nn.NewTensor[float32](c.batch, 28*28).Data())
	random.Uniform(random.New(1, "data"), data, 0, 1)
	step := func() (err error) {
		defer nn.CatchFault(&err)
		_, err = obj.Step(ctx, data, false)
		return err
	}
	return b.time(ctx, r, step, noted(c.note))
}

func (c trainingRow) objective(ops nn.Ops[float32]) (o generative.Objective, err error) {
	defer nn.CatchFault(&err)
	return c.make(ops, c.batch)
}

var image = generative.ImageShape{Channels: 1, Height: 28, Width: 28}

func newFit(ops nn.Ops[float32], batch int) (generative.Objective, error) {
	loss, err := generative.NewTransport[float32](generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: 1, Steps: 10})
	if err != nil {
		return nil, err
	}
	return fitOf(ops, batch, loss, "adam")
}

func newWGAN(ops nn.Ops[float32], batch int) (generative.Objective, error) {
	const optimizer = "adam-wgan"
	fit, err := fitOf(ops, batch, generative.MeanDifference[float32]{}, optimizer)
	if err != nil {
		return nil, err
	}
	critic, err := generative.NewDCGANFeatures(ops, []int{64, 128}, 1, image, 1)
	if err != nil {
		return nil, err
	}
	return generative.NewAdversarial(fit, critic, generative.CriticConfig{Steps: 1, GeneratorSteps: 1, Penalty: 10, Optimizer: optimizer, Rate: 1e-4})
}

func fitOf(ops nn.Ops[float32], batch int, loss generative.Criterion[float32], optimizer string) (*generative.Fit, error) {
	m, err := generative.NewDCGANModel(ops, 100, []int{128, 64}, image, "normal", 1)
	if err != nil {
		return nil, err
	}
	return generative.NewFit(ops, m, loss, generative.FitConfig{Batch: batch, Optimizer: optimizer, Rate: 1e-4})
}

// pixels is a source of data that has one batch.
type pixels []float32

func (p pixels) Next(dst []float32, _ int) { copy(dst, p) }

// networkStep returns a step that ends when the device has made it.
func networkStep(ops nn.Ops[float32], name string, batch int) (step func() error, err error) {
	defer nn.CatchFault(&err)
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
	return func() (err error) {
		defer nn.CatchFault(&err)
		g.ZeroGrad()
		net.Forward(x)
		net.Backward(dy, nn.WantParams)
		g.Step()
		ops.Dot(dy, dy) // waits for the device
		return nil
	}, nil
}
