package measure

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A Kind is what is done with the clouds of a [Case].
type Kind string

const (
	FullIteration Kind = "full-iteration" // one iteration, rows and columns
	TimeTo        Kind = "solve"          // from points to an L1 error of 1e-3 of the marginals
	Gradient      Kind = "gradient"       // 20 unrolled iterations, and <C,P> derived through them down to both clouds
	Batch         Kind = "batch"          // 1000 problems of n points to the same error
)

// batchProblems is the number of problems of the kind Batch, unrolledSteps the iterations of Gradient, caseTol the error of TimeTo and Batch.
const (
	batchProblems = 1000
	unrolledSteps = 20
	caseTol       = 1e-3
)

// A Case is a problem of n points against n, or m, normal against uniform in d dimensions, by squared distances at eps = .05 of their mean.
type Case struct {
	Kind      Kind
	N, D      int
	Stored    bool   // the matrix is formed first, else costs are computed from the points
	Precision string // f32, f64
	Threads   int
	M         int // points of the columns; 0 for N
}

func (c Case) columns() int { return cmp.Or(c.M, c.N) }

// caseSizes and caseDims are those of a full report.
var (
	caseSizes = []int{64, 256, 1024, 4096, 16384, 65536}
	caseDims  = []int{2, 3, 10, 64, 784}
)

// storedAtMost is the most bytes of a stored matrix of a Case.
const storedAtMost = 1 << 30

// Cases returns the problems of a report: every size from 64 to 65,536 and dimension from 2 to 784, in both precisions on each number of
// threads; stored matrices up to 1 GiB.
func Cases(threads []int) (all []Case) {
	add := func(kind Kind, n, d int, stored bool) {
		for _, precision := range []string{"f32", "f64"} {
			for _, t := range threads {
				if c := (Case{kind, n, d, stored, precision, t, 0}); !stored || c.matrixBytes() <= storedAtMost {
					all = append(all, c)
				}
			}
		}
	}
	for _, n := range caseSizes {
		add(FullIteration, n, 3, true) // an iteration over a matrix does not depend on the points
		for _, d := range caseDims {
			add(FullIteration, n, d, false)
			add(TimeTo, n, d, n <= 16384)
			if n <= 4096 {
				add(Gradient, n, d, false)
			}
		}
	}
	add(Batch, 64, 3, true)
	add(Batch, 200, 10, true)
	return all
}

func (c Case) size() int {
	if c.Precision == "f64" {
		return 8
	}
	return 4
}

func (c Case) matrixBytes() int { return c.size() * c.N * c.N }

// Bound returns the most bytes that the case may allocate in all, from its points on: for each row and column 200 bytes, its points twice in the precision
// of the case and, for the columns, the sums of up to 32 tasks; the matrix where it is formed and the kernel where it is kept; and 2 MiB a thread and
// as much beside for blocks of rows, which are whole rows in many dimensions. A gradient has 24 numbers for each row, column and iteration, and a sum of the
// columns' derivatives for each task; a problem of a batch its own blocks.
func (c Case) Bound() int64 {
	n, m, d, size, threads := int64(c.N), int64(c.columns()), int64(c.D), int64(c.size()), int64(c.Threads)
	sums := min(32, max(4, 1<<20/m))
	total := (n+m)*(200+2*size*d) + m*sums*(size+16)
	blocks := 2 * mib * (1 + threads)
	if c.D > 8 && !c.Stored {
		blocks += threads * 28 * m * size
	}
	if c.Stored {
		total += size * n * m
	}
	if c.Kind != FullIteration && size*n*m <= logsumexp.DefaultMaxBytes {
		total += size * n * m
	}
	switch c.Kind {
	case Gradient:
		total += (n+m)*24*unrolledSteps*size + 8*m*d*(sums+1)
	case Batch:
		return batchProblems * (total + 128*kib)
	}
	return total + blocks
}

// Params returns the parameters of the row.
func (c Case) Params() []row.Param {
	cost := "points"
	if c.Stored {
		cost = "stored"
	}
	size := []string{"n", itoa(c.N)}
	if c.M > 0 {
		size = append(size, "m", itoa(c.M))
	}
	return on(kernels.Active(), c.Threads, append(size, "d", itoa(c.D), "cost", cost, "precision", c.Precision)...)
}

