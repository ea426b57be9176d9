// Command bench times a CUDA device on what bench/cuda.sh compares: iterations of Sinkhorn's algorithm between points, forward and backward, and a
// training step of a DCGAN, of its network alone and whole. It prints a table and writes rows of bench/row, each as soon as it is measured.
//
//	bench --json out.json
//
// Points are normal in d dimensions, scaled so that the mean cost |x-y|^2 is 1, eps a share of it. A forward row is L alternating iterations from
// potentials 0, with the potentials copied out; a backward row the derivative of the value by the points. Both are checked before they are timed:
// updates and derivatives of some rows against float64.
//
// # Limits
//
// A row of the solver stands beside the time in which the busiest unit of the device can do what the row must do, whatever the kernel. The driver names
// the multiprocessors S, the highest clock f, and the clock and width of memory. Let N be the entries of all passes of a row,
//
//	L iterations     N = 2 L n^2     a pass over rows and one over columns; an entry takes 1 exponential and d products
//	the gradient     N = n^2         1 exponential, d products for the cost and d for the plan times points
//
// each product by multiply-adds of T terms: 1 in TF32, 3 where three of TF32 stand for one of float32. Then
//
//	exp unit         N / (16 S f)            ex2.approx: 16 results a cycle and multiprocessor
//	tensor cores     N d T / (R S f)         twice that for the gradient; R multiply-adds of TF32 a cycle and multiprocessor
//	memory           4 d 2 n bytes a pass, each point read once
//
// with R = 512 for compute capability 8.0, 256 for 8.6 and 8.9, 1024 for 9.0, which is what the makers' dense rates come to: 156 TFLOP/s of an A100 are
// 2 x 512 x 108 x 1.41 GHz, 494.7 of an H100 or H200 are 2 x 1024 x 132 x 1.83 GHz. Up to 8 dimensions, where costs are sums of squared differences, and
// before 8.0, multiply-adds of float32 take the place of tensor cores: 128 a cycle and multiprocessor, 64 for 7.5 and 8.0.
//
// An H200 (S = 132) that ran at f = 1.98 GHz, the clock that its driver names, would take 4.18 10^12 exponentials a second and 5.41 10^14 operations in
// TF32. For n = 10,000 and d = 64 an iteration has N = 2 10^8 entries: 48 us of exponentials, 48 us of products in TF32 and 143 us of three, 2 us of
// memory. At the 1.83 GHz of the data sheet's rate of tensor cores these are 52, 52 and 155 us: --ghz takes the clock that nvidia-smi shows under load.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

