package train_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/train"
)

// A run leaves a folder; Load takes its model to where samples are needed.
func ExampleLoad() {
	parent, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "run") // as sinkcpu train --out writes it

	c := train.DefaultConfig("ellipse")
	c.Steps, c.EvalEvery = 30, -1
	options, err := train.Prepare(c, nil)
	if err != nil {
		panic(err)
	}
	options.Dir = dir
	if _, err := train.Run(context.Background(), options); err != nil {
		panic(err)
	}

	model, err := train.Load(dir)
	if err != nil {
		panic(err)
	}
	samples := make([]float32, 1000*model.Dim())
	if err := model.Sample(samples, 7); err != nil {
		panic(err)
	}
	points := make([]float32, model.Dim())
	if err := model.Decode(points, make([]float32, model.LatentDim())); err != nil {
		panic(err)
	}
	fmt.Printf("step %d: %d samples of %d numbers, latent space of %d\n", model.Step(), len(samples)/model.Dim(), model.Dim(), model.LatentDim())
	// Output: step 30: 1000 samples of 2 numbers, latent space of 2
}

// centre is an objective of one's own: the mean of the data, to which stochastic gradient descent on |centre - mean of a batch|^2/2 goes. Its
// samples lie about it.
type centre struct {
	group *nn.Group[float32]
	batch []float32
}

func newCentre(dim, rows int) (*centre, error) {
	sgd, err := nn.NewSGD(nn.NewCPU[float32](nil), nn.SGDConfig{Rate: .1})
	if err != nil {
		return nil, err
	}
	p := &nn.Param[float32]{Name: "centre", Value: nn.NewTensor[float32](dim), Grad: nn.NewTensor[float32](dim)}
	return &centre{group: nn.NewGroup("model", []*nn.Param[float32]{p}, sgd), batch: make([]float32, rows*dim)}, nil
}

func (o *centre) at() []float32 { return o.group.Params[0].Value.Data() }

func (o *centre) Groups() []*nn.Group[float32] { return []*nn.Group[float32]{o.group} }

func (o *centre) Step(_ context.Context, data generative.Batches, _ bool) ([]generative.Metric, error) {
	slope, loss := o.group.Params[0].Grad.Data(), 0.
	dim, rows := len(slope), len(o.batch)/len(slope)
	data.Next(o.batch, rows)
	for k := range slope {
		slope[k] = o.at()[k]
		for i := range rows {
			slope[k] -= o.batch[i*dim+k] / float32(rows)
		}
		loss += float64(slope[k]*slope[k]) / 2
	}
	o.group.Step()
	return []generative.Metric{{Name: "loss", Value: loss}}, nil
}

func (o *centre) Sample(dst []float32, rows int, noise *rand.Rand) {
	for i := range rows * len(o.at()) {
		dst[i] = o.at()[i%len(o.at())] + float32(.1*noise.NormFloat64())
	}
}

// There is no state but that of the group: neither noise nor a count of steps.
func (o *centre) State() (map[string][]byte, error)     { return nil, nil }
func (o *centre) Restore(state map[string][]byte) error { return nil }

// An objective of one's own has all that a run has: metrics, pictures, checkpoints, and the way back to them.
func ExampleRun_custom() {
	parent, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(parent)

	run := func(steps int, resume bool) error {
		c := train.DefaultConfigOf(train.Custom, "ring8")
		c.Steps, c.Batch, c.EvalEvery = steps, 64, -1
		options, err := train.Prepare(c, nil)
		if err != nil {
			return err
		}
		if options.Objective, err = newCentre(options.Source.Train.Dim, c.Batch); err != nil {
			return err
		}
		options.Dir, options.Resume = filepath.Join(parent, "run"), resume
		_, err = train.Run(context.Background(), options)
		return err
	}
	if err := run(20, false); err != nil {
		panic(err)
	}
	fmt.Println("a second run in the folder:", errors.Is(run(20, false), train.ErrNotEmpty))
	if err := run(50, true); err != nil {
		panic(err)
	}

	trained, err := newCentre(2, 1)
	if err != nil {
		panic(err)
	}
	checkpoint, err := train.Restore(filepath.Join(parent, "run"), trained)
	if err != nil {
		panic(err)
	}
	fmt.Printf("step %d, the centre within .3 of the origin: %v\n", checkpoint.Step, max(trained.at()[0], -trained.at()[0], trained.at()[1], -trained.at()[1]) < .3)
	// Output:
	// a second run in the folder: true
	// step 50, the centre within .3 of the origin: true
}
