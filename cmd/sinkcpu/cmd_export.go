package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/train"
)

type exportOptions struct {
	run         string
	onnx        string
	safetensors string
}

func newExportCommand() *cobra.Command {
	o := &exportOptions{}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a trained network as ONNX or safetensors, for use elsewhere",
		Long: `Write the network of a run: a generator or decoder from latent points to samples, or a classifier from images to logits. The ONNX
file (operator set 17) has the input "input" [batch, ...] and the output "output"; latent points are drawn uniformly from the unit cube
or from a normal law, as "prior" in config.json says. The safetensors file has the weights under the names that PyTorch gives to a
Sequential of the same layers. Critics, discriminators and encoders are not written. The run is only read.

In Go, train.Load opens the run itself.
` + exitStatus,
		Example: `  sinkcpu export --run runs/mnist --onnx generator.onnx
  sinkcpu export --run runs/mnist --safetensors generator.safetensors`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.export(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.run, "run", "", "folder of the run")
	f.StringVar(&o.onnx, "onnx", "", "ONNX file to write")
	f.StringVar(&o.safetensors, "safetensors", "", "safetensors file to write")
	return cmd
}

func (o *exportOptions) export(cmd *cobra.Command) error {
	switch {
	case o.run == "":
		return usagef("--run is missing: name the folder of a run, such as runs/glyphs-1")
	case o.onnx == "" && o.safetensors == "":
		return usagef("nothing to write: give --onnx FILE, --safetensors FILE, or both")
	case o.onnx == o.safetensors:
		return usagef("--onnx and --safetensors both name %s: give two files", o.onnx)
	}
	if err := errors.Join(checkOutput("onnx", o.onnx), checkOutput("safetensors", o.safetensors)); err != nil {
		return err
	}
	m, err := train.Load(o.run)
	if err != nil {
		return err
	}
	said := func(path string) { fmt.Fprintf(cmd.ErrOrStderr(), "the network of step %d is in %s\n", m.Step(), path) }
	if o.onnx != "" {
		if err := atomicfile.Write(o.onnx, m.WriteONNX); err != nil {
			return err
		}
		said(o.onnx)
	}
	if o.safetensors != "" {
		if err := m.SaveWeights(o.safetensors); err != nil {
			return err
		}
		said(o.safetensors)
	}
	return nil
}
