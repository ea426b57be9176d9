package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/report"
)

func newEncodeCommand() *cobra.Command {
	o := &codesOptions{}
	cmd := &cobra.Command{
		Use:   "encode",
		Short: "Map rows of data to their codes",
		Long: `Map rows of data to their codes under the encoder of a run, and write these as an array (F.npy): float32, one code a row;
or as a picture (F.png): in the plane, or by their first two principal components, coloured by the classes of the rows.
The codes of a Gaussian encoder are its means, those of an implicit one come from noise of 0. The run is only read.
` + exitStatus,
		Example: `  sinkcpu encode --run runs/mnist-1 -n 10000 --out codes.npy
  sinkcpu encode --run runs/mnist-1 -n 5000 --out codes.png`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.encode(cmd) },
	}
	o.addFlags(cmd, "codes.npy")
	cmd.Flags().IntVarP(&o.n, "number", "n", 1000, "how many rows, from the first on")
	return cmd
}

func (o *codesOptions) encode(cmd *cobra.Command) error {
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
	z, d := k.codes(), k.model.LatentDim()
	write := func(w io.Writer) error { return data.WriteNPY(w, k.n, d, z) }
	if ext == ".png" {
		m, err := report.Classes(fmt.Sprintf("codes of %s, step %d", k.c.Config.Objective, k.c.Step), z, d, k.class)
		if err != nil {
			return err
		}
		write = func(w io.Writer) error { return report.WritePNG(w, m) }
	}
	if err := atomicfile.Write(o.out, write); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d codes of step %d are in %s\n", k.n, k.c.Step, o.out)
	return nil
}
