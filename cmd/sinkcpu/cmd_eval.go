package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/evaluate"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/terminal"
	"github.com/sinkcpu/sinkcpu/report"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/train"
)

type evalOptions struct {
	run        string
	data       string
	features   string
	n          int
	neighbours int
	seed       uint64
	threads    int
	nearest    string
	json       bool
}

func newEvalCommand() *cobra.Command {
	o := &evalOptions{}
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure a trained model against held-out data",
		Long: `Measure the model of a run against held-out rows of its data, beside what the same measures give for other held-out rows, for the
training rows, for 100 and 10 k-means centroids and for the mean image. The run is only read. docs/eval.md says what each measure means.

Images of 28 x 28 grey pixels are also measured in the features of a network that reads digits, which is part of the program; others
where --features names a network for their shape: weights.safetensors of a run of train --objective classifier.
` + exitStatus,
		Example: `  sinkcpu eval --run runs/glyphs-1
  sinkcpu eval --run runs/mnist --n 1000 --json
  sinkcpu eval --run runs/mnist --nearest nearest.png
  sinkcpu eval --run runs/cifar --features runs/classes/weights.safetensors`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.evaluate(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.run, "run", "", "folder of the run")
	f.StringVar(&o.data, "data", "", "source of the data (default that of the run)")
	f.StringVar(&o.features, "features", "", "file of weights of a classifier, in whose features to measure")
	f.IntVarP(&o.n, "n", "n", 2000, "samples and test rows of each of five draws, at most half of the test rows")
	f.IntVar(&o.neighbours, "neighbours", 5, "k of precision, recall, density and coverage")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the draws (default that of the run)")
	f.IntVar(&o.threads, "threads", 0, "workers; 0 for one a processor; the result does not depend on it")
	f.StringVar(&o.nearest, "nearest", "", "write a picture (F.png) of samples beside the training images nearest to them, and measure nothing")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

func (o *evalOptions) evaluate(cmd *cobra.Command) error {
	switch {
	case o.run == "":
		return usagef("--run is missing: name the folder of a run, such as runs/glyphs-1")
	case o.n < 2 || o.n > 100_000:
		return usagef("-n %d: want 2 to 100000 samples", o.n)
	case o.neighbours < 1 || o.neighbours >= o.n:
		return usagef("--neighbours %d: want at least 1 and fewer than the %d samples", o.neighbours, o.n)
	case o.threads < 0:
		return usagef("--threads %d: want a number of workers, or 0 for one a processor", o.threads)
	case o.nearest != "" && strings.ToLower(filepath.Ext(o.nearest)) != ".png":
		return usagef("--nearest %s: want a file name that ends in .png", o.nearest)
	case o.nearest != "" && o.json:
		return usagef("--json cannot be given with --nearest, which prints nothing")
	}
	if err := checkOutput("nearest", o.nearest); err != nil {
		return err
	}
	pool := parallel.New(o.threads)
	defer pool.Close()
	model, c, err := train.LoadModel(o.run, pool)
	if err != nil {
		return err
	}
	if !cmd.Flags().Changed("data") {
		o.data = c.Config.Data
	}
	if !cmd.Flags().Changed("seed") {
		o.seed = c.Config.Seed
	}
	src, err := data.Open(o.data, c.Config.Seed)
	if err != nil {
		return fmt.Errorf("%w (--data names another place of the data)", err)
	}
	if d := src.Train; d.Dim != c.Data.Dim || d.H != c.Data.Height || d.W != c.Data.Width || d.C != c.Data.Channels {
		return usagef("--data %s: rows of %d numbers, where the model of %s makes %d", o.data, d.Dim, o.run, c.Data.Dim)
	}
	if o.nearest != "" {
		m, err := train.NearestPicture(cmd.Context(), model, src.Train, o.seed, pool)
		if err != nil {
			return err
		}
		if err := atomicfile.Write(o.nearest, func(w io.Writer) error { return report.WritePNG(w, m) }); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "samples at the left, each beside the training images nearest to it, are in %s\n", o.nearest)
		return nil
	}
	net, err := o.network(pool, src)
	if err != nil {
		return err
	}
	note, done := notesLine(cmd.ErrOrStderr())
	e, err := train.Evaluate(cmd.Context(), model, train.EvaluateOptions{
		Source: src, Seed: o.seed, Rows: o.n, Neighbours: o.neighbours, Network: net,
		Distance: train.SinkhornDistance(pool), Runner: pool, Note: note,
	})
	done()
	if e == nil {
		return err
	}
	if err != nil && !errors.Is(err, sinkhorn.ErrNotConverged) {
		return err
	}
	e.Run, e.Step = o.run, c.Step
	if o.json {
		return errors.Join(printJSON(cmd.OutOrStdout(), e), err)
	}
	_, written := io.WriteString(cmd.OutOrStdout(), e.Text())
	return errors.Join(written, err)
}

// network returns that of --features, else the one for digits where images have its shape.
func (o *evalOptions) network(pool *parallel.Pool, src *data.Source) (*evaluate.Network, error) {
	d := src.Train
	if o.features == "" {
		net, err := evaluate.Digits(pool)
		if err != nil || !net.Reads(d.C, d.H, d.W) {
			return nil, err
		}
		return net, nil
	}
	net, err := evaluate.OpenNetwork(pool, "features", o.features)
	if err != nil {
		return nil, err
	}
	if !net.Reads(d.C, d.H, d.W) {
		return nil, usagef("--features %s: %s reads rows of shape %v, where the data has %d channels of %d x %d", o.features, net.Model.Name, net.Model.Input, d.C, d.H, d.W)
	}
	return net, nil
}

// notesLine returns what shows notes on one line of a terminal, and takes it away; neither does anything elsewhere.
func notesLine(w io.Writer) (note func(text string), done func()) {
	f := terminal.Of(w)
	if f == nil {
		return nil, func() {}
	}
	return func(text string) { terminal.Redraw(f, text) }, func() { fmt.Fprint(w, "\r\x1b[K") }
}
