// Package measure measures what this machine can do (multiplications, exponentials, streaming reads, barriers) and how near to it the
// library comes.
package measure

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Session measures rows, one after another.
type Session struct {
	Meter   row.Meter
	Quick   bool          // small sizes only
	Threads []int         // numbers of threads to measure with, 1 the first
	Emit    func(row.Row) // called with each row once it is measured

	// Select, where not nil, tells which rows of the library to measure, by name and parameters. Limits are always measured.
	Select func(row.Row) bool

	pools  map[int]*parallel.Pool
	buffer []float32
}

// NewSession returns a session for one thread and for up to threads; threads < 1 means GOMAXPROCS.
func NewSession(quick bool, threads int, emit func(row.Row)) *Session {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	s := &Session{Meter: row.Default(), Quick: quick, Threads: []int{1}, Emit: emit, pools: map[int]*parallel.Pool{}}
	if quick {
		s.Meter = row.Quick()
	}
	if threads > 1 {
		s.Threads = append(s.Threads, threads)
	}
	for _, t := range s.Threads {
		s.pools[t] = parallel.New(t)
	}
	return s
}

// Close ends the workers of the session.
func (s *Session) Close() {
	for _, p := range s.pools {
		p.Close()
	}
}

// Run measures the limits of the machine, then the library against them.
func (s *Session) Run(ctx context.Context) error {
	l, err := s.Limits(ctx)
	if err != nil {
		return err
	}
	return s.Library(ctx, l)
}

// Library measures the rows of the library against limits that Limits measured.
func (s *Session) Library(ctx context.Context, l *Limits) error {
	for _, part := range []func(context.Context, *Limits) error{s.exponentials, s.sweeps, s.iterations, s.gemm, s.losses, s.trainingSteps, s.networks} {
		if err := part(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// A job is an operation to be timed.
type job struct {
	name   string
	params []row.Param
	amount float64      // of the unit, done by a call
	unit   string       // of amount a second; for a time where amount is 0: ms or us
	check  func() error // whether run does what it should; called before the clock starts
	run    func()
	on     int // threads, 0 for one
	limit  float64
	by     string
	ports  float64 // the limit by two vector operations a cycle, 0 for none
	note   string
	always bool // a limit of the machine: Select is not asked

	// bound is the most that making the work ready and its first run may allocate, from what had been allocated before. Where it is 0 the work is
	// to allocate nothing once it is warm.
	before, bound int64
}

// selected tells whether the row of a job is wanted.
func (s *Session) selected(j job) bool {
	return j.always || s.Select == nil || s.Select(row.Row{Name: j.name, Params: j.params, Unit: j.unit})
}

// measure checks and times a job, and emits its row.
func (s *Session) measure(ctx context.Context, j job) (row.Row, error) {
	if !s.selected(j) {
		return row.Row{}, ctx.Err()
	}
	r, err := s.time(ctx, j)
	if err != nil {
		return r, err
	}
	s.emit(r, j)
	return r, nil
}

// time is measure without the emission.
func (s *Session) time(ctx context.Context, j job) (row.Row, error) {
	if j.check != nil {
		if err := j.check(); err != nil {
			return row.Row{Name: j.name, Params: j.params, Unit: j.unit, Error: "wrong result: " + err.Error()}, nil
		}
	}
	if j.bound > 0 && j.check == nil {
		j.run()
	}
	once := row.Allocated() - j.before
	samples, err := s.meter(j).Run(ctx, j.run)
	if err != nil {
		return row.Row{}, err
	}
	r := j.row(samples)
	switch {
	case j.bound > 0:
		r.SetMemory(once, j.bound)
	case !j.always:
		r.SetMemory(allocates(j.run), 0)
	}
	return r, nil
}

// allocates returns the bytes that a call allocates once each worker has the memory of its own, which grows with the first task of its kind that comes
// to it: none as soon as a call allocates none, else the least of several calls.
func allocates(run func()) int64 {
	least := int64(math.MaxInt64)
	for range 20 {
		before := row.Allocated()
		run()
		if least = min(least, row.Allocated()-before); least == 0 {
			break
		}
	}
	return least
}

func (s *Session) meter(j job) row.Meter {
	m := s.Meter
	m.Threads = j.on
	return m
}

func (s *Session) emit(r row.Row, j job) {
	r.SetLimit(j.limit, j.by)
	r.SetPorts(j.ports, "two operations a cycle")
	r.Note = j.note
	if s.Emit != nil {
		s.Emit(r)
	}
}

var perSecond = map[string]float64{"ms": 1e3, "us": 1e6}

func (j job) row(s row.Samples) row.Row {
	if j.amount == 0 {
		return s.Time(j.name, j.params, perSecond[j.unit], j.unit)
	}
	return s.Rate(j.name, j.params, j.amount, j.unit)
}

// on returns the parameters of a row: the tier, then the pairs, then the threads.
func on(isa kernels.Tier, threads int, pairs ...string) []row.Param {
	return row.P(slices.Concat([]string{"isa", isa.String()}, pairs, []string{"threads", strconv.Itoa(threads)})...)
}

func itoa(n int) string { return strconv.Itoa(n) }

// memory returns n elements of the buffer that all rows share, so that a run holds no more than its largest array. What was in it is gone.
func (s *Session) memory(n int) []float32 {
	if len(s.buffer) < n {
		s.buffer = make([]float32, n)
	}
	return s.buffer[:n]
}

// differs is the error of a result that should have been another.
func differs(what string, got, want, tol float64) error {
	if d := got - want; d <= tol && d >= -tol {
		return nil
	}
	return fmt.Errorf("%s is %g, want %g within %g", what, got, want, tol)
}
