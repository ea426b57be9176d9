package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// Options are a run's parts.
type Options struct {
	Dir       string // the run's folder
	Config    Config
	Resume    bool                 // continue the run in Dir
	Objective generative.Objective // at step 0; any implementation, where Config.Objective is [Custom]
	Source    *data.Source
	Eps       float64 // Config.Eps in units of the cost
	Device    string  // what the networks of Objective compute on, as the run's files name it; "" is the processor, "cpu"

	Comm     *ranks.Comm    // of the processes that divide each batch; nil: this one alone
	Shard    bool           // each rank keeps a part of the training rows; all but the first drop the others from Source
	Runner   kernels.Runner // nil: the pool of the process, of GOMAXPROCS workers
	Distance Distance       // nil: no held-out measure
	Reporter Reporter       // nil: none
	Version  string         // of the program
}

// ErrInterrupted is the error of a run that ended early because its context did. Its checkpoint is written.
var ErrInterrupted = errors.New("interrupted")

// A NotFiniteError is the end of a run whose numbers are no longer finite. What it wrote before is intact.
type NotFiniteError struct {
	Step  int // that failed
	Saved int // of the checkpoint
	Dir   string
	Err   error
}

// Error returns the step, the cause and what is left.
func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("step %d: %v; the checkpoint of step %d in %s is intact", e.Step, e.Err, e.Saved, e.Dir)
}

// A StoppedError is the end of a run that could not go on, such as for want of room on the disk. What its checkpoint holds is intact.
type StoppedError struct {
	Step  int // after which it ended
	Saved int // of the checkpoint
	Dir   string
	Err   error
}

// Error returns the cause, what is lost, and how to go on.
func (e *StoppedError) Error() string {
	lost := "nothing is lost"
	if n := e.Step - e.Saved; n > 0 {
		lost = fmt.Sprintf("at most %d steps are lost", n)
	}
	return fmt.Sprintf("after step %d: %v; the checkpoint of step %d in %s is intact and %s: go on from it with --resume --out %s",
		e.Step, e.Err, e.Saved, e.Dir, lost, e.Dir)
}

// Unwrap returns the cause.
func (e *StoppedError) Unwrap() error { return e.Err }

// advice is what to try when training leaves the finite numbers.
const advice = "try a smaller --lr, or a larger --eps"

// Unwrap returns the cause.
func (e *NotFiniteError) Unwrap() error { return e.Err }

// Run trains to Config.Steps and returns the summary, which is also in the folder then.
//
// When ctx ends, the step in progress is completed and a checkpoint written; the error is [ErrInterrupted]. A number that is not finite
// ends the run with a [*NotFiniteError], a setting that cannot be with a [*ConfigError].
//
// Where the objective computes on a device that fails, the error has the device's as its cause; parameters are undefined then, the
// checkpoint is not.
//
// On several ranks it is a collective call. The first rank alone reads and writes the folder, measures and reports; the others take its
// checkpoint to begin with and return a nil summary. See [generative.Fit.Divide].
func Run(ctx context.Context, o Options) (s *Summary, err error) {
	defer nn.CatchFault(&err) // of the checkpoint to begin with
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if o.Objective == nil {
		return nil, errCustom
	}
	if err := o.divide(); err != nil {
		return nil, err
	}
	r := &run{
		comm: o.Comm, folder: folder(o.Dir), cfg: o.Config, obj: o.Objective, src: o.Source, eps: o.Eps,
		pool: orDefault(o.Runner), distance: o.Distance, reporter: o.Reporter, version: o.Version, device: cmp.Or(o.Device, processor),
		about: describeData(o.Source.Train).withMean(o.Config, o.Source.Train),
	}
	if err := r.load(o.Shard); err != nil {
		return nil, err
	}
	if r.reporter == nil {
		r.reporter = silent{}
	}
	if o.Comm.Rank() > 0 {
		return nil, r.follow(ctx)
	}
	defer r.close() // also of a folder that a device's fault leaves half open
	if err := r.comm.Agree(r.open(o.Resume)); err != nil {
		return nil, err
	}
	if err := r.lead(); err != nil {
		return nil, err
	}
	r.reporter.Begin(o.Dir, r.step, r.cfg.Steps)
	defer r.reporter.End()
	if r.device != processor {
		r.reporter.Note("the networks compute on " + r.device)
	}
	if s, err = r.whole(ctx); err != nil {
		return nil, r.stopped(err)
	}
	return s, r.close()
}

// whole trains and measures. A device that fails ends it with an error; see [nn.CatchFault].
func (r *run) whole(ctx context.Context) (s *Summary, err error) {
	defer nn.CatchFault(&err)
	if err := r.train(ctx); err != nil {
		return nil, err
	}
	return r.finish(ctx)
}

