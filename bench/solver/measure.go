package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A measurement is what all rows of a run share.
type measurement struct {
	ctx  context.Context
	pool *parallel.Pool
	emit func(row.Row)
}

func (m measurement) params(n int, more ...string) []row.Param {
	return append(append(row.P("peer", "sinkcpu", "n", strconv.Itoa(n)), row.P(more...)...), row.P("threads", strconv.Itoa(m.pool.Workers()))...)
}

// times calls f, which may take seconds, once to warm up and then until the samples agree, or nine were taken, or the time is up.
func (m measurement) times(budget time.Duration, f func() error) (row.Samples, error) {
	meter := row.Default()
	meter.Least, meter.Most, meter.Budget, meter.Threads = 5, 9, budget, m.pool.Workers()
	for s := meter.Sampling(); ; {
		if err := m.ctx.Err(); err != nil {
			return row.Samples{}, err
		}
		s.Start()
		if err := f(); err != nil {
			return row.Samples{}, err
		}
		if s.Stop(1); s.Done() {
			return s.Samples(), nil
		}
	}
}

// solveBudget is the time for the samples of a solve.
const solveBudget = 5 * time.Second

// bound is the most that a solve to a tolerance may allocate: that of a case of bench/report, and the plan in float64 of Newton's method where it fits.
func (m measurement) bound(n, d int, stored bool) int64 {
	total := measure.Case{Kind: measure.TimeTo, N: n, D: d, Stored: stored, Precision: "f32", Threads: m.pool.Workers()}.Bound()
	if plan := int64(8 * n * n); plan <= logsumexp.DefaultMaxBytes {
		total += plan
	}
	return total
}

// iterations measures single iterations.
func (m measurement) iterations() error {
	for _, c := range []struct {
		n      int
		stored bool
		kernel sinkhorn.Kernel
	}{
		{512, true, sinkhorn.KernelKept}, {1024, true, sinkhorn.KernelKept}, {2048, true, sinkhorn.KernelKept}, {4096, true, sinkhorn.KernelKept},
		{1024, true, sinkhorn.KernelComputed}, {4096, true, sinkhorn.KernelComputed}, {1024, false, sinkhorn.KernelComputed},
	} {
		if err := m.iteration(c.n, c.stored, c.kernel); err != nil {
			return err
		}
	}
	return nil
}

// iteration measures one, as the difference of solves of few and of many iterations.
func (m measurement) iteration(n int, stored bool, kernel sinkhorn.Kernel) error {
	const few, many = 10, 60
	p, mean, err := problem[float32](m.pool, n, stored)
	if err != nil {
		return err
	}
	took := func(iterations int) float64 {
		s := sinkhorn.Solver[float32]{Eps: .02 * mean, Tol: 1e-5, MaxIter: iterations, Method: sinkhorn.Sweep, Kernel: kernel, Runner: m.pool, G: make([]float64, n)}
		begin := time.Now()
		_, _ = s.Solve(m.ctx, p) // it does not converge
		return time.Since(begin).Seconds()
	}
	took(few)
	var s row.Samples
	for range 9 {
		s.Seconds = append(s.Seconds, (took(many)-took(few))/(many-few))
	}
	s.Unstable = !(row.MAD(s.Seconds) <= row.Default().Bound*row.Median(s.Seconds))
	cost := "points"
	if stored {
		cost = "stored"
	}
	kind := map[sinkhorn.Kernel]string{sinkhorn.KernelKept: "kept", sinkhorn.KernelComputed: "computed"}[kernel]
	m.emit(s.Time("full-iteration", m.params(n, "cost", cost, "kernel", kind), 1e3, "ms"))
	return m.ctx.Err()
}

// timesTo measures solves of points to each error in float32, with all that they keep in memory, which is the kernel in place of the cost; first the value in float64 as a row of its own.
func (m measurement) timesTo(n int, share float64, tols []float64) error {
	wide, mean, err := problem[float64](m.pool, n, n <= 10000)
	if err != nil {
		return err
	}
	eps := fmt.Sprint(share)
	exact, err := (&sinkhorn.Solver[float64]{Eps: share * mean, Tol: 1e-8, Runner: m.pool}).Solve(m.ctx, wide)
	if err != nil {
		return err
	}
	value := exact.Value()
	m.emit(row.Row{Name: "value", Params: row.P("peer", "sinkcpu", "n", strconv.Itoa(n), "eps/mean", eps), Value: value, Note: fmt.Sprintf("float64, L1 error %.1e", exact.MarginalError())})
	for _, tol := range tols {
		var last *sinkhorn.Result[float32]
		used := int64(-1) // of the first: later ones use its memory again
		s, err := m.times(solveBudget, func() error {
			before := row.Allocated()
			p, _, err := problem[float32](m.pool, n, false)
			if err != nil {
				return err
			}
			last, err = (&sinkhorn.Solver[float32]{Eps: share * mean, Tol: tol, Runner: m.pool}).Solve(m.ctx, p)
			if used < 0 {
				used = row.Allocated() - before
			}
			return err
		})
		if err != nil {
			return err
		}
		line := s.Time("time-to", m.params(n, "eps/mean", eps, "L1", fmt.Sprintf("%.0e", tol)), 1e3, "ms")
		line.Note = said(last) + fmt.Sprintf(", value off by %.1e of the mean cost", math.Abs(last.Value()-value)/mean)
		line.SetMemory(used, m.bound(n, dim, false))
		m.emit(line)
	}
	return nil
}

