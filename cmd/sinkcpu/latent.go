package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/train"
)

// latents draws latent points by the models of runs, as their checkpoints have them. A model is kept while its checkpoint does not change.
type latents struct {
	models map[string]*latentModel
}

type latentModel struct {
	decoder generative.Decoder
	c       *train.Checkpoint
	written time.Time // of the checkpoint
}

var errNoLatent = errors.New("the model of this run has no latent points that can be drawn")

// draw is a [page.Latent]. Calls do not overlap.
func (l *latents) draw(_ context.Context, dir string, u []float32) (png []byte, step, dim int, err error) {
	m, err := l.model(dir)
	if err != nil {
		return nil, 0, 0, err
	}
	dim = m.decoder.LatentDim()
	if len(u) == 0 {
		u = make([]float32, dim)
		for i := range u {
			u[i] = .5
		}
	}
	if len(u) != dim {
		return nil, 0, 0, fmt.Errorf("a point of %d coordinates, the latent space has %d", len(u), dim)
	}
	z, pixels := make([]float32, dim), make([]float32, m.c.Data.Dim)
	m.decoder.LatentPoint(z, u)
	m.decoder.Decode(pixels, z, 1)
	picture, err := report.Grid(pixels, 1, 1, shapeOf(m.c.Data))
	if err != nil {
		return nil, 0, 0, err
	}
	var b bytes.Buffer
	err = report.WritePNG(&b, picture)
	return b.Bytes(), m.c.Step, dim, err
}

func (l *latents) model(dir string) (*latentModel, error) {
	info, err := os.Stat(filepath.Join(dir, "checkpoint.safetensors"))
	if err != nil {
		return nil, err
	}
	if m := l.models[dir]; m != nil && m.written.Equal(info.ModTime()) {
		return m, nil
	}
	var alone *parallel.Pool // leaves the workers to the run
	model, c, err := train.LoadModel(dir, alone)
	if err != nil {
		return nil, err
	}
	decoder, ok := model.(generative.Decoder)
	if !ok || !shapeOf(c.Data).Valid() {
		return nil, errNoLatent
	}
	if l.models == nil {
		l.models = map[string]*latentModel{}
	}
	l.models[dir] = &latentModel{decoder, c, info.ModTime()}
	return l.models[dir], nil
}