// stopped returns the error of a run that err ended: with what is left of it, unless err says so itself.
func (r *run) stopped(err error) error {
	var bad *NotFiniteError
	if errors.Is(err, ErrInterrupted) || errors.As(err, &bad) {
		return err
	}
	return &StoppedError{Step: r.step, Saved: r.saved, Dir: string(r.folder), Err: err}
}

// run is a run in progress.
type run struct {
	comm     *ranks.Comm
	folder   folder
	cfg      Config
	obj      generative.Objective
	src      *data.Source
	eps      float64
	pool     kernels.Runner
	distance Distance
	reporter Reporter
	version  string
	device   string

	loader  batches
	lock    *runLock
	about   DataState
	metrics *metricsFile
	events  *eventFile

	step    int // steps done
	saved   int // step of the checkpoint
	last    []Metric
	notices []generative.Notice
	spread  float64 // variance of rows of the data, 0 before it is known
	heldOut *heldOut
	frechet *frechet // nil for none
	score   *HeldOut // of the step scoreAt
	scoreAt int
}

// Next fills dst with the next batch of training rows.
func (r *run) Next(dst []float32, rows int) { r.loader.Next(dst, rows) }

// NextIndexed fills dst with the next batch of training rows and index with their numbers.
func (r *run) NextIndexed(dst []float32, index []int) { copy(index, r.loader.Next(dst, len(index))) }

// NextLabelled fills dst and class with the next batch of training rows.
func (r *run) NextLabelled(dst []float32, class []int) {
	for i, row := range r.loader.Next(dst, len(class)) {
		class[i] = r.src.Train.Labels[row]
	}
}

// open makes or continues the folder and leaves a checkpoint of the step to start from in it.
func (r *run) open(resume bool) error {
	var l *loaded
	var err error
	if !resume {
		err = r.folder.create(r.cfg)
	}
	if err != nil {
		return err
	}
	if r.lock, err = r.folder.lock(); err != nil {
		return err
	}
	if resume {
		l, err = r.resume()
	}
	if err != nil {
		return errors.Join(err, r.close())
	}
	if r.metrics, err = openMetrics(r.folder.metrics(), r.step); err != nil {
		return errors.Join(err, r.close())
	}
	if r.events, err = openEvents(r.folder.events()); err != nil {
		return errors.Join(err, r.close())
	}
	if l != nil {
		return nil
	}
	if err := r.save(); err != nil {
		return errors.Join(err, r.close())
	}
	return nil
}

// resume sets everything to the checkpoint, nil where the run was killed before it had one.
func (r *run) resume() (*loaded, error) {
	l, err := load(r.folder)
	if err != nil {
		return nil, err
	}
	if l != nil {
		if err := l.fits(r.cfg, r.about); err != nil {
			return nil, err
		}
		if l.Step > r.cfg.Steps {
			return nil, &ConfigError{Flag: fmt.Sprintf("--steps %d", r.cfg.Steps), Problem: fmt.Sprintf("the run in %s is at step %d already", r.folder, l.Step)}
		}
		if err := l.restore(r.obj); err != nil {
			return nil, err
		}
		if err := l.mend(r.folder); err != nil {
			return nil, err
		}
		r.step, r.saved, r.last = l.Step, l.Step, l.Metrics
		r.loader.Seek(l.Data.Position)
		if tier := kernels.Active().String(); l.Tier != tier {
			r.reporter.Note(fmt.Sprintf("warning: %s was written on tier %s and goes on here on %s: the same bits cannot be expected", l.path, l.Tier, tier))
		}
		if l.Device != r.device {
			r.reporter.Note(fmt.Sprintf("warning: %s was written on the device %s and goes on here on %s: the same bits cannot be expected", l.path, l.Device, r.device))
		}
	}
	r.noteLost()
	if err := r.folder.cut(r.cfg, r.step); err != nil {
		return nil, err
	}
	if r.notices, err = r.folder.cutNotices(r.cfg, r.step); err != nil {
		return nil, err
	}
	return l, r.folder.writeConfig(r.cfg)
}

// noteLost says how many steps the end of the last session has lost.
func (r *run) noteLost() {
	lines, err := readMetrics(r.folder.metrics())
	if err != nil || len(lines) == 0 {
		return
	}
	if last := int(lines[len(lines)-1]["step"]); last > r.step {
		r.reporter.Note(fmt.Sprintf("going on from the checkpoint of step %d: the steps after it, %d at least, are done again", r.step, last-r.step))
	}
}

