// Command limits measures what this machine can do and how near to it the library comes, as a table and as JSON.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
)

const usage = `Measures the limits of this machine (multiplications, exponentials, streaming reads, barriers; on one core and on all)
and the library against them: sweeps, products of matrices, losses, training steps.

A row is the median of samples, with their median absolute deviation as spread. Rows whose samples did not agree say
"unstable"; samples during which a thread waited for a processor that other programs had are set aside and counted.
Limits are taken from the best sample, as other programs can only hide what a machine can do.

  go run ./bench/limits                          all rows, within two minutes
  go run ./bench/limits --quick --json out.json  small sizes, within 20 seconds, and the rows with all samples as JSON
  go run ./bench/limits --tier avx2 --threads 1
  go run ./bench/limits --update bench/README.md write the table into the file, between the marks for it

` + program.ExitStatus + "\n"

type options struct {
	tier, with      string
	quick, markdown bool
	threads         int
	out             program.Output
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := options{out: program.Output{Section: "limits", Table: (*row.Report).WriteMarkdown, Text: (*row.Report).WriteText}}
	return program.Program{
		Name: "limits", Usage: usage, Flags: o.flags, Check: o.check,
		Run: func(ctx context.Context, stdout, stderr io.Writer) error { return o.run(ctx, args, stdout, stderr) },
	}.Main(args, stdout, stderr)
}

func (o *options) flags(f *flag.FlagSet) {
	o.out.Flags(f)
	f.StringVar(&o.tier, "tier", kernels.Active().String(), "measure the library on this `tier`: generic, avx2, avx512 or neon")
	f.StringVar(&o.with, "with", "", "add the rows of these `files` of JSON to the table, a list with commas, such as those of a peer")
	f.BoolVar(&o.quick, "quick", false, "small sizes and less time for each row")
	f.BoolVar(&o.markdown, "markdown", false, "print the table as Markdown")
	f.IntVar(&o.threads, "threads", 0, "threads of the rows on more than one (default GOMAXPROCS)")
}

func (o *options) check() error {
	if o.threads < 0 || o.threads > 4*runtime.NumCPU() {
		return fmt.Errorf("--threads %d, want 1 to %d", o.threads, 4*runtime.NumCPU())
	}
	if o.markdown {
		o.out.Text = nil
	}
	return program.CheckTiers("--tier", []string{o.tier})
}

func (o *options) run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if o.tier != kernels.Active().String() {
		return program.InTier(ctx, o.tier, args, stdout, stderr)
	}
	others, err := program.Read(o.with) // before minutes go into ours
	if err != nil {
		return err
	}
	report := program.NewReport("bench/limits")
	s := measure.NewSession(o.quick, o.threads, o.out.Record(stderr, report))
	defer s.Close()
	err = s.Run(ctx)
	if others != nil && err == nil {
		report.Rows = slices.Concat(report.Rows, others.Rows)
	}
	if err := o.out.Finish(report, err, stdout, stderr); err != nil {
		return err
	}
	return program.Failed(report)
}