// Seconds estimates what measuring the case takes, by its operations at the rates of one Zen 5 core with AVX-512, and half or a twentieth of them on
// other tiers; it orders cases and divides a budget, no more.
func (c Case) Seconds() float64 {
	entry := 1.5e-10
	if !c.Stored {
		entry = 1.5e-10 + 2e-11*float64(c.D)
		if c.D > 8 {
			entry = 3e-10 + 1.1e-11*float64(c.D)
		}
	}
	if c.Precision == "f64" {
		entry *= 2.5
	}
	switch kernels.Active() {
	case kernels.AVX512:
	case kernels.Generic:
		entry *= 20
	default:
		entry *= 2
	}
	call := entry * float64(c.N) * float64(c.N) / math.Sqrt(float64(c.Threads))
	switch c.Kind {
	case FullIteration:
		return max(.2, 10*call)
	case TimeTo:
		return max(.3, 5*60*call)
	case Gradient:
		return max(.3, 4*3*unrolledSteps*call)
	default:
		return max(1, 4*40*batchProblems*call)
	}
}

// rank is the time, with a handicap for what the model of scale does without.
func (c Case) rank() float64 {
	r := c.Seconds()
	if c.Kind != FullIteration {
		r *= 3
	}
	if c.Precision == "f64" {
		r *= 3
	}
	return r
}

// Plan divides the cases into those that a budget in seconds is enough for and those that are left out: the ones that take least come first,
// iterations in float32 before others, so that a larger budget only adds. The order of the cases stays.
func Plan(cases []Case, budget float64) (taken, left []Case) {
	order := slices.Clone(cases)
	slices.SortStableFunc(order, func(a, b Case) int { return cmp.Compare(a.rank(), b.rank()) })
	in := map[Case]bool{}
	for _, c := range order {
		if budget -= c.Seconds(); budget < 0 {
			break
		}
		in[c] = true
	}
	for _, c := range cases {
		if in[c] {
			taken = append(taken, c)
		} else {
			left = append(left, c)
		}
	}
	return taken, left
}

// Case measures one case.
func (s *Session) Case(ctx context.Context, c Case) error {
	if c.Precision == "f64" {
		return measureCase[float64](ctx, s, c)
	}
	return measureCase[float32](ctx, s, c)
}

// clouds are the points of a case, with the mean of the cost.
type clouds[T kernels.Float] struct {
	c    Case
	x, y []float64
	mean float64
}

func newClouds[T kernels.Float](c Case) *clouds[T] {
	m := c.columns()
	k := &clouds[T]{c: c, x: make([]float64, c.N*c.D), y: make([]float64, m*c.D)}
	random.Normal(random.New(1, "x"), k.x, 0, 1)
	random.Uniform(random.New(1, "y"), k.y, 0, 1)
	for j := range c.D {
		x, xx := moments(k.x[j:], c.D, c.N)
		y, yy := moments(k.y[j:], c.D, m)
		k.mean += xx + yy - 2*x*y
	}
	return k
}

// moments returns the means of n coordinates, step apart, and of their squares.
func moments(x []float64, step, n int) (first, second float64) {
	for i := range n {
		v := x[i*step]
		first, second = first+v/float64(n), second+v*v/float64(n)
	}
	return first, second
}

// problem builds the problem from the points, and forms the matrix where the case wants it.
func (k *clouds[T]) problem(run kernels.Runner) (*sinkhorn.Problem[T], *logsumexp.Points[T], error) {
	points, err := logsumexp.NewPoints[T](logsumexp.SqEuclidean, k.x, k.y, nil, nil, k.c.N, k.c.columns(), k.c.D)
	if err != nil {
		return nil, nil, err
	}
	var cost logsumexp.Cost[T] = points
	if k.c.Stored {
		cost = points.Form(run)
	}
	p, err := sinkhorn.NewProblem(cost, nil, nil, sinkhorn.ReadOn(run))
	return p, points, err
}

func (k *clouds[T]) eps() float64 { return .05 * k.mean }