const usage = `Times a CUDA device: iterations of Sinkhorn's algorithm between points, forward and backward, and a training step of a DCGAN.

  bench --json out.json
  bench --json out.json --resume     makes the rows that the file does not have
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
	quick      bool
	resume     bool
	retry      bool
	merge      string
	out        program.Output
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := options{out: program.Output{Section: "cuda", Table: writeTable}}
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
	f.Float64Var(&o.ghz, "ghz", 0, "clock of the limits; 0 for the highest, which the driver names")
	f.BoolVar(&o.quick, "quick", false, "fewer samples")
	f.BoolVar(&o.resume, "resume", false, "leave out the rows that the file of --json has")
	f.BoolVar(&o.retry, "retry", false, "with --resume, make those again that have no value")
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
	switch {
	case o.dim < 1:
		return fmt.Errorf("--d %d: want 1 or more", o.dim)
	case !(o.eps > 0):
		return fmt.Errorf("--eps %g: want more than 0", o.eps)
	case o.resume && (o.out.JSON == "" || o.out.JSON == "-"):
		return errors.New("--resume: name the file of rows with --json")
	case o.retry && !o.resume:
		return errors.New("--retry goes with --resume")
	}
	return nil
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	report := program.NewReport("cuda/bench")
	if o.merge != "" {
		return o.table(report, stdout)
	}
	if o.resume {
		if err := o.earlier(report); err != nil {
			return err
		}
	}
	err := o.measure(ctx, report, stderr)
	if err := o.out.Finish(report, err, stdout, stderr); err != nil {
		return err
	}
	return program.Failed(report)
}

// table writes the rows of other runs as one.
func (o *options) table(report *row.Report, stdout io.Writer) error {
	r, err := program.Read(o.merge)
	if err != nil {
		return err
	}
	r.Program = report.Program
	if err := o.out.Write(r, stdout); err != nil {
		return err
	}
	return program.Failed(r)
}

// writeTable writes rows of peers and precisions side by side, then ours against the limits of the device.
func writeTable(r *row.Report, w io.Writer) error {
	beside, limited := *r, row.Report{}
	beside.Rows = nil
	for _, line := range r.Rows {
		column := line
		column.Params = row.P("of", line.Param("peer")+" "+line.Param("precision"))
		for _, p := range line.Params {
			if p.Key != "peer" && p.Key != "precision" {
				column.Params = append(column.Params, p)
			}
		}
		beside.Rows = append(beside.Rows, column)
		if line.Limit != nil {
			limited.Rows = append(limited.Rows, line)
		}
	}
	if err := beside.WriteColumns(w, "of"); err != nil || len(limited.Rows) == 0 {
		return err
	}
	var b strings.Builder
	if err := limited.WriteMarkdown(&b); err != nil {
		return err
	}
	_, table, _ := strings.Cut(b.String(), "\n\n") // without a second sheet of the machine
	_, err := io.WriteString(w, "\n"+table)
	return err
}

// earlier takes the rows of the file over.
func (o *options) earlier(report *row.Report) error {
	r, err := row.ReadFile(o.out.JSON)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	report.Rows = r.Rows
	if o.retry {
		report.Rows = slices.DeleteFunc(report.Rows, func(line row.Row) bool { return line.Error != "" })
	}
	return nil
}

// A target is what is measured.
type target struct {
	info   device.Info
	solver func(tf32 bool) sinkhorn.Device
	ops    nn.Ops[float32]
	err    func() error // after which it computes nothing
	close  func() error
}

// open takes a device into use.
var open = func(which string) (*target, error) {
	d, err := cuda.Open(which)
	if err != nil {
		return nil, err
	}
	t := targetOn(d.Device(), d.Ops(), d.Err)
	t.close = d.Close
	return t, nil
}

func targetOn(d *device.Device, ops nn.Ops[float32], fault func() error) *target {
	return &target{info: d.Info(), ops: ops, err: func() error { return cmp.Or(d.Err(), fault()) }, close: d.Close, solver: func(tf32 bool) sinkhorn.Device {
		s := cuda.NewSolver(d)
		s.TF32 = tf32
		return s
	}}
}

// measure makes the rows that the report has not.
func (o *options) measure(ctx context.Context, report *row.Report, stderr io.Writer) error {
	d, err := open(o.device)
	if err != nil {
		return err
	}
	defer d.close()
	report.Machine.Device = fmt.Sprintf("%s, compute capability %d.%d, %d multiprocessors at up to %d MHz, %d MiB at %.0f GB/s; driver %s, CUDA %s", d.info.Name, d.info.Major, d.info.Minor,
		d.info.Processors, d.info.ClockMHz, d.info.Memory>>20, 1e-9*float64(d.info.Bandwidth), d.info.Driver, d.info.CUDA)
	fmt.Fprintf(stderr, "%+v\n", d.info)
	emit := o.out.Record(stderr, report)
	b := &bench{options: o, target: d, meter: row.Default(), report: report, emit: func(r row.Row) {
		fmt.Fprintf(stderr, "%s: %s %s %s\n", r.Key(), row.Number(r.Value), r.Unit, cmp.Or(r.Error, r.Note))
		emit(r)
	}}
	b.meter.Least, b.meter.Bound = 5, .01
	if o.quick {
		b.meter = row.Quick()
	}
	return b.run(ctx)
}

// bench collects rows.
type bench struct {
	*options
	*target
	meter  row.Meter
	report *row.Report
	emit   func(row.Row)
}

// run lists what is missing in the report, and makes it, so that what is asked first has its rows first.
func (b *bench) run(ctx context.Context) error {
	var parts []func(context.Context) error
	var all []row.Row
	for _, part := range program.Split(b.parts) {
		rows, make := b.solverPart()
		if part == "network" {
			rows, make = b.networkPart()
		}
		all, parts = append(all, rows...), append(parts, make)
	}
	b.report.Missing = nil
	for _, r := range all {
		if b.wanted(r) {
			b.report.Missing = append(b.report.Missing, r.Key())
		}
	}
	if err := b.out.Save(b.report); err != nil { // before minutes go into rows that could not be kept
		return err
	}
	for _, make := range parts {
		if err := make(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wanted tells whether the report has no such row.
func (b *bench) wanted(r row.Row) bool { return b.report.Row(r.Key()) == nil }

// add puts a row into the report. A device that has failed ends the run, as nothing more can come of it.
func (b *bench) add(r row.Row) error {
	key := r.Key()
	b.report.Missing = slices.DeleteFunc(b.report.Missing, func(missing string) bool { return missing == key })
	b.emit(r)
	return b.err()
}

// time adds a row: once run and check have no error the times of run, else the error.
func (b *bench) time(ctx context.Context, r row.Row, run func() error, check func() (note string, err error)) error {
	var failed error
	once := func() {
		if err := run(); err != nil && failed == nil {
			failed = err
		}
	}
	once()
	note, err := "", failed
	if err == nil {
		note, err = check()
	}
	var samples row.Samples
	if err == nil {
		if samples, err = b.meter.Run(ctx, once); err != nil {
			return err
		}
		err = failed
	}
	if err != nil {
		return b.fail(ctx, r, err)
	}
	timed := samples.Time(r.Name, r.Params, 1e3, "ms")
	timed.Note = note
	if r.Limit != nil {
		timed.SetLimit(r.Limit.Value, r.Limit.By)
	}
	return b.add(timed)
}

// fail adds a row without a value, unless that is for the end of the run.
func (b *bench) fail(ctx context.Context, r row.Row, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.Unit, r.Lower, r.Limit, r.Error = "ms", true, nil, err.Error()
	return b.add(r)
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
	if len(all) == 0 {
		return nil, fmt.Errorf("--%s: want numbers from 1, with commas", name)
	}
	return all, nil
}
