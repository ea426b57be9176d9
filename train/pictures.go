package train

import (
	"bytes"
	"errors"
	"fmt"
	"image"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/gallery"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/report"
)

const (
	gridSide      = 15   // images a side of a picture
	scatterPoints = 1000 // points of the data, and samples, in a scatter plot
)

// imageShape returns the shape of the images of a data set, not valid where its rows are no images.
func imageShape(d *data.Dataset) report.Shape { return report.Shape{H: d.H, W: d.W, C: d.C} }

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
		obj.Sample(samples, scatterPoints, random.New(seed, "samples").Rand)
		return report.Scatter(title, real, samples)
	}
	if !imageShape(ds).Valid() {
		return nil, nil
	}
	pixels := make([]float32, gridSide*gridSide*ds.Dim)
	if dec, ok := obj.(generative.Decoder); ok && dec.LatentDim() == 2 {
		decodeSquare(dec, pixels, gridSide)
	} else {
		obj.Sample(pixels, gridSide*gridSide, random.New(seed, "samples").Rand)
	}
	return report.Grid(pixels, gridSide*gridSide, gridSide, imageShape(ds))
}

// decodeSquare fills dst with the images of a lattice of side x side points of a two-dimensional latent space, equally likely under its
// prior: row by row, the first coordinate growing to the right and the second downwards.
//
//	u = ((j + 1/2)/side, (i + 1/2)/side)  for row i, column j
func decodeSquare(dec generative.Decoder, dst []float32, side int) {
	z := make([]float32, 2*side*side)
	for i := range side {
		for j := range side {
			u := []float32{(float32(j) + .5) / float32(side), (float32(i) + .5) / float32(side)}
			dec.LatentPoint(z[2*(i*side+j):][:2], u)
		}
	}
	dec.Decode(dst, z, side*side)
}

// drawPictures writes the pictures of the step to their files, that of the samples also to the event file, and looks whether the model has
// collapsed. A model that makes no points has none.
func (r *run) drawPictures() error {
	model, ok := r.obj.(generative.Generator)
	if !ok {
		return nil
	}
	m, err := samplePicture(model, r.src.Train, r.cfg.Seed, fmt.Sprintf("%s after step %d", r.src.Name, r.step))
	if err != nil {
		return err
	}
	if m != nil {
		png, err := r.drawPicture("samples", m)
		if err != nil {
			return err
		}
		if err := r.events.picture(r.step, tagSamples, m, png); err != nil {
			return err
		}
	}
	if auto, ok := r.obj.(*generative.AutoEncoder); ok {
		if err := r.drawCodes(auto); err != nil {
			return err
		}
	}
	return r.noticeModes(model)
}

// drawPicture writes a picture of the step and returns its bytes.
func (r *run) drawPicture(kind string, m image.Image) ([]byte, error) {
	var png bytes.Buffer
	if err := report.WritePNG(&png, m); err != nil {
		return nil, err
	}
	path := r.folder.picture(kind, r.step)
	return png.Bytes(), errors.Join(atomicfile.Clean(path), r.folder.write(path, png.Bytes()))
}

const (
	pairsALine  = 6  // images beside their reconstructions
	linesOfEach = 10 // of such pairs, and of ways
	waySteps    = 11 // codes of a way
)

// drawCodes draws reconstructions of and ways between rows that the auto-encoder did not learn from, and their codes.
func (r *run) drawCodes(auto *generative.AutoEncoder) error {
	rows := r.src.Test
	if rows == nil {
		rows = r.src.Train
	}
	n := min(rows.N, codeRows)
	x, z := firstRows(rows, n), make([]float32, n*auto.LatentDim())
	auto.Encode(z, x, n, nil)
	pictures := map[string]func() (image.Image, error){
		"codes": func() (image.Image, error) {
			title := fmt.Sprintf("codes of %s, step %d", r.cfg.Objective, r.step)
			if rows.Labels == nil {
				return report.Classes(title, z, auto.LatentDim(), nil)
			}
			return report.Classes(title, z, auto.LatentDim(), rows.Labels[:n])
		},
	}
	if k := pairsALine * linesOfEach; imageShape(rows).Valid() && n >= k {
		pictures["reconstructions"] = func() (image.Image, error) {
			return report.Grid(gallery.Beside(auto, x[:k*rows.Dim], k), 2*k, 2*pairsALine, imageShape(rows))
		}
		pictures["ways"] = func() (image.Image, error) {
			return report.Grid(gallery.Ways(auto, x[:2*linesOfEach*rows.Dim], linesOfEach, waySteps, true), linesOfEach*(waySteps+2), waySteps+2, imageShape(rows))
		}
	}
	for kind, draw := range pictures {
		m, err := draw()
		if err != nil {
			return err
		}
		if _, err := r.drawPicture(kind, m); err != nil {
			return err
		}
	}
	return nil
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