func measureCase[T kernels.Float](ctx context.Context, s *Session, c Case) error {
	k := newClouds[T](c)
	j := job{name: string(c.Kind), params: c.Params(), unit: "ms", on: c.Threads, before: row.Allocated(), bound: c.Bound()}
	if !s.selected(j) {
		return nil
	}
	switch c.Kind {
	case FullIteration:
		return fullIteration(ctx, s, k, j)
	case TimeTo:
		return timeTo(ctx, s, k, j)
	case Gradient:
		return gradient(ctx, s, k, j)
	case Batch:
		return batches(ctx, s, k, j)
	}
	return fmt.Errorf("measure: no kind %q", c.Kind)
}

func fullIteration[T kernels.Float](ctx context.Context, s *Session, k *clouds[T], j job) error {
	p, _, err := k.problem(s.pools[k.c.Threads])
	if err != nil {
		return err
	}
	iterations := solveIterations
	if k.c.N > 16384 || k.c.N > 4096 && k.c.D > 8 {
		iterations = 4
	}
	r, err := solve(ctx, s, j, p, k.eps(), iterations)
	if err != nil {
		return err
	}
	j.note = row.Number(1e-6*float64(k.c.N)*float64(k.c.N)/r.Value) + " G entries/s"
	s.emit(r, j)
	return nil
}

func timeTo[T kernels.Float](ctx context.Context, s *Session, k *clouds[T], j job) error {
	var failed error
	var last *sinkhorn.Result[T]
	j.run = func() {
		p, _, err := k.problem(s.pools[k.c.Threads])
		if err == nil {
			last, err = (&sinkhorn.Solver[T]{Eps: k.eps(), Tol: caseTol, Runner: s.pools[k.c.Threads]}).Solve(ctx, p)
		}
		failed = first(failed, err)
	}
	j.check = func() error {
		if j.run(); failed != nil {
			return failed
		}
		return differs("the marginal error", last.MarginalError(), 0, 1.01*caseTol)
	}
	r, err := s.time(ctx, j)
	if err := first(err, failed); err != nil {
		return err
	}
	if last != nil {
		j.note = fmt.Sprintf("%s, %d+%d iterations", last.Method, last.Warmup, last.Iterations)
	}
	s.emit(r, j)
	return nil
}

func gradient[T kernels.Float](ctx context.Context, s *Session, k *clouds[T], j job) error {
	p, points, err := k.problem(nil)
	if err != nil {
		return err
	}
	var u sinkhorn.Unrolled[T]
	wanted := &sinkhorn.Derivative[T]{Points: points, DX: make([]float64, len(k.x)), DY: make([]float64, len(k.y))}
	solver := sinkhorn.Solver[T]{Eps: k.eps(), Runner: s.pools[k.c.Threads]}
	var failed error
	j.run = func() {
		clear(wanted.DX)
		clear(wanted.DY)
		failed = first(failed, solver.Unroll(ctx, &u, unrolledSteps, p), u.Backward(sinkhorn.Sharp, wanted))
	}
	// A shift of both clouds changes no cost: the derivatives sum to zero in each coordinate.
	j.check = func() error {
		if j.run(); failed != nil {
			return failed
		}
		var sum, size float64
		for i := 0; i < len(wanted.DX); i += k.c.D {
			sum, size = sum+wanted.DX[i]+wanted.DY[i], size+math.Abs(wanted.DX[i])+math.Abs(wanted.DY[i])
		}
		return differs("the sum of the derivatives", sum, 0, 1e-3*size)
	}
	j.note = fmt.Sprintf("%d iterations forward and back", unrolledSteps)
	_, err = s.measure(ctx, j)
	return first(err, failed)
}

func batches[T kernels.Float](ctx context.Context, s *Session, k *clouds[T], j job) error {
	problems := make([]*sinkhorn.Problem[T], batchProblems)
	for i := range problems {
		random.Normal(random.New(uint64(i), "x"), k.x, 0, 1)
		p, _, err := k.problem(nil)
		if err != nil {
			return err
		}
		problems[i] = p
	}
	var failed error
	solver := sinkhorn.Solver[T]{Eps: k.eps(), Tol: caseTol, Runner: s.pools[k.c.Threads]}
	j.note = fmt.Sprintf("%d problems, each with its own stop", batchProblems)
	j.run = func() {
		_, err := solver.SolveAll(ctx, problems)
		failed = first(failed, err)
	}
	_, err := s.measure(ctx, j)
	return first(err, failed)
}