func (r *run) close() error {
	var err error
	if r.metrics != nil {
		err = r.metrics.Close()
	}
	if r.events != nil {
		err = errors.Join(err, r.events.Close())
	}
	r.loader.Close()
	if r.lock != nil {
		err = errors.Join(err, r.lock.release())
	}
	r.metrics, r.events, r.lock = nil, nil, nil
	return err
}

// train does the steps that are left.
func (r *run) train(ctx context.Context) error {
	whole := context.WithoutCancel(ctx)
	for r.step < r.cfg.Steps {
		over, err := r.over(ctx)
		if err != nil {
			return err
		}
		if over {
			return r.interrupt()
		}
		if err := r.one(whole); err != nil {
			return err
		}
		if err := r.record(ctx); err != nil {
			return err
		}
	}
	if r.saved != r.step {
		return r.save()
	}
	return nil
}

// one does one step. ctx does not end: a checkpoint after the step must hold no half of it.
func (r *run) one(ctx context.Context) error {
	next := r.step + 1
	metrics, err := r.obj.Step(ctx, r, r.cfg.logs(next) || next == r.cfg.Steps)
	for _, m := range metrics {
		if err == nil && m.Value-m.Value != 0 {
			err = fmt.Errorf("%w: %s is %g; "+advice, generative.ErrNotFinite, m.Name, m.Value)
		}
	}
	if errors.Is(err, generative.ErrNotFinite) {
		return &NotFiniteError{Step: next, Saved: r.saved, Dir: string(r.folder), Err: err}
	}
	if err != nil {
		return fmt.Errorf("step %d: %w", next, err)
	}
	r.step = next
	if len(metrics) > 0 {
		r.last = nil
		for _, m := range metrics {
			r.last = append(r.last, Metric{m.Name, m.Value})
		}
	}
	r.reporter.Step(r.step, r.last)
	return nil
}

// record does what is due after a step: notices, metrics, pictures, measure, checkpoint, in this order.
func (r *run) record(ctx context.Context) error {
	if err := r.noticeObjective(); err != nil {
		return err
	}
	if r.cfg.logs(r.step) {
		if err := r.log(); err != nil {
			return err
		}
	}
	return r.metrics.pause(func() error {
		if r.cfg.samples(r.step) {
			if err := errors.Join(r.drawPictures(), r.drawCurve()); err != nil {
				return err
			}
		}
		if r.cfg.evals(r.step) {
			if err := r.evaluate(ctx); err != nil {
				return err
			}
		}
		if r.cfg.saves(r.step) {
			return r.save()
		}
		return nil
	})
}

func (r *run) lossName() string {
	if len(r.last) == 0 {
		return ""
	}
	return r.last[0].Name
}

// log writes the line and the event of the step.
func (r *run) log() error {
	speed, err := r.metrics.log(r.step, r.last)
	if err != nil {
		return err
	}
	return r.events.scalars(r.step, append(append([]Metric{}, r.last...), Metric{keySpeed, speed}))
}

// save writes the checkpoint, after everything that must not be behind it.
func (r *run) save() error {
	if err := errors.Join(r.metrics.sync(), r.events.sync()); err != nil {
		return err
	}
	c := Checkpoint{Step: r.step, Device: r.device, Config: r.cfg, EpsValue: r.eps, Data: r.about, Metrics: r.last}
	c.Data.Position = r.loader.Position()
	err := c.save(r.folder, r.obj)
	if errors.Is(err, generative.ErrNotFinite) {
		return &NotFiniteError{Step: r.step, Saved: r.saved, Dir: string(r.folder), Err: err}
	}
	if err != nil {
		return err
	}
	r.saved = r.step
	return nil
}

