package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Million is the number of points of [Session.Million].
const Million = 1_000_000

// The rows of a slice of it, and what a slice is timed for: an exact iteration of three passes over the slice's entries, then iterations of two and the
// result's marginal error in one of float64, of about visitSeconds an entry and core.
var millionRows = []int{Million, 100_000, 20_000, 4000}

const (
	millionSamples = 3
	visitSeconds   = 3e-10
)

// millionSlice returns the most rows that a budget is enough for, all of them with a single sample.
func millionSlice(budget time.Duration, threads int) (rows, samples int) {
	for _, rows := range millionRows {
		if samples = millionSamples; rows == Million {
			samples = 1
		}
		visit := visitSeconds / float64(threads)
		if kernels.Active() == kernels.Generic {
			visit *= 20
		}
		if float64(3+2*samples+3)*float64(rows)*Million*visit <= budget.Seconds() {
			return rows, samples
		}
	}
	return millionRows[len(millionRows)-1], samples
}

// Million times an iteration of 10^6 points against 10^6 in three dimensions, in float32 on all threads, or of as many of the rows as the budget is
// enough for, 4000 at least. What it allocates is held to [Case.Bound], and so is the memory that it has resident, where the system tells it. Progress
// is told what share of the run is done, chunk by chunk; when ctx ends so does the run, within a chunk.
func (s *Session) Million(ctx context.Context, budget time.Duration, progress func(share float64)) error {
	threads := s.Threads[len(s.Threads)-1]
	rows, samples := millionSlice(budget, threads)
	return s.million(ctx, Case{FullIteration, rows, 3, false, "f32", threads, Million}, samples, progress)
}

func (s *Session) million(ctx context.Context, c Case, samples int, progress func(share float64)) error {
	k := newClouds[float32](c)
	s.buffer = nil
	debug.FreeOSMemory()
	tells := row.ResetPeak()
	resident := row.Peak()
	j := job{name: string(c.Kind), params: c.Params(), unit: "ms", on: c.Threads, before: row.Allocated(), bound: c.Bound()}
	chunks := 4 * (2 + samples) // four an iteration, and of the result
	run := &watched{Runner: s.pools[c.Threads], ctx: ctx, tell: func(done int) { progress(float64(min(done, chunks)) / float64(chunks)) }}
	p, _, err := k.problem(run)
	if err != nil {
		return err
	}
	sampling := s.meter(j).Sampling()
	var trace []float64
	solver := sinkhorn.Solver[float32]{
		Eps: k.eps(), Tol: math.SmallestNonzeroFloat64, MaxIter: 1 + samples, G: make([]float64, c.columns()), Method: sinkhorn.Sweep, Kernel: sinkhorn.KernelComputed, Runner: run,
		Progress: func(i int, err float64) {
			if i > 1 {
				sampling.Stop(1)
			}
			trace = append(trace, err)
			sampling.Start()
		},
	}
	r, err := solver.Solve(ctx, p)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, sinkhorn.ErrNotConverged) {
		return err
	}
	line := j.row(sampling.Samples())
	if err := differs("the marginal error", r.MarginalError(), 0, trace[len(trace)-1]+1e-5); err != nil {
		line.Error = "wrong result: " + err.Error()
	}
	line.SetMemory(row.Allocated()-j.before, j.bound)
	j.note = millionNote(c, line.Value)
	if peak := row.Peak() - resident; tells {
		if j.note += ", " + row.Bytes(peak) + " more resident than before"; peak > j.bound && line.Error == "" {
			line.Error = fmt.Sprintf("%s resident, above the stated bound of %s", row.Bytes(peak), row.Bytes(j.bound))
		}
	}
	s.emit(line, j)
	return nil
}

// millionNote says what the row is a part of.
func millionNote(c Case, ms float64) string {
	rate := row.Number(1e-6*float64(c.N)*float64(c.columns())/ms) + " G entries/s"
	if c.N >= c.columns() {
		return rate
	}
	whole, all := c, float64(c.columns())/float64(c.N)
	whole.N = c.columns()
	return fmt.Sprintf("%s; of %d x %d, whose iteration takes %s times this, %s s, in at most %s", rate, whole.N, whole.N, row.Number(all), row.Number(1e-3*all*ms), row.Bytes(whole.Bound()))
}

// watched counts the tasks of a runner, and leaves out those that are left when its context ends.
type watched struct {
	kernels.Runner
	ctx  context.Context
	mu   sync.Mutex
	done int
	tell func(done int)
}

// For runs the tasks.
func (w *watched) For(n int, body func(i int)) {
	w.Runner.For(n, func(i int) {
		if w.ctx.Err() != nil {
			return
		}
		body(i)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.done++
		w.tell(w.done)
	})
}
