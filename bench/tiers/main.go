// Command tiers compares single kernels on every tier of this processor with each other and with peers, in one table.
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
)

const usage = `Measures exponentials, logarithms, sums of exponentials and products of matrices on every tier of this processor, and
writes one table with a column for each tier and each peer.

  go run ./bench/tiers                                 all tiers, about three minutes
  go run ./bench/tiers --quick                         small sizes
  go run ./bench/tiers --tiers avx512 --json mine.json one tier; the rows with all samples as JSON
  go run ./bench/tiers --with mine.json,peers.json --update bench/README.md
                                                       measure nothing; write a table of rows that were measured before

` + program.ExitStatus + "\n"

type options struct {
	tiers, only, with string
	quick             bool
	threads           int
	out               program.Output
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := options{out: program.Output{Section: "tiers", Table: program.SideBySide("isa", "peer")}}
	return program.Program{Name: "tiers", Usage: usage, Flags: o.flags, Check: o.check, Run: o.run}.Main(args, stdout, stderr)
}

func (o *options) flags(f *flag.FlagSet) {
	o.out.Flags(f)
	f.StringVar(&o.tiers, "tiers", "", "measure these `tiers`, a list with commas (default all of the processor; none with --with)")
	f.StringVar(&o.only, "only", "", "measure only rows with all of these `words` as name or parameters: \"gemm precision=f32\"")
	f.StringVar(&o.with, "with", "", "add the rows of these `files` of JSON, a list with commas: of peers, or of an earlier run")
	f.BoolVar(&o.quick, "quick", false, "small sizes and less time for each row")
	f.IntVar(&o.threads, "threads", 0, "threads of the rows on more than one (default GOMAXPROCS)")
}

func (o *options) check() error {
	if o.tiers == "" && o.with == "" {
		o.tiers = strings.Join(program.Tiers(), ",")
	}
	return program.CheckTiers("--tiers", program.Split(o.tiers))
}

// run measures the tiers and reads the rows of files.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	others, err := program.Read(o.with)
	if err != nil {
		return err
	}
	report := program.NewReport("bench/tiers")
	if others != nil && o.tiers == "" {
		report.Machine = others.Machine
	}
	for _, tier := range program.Split(o.tiers) {
		if err := o.measure(ctx, report, tier, stderr); err != nil {
			return o.out.Finish(report, err, stdout, stderr)
		}
	}
	if others != nil {
		report.Rows = append(report.Rows, others.Rows...)
	}
	return o.out.Finish(report, nil, stdout, stderr)
}

// measure appends the rows of a tier, measured in this process or in another.
func (o *options) measure(ctx context.Context, to *row.Report, tier string, stderr io.Writer) error {
	if tier == kernels.Active().String() {
		s := measure.NewSession(o.quick, o.threads, o.out.Record(stderr, to))
		defer s.Close()
		s.Select = o.selects
		return s.Kernels(ctx)
	}
	var out bytes.Buffer
	args := []string{"--tiers", tier, "--only", o.only, "--json", "-", fmt.Sprintf("--quick=%v", o.quick), fmt.Sprintf("--threads=%d", o.threads)}
	ended := program.InTier(ctx, tier, args, &out, stderr)
	r, err := row.ReadJSON(&out) // of a process that was interrupted too
	if err == nil {
		to.Rows = append(to.Rows, r.Rows...)
		_ = o.out.Save(to) // Finish says what is wrong with it
	}
	return cmp.Or(ended, err)
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
