package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/train"
)

// codesOptions are the flags that encode, reconstruct and interpolate share.
type codesOptions struct {
	run     string
	data    string
	split   string
	n       int
	out     string
	threads int
}

func (o *codesOptions) addFlags(cmd *cobra.Command, out string) {
	f := cmd.Flags()
	f.StringVar(&o.run, "run", "", "folder of the run of an auto-encoder")
	f.StringVar(&o.data, "data", "", "rows to take, as train takes them (default those of the run)")
	f.StringVar(&o.split, "split", "test", "rows held out or rows to train on: test or train")
	f.StringVar(&o.out, "out", out, "file to write, .png or .npy")
	f.IntVar(&o.threads, "threads", 0, "workers; 0 for one a processor; the result does not depend on it")
}

// coded is an auto-encoder with rows.
type coded struct {
	model *generative.AutoEncoder
	c     *train.Checkpoint
	x     []float32 // n rows
	n     int
	class []int // of the rows, nil where they have none
}

// open reads the run and the rows.
func (o *codesOptions) open(pool *parallel.Pool) (*coded, error) {
	model, c, err := train.LoadModel(o.run, pool)
	if err != nil {
		return nil, err
	}
	auto, ok := model.(*generative.AutoEncoder)
	if !ok {
		return nil, fmt.Errorf("%s: the model of the objective %s has no encoder; name the folder of a run of an auto-encoder, such as --objective wae-mmd", o.run, c.Config.Objective)
	}
	spec := o.data
	if spec == "" {
		spec = c.Config.Data
	}
	src, err := data.Open(spec, c.Config.Seed)
	if err != nil {
		return nil, err
	}
	rows := src.Train
	if o.split == "test" {
		rows = src.Test
	}
	if rows == nil {
		return nil, usagef("--split %s: %s holds no rows out; use --split train", o.split, spec)
	}
	if rows.Dim != c.Data.Dim {
		return nil, fmt.Errorf("--data %s: rows of %d numbers, where the run in %s has %d", spec, rows.Dim, o.run, c.Data.Dim)
	}
	if rows.N < o.n {
		return nil, usagef("%d rows of %s, which has %d to %s; ask for fewer", o.n, spec, rows.N, o.split)
	}
	x := make([]float32, o.n*rows.Dim)
	for i := range o.n {
		rows.Row(x[i*rows.Dim:(i+1)*rows.Dim], i)
	}
	k := &coded{model: auto, c: c, x: x, n: o.n}
	if rows.Labels != nil {
		k.class = rows.Labels[:o.n]
	}
	return k, nil
}

// codes returns those of the rows.
func (k *coded) codes() []float32 {
	z := make([]float32, k.n*k.model.LatentDim())
	k.model.Encode(z, k.x, k.n, nil)
	return z
}

// check refuses values that cannot be; rows is the flag for the number of rows.
func (o *codesOptions) check(rows string) (ext string, err error) {
	ext = strings.ToLower(filepath.Ext(o.out))
	switch {
	case o.run == "":
		return "", usagef("--run is missing: name the folder of a run, such as runs/glyphs-1")
	case o.n < 1 || o.n > maxSamples:
		return "", usagef("%s %d: want 1 to %d", rows, o.n, maxSamples)
	case o.split != "test" && o.split != "train":
		return "", usagef("--split %s: want test or train", o.split)
	case ext != ".png" && ext != ".npy":
		return "", usagef("--out %s: want a file name that ends in .png or .npy", o.out)
	case o.threads < 0:
		return "", usagef("--threads %d: want a number of workers, or 0 for one a processor", o.threads)
	}
	return ext, checkOutput("out", o.out)
}

// writeRows writes rows of points as an array, or as a grid with that many a line.
func (k *coded) writeRows(out, ext string, rows []float32, n, line int) error {
	dim := k.c.Data.Dim
	if ext == ".npy" {
		return atomicfile.Write(out, func(w io.Writer) error { return data.WriteNPY(w, n, dim, rows) })
	}
	if k.c.Data.Height == 0 {
		return usagef("--out %s: rows of %d numbers are no images; write them to a .npy", out, dim)
	}
	m, err := report.Grid(rows, n, line, shapeOf(k.c.Data))
	if err != nil {
		return err
	}
	return atomicfile.Write(out, func(w io.Writer) error { return report.WritePNG(w, m) })
}
