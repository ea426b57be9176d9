package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/internal/gallery"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

func newReconstructCommand() *cobra.Command {
	o := &codesOptions{}
	cmd := &cobra.Command{
		Use:   "reconstruct",
		Short: "Map rows of data to their codes and back",
		Long: `Map rows of data to their codes and back, and write what comes out as an array (F.npy): float32, one row a row; or as a
picture (F.png), in which each image stands to the left of its reconstruction. It prints the mean squared error of a row,
a sum over its numbers. The run is only read.
` + exitStatus,
		Example: `  sinkcpu reconstruct --run runs/mnist-1 -n 60 --out reconstructions.png
  sinkcpu reconstruct --run runs/mnist-1 -n 10000 --out reconstructions.npy`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.reconstruct(cmd) },
	}
	o.addFlags(cmd, "reconstructions.png")
	cmd.Flags().IntVarP(&o.n, "number", "n", 60, "how many rows, from the first on")
	return cmd
}

func (o *codesOptions) reconstruct(cmd *cobra.Command) error {
	ext, err := o.check("-n")
	if err != nil {
		return err
	}
	pool := parallel.New(o.threads)
	defer pool.Close()
	k, err := o.open(pool)
	if err != nil {
		return err
	}
	if err := checkRows(o.out, 2*k.n, k.c.Data); err != nil {
		return err
	}
	both, d := gallery.Beside(k.model, k.x, k.n), k.c.Data.Dim
	var sum float64
	for i := 0; i < len(both); i += 2 * d {
		for j := i; j < i+d; j++ {
			sum += (float64(both[j+d]) - float64(both[j])) * (float64(both[j+d]) - float64(both[j]))
		}
	}
	rows, n := both, 2*k.n
	if ext == ".npy" { // the reconstructions alone
		rows, n = nil, k.n
		for i := d; i < len(both); i += 2 * d {
			rows = append(rows, both[i:i+d]...)
		}
	}
	const pairs = 6 // a line
	if err := k.writeRows(o.out, ext, rows, n, 2*pairs); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d reconstructions of step %d are in %s\n", k.n, k.c.Step, o.out)
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "mean squared error of a row: %.4f\n", sum/float64(k.n))
	return err
}
