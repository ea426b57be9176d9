// Command report measures the library over sizes, dimensions, precisions, threads and tiers, and writes JSON, a Markdown page and plots;
// it compares two runs, and fits a model of the time of an iteration.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/kernels"
)

const usage = `Measures iterations, solves to a tolerance, gradients, batches and memory for n from 64 to 65,536 in 2 to 784 dimensions, in both
precisions on one thread and on all, and the rows of bench/limits: kernels, sweeps, products, losses, training steps, networks.
Writes DIR/HOST-DATE.json with every sample, .md with the tables, and -rate.svg, -solve.svg and -cores.svg.

Cases that take least come first; those that --budget is not enough for, or that an interrupt came before, are named in the page.

  go run ./bench/report                              ten minutes
  go run ./bench/report --quick                      one minute
  go run ./bench/report --budget 1h --tiers avx512,avx2
  go run ./bench/report --million 2m                 and an iteration of 10^6 points against 10^6, or of a slice of its rows
  go run ./bench/report --compare bench/results/OLD.json
  go run ./bench/report --from NEW.json --compare OLD.json     measure nothing
  go run ./bench/report --from NEW.json --update bench/README.md

` + program.ExitStatus + "\n"

type options struct {
	dir, host, tiers, compare, from, update string
	budget, million                         time.Duration
	quick, cases                            bool
	threads                                 int
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	return program.Program{Name: "report", Usage: usage, Flags: o.flags, Check: o.check, Run: func(ctx context.Context, stdout, stderr io.Writer) error {
		report, err := o.run(ctx, stdout, stderr)
		if err != nil {
			return err
		}
		return program.Failed(report)
	}}.Main(args, stdout, stderr)
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.dir, "out", "bench/results", "`folder` for the files")
	f.StringVar(&o.host, "host", "", "`name` of the machine in the files' names (default from the processor and its cores)")
	f.StringVar(&o.tiers, "tiers", kernels.Active().String(), "`tiers` to measure, a list with commas")
	f.StringVar(&o.compare, "compare", "", "say what moved since the run in this `file` of JSON")
	f.StringVar(&o.from, "from", "", "measure nothing: read the run in this `file` of JSON")
	f.StringVar(&o.update, "update", "", "write the model of scale into this Markdown `file`, between <!-- scale: begin --> and <!-- scale: end -->")
	f.DurationVar(&o.budget, "budget", 10*time.Minute, "time for all of it, about")
	f.DurationVar(&o.million, "million", 0, "time beside --budget for an iteration of 10^6 points in 3 dimensions, float32, all threads: all rows in half an hour, less in a slice of them")
	f.BoolVar(&o.quick, "quick", false, "one minute: as --budget 1m, with small sizes of the rows of bench/limits")
	f.BoolVar(&o.cases, "cases", false, "leave out the rows of bench/limits")
	f.IntVar(&o.threads, "threads", 0, "threads of the rows on more than one (default GOMAXPROCS)")
}

func (o *options) check() error {
	if o.budget <= 0 || o.million < 0 || o.threads < 0 {
		return fmt.Errorf("--budget %v must be more than 0, --million %v and --threads %d not less", o.budget, o.million, o.threads)
	}
	if o.quick {
		o.budget = min(o.budget, time.Minute)
	}
	return program.CheckTiers("--tiers", program.Split(o.tiers))
}

func (o options) run(ctx context.Context, stdout, stderr io.Writer) (*row.Report, error) {
	var old *row.Report
	var err error
	if o.compare != "" {
		if old, err = row.ReadFile(o.compare); err != nil { // before minutes go into the new one
			return nil, err
		}
	}
	report, left := (*row.Report)(nil), []measure.Case(nil)
	if o.from != "" {
		report, err = row.ReadFile(o.from)
	} else {
		report, left, err = o.measure(ctx, stdout, stderr)
	}
	if err != nil {
		return nil, err
	}
	if o.update != "" {
		if err := row.UpdateSection(o.update, "scale", sheet(report)+scaleText(report)); err != nil {
			return nil, err
		}
	}
	if old != nil {
		_, err = fmt.Fprint(stdout, row.CompareText(row.Compare(old, report)))
	} else if o.from != "" && o.update == "" {
		_, err = stdout.Write(page(report, left, ""))
	}
	return report, err
}

// measure runs all tiers and writes the files, the rows as they come and the page at the end, however that comes.
func (o options) measure(ctx context.Context, stdout, stderr io.Writer) (*row.Report, []measure.Case, error) {
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return nil, nil, err
	}
	report := program.NewReport("bench/report")
	base := filepath.Join(o.dir, fileName(o.host, report.Machine))
	left, err := o.allTiers(ctx, report, base+".json", stderr)
	program.Line(stderr, "")
	if len(report.Rows) == 0 {
		return nil, nil, err
	}
	return report, left, errors.Join(err, o.save(report, left, base, stdout))
}

