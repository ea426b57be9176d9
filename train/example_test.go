package train_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

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
