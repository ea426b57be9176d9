// Command limits measures what this machine can do and how near to it the library comes, as a table and as JSON.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
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

Exit status: 0 done, 1 a row had a wrong result or a file could not be written, 2 bad flags, 130 interrupted.

`

type options struct {
	json, tier, update string
	with               string
	quick, markdown    bool
	threads            int
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "limits:", err)
		return 2
	case o.tier != "" && o.tier != kernels.Active().String():
		return again(o.tier, args, stdout, stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := all(ctx, o, stderr)
	if err == nil {
		err = write(report, o, stdout)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "limits:", err)
		return 1
	case report.Failed():
		fmt.Fprintln(stderr, "limits: a row has no value; its remark says why")
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("limits", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.json, "json", "", "write the rows with all samples as JSON to this `file`, - for stdout instead of the table")
	f.StringVar(&o.tier, "tier", "", "measure the library on this `tier`: generic, avx2 or avx512 (default the best)")
	f.StringVar(&o.update, "update", "", "write the table into this Markdown `file`, between <!-- limits: begin --> and <!-- limits: end -->")
	f.StringVar(&o.with, "with", "", "add the rows of this `file` of JSON to the table, such as those of a peer")
	f.BoolVar(&o.quick, "quick", false, "small sizes and less time for each row")
	f.BoolVar(&o.markdown, "markdown", false, "print the table as Markdown")
	f.IntVar(&o.threads, "threads", 0, "threads of the rows on more than one (default GOMAXPROCS)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q; see --help", f.Arg(0))
	}
	if o.threads < 0 || o.threads > 4*runtime.NumCPU() {
		return o, fmt.Errorf("--threads %d, want 1 to %d", o.threads, 4*runtime.NumCPU())
	}
	return o, o.checkTier()
}

func (o *options) checkTier() error {
	var names []string
	for _, t := range kernels.Tiers() {
		if o.tier == "" || o.tier == t.String() {
			return nil
		}
		names = append(names, t.String())
	}
	return fmt.Errorf("--tier %s is not of this processor and build, which have %s", o.tier, strings.Join(names, ", "))
}

// again runs the program on another tier: the library chooses its kernels once, at start-up.
func again(tier string, args []string, stdout, stderr io.Writer) int {
	if limit := os.Getenv(kernels.EnvISA); limit == tier {
		fmt.Fprintf(stderr, "limits: tier %s could not be chosen\n", tier)
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(stderr, "limits:", err)
		return 1
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), kernels.EnvISA+"="+tier)
	c.Stdout, c.Stderr = stdout, stderr
	signal.Ignore(os.Interrupt) // the child, in the same group, ends itself
	if err := c.Run(); err != nil {
		var status *exec.ExitError
		if errors.As(err, &status) {
			return status.ExitCode()
		}
		fmt.Fprintln(stderr, "limits:", err)
		return 1
	}
	return 0
}

// all returns the rows measured here, and those of another report.
func all(ctx context.Context, o options, stderr io.Writer) (*row.Report, error) {
	var other row.Report
	if o.with != "" {
		r, err := row.ReadFile(o.with) // before minutes go into ours
		if err != nil {
			return nil, err
		}
		other = *r
	}
	report, err := measured(ctx, o, stderr)
	if err != nil {
		return nil, err
	}
	report.Rows = append(report.Rows, other.Rows...)
	return report, nil
}

func measured(ctx context.Context, o options, stderr io.Writer) (*row.Report, error) {
	report := &row.Report{Schema: row.Schema, Program: "bench/limits", Machine: row.ThisMachine()}
	progress := isTerminal(stderr)
	s := measure.NewSession(o.quick, o.threads, func(r row.Row) {
		report.Rows = append(report.Rows, r)
		if progress {
			fmt.Fprintf(stderr, "\r\x1b[K%d rows; %s: %s %s", len(report.Rows), r.Key(), row.Number(r.Value), r.Unit)
		}
	})
	defer s.Close()
	err := s.Run(ctx)
	if progress {
		fmt.Fprint(stderr, "\r\x1b[K")
	}
	return report, err
}

func write(r *row.Report, o options, stdout io.Writer) error {
	switch {
	case o.json == "-":
		if err := r.WriteJSON(stdout); err != nil {
			return err
		}
	case o.markdown:
		if err := r.WriteMarkdown(stdout); err != nil {
			return err
		}
	default:
		if err := r.WriteText(stdout); err != nil {
			return err
		}
	}
	if o.json != "" && o.json != "-" {
		if err := atomicfile.Write(o.json, r.WriteJSON); err != nil {
			return err
		}
	}
	if o.update == "" {
		return nil
	}
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b); err != nil {
		return err
	}
	return row.UpdateSection(o.update, "limits", b.String())
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
