package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/train"
)

type sampleOptions struct {
	run     string
	n       int
	out     string
	seed    uint64
	threads int
}

// maxSamples bounds the rows of one call, maxRowBytes their memory, and maxImages those that a picture shows.
const (
	maxSamples  = 10_000_000
	maxRowBytes = 4 << 30
	maxImages   = 10_000
)

// checkRows refuses more rows than one call makes.
func checkRows(out string, n int, d train.DataState) error {
	picture := strings.ToLower(filepath.Ext(out)) == ".png"
	switch most := maxRowBytes / (4 * d.Dim); {
	case picture && d.Height > 0 && n > maxImages:
		return usagef("--out %s: %d images, of at most %d in a picture; write more to a .npy", out, n, maxImages)
	case n > most:
		return usagef("--out %s: %d rows of %d numbers take %.1f GiB, of at most %d; make fewer at a time", out, n, d.Dim, 4*float64(n)*float64(d.Dim)/(1<<30), maxRowBytes>>30)
	}
	return nil
}

func newSampleCommand() *cobra.Command {
	o := &sampleOptions{}
	cmd := &cobra.Command{
		Use:   "sample",
		Short: "Draw samples from a trained model",
		Long: `Draw samples from the model of a run and write them as a picture (F.png) or as an array (F.npy): float32, one sample a
row; a row of an image is channel by channel, then line by line. The run is only read.
` + exitStatus,
		Example: `  sinkcpu sample --run runs/glyphs-1 -n 100 --out samples.png
  sinkcpu sample --run runs/glyphs-1 -n 10000 --seed 7 --out samples.npy`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.sample(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.run, "run", "", "folder of the run")
	f.IntVarP(&o.n, "number", "n", 100, "how many samples")
	f.StringVar(&o.out, "out", "samples.png", "file to write, .png or .npy")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the noise")
	f.IntVar(&o.threads, "threads", 0, "workers; 0 for one a processor; the result does not depend on it")
	return cmd
}

func (o *sampleOptions) sample(cmd *cobra.Command) error {
	ext := strings.ToLower(filepath.Ext(o.out))
	switch {
	case o.run == "":
		return usagef("--run is missing: name the folder of a run, such as runs/glyphs-1")
	case o.n < 1 || o.n > maxSamples:
		return usagef("-n %d: want 1 to %d samples", o.n, maxSamples)
	case ext != ".png" && ext != ".npy":
		return usagef("--out %s: want a file name that ends in .png or .npy", o.out)
	case o.threads < 0:
		return usagef("--threads %d: want a number of workers, or 0 for one a processor", o.threads)
	}
	if err := checkOutput("out", o.out); err != nil {
		return err
	}
	pool := parallel.New(o.threads)
	defer pool.Close()
	model, c, err := train.LoadModel(o.run, pool)
	if err != nil {
		return err
	}
	if ext == ".png" && !drawable(c.Data) {
		return usagef("--out %s: samples of %d numbers cannot be drawn; write them to a .npy", o.out, c.Data.Dim)
	}
	if err := checkRows(o.out, o.n, c.Data); err != nil {
		return err
	}
	rows := make([]float32, o.n*c.Data.Dim)
	model.Sample(rows, o.n, random.New(o.seed, "sample").Rand)
	write := func(w io.Writer) error { return data.WriteNPY(w, o.n, c.Data.Dim, rows) }
	if ext == ".png" {
		write = func(w io.Writer) error { return o.draw(w, c, rows) }
	}
	if err := atomicfile.Write(o.out, write); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d samples of step %d are in %s\n", o.n, c.Step, o.out)
	return nil
}

func shapeOf(d train.DataState) report.Shape {
	return report.Shape{H: d.Height, W: d.Width, C: d.Channels}
}

func drawable(d train.DataState) bool { return shapeOf(d).Valid() || d.Height == 0 && d.Dim == 2 }

func (o *sampleOptions) draw(w io.Writer, c *train.Checkpoint, rows []float32) error {
	if c.Data.Height == 0 {
		m, err := report.Scatter(fmt.Sprintf("%s, step %d", c.Config.Data, c.Step), nil, rows)
		if err != nil {
			return err
		}
		return report.WritePNG(w, m)
	}
	m, err := report.Grid(rows, o.n, int(math.Ceil(math.Sqrt(float64(o.n)))), shapeOf(c.Data))
	if err != nil {
		return err
	}
	return report.WritePNG(w, m)
}
