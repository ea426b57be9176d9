// Command solver measures how long the library takes for an iteration, and for a marginal error, on clouds that bench/peers/solver.py
// makes too; it writes the rows of both into one table.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

const usage = `Measures a full iteration and the time to an L1 marginal error, with the error of the value against a float64 solve to 1e-10.

  go run ./bench/solver --sizes 1000 --json ours.json
  peers/bin/python bench/peers/solver.py --sizes 1000 --with ours.json > theirs.json
  go run ./bench/solver --table ours.json,theirs.json --update bench/README.md

`

// dim is the dimension of the clouds of all rows but those of published cases.
const dim = 3

type options struct {
	sizes, eps, tols, json, table, update string
	threads                               int
	iterations, published                 bool
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o := options{sizes: "1000", eps: ".1,.01,.001", tols: "1e-3,1e-6", threads: 1}
	f := flag.NewFlagSet("solver", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { fmt.Fprint(stderr, usage); f.PrintDefaults() }
	f.StringVar(&o.sizes, "sizes", o.sizes, "points of each cloud, of the times to an error; empty for none")
	f.StringVar(&o.eps, "eps", o.eps, "eps as multiples of the mean cost")
	f.StringVar(&o.tols, "tols", o.tols, "marginal errors")
	f.IntVar(&o.threads, "threads", o.threads, "workers")
	f.BoolVar(&o.iterations, "iterations", false, "also measure an iteration at 512 to 4096 with the kernel kept, and at 1024 and 4096 computed")
	f.BoolVar(&o.published, "published", false, "also measure the cases whose times others have published: 40 iterations at n = 4096, d = 6; 10 at n = 10,000 and 20,000, d = 64; POT's table of backends")
	f.StringVar(&o.json, "json", "", "write the rows to this `file`")
	f.StringVar(&o.table, "table", "", "measure nothing: print the rows of these `files` of JSON as a table")
	f.StringVar(&o.update, "update", "", "with --table, write it into this Markdown `file`, between <!-- solver: begin --> and <!-- solver: end -->")
	if err := f.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return 0
		}
		return 2
	}
	if err := o.run(stdout); err != nil {
		fmt.Fprintln(stderr, "solver:", err)
		return 1
	}
	return 0
}

func (o *options) run(stdout io.Writer) error {
	if o.table != "" {
		return o.write(stdout)
	}
	r := &row.Report{Schema: row.Schema, Program: "bench/solver", Machine: row.ThisMachine()}
	pool := parallel.New(o.threads)
	defer pool.Close()
	if o.iterations {
		for _, c := range []struct {
			n      int
			stored bool
			kernel sinkhorn.Kernel
		}{
			{512, true, sinkhorn.KernelKept}, {1024, true, sinkhorn.KernelKept}, {2048, true, sinkhorn.KernelKept}, {4096, true, sinkhorn.KernelKept},
			{1024, true, sinkhorn.KernelComputed}, {4096, true, sinkhorn.KernelComputed}, {1024, false, sinkhorn.KernelComputed},
		} {
			line, err := iteration(pool, c.n, c.stored, c.kernel)
			if err != nil {
				return err
			}
			r.Rows = append(r.Rows, line)
		}
	}
	for _, c := range publishedCases {
		if !o.published {
			break
		}
		lines, err := c.measure(pool)
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, lines...)
	}
	if o.published {
		lines, err := potBackends(pool)
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, lines...)
	}
	sizes, err := numbers(o.sizes)
	if err != nil {
		return err
	}
	eps, err := numbers(o.eps)
	if err != nil {
		return err
	}
	tols, err := numbers(o.tols)
	if err != nil {
		return err
	}
	for _, n := range sizes {
		for _, e := range eps {
			lines, err := timesTo(pool, int(n), e, tols)
			if err != nil {
				return err
			}
			r.Rows = append(r.Rows, lines...)
		}
	}
	if o.json != "" {
		if err := atomicfile.Write(o.json, r.WriteJSON); err != nil {
			return err
		}
	}
	return r.WriteText(stdout)
}