func (r *run) interrupt() error {
	if r.saved != r.step {
		if err := r.save(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w after step %d of %d; continue with --resume --out %s", ErrInterrupted, r.step, r.cfg.Steps, r.folder)
}

// measure returns the held-out measure of the model as it is, and its references.
func (r *run) measure(ctx context.Context) (*HeldOut, error) {
	if r.heldOut == nil {
		h, err := newHeldOut(ctx, r.distance, r.src, r.cfg.Seed)
		if err != nil {
			return nil, err
		}
		if r.frechet, err = newFrechet(h, r.pool); err != nil {
			return nil, err
		}
		r.heldOut = h
	}
	if r.score == nil || r.scoreAt != r.step {
		g := r.obj.(generative.Generator)
		s, err := r.heldOut.model(ctx, g)
		if err != nil {
			return nil, err
		}
		h := r.heldOut.result(s)
		if r.frechet != nil {
			f, err := r.frechet.model(g)
			if err != nil {
				return nil, err
			}
			h.Frechet = &f
		}
		r.score, r.scoreAt = h, r.step
	}
	return r.score, nil
}

// measures reports whether there is a model that makes points, and anything to measure them with.
func (r *run) measures() bool {
	_, makes := r.obj.(generative.Generator)
	return makes && r.distance != nil && r.cfg.EvalEvery >= 0
}

// evaluate writes the held-out measure of the step. A measure that fails is a note and does not end the training.
func (r *run) evaluate(ctx context.Context) error {
	if p, ok := r.obj.(generative.Predictor); ok {
		m, err := r.predict(ctx, p)
		if m == nil {
			return err
		}
		return r.logHeldOut(m)
	}
	if codes, _ := r.measureCodes(ctx); codes != nil {
		if err := r.logHeldOut(codes); err != nil {
			return err
		}
	}
	if !r.measures() {
		return nil
	}
	h, err := r.measure(ctx)
	if ctx.Err() != nil {
		return r.interrupt()
	}
	if err != nil {
		r.reporter.Note(fmt.Sprintf("step %d: no held-out measure: %v", r.step, err))
		return nil
	}
	return r.logScore(h)
}

func (r *run) logScore(h *HeldOut) error {
	line := []Metric{{keyHeldOut, h.Mean}, {keyHeldOut + "_standard_error", h.StandardError}}
	if h.Frechet != nil {
		line = append(line, Metric{keyFrechet, h.Frechet.Mean}, Metric{keyFrechet + "_standard_error", h.Frechet.StandardError})
	}
	return r.logHeldOut(line)
}

func (r *run) logHeldOut(line []Metric) error {
	return errors.Join(r.metrics.append(r.step, line), r.events.scalars(r.step, line))
}

// predict returns the metrics of a model on the held-out rows, nil where there are none.
func (r *run) predict(ctx context.Context, p generative.Predictor) ([]Metric, error) {
	test := r.src.Test
	if test == nil || test.Labels == nil || r.cfg.EvalEvery < 0 {
		return nil, nil
	}
	metrics, err := p.Evaluate(ctx, test.N, func(dst []float32, i int) int { test.Row(dst, i); return test.Labels[i] })
	if ctx.Err() != nil {
		return nil, r.interrupt()
	}
	if err != nil {
		return nil, &NotFiniteError{Step: r.step, Saved: r.saved, Dir: string(r.folder), Err: err}
	}
	var line []Metric
	for _, m := range metrics {
		line = append(line, Metric{keyHeldOut + "_" + m.Name, m.Value})
	}
	return line, nil
}

// finish writes what the end of a run has beside its checkpoint.
func (r *run) finish(ctx context.Context) (*Summary, error) {
	if !r.cfg.logs(r.step) {
		if err := r.log(); err != nil {
			return nil, err
		}
	}
	s := r.summarise()
	if !r.cfg.samples(r.step) {
		if err := r.drawPictures(); err != nil {
			return nil, err
		}
	}
	if err := r.drawCurve(); err != nil {
		return nil, err
	}
	if c, ok := r.obj.(*generative.Classifier); ok {
		if err := nn.SaveModel(nn.NewCPU[float32](nil), r.folder.weights(), c.Network(), map[string]string{nn.ModelKey: r.cfg.Model}); err != nil {
			return nil, err
		}
	}
	if err := r.finalScore(ctx, s); err != nil {
		return nil, err
	}
	return s, r.writeSummary(s)
}

// finalScore adds the held-out measure and its references to the summary, or why there is none.
func (r *run) finalScore(ctx context.Context, s *Summary) error {
	if p, ok := r.obj.(generative.Predictor); ok {
		m, err := r.predict(ctx, p)
		if m == nil {
			return err
		}
		s.HeldOutMetrics, s.HeldOutRows = m, r.src.Test.N
		if r.cfg.evals(r.step) {
			return nil
		}
		return r.logHeldOut(m)
	}
	if codes, n := r.measureCodes(ctx); codes != nil {
		s.HeldOutMetrics, s.HeldOutRows = codes, n
		if !r.cfg.evals(r.step) {
			if err := r.logHeldOut(codes); err != nil {
				return err
			}
		}
	}
	if !r.measures() {
		return nil
	}
	r.reporter.Note("measuring against held-out data")
	h, err := r.measure(ctx)
	if err == nil {
		err = r.heldOut.measureReferences(ctx, r.pool)
	}
	if ctx.Err() != nil {
		return r.interrupt()
	}
	if err != nil {
		s.NoScore = err.Error()
		return nil
	}
	h.References = r.heldOut.references
	s.HeldOut = h
	if r.cfg.evals(r.step) {
		return nil
	}
	return r.logScore(h)
}
