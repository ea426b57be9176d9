package measure

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A sweepProblem is a random cost uniform on [0, 2), eps a tenth of its mean, with potentials under which rows sum to about 1.
type sweepProblem struct {
	n, m  int
	c     []float32
	kappa float32
	f, g  []float32
}

const sweepEps = .1

func newSweepProblem(c []float32, n, m int) *sweepProblem {
	p := &sweepProblem{n: n, m: m, c: c[:n*m], kappa: math.Log2E / sweepEps, f: make([]float32, n), g: make([]float32, m)}
	random.Uniform(random.New(1, "cost"), p.c, 0, 2)
	random.Uniform(random.New(1, "g"), p.g, -1, 1)
	mean := math.Log2(float64(m) * sweepEps / 2) // of the exponentials of a row
	for i := range p.f {
		p.f[i] = float32(-mean)
	}
	return p
}

// entry is 2^(g_j - kappa C_ij + f_i).
func (p *sweepProblem) entry(i, j int) float64 {
	return math.Exp2(float64(p.g[j]) - float64(p.kappa)*float64(p.c[i*p.m+j]) + float64(p.f[i]))
}

// sweepSizes are the n = m of the costs.
func (s *Session) sweepSizes() []int {
	if s.Quick {
		return []int{512, 1024, 4096}
	}
	return []int{512, 1024, 4096, 8192}
}

// sweepLimit sets the most that an iteration over a stored cost can do, in G entries a second: its one read, or the operations of the two
// sweeps, as this core was seen to run them and as two a cycle.
func (l *Limits) sweepLimit(j *job, n, m, threads int) {
	t, by := l.Time(kernels.Active(), threads, "SweepRows", "SweepCols")
	j.limit, j.by, j.ports = 1e-9/t, by, 1e-9/l.TwoPorts(kernels.Active(), threads, "SweepRows", "SweepCols")
	if read := 1e-9 * l.stream[stream{4 * n * m, threads}] / 4; read > 0 {
		if !(read > j.limit) {
			j.limit, j.by = read, "streaming read"
		}
		j.ports = min(j.ports, read)
	}
}

// sweeps measures the two leaf kernels with the loop between them: rows, then columns, block by block, on one thread.
func (s *Session) sweeps(ctx context.Context, l *Limits) error {
	for _, n := range s.sweepSizes() {
		p := newSweepProblem(s.memory(n*n), n, n)
		w := newSweep(p)
		j := job{name: "sweep", params: on(kernels.Active(), 1, "n", itoa(n), "m", itoa(n), "precision", "f32"), amount: float64(n*n) / 1e9,
			unit: "G entries/s", check: w.check, run: w.run, note: Count(kernels.Active(), "SweepRows", "SweepCols")}
		l.sweepLimit(&j, n, n, 1)
		if _, err := s.measure(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// sweep runs the sweeps of a problem. Its row update is a division; the logarithms are in the row "iteration".
type sweep struct {
	*sweepProblem
	cost    *logsumexp.Stored[float32]
	scratch logsumexp.Scratch[float32]
	acc     []float32
	redone  int
	update  logsumexp.RowUpdate[float32]
}

func newSweep(p *sweepProblem) *sweep {
	w := &sweep{sweepProblem: p, cost: logsumexp.NewStored(p.c, p.n, p.m, p.m), acc: make([]float32, p.m)}
	w.update = func(_ int, sum []float64, weight []float32) {
		for k, v := range sum {
			weight[k] = float32(1 / (float64(p.n) * v))
		}
	}
	return w
}

func (w *sweep) run() {
	clear(w.acc)
	w.redone += w.scratch.Sweep(w.cost, 0, w.n, w.kappa, w.f, w.g, w.acc, false, w.update)
}

// check holds the sum of the plan to 1, and a column of it to float64 where that takes no time; larger problems run the same code.
func (w *sweep) check() error {
	w.run()
	if w.redone > 0 {
		return fmt.Errorf("%d rows were computed twice", w.redone)
	}
	if err := differs("the sum of the plan", total(w.acc), 1, 1e-5); err != nil || w.n*w.m > 1<<18 {
		return err
	}
	var column float64
	for i := range w.n {
		var sum float64
		for j := range w.m {
			sum += w.entry(i, j)
		}
		column += w.entry(i, 0) / (float64(w.n) * sum)
	}
	return differs("the sum of a column", float64(w.acc[0]), column, 1e-5*column)
}

// iterations measures whole iterations as the solver runs them, row and column updates and the reduction over tasks included.
func (s *Session) iterations(ctx context.Context, l *Limits) error {
	for _, n := range s.sweepSizes() {
		p := newSweepProblem(s.memory(n*n), n, n)
		problem, err := sinkhorn.NewProblem(logsumexp.NewStored(p.c, n, n, n), nil, nil)
		if err != nil {
			return err
		}
		for _, threads := range s.Threads {
			before := row.Allocated()
			j := job{name: "iteration", params: on(kernels.Active(), threads, "n", itoa(n), "m", itoa(n), "precision", "f32"), amount: float64(n*n) / 1e9, unit: "G entries/s", on: threads,
				before: before, bound: Case{Kind: FullIteration, N: n, D: 3, Precision: "f32"}.Bound()}
			if !s.selected(j) {
				continue
			}
			l.sweepLimit(&j, n, n, threads)
			r, err := solve(ctx, s, j, problem, sweepEps, solveIterations)
			if err != nil {
				return err
			}
			s.emit(r, j)
		}
	}
	return nil
}

// solveIterations are those of a solve that is timed; the first, which takes its shifts from maxima, is not.
const solveIterations = 16

// solve times the iterations of solves, from one report of progress to the next.
func solve[T kernels.Float](ctx context.Context, s *Session, j job, p *sinkhorn.Problem[T], eps float64, iterations int) (row.Row, error) {
	sampling := s.meter(j).Sampling()
	_, m := p.Dims()
	var trace []float64
	once := int64(-1) // what was allocated up to the end of the first solve
	solver := sinkhorn.Solver[T]{
		Eps: eps, Tol: math.SmallestNonzeroFloat64, MaxIter: iterations, G: make([]float64, m), Method: sinkhorn.Sweep, Kernel: sinkhorn.KernelComputed,
		Runner: s.pools[max(1, j.on)],
		Progress: func(k int, err float64) {
			if k > 1 {
				sampling.Stop(1)
			}
			trace = append(trace, err)
			sampling.Start()
		},
	}
	for {
		if err := ctx.Err(); err != nil {
			return row.Row{}, err
		}
		trace = trace[:0]
		r, err := solver.Solve(ctx, p)
		if err != nil && !errors.Is(err, sinkhorn.ErrNotConverged) {
			return row.Row{}, err
		}
		// The error that the solver saw must be falling, and agree with the one summed from the result in float64.
		if err := differs("the marginal error", r.MarginalError(), 0, trace[len(trace)-1]+1e-5); err != nil || r.Iterations != iterations {
			return row.Row{Name: j.name, Params: j.params, Unit: j.unit, Error: fmt.Sprintf("wrong result after %d iterations: %v", r.Iterations, err)}, nil
		}
		if once < 0 {
			once = row.Allocated() - j.before
		}
		if sampling.Done() {
			line := j.row(sampling.Samples())
			if j.bound > 0 {
				line.SetMemory(once, j.bound)
			}
			return line, nil
		}
	}
}
