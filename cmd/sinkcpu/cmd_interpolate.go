package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/internal/gallery"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

type interpolateOptions struct {
	codesOptions
	steps int
}

func newInterpolateCommand() *cobra.Command {
	o := &interpolateOptions{}
	cmd := &cobra.Command{
		Use:   "interpolate",
		Short: "Walk between the codes of rows of data",
		Long: `Walk from the code of a row of data to that of another, rows 0 and 1, rows 2 and 3 and so on, and write what the model
makes of the codes on the way. The way is the straight line, under the prior sphere the great circle. A picture (F.png)
has a line for each pair, with the two rows themselves at its ends; an array (F.npy) has a row for each step, pair after
pair, without them. The run is only read.
` + exitStatus,
		Example: `  sinkcpu interpolate --run runs/mnist-1 --pairs 10 --steps 11 --out ways.png`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.interpolate(cmd) },
	}
	o.addFlags(cmd, "ways.png")
	cmd.Flags().IntVar(&o.n, "pairs", 10, "how many pairs of rows, from the first on")
	cmd.Flags().IntVar(&o.steps, "steps", 11, "codes on the way, both ends among them")
	return cmd
}

func (o *interpolateOptions) interpolate(cmd *cobra.Command) error {
	ext, err := o.check("--pairs")
	if err != nil {
		return err
	}
	pairs := o.n
	switch {
	case pairs > maxSamples/2:
		return usagef("--pairs %d: want 1 to %d", pairs, maxSamples/2)
	case o.steps < 2 || o.steps > maxSamples/pairs:
		return usagef("--steps %d: want 2 to %d", o.steps, maxSamples/pairs)
	}
	o.n = 2 * pairs
	pool := parallel.New(o.threads)
	defer pool.Close()
	k, err := o.open(pool)
	if err != nil {
		return err
	}
	line := o.steps
	if ext == ".png" {
		line += 2
	}
	if err := checkRows(o.out, pairs*line, k.c.Data); err != nil {
		return err
	}
	var rows []float32
	for p := range pairs {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		two := k.x[2*p*k.c.Data.Dim : 2*(p+1)*k.c.Data.Dim]
		rows = append(rows, gallery.Ways(k.model, two, 1, o.steps, ext == ".png")...)
	}
	if err := k.writeRows(o.out, ext, rows, pairs*line, line); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d ways of %d codes of step %d are in %s\n", pairs, o.steps, k.c.Step, o.out)
	return nil
}
