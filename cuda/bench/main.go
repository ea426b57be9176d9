// Command bench times a CUDA device on what bench/cuda.sh compares: iterations of Sinkhorn's algorithm between points, forward and backward, and a
// training step of a DCGAN, of its network alone and whole. It prints a table and writes rows of bench/row.
//
//	bench --json out.json
//
// Points are normal in d dimensions, scaled so that the mean cost |x-y|^2 is 1, eps a share of it. A forward row is L alternating iterations from
// potentials 0, with the potentials copied out; a backward row the derivative of the value by the points. Both are checked before they are timed:
// updates and derivatives of some rows against float64.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/devices"
)

const usage = `Times a CUDA device: iterations of Sinkhorn's algorithm between points, forward and backward, and a training step of a DCGAN.

  bench --json out.json
  bench --merge ours.json,theirs.json --json all.json

` + program.ExitStatus + "\n"

// options are the flags.
type options struct {
	device     string
	parts      string
	sizes      string
	dim        int
	eps        float64
	iterations string
	ghz        float64
	tflops     float64
	quick      bool
	merge      string
	out        program.Output
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := options{out: program.Output{Section: "cuda", Table: program.SideBySide("peer", "precision")}}
	return program.Program{Name: "bench", Usage: usage, Flags: o.flags, Check: o.check, Run: o.run}.Main(args, stdout, stderr)
}

func (o *options) flags(f *flag.FlagSet) {
	o.out.Flags(f)
	f.StringVar(&o.device, "device", "cuda", "cuda or cuda:N")
	f.StringVar(&o.parts, "parts", "solver,network", "what to time")
	f.StringVar(&o.sizes, "sizes", "10000,20000,50000", "points of each cloud")
	f.IntVar(&o.dim, "d", 64, "their dimension")
	f.Float64Var(&o.eps, "eps", .1, "temperature; the mean cost is 1")
	f.StringVar(&o.iterations, "iterations", "10,100", "iterations of a row")
	f.Float64Var(&o.ghz, "ghz", 0, "clock of the processors, for the limit of the exp unit: 16 results a cycle and processor; 0 for what the driver says")
	f.Float64Var(&o.tflops, "tflops", 494.7, "products in TF32 a second, in 10^12 operations, for the limit of the tensor cores")
	f.BoolVar(&o.quick, "quick", false, "fewer samples")
	f.StringVar(&o.merge, "merge", "", "time nothing: print one table of these `files` of rows, with commas, and write them as one to --json")
}

func (o *options) check() error {
	for _, part := range program.Split(o.parts) {
		if !slices.Contains([]string{"solver", "network"}, part) {
			return fmt.Errorf("--parts %s: want solver, network or both", part)
		}
	}
	for name, list := range map[string]string{"sizes": o.sizes, "iterations": o.iterations} {
		if _, err := numbers(name, list); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) run(ctx context.Context, stdout, _ io.Writer) error {
	b := &bench{options: o, meter: row.Default(), report: *program.NewReport("cuda/bench")}
	b.meter.Least, b.meter.Bound = 5, .01
	if o.quick {
		b.meter = row.Quick()
	}
	if err := b.collect(ctx, stdout); err != nil {
		return err
	}
	if err := o.out.Write(&b.report, stdout); err != nil {
		return err
	}
	return program.Failed(&b.report)
}

// collect times the parts, or reads rows of files.
func (b *bench) collect(ctx context.Context, w io.Writer) error {
	if b.merge != "" {
		r, err := program.Read(b.merge)
		if err != nil {
			return err
		}
		b.report.Rows = r.Rows
		return nil
	}
	for _, part := range program.Split(b.parts) {
		on := b.onDevice
		if part == "network" {
			on = b.onOps
		}
		if err := on(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) onDevice(ctx context.Context, w io.Writer) error {
	d, err := device.Open(b.device)
	if err != nil {
		return err
	}
	defer d.Close()
	fmt.Fprintf(w, "%+v\n", d.Info())
	return b.solver(ctx, d)
}

func (b *bench) onOps(ctx context.Context, w io.Writer) error {
	d, err := devices.Open(b.device)
	if err != nil {
		return err
	}
	defer d.Close()
	fmt.Fprintf(w, "%+v\n", d.Info())
	return b.networks(ctx, d)
}

// bench collects rows.
type bench struct {
	*options
	meter  row.Meter
	report row.Report
}

// solver times both precisions of products at all sizes.
func (b *bench) solver(ctx context.Context, d *device.Device) error {
	sizes, err := numbers("sizes", b.sizes)
	if err != nil {
		return err
	}
	for _, n := range sizes {
		for _, precision := range []string{"3xTF32", "TF32"} {
			s := cuda.NewSolver(d)
			s.TF32 = precision == "TF32"
			if err := b.problem(ctx, d, s, n, precision); err != nil {
				return fmt.Errorf("n = %d in %s: %w", n, precision, err)
			}
		}
	}
	return nil
}

func numbers(name, list string) ([]int, error) {
	var all []int
	for _, s := range program.Split(list) {
		k, err := strconv.Atoi(s)
		if err != nil || k < 1 {
			return nil, fmt.Errorf("--%s %s: want numbers from 1, with commas", name, list)
		}
		all = append(all, k)
	}
	return all, nil
}