// said says how a solve went.
func said(r *sinkhorn.Result[float32]) string {
	return fmt.Sprintf("%s, %d+%d iterations, L1 error %.1e", r.Method, r.Warmup, r.Iterations, r.MarginalError())
}

// A published case is one whose time others have told, in points of each cloud, their dimension, eps as a share of the mean cost, and
// iterations from zero.
type published struct {
	name       string
	n, d       int
	share      float64
	iterations int
	note       string
	granted    int  // memory for the costs, and as much for the solver beside them
	toErrorToo bool // also measure the time to the error that the iterations leave
}

var publishedCases = []published{
	{"notebook", 4096, 6, .01, 40, "published: POT 13,600 ms on a CPU, OTT-JAX 39.4 ms on an RTX 2080 Ti", logsumexp.DefaultMaxBytes, true},
	{"flashsinkhorn", 10000, 64, .1, 10, "published: FlashSinkhorn 8.3 ms on an A100", logsumexp.DefaultMaxBytes, false},
	{"flashsinkhorn", 20000, 64, .1, 10, "2 GiB granted; published: FlashSinkhorn 21.7 ms on an A100", 2 * logsumexp.DefaultMaxBytes, false},
	{"flashsinkhorn", 50000, 64, .1, 10, "published: FlashSinkhorn 102.6 ms on an A100", logsumexp.DefaultMaxBytes, false},
}

// published measures the cases in float32 from points to potentials, and where it is so, the solver to the same error in the way that it
// chooses. Costs that fit the memory granted are formed once.
func (m measurement) published() error {
	for _, c := range publishedCases {
		fixed, left, err := m.publishedCase(c, c.name, sinkhorn.Solver[float32]{Tol: 1e-30, MaxIter: c.iterations, Method: sinkhorn.Sweep, G: make([]float64, c.n)})
		if err != nil {
			return err
		}
		fixed.Note += "; " + c.note
		if m.emit(fixed); !c.toErrorToo {
			continue
		}
		same, _, err := m.publishedCase(c, c.name+"-error", sinkhorn.Solver[float32]{Tol: left})
		if err != nil {
			return err
		}
		same.Note += fmt.Sprintf("; asked for the %.1e of the row above", left)
		m.emit(same)
	}
	return nil
}

// publishedCase times a solver on a case, and returns the error that it left too.
func (m measurement) publishedCase(c published, name string, s sinkhorn.Solver[float32]) (row.Row, float64, error) {
	var last *sinkhorn.Result[float32]
	used := int64(-1)
	stored := 4*c.n*c.n <= c.granted
	x, y := clouds(c.n, c.d)
	samples, err := m.times(2*solveBudget, func() error {
		before := row.Allocated()
		p, mean, err := between[float32](m.pool, x, y, c.n, c.d, stored)
		if err != nil {
			return err
		}
		s.Eps, s.Runner, s.MaxBytes = c.share*mean, m.pool, c.granted
		last, err = s.Solve(m.ctx, p)
		if used < 0 {
			used = row.Allocated() - before
		}
		if errors.Is(err, sinkhorn.ErrNotConverged) && s.MaxIter > 0 {
			return m.ctx.Err()
		}
		return err
	})
	if err != nil {
		return row.Row{}, 0, err
	}
	line := samples.Time(name, m.params(c.n, "d", strconv.Itoa(c.d), "eps/mean", fmt.Sprint(c.share)), 1e3, "ms")
	line.Note = said(last) + ", matrix included"
	bound := m.bound(c.n, c.d, stored)
	if c.granted > logsumexp.DefaultMaxBytes {
		bound += int64(c.granted)
	}
	line.SetMemory(used, bound)
	return line, last.MarginalError(), nil
}
