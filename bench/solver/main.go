// Command solver measures how long the library takes for an iteration, and for a marginal error, on clouds that bench/peers/solver.py
// makes too; it writes the rows of both into one table.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

const usage = `Measures a full iteration and the time to an L1 marginal error, with the error of the value against a float64 solve to 1e-8.

  go run ./bench/solver --sizes 1000 --json ours.json
  peers/bin/python bench/peers/solver.py --sizes 1000 --with ours.json > theirs.json
  go run ./bench/solver --table ours.json,theirs.json --update bench/README.md      also a short table, between <!-- peers: begin --> and its end

` + program.ExitStatus + "\n"

// dim is the dimension of the clouds of all rows but those of published cases.
const dim = 3

type options struct {
	sizes, eps, tols, table string
	threads                 int
	iterations, published   bool
	out                     program.Output

	n, shares, errors []float64
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := options{out: program.Output{Section: "solver", Table: (*row.Report).WriteMarkdown, Text: (*row.Report).WriteText}}
	return program.Program{Name: "solver", Usage: usage, Flags: o.flags, Check: o.check, Run: o.run}.Main(args, stdout, stderr)
}

func (o *options) flags(f *flag.FlagSet) {
	o.out.Flags(f)
	f.StringVar(&o.sizes, "sizes", "1000", "points of each cloud, of the times to an error; empty for none")
	f.StringVar(&o.eps, "eps", ".1,.01,.001", "eps as multiples of the mean cost")
	f.StringVar(&o.tols, "tols", "1e-3,1e-6", "marginal errors")
	f.IntVar(&o.threads, "threads", 1, "workers")
	f.BoolVar(&o.iterations, "iterations", false, "also measure an iteration at 512 to 4096 with the kernel kept, and at 1024 and 4096 computed")
	f.BoolVar(&o.published, "published", false, "also measure the cases whose times others have published: 40 iterations at n = 4096, d = 6; 10 at n = 10,000, 20,000 and 50,000, d = 64; POT's table of backends")
	f.StringVar(&o.table, "table", "", "measure nothing: print the rows of these `files` of JSON as a table")
}

func (o *options) check() (err error) {
	for _, list := range []struct {
		flag, text string
		to         *[]float64
	}{{"--sizes", o.sizes, &o.n}, {"--eps", o.eps, &o.shares}, {"--tols", o.tols, &o.errors}} {
		if *list.to, err = numbers(list.text); err != nil {
			return fmt.Errorf("%s: %w", list.flag, err)
		}
	}
	if o.threads < 1 {
		return fmt.Errorf("--threads %d, want 1 or more", o.threads)
	}
	return nil
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	if o.table != "" {
		r, err := program.Read(o.table)
		if err != nil {
			return err
		}
		if err := o.out.Write(r, stdout); err != nil || o.out.Update == "" {
			return err
		}
		short := program.Output{Update: o.out.Update, Section: "peers", Table: headline}
		return short.Write(r, stdout)
	}
	r := program.NewReport("bench/solver")
	m := measurement{ctx: ctx, pool: parallel.New(o.threads), emit: o.out.Record(stderr, r)}
	defer m.pool.Close()
	if err := o.out.Finish(r, o.measure(m), stdout, stderr); err != nil {
		return err
	}
	return program.Failed(r)
}

func (o *options) measure(m measurement) error {
	if o.iterations {
		if err := m.iterations(); err != nil {
			return err
		}
	}
	if o.published {
		if err := m.published(); err != nil {
			return err
		}
		if err := m.potBackends(); err != nil {
			return err
		}
	}
	for _, n := range o.n {
		for _, share := range o.shares {
			if err := m.timesTo(int(n), share, o.errors); err != nil {
				return err
			}
		}
	}
	return nil
}

func numbers(list string) (out []float64, err error) {
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v > 0) {
			return nil, fmt.Errorf("%q in %q: want positive numbers", s, list)
		}
		out = append(out, v)
	}
	return out, nil
}
