// Command bench times a CUDA device on what bench/cuda.sh compares: iterations of Sinkhorn's algorithm between points, forward and backward, and a
// training step of a DCGAN. It prints a table and writes rows of bench/row.
//
//	bench --json out.json
//
// Points are normal in d dimensions, scaled so that the mean cost |x-y|^2 is 1, eps a share of it. A forward row is L alternating iterations from
// potentials 0, with the potentials copied out; a backward row the derivative of the value by the points. Both are checked before they are timed:
// updates and derivatives of some rows against float64.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/devices"
)

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
	json       string
	merge      string
}

func main() {
	var o options
	flag.StringVar(&o.device, "device", "cuda", "cuda or cuda:N")
	flag.StringVar(&o.parts, "parts", "solver,network", "what to time")
	flag.StringVar(&o.sizes, "sizes", "10000,20000,50000", "points of each cloud")
	flag.IntVar(&o.dim, "d", 64, "their dimension")
	flag.Float64Var(&o.eps, "eps", .1, "temperature; the mean cost is 1")
	flag.StringVar(&o.iterations, "iterations", "10,100", "iterations of a row")
	flag.Float64Var(&o.ghz, "ghz", 0, "clock of the processors, for the limit of the exp unit: 16 results a cycle and processor; 0 for what the driver says")
	flag.Float64Var(&o.tflops, "tflops", 494.7, "products in TF32 a second, in 10^12 operations, for the limit of the tensor cores")
	flag.BoolVar(&o.quick, "quick", false, "fewer samples")
	flag.StringVar(&o.json, "json", "", "write the rows to a file")
	flag.StringVar(&o.merge, "merge", "", "time nothing: print one table of these files of rows, with commas, and write them as one to --json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := o.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context, w io.Writer) error {
	b := &bench{options: o, meter: row.Default(), report: row.Report{Schema: row.Schema, Program: "cuda/bench", Machine: row.ThisMachine()}}
	b.meter.Least, b.meter.Bound = 5, .01
	if o.quick {
		b.meter = row.Quick()
	}
	if o.merge != "" {
		o.parts = "merge"
	}
	for _, part := range strings.Split(o.parts, ",") {
		var err error
		switch part {
		case "merge":
			err = b.read(strings.Split(o.merge, ","))
		case "solver":
			err = b.onDevice(ctx, w)
		case "network":
			err = b.onOps(ctx, w)
		default:
			err = fmt.Errorf("--parts %s: want solver, network or both", part)
		}
		if err != nil {
			return err
		}
	}
	if err := b.report.WriteColumns(w, "peer", "precision"); err != nil {
		return err
	}
	return errors.Join(b.save(), b.failed())
}

// read takes rows over from files.
func (b *bench) read(paths []string) error {
	for _, path := range paths {
		r, err := row.ReadFile(path)
		if err != nil {
			return err
		}
		b.report.Rows = append(b.report.Rows, r.Rows...)
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

func (b *bench) save() error {
	if b.json == "" {
		return nil
	}
	f, err := os.Create(b.json)
	if err != nil {
		return err
	}
	return errors.Join(b.report.WriteJSON(f), f.Close())
}

func (b *bench) failed() error {
	if b.report.Failed() {
		return errors.New("some rows have an error in place of a value")
	}
	return nil
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
	for _, s := range strings.Split(list, ",") {
		k, err := strconv.Atoi(s)
		if err != nil || k < 1 {
			return nil, fmt.Errorf("--%s %s: want numbers from 1, with commas", name, list)
		}
		all = append(all, k)
	}
	return all, nil
}