// write prints the rows of files, or writes them into a page.
func (o *options) write(stdout io.Writer) error {
	var all *row.Report
	for _, path := range strings.Split(o.table, ",") {
		r, err := row.ReadFile(path)
		if err != nil {
			return err
		}
		if all == nil {
			all = r
			continue
		}
		all.Rows = append(all.Rows, r.Rows...)
	}
	if o.update == "" {
		return all.WriteText(stdout)
	}
	var b bytes.Buffer
	if err := all.WriteMarkdown(&b); err != nil {
		return err
	}
	return row.UpdateSection(o.update, "solver", b.String())
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

// primes returns the first n primes.
func primes(n int) (p []float64) {
	for c := 2; len(p) < n; c++ {
		if !slices.ContainsFunc(p, func(q float64) bool { return c%int(q) == 0 }) {
			p = append(p, float64(c))
		}
	}
	return p
}

// clouds returns x_ik = frac((i+1) sqrt(p_k)) and y_ik = .3 + 1.2 frac((i+1) sqrt(q_k)), p and q the primes, three in turn: p is 2, 3, 5, 17,
// q 7, 11, 13, 29. They are evenly spread, without a generator of random numbers, so that another language makes the same.
func clouds(n, dim int) (x, y []float64) {
	x, y = make([]float64, n*dim), make([]float64, n*dim)
	all := primes(6 * ((dim + 2) / 3))
	for i := range n {
		for k := range dim {
			_, u := math.Modf(float64(i+1) * math.Sqrt(all[k/3*6+k%3]))
			_, v := math.Modf(float64(i+1) * math.Sqrt(all[k/3*6+k%3+3]))
			x[i*dim+k], y[i*dim+k] = u, .3+1.2*v
		}
	}
	return x, y
}

// problem returns the squared distances of the clouds as a problem, and their mean.
func problem[T kernels.Float](run kernels.Runner, n int, stored bool) (*sinkhorn.Problem[T], float64, error) {
	return problemIn[T](run, n, dim, stored)
}

func problemIn[T kernels.Float](run kernels.Runner, n, dim int, stored bool) (*sinkhorn.Problem[T], float64, error) {
	x, y := clouds(n, dim)
	points, err := logsumexp.NewPoints[T](logsumexp.SqEuclidean, x, y, nil, nil, n, n, dim)
	if err != nil {
		return nil, 0, err
	}
	var mean float64
	for k := range dim { // of |x-y|^2 over all pairs, a coordinate at a time
		var sx, sy, sxx, syy float64
		for i := range n {
			u, v := x[i*dim+k], y[i*dim+k]
			sx, sy, sxx, syy = sx+u, sy+v, sxx+u*u, syy+v*v
		}
		mean += (sxx+syy)/float64(n) - 2*sx*sy/float64(n*n)
	}
	var cost logsumexp.Cost[T] = points
	if stored {
		cost = points.Form(run)
	}
	p, err := sinkhorn.NewProblem(cost, nil, nil)
	return p, mean, err
}

func params(n int, more ...string) []row.Param {
	return append(row.P("peer", "sinkcpu", "n", strconv.Itoa(n)), row.P(more...)...)
}

// iteration measures one, as the difference of solves of few and of many iterations.
func iteration(pool *parallel.Pool, n int, stored bool, kernel sinkhorn.Kernel) (row.Row, error) {
	const few, many = 10, 60
	p, mean, err := problem[float32](pool, n, stored)
	if err != nil {
		return row.Row{}, err
	}
	took := func(iterations int) float64 {
		// A tolerance that so many iterations do not reach, and that float32 can.
		s := sinkhorn.Solver[float32]{Eps: .02 * mean, Tol: 1e-5, MaxIter: iterations, Method: sinkhorn.Sweep, Kernel: kernel, Runner: pool, G: make([]float64, n)}
		begin := time.Now()
		_, _ = s.Solve(context.Background(), p) // it does not converge
		return time.Since(begin).Seconds()
	}
	took(few)
	var s row.Samples
	for range 9 {
		s.Seconds = append(s.Seconds, (took(many)-took(few))/(many-few))
	}
	cost := "points"
	if stored {
		cost = "stored"
	}
	kind := map[sinkhorn.Kernel]string{sinkhorn.KernelKept: "kept", sinkhorn.KernelComputed: "computed"}[kernel]
	return s.Time("full-iteration", params(n, "cost", cost, "kernel", kind, "threads", strconv.Itoa(pool.Workers())), 1e3, "ms"), nil
}

// timesTo measures solves of points to each error in float32, with all that they keep in memory, which is the kernel in place of the cost; first the value in float64 as a row of its own.
func timesTo(pool *parallel.Pool, n int, share float64, tols []float64) ([]row.Row, error) {
	wide, mean, err := problem[float64](pool, n, n <= 10000)
	if err != nil {
		return nil, err
	}
	eps := fmt.Sprint(share)
	exact, err := (&sinkhorn.Solver[float64]{Eps: share * mean, Tol: 1e-8, Runner: pool}).Solve(context.Background(), wide)
	if err != nil {
		return nil, err
	}
	value := exact.Value()
	rows := []row.Row{{Name: "value", Params: params(n, "eps/mean", eps), Value: value, Unit: "", Note: "float64, L1 error " + fmt.Sprintf("%.1e", exact.MarginalError())}}
	for _, tol := range tols {
		var s row.Samples
		var last *sinkhorn.Result[float32]
		for begin := time.Now(); len(s.Seconds) < 3 || len(s.Seconds) < 9 && time.Since(begin) < 5*time.Second; {
			start := time.Now()
			p, _, err := problem[float32](pool, n, false)
			if err != nil {
				return nil, err
			}
			if last, err = (&sinkhorn.Solver[float32]{Eps: share * mean, Tol: tol, Runner: pool}).Solve(context.Background(), p); err != nil {
				return nil, err
			}
			s.Seconds = append(s.Seconds, time.Since(start).Seconds())
		}
		line := s.Time("time-to", params(n, "eps/mean", eps, "L1", fmt.Sprintf("%.0e", tol), "threads", strconv.Itoa(pool.Workers())), 1e3, "ms")
		line.Note = fmt.Sprintf("%s, %d+%d iterations, L1 error %.1e, value off by %.1e of the mean cost", last.Method, last.Warmup, last.Iterations,
			last.MarginalError(), math.Abs(last.Value()-value)/mean)
		rows = append(rows, line)
	}
	return rows, nil
}

// A published case is one whose time others have told, in points of each cloud, their dimension, eps as a share of the mean cost, and
// iterations from zero.
type published struct {
	name       string
	n, d       int
	share      float64
	iterations int
	note       string
	toErrorToo bool // also measure the time to the error that the iterations leave
}

var publishedCases = []published{
	{"notebook", 4096, 6, .01, 40, "published: POT 13,600 ms on a CPU, OTT-JAX 39.4 ms on an RTX 2080 Ti", true},
	{"flashsinkhorn", 10000, 64, .05, 10, "published, eps not told: FlashSinkhorn 8.3 ms on an A100", false},
	{"flashsinkhorn", 20000, 64, .05, 10, "published, eps not told: FlashSinkhorn 21.7 ms on an A100", false},
}

// measure runs the case in float32 from points to potentials, and where it is so, the solver to the same error in the way that it chooses.
// Costs up to 1 GiB are formed once.
func (c published) measure(pool *parallel.Pool) ([]row.Row, error) {
	fixed, left, err := c.run(pool, c.name, sinkhorn.Solver[float32]{
		Tol: 1e-30, MaxIter: c.iterations, Method: sinkhorn.Sweep, G: make([]float64, c.n),
	})
	if err != nil {
		return nil, err
	}
	fixed.Note += "; " + c.note
	if !c.toErrorToo {
		return []row.Row{fixed}, nil
	}
	same, _, err := c.run(pool, c.name+"-error", sinkhorn.Solver[float32]{Tol: left})
	same.Note += fmt.Sprintf("; asked for the %.1e of the row above", left)
	return []row.Row{fixed, same}, err
}

// run times a solver on the case, at most seven times or about ten seconds, and returns the error that it left too.
func (c published) run(pool *parallel.Pool, name string, s sinkhorn.Solver[float32]) (row.Row, float64, error) {
	var last *sinkhorn.Result[float32]
	var samples row.Samples
	for began := time.Now(); len(samples.Seconds) < 3 || len(samples.Seconds) < 7 && time.Since(began) < 10*time.Second; {
		start := time.Now()
		p, mean, err := problemIn[float32](pool, c.n, c.d, 4*c.n*c.n <= logsumexp.DefaultMaxBytes)
		if err != nil {
			return row.Row{}, 0, err
		}
		s.Eps, s.Runner = c.share*mean, pool
		if last, err = s.Solve(context.Background(), p); err != nil && !(errors.Is(err, sinkhorn.ErrNotConverged) && s.MaxIter > 0) {
			return row.Row{}, 0, err
		}
		samples.Seconds = append(samples.Seconds, time.Since(start).Seconds())
	}
	line := samples.Time(name, params(c.n, "d", strconv.Itoa(c.d), "eps/mean", fmt.Sprint(c.share), "threads", strconv.Itoa(pool.Workers())), 1e3, "ms")
	line.Note = fmt.Sprintf("%s, %d+%d iterations, L1 error %.1e, matrix included", last.Method, last.Warmup, last.Iterations, last.MarginalError())
	return line, last.MarginalError(), nil
}
