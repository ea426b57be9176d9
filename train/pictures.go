package train

import (
	"bytes"
	"errors"
	"fmt"
	"image"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/report"
)

const (
	gridSide      = 15   // images a side of a picture
	scatterPoints = 1000 // points of the data, and samples, in a scatter plot
)

// Shape returns the shape of the images of a data set, not valid where its rows are no images.
func Shape(d *data.Dataset) report.Shape { return report.Shape{H: d.H, W: d.W, C: d.C} }

// samplePicture draws what the model makes: over the latent square where the latent space has two dimensions, else from the prior, always
// the same noise; as scatter plot with the data in the plane; nil where rows are neither images nor points of the plane.
func samplePicture(obj generative.Generator, ds *data.Dataset, seed uint64, title string) (image.Image, error) {
	if ds.Dim == 2 && ds.H == 0 {
		n := min(ds.N, scatterPoints)
		real := make([]float32, 2*n)
		for i := range n {
			ds.Row(real[2*i:], i)
		}
		samples := make([]float32, 2*scatterPoints)
		obj.Sample(samples, scatterPoints, random.New(seed, "samples"))
		return report.Scatter(title, real, samples)
	}
	if !Shape(ds).Valid() {
		return nil, nil
	}
	pixels := make([]float32, gridSide*gridSide*ds.Dim)
	if dec, ok := obj.(generative.Decoder); ok && dec.LatentDim() == 2 {
		DecodeSquare(dec, pixels, gridSide)
	} else {
		obj.Sample(pixels, gridSide*gridSide, random.New(seed, "samples"))
	}
	return report.Grid(pixels, gridSide*gridSide, gridSide, Shape(ds))
}

// DecodeSquare fills dst with the images of a lattice of side x side points of a two-dimensional latent space, equally likely under its
// prior: row by row, the first coordinate growing to the right and the second downwards.
//
//	u = ((j + 1/2)/side, (i + 1/2)/side)  for row i, column j
func DecodeSquare(dec generative.Decoder, dst []float32, side int) {
	z := make([]float32, 2*side*side)
	for i := range side {
		for j := range side {
			u := []float32{(float32(j) + .5) / float32(side), (float32(i) + .5) / float32(side)}
			dec.LatentPoint(z[2*(i*side+j):][:2], u)
		}
	}
	dec.Decode(dst, z, side*side)
}

// drawSamples writes the sample picture of a step to its file and to the event file. A model that makes no points has none.
func (r *run) drawSamples(step int) error {
	model, ok := r.obj.(generative.Generator)
	if !ok {
		return nil
	}
	title := fmt.Sprintf("%s after step %d", r.src.Name, step)
	m, err := samplePicture(model, r.src.Train, r.cfg.Seed, title)
	if err != nil || m == nil {
		return err
	}
	var png bytes.Buffer
	if err := report.WritePNG(&png, m); err != nil {
		return err
	}
	path := r.folder.samples(step)
	if err := errors.Join(atomicfile.Clean(path), r.folder.write(path, png.Bytes())); err != nil {
		return err
	}
	return r.events.picture(step, tagSamples, m, png.Bytes())
}

// lossLabel returns the axis of the loss, with its unit where it has one.
func (c Config) lossLabel() string {
	if (c.Objective == "sinkhorn" || c.isROT()) && c.Cost == "sqeuclidean" && !c.comparesFeatures() {
		return "loss (squared distance)"
	}
	return "loss"
}

// drawCurve draws loss.png from metrics.jsonl.
func (r *run) drawCurve() error {
	lines, err := readMetrics(r.folder.metrics())
	if err != nil {
		return err
	}
	c := report.Curve{Title: r.src.Name + ": training loss", YLabel: r.cfg.lossLabel()}
	for _, l := range lines {
		if v, ok := l[r.lossName()]; ok {
			c.Step, c.Value = append(c.Step, l["step"]), append(c.Value, v)
		}
	}
	if len(c.Step) == 0 {
		return nil
	}
	m, err := c.Draw()
	if err != nil {
		return err
	}
	var png bytes.Buffer
	if err := report.WritePNG(&png, m); err != nil {
		return err
	}
	return r.folder.write(r.folder.curve(), png.Bytes())
}
