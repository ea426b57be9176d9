// Command tiers compares single kernels on every tier of this processor with each other and with peers, in one table.
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
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/kernels"
)

const usage = `Measures exponentials, logarithms, sums of exponentials and products of matrices on every tier of this processor, and
writes one table with a column for each tier and each peer.

  go run ./bench/tiers                                 all tiers, about three minutes
  go run ./bench/tiers --quick                         small sizes
  go run ./bench/tiers --tiers avx512 --json mine.json one tier; the rows with all samples as JSON
  go run ./bench/tiers --with mine.json,peers.json --update bench/README.md
                                                       measure nothing; write a table of rows that were measured before

Exit status: 0 done, 1 a row had a wrong result or a file could not be read or written, 2 bad flags, 130 interrupted.

`

type options struct {
	tiers, only, with, json, update string
	quick                           bool
	threads                         int
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "tiers:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := collect(ctx, o, stderr)
	if err == nil {
		err = write(report, o, stdout)
	}
	switch {
	case ctx.Err() != nil:
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "tiers:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("tiers", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.tiers, "tiers", "", "measure these `tiers`, a list with commas (default all of the processor; none with --with)")
	f.StringVar(&o.only, "only", "", "measure only rows with all of these `words` as name or parameters: \"gemm precision=f32\"")
	f.StringVar(&o.with, "with", "", "add the rows of these `files` of JSON, a list with commas: of peers, or of an earlier run")
	f.StringVar(&o.json, "json", "", "write the rows with all samples to this `file`, - for stdout instead of the table")
	f.StringVar(&o.update, "update", "", "write the table into this Markdown `file`, between <!-- tiers: begin --> and <!-- tiers: end -->")
	f.BoolVar(&o.quick, "quick", false, "small sizes and less time for each row")
	f.IntVar(&o.threads, "threads", 0, "threads of the rows on more than one (default GOMAXPROCS)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q; see --help", f.Arg(0))
	}
	if o.tiers == "" && o.with == "" {
		o.tiers = strings.Join(available(), ",")
	}
	for _, t := range split(o.tiers) {
		if !slices.Contains(available(), t) {
			return o, fmt.Errorf("--tiers %s: this processor and build have %s", t, strings.Join(available(), ", "))
		}
	}
	return o, nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func available() (names []string) {
	for _, t := range kernels.Tiers() {
		names = append(names, t.String())
	}
	return names
}

// collect measures the tiers and reads the rows of files.
func collect(ctx context.Context, o options, stderr io.Writer) (*row.Report, error) {
	report := &row.Report{Schema: row.Schema, Program: "bench/tiers", Machine: row.ThisMachine()}
	var others []*row.Report
	for _, name := range split(o.with) {
		r, err := row.ReadFile(name)
		if err != nil {
			return nil, err
		}
		others = append(others, r)
	}
	for _, tier := range split(o.tiers) {
		rows, err := measured(ctx, o, tier, stderr)
		if err != nil {
			return nil, fmt.Errorf("tier %s: %w", tier, err)
		}
		report.Rows = append(report.Rows, rows...)
	}
	for i, r := range others {
		if i == 0 && o.tiers == "" {
			report.Machine = r.Machine
		}
		report.Rows = append(report.Rows, r.Rows...)
	}
	return report, nil
}

// measured returns the rows of a tier. The library chooses its kernels once, at start-up: another tier is another process.
func measured(ctx context.Context, o options, tier string, stderr io.Writer) ([]row.Row, error) {
	if tier == kernels.Active().String() {
		var rows []row.Row
		s := measure.NewSession(o.quick, o.threads, func(r row.Row) { rows = append(rows, r) })
		defer s.Close()
		s.Select = o.selects
		return rows, s.Kernels(ctx)
	}
	if os.Getenv(kernels.EnvISA) == tier {
		return nil, errors.New("it could not be chosen")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"--tiers", tier, "--only", o.only, "--json", "-", fmt.Sprintf("--quick=%v", o.quick), fmt.Sprintf("--threads=%d", o.threads)}
	c := exec.CommandContext(ctx, self, args...)
	c.Env = append(os.Environ(), kernels.EnvISA+"="+tier)
	c.Stderr = stderr
	out, err := c.Output()
	if err != nil {
		return nil, err
	}
	r, err := row.ReadJSON(bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	return r.Rows, nil
}

// selects tells whether a row has all words of --only, each its name or one of its parameters.
func (o options) selects(r row.Row) bool {
	has := []string{r.Name}
	for _, p := range r.Params {
		has = append(has, p.Key+"="+p.Value)
	}
	for _, word := range strings.Fields(o.only) {
		if !slices.Contains(has, word) {
			return false
		}
	}
	return true
}

func write(r *row.Report, o options, stdout io.Writer) error {
	if o.json == "-" {
		return r.WriteJSON(stdout)
	}
	if o.json != "" {
		if err := atomicfile.Write(o.json, r.WriteJSON); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := r.WriteColumns(&b, "isa", "peer"); err != nil {
		return err
	}
	if o.update != "" {
		return row.UpdateSection(o.update, "tiers", b.String())
	}
	_, err := stdout.Write(b.Bytes())
	return err
}