// allTiers runs all tiers, and returns the cases for which there was no time. The library chooses its kernels once, at start-up: another tier is another
// process.
func (o options) allTiers(ctx context.Context, report *row.Report, file string, stderr io.Writer) (left []measure.Case, err error) {
	tiers, out := program.Split(o.tiers), program.Output{JSON: file}
	for _, tier := range tiers {
		share := o.budget / time.Duration(len(tiers))
		if tier != kernels.Active().String() {
			rows, err := o.inTier(ctx, tier, share, stderr)
			report.Rows = append(report.Rows, rows...)
			if err := errors.Join(err, out.Save(report)); err != nil {
				return left, err
			}
			continue
		}
		s := measure.NewSession(o.quick, o.threads, out.Record(stderr, report))
		if left, err = o.session(ctx, s, share); err == nil && o.million > 0 {
			err = s.Million(ctx, o.million, func(share float64) {
				program.Line(stderr, fmt.Sprintf("10^6 points: %.0f %%", 100*share))
			})
		}
		if s.Close(); err != nil {
			return left, err
		}
	}
	return left, nil
}

func (o options) session(ctx context.Context, s *measure.Session, budget time.Duration) ([]measure.Case, error) {
	began := time.Now()
	if !o.cases {
		if err := s.Run(ctx); err != nil {
			return measure.Cases(s.Threads), err
		}
	}
	s.Meter.Budget = min(s.Meter.Budget, 300*time.Millisecond)
	taken, left := measure.Plan(measure.Cases(s.Threads), (budget - time.Since(began)).Seconds())
	for i, c := range taken {
		if time.Since(began) > budget*5/4 { // the estimates were too low
			return append(left, taken[i:]...), nil
		}
		if err := s.Case(ctx, c); err != nil {
			return append(left, taken[i:]...), fmt.Errorf("%+v: %w", c, err)
		}
	}
	return left, nil
}

func (o options) inTier(ctx context.Context, tier string, budget time.Duration, stderr io.Writer) ([]row.Row, error) {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"--tiers", tier, "--out", dir, "--budget", budget.String(), fmt.Sprintf("--quick=%v", o.quick), fmt.Sprintf("--cases=%v", o.cases), fmt.Sprintf("--threads=%d", o.threads)}
	ended := program.InTier(ctx, tier, args, io.Discard, stderr)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		return nil, cmp.Or(ended, fmt.Errorf("tier %s left %d files", tier, len(files)))
	}
	r, err := row.ReadFile(files[0])
	if err != nil {
		return nil, cmp.Or(ended, err)
	}
	return r.Rows, ended
}

// save writes the files of a run and says where they are.
func (o options) save(r *row.Report, left []measure.Case, base string, stdout io.Writer) error {
	if err := atomicfile.Write(base+".json", r.WriteJSON); err != nil {
		return err
	}
	if err := plots(r, base); err != nil {
		return err
	}
	text := page(r, left, filepath.Base(base))
	if err := atomicfile.Write(base+".md", func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "%s.json, .md and the plots are written\n", base)
	return err
}

var noLetters = regexp.MustCompile(`[^a-z0-9]+`)

// fileName is HOST-DATE, of letters that any system takes; the time of the day keeps two runs of a day apart.
func fileName(host string, m row.Machine) string {
	if host == "" {
		host = fmt.Sprintf("%s-%d-cores", m.CPU, runtime.NumCPU())
	}
	date := m.Date
	if t, err := time.Parse(time.RFC3339, m.Date); err == nil {
		date = t.Format("20060102-1504")
	}
	return strings.Trim(noLetters.ReplaceAllString(strings.ToLower(host), "-"), "-") + "-" + date
}

func sheet(r *row.Report) string {
	return "- " + strings.Join(r.Machine.Lines(), "\n- ") + "\n\n"
}

// page is the Markdown of a run: plots where base names them, the model, all rows, and what was left out.
func page(r *row.Report, left []measure.Case, base string) []byte {
	var b bytes.Buffer
	b.WriteString("# A run of bench/report\n\n")
	if base != "" {
		for _, p := range plotNames {
			fmt.Fprintf(&b, "![%s](%s-%s.svg)\n", p.title, base, p.name)
		}
	}
	b.WriteString("\n## Scale\n\n" + scaleText(r) + "\n## All rows\n\n")
	_ = r.WriteMarkdown(&b) // to memory
	if len(left) > 0 {
		fmt.Fprintf(&b, "\n## Left out for the budget, or as the run ended early\n\n")
		for _, c := range left {
			fmt.Fprintf(&b, "- %s, n=%d d=%d stored=%v precision=%s threads=%d: about %s s\n", c.Kind, c.N, c.D, c.Stored, c.Precision, c.Threads, row.Number(c.Seconds()))
		}
	}
	return b.Bytes()
}
