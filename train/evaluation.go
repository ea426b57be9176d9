package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/evaluate"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// EvaluateOptions are the parts of an evaluation.
type EvaluateOptions struct {
	Source     *data.Source
	Seed       uint64            // of the draws of rows and of noise
	Rows       int               // samples a draw, at most half of the rows to train on or to test on; 0 for 2000
	Neighbours int               // k of precision, recall, density and coverage; 0 for 5
	Network    *evaluate.Network // of features; nil for none
	Distance   Distance          // of the held-out measure

	Runner kernels.Runner // nil: the pool of the process, of GOMAXPROCS workers
	Note   func(string)   // called with what is being done; nil for none
}

const (
	evaluationRows       = 2000
	evaluationNeighbours = 5
	nearestRows          = 250 // a draw, for distances to the training rows
)

// An Evaluation is what measures say about a model, beside what they say about the data itself and about cruder models.
type Evaluation struct {
	Run        string     `json:"run,omitempty"`
	Step       int        `json:"step"`
	Data       string     `json:"data"`
	Seed       uint64     `json:"seed"`
	Draws      int        `json:"draws"`
	Rows       int        `json:"rows"` // a draw; the held-out measure and the divergence have HeldOutRows
	HeldOut    int        `json:"held_out_rows"`
	Eps        float64    `json:"eps"` // of these two
	Neighbours int        `json:"neighbours"`
	Features   *Features  `json:"features,omitempty"`
	Measures   []Measured `json:"measures"`
	Notes      []string   `json:"notes,omitempty"` // what could not be measured, and why
}

// Features are the network in whose features measures were taken.
type Features struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Model  string `json:"model"`
	Dim    int    `json:"dim"`
}

// A Measured is a measure of the model and of the references.
type Measured struct {
	Name string `json:"name"`
	Score
	References []ReferenceScore `json:"references"`
}

// digitsFor returns the network [evaluate.Digits] for images of the shape that it reads, nil for other rows.
func digitsFor(d *data.Dataset, pool kernels.Runner) (*evaluate.Network, error) {
	net, err := evaluate.Digits(orDefault(pool))
	if err != nil || !net.Reads(d.C, d.H, d.W) {
		return nil, err
	}
	return net, nil
}

// A law is something that samples come from.
type law struct {
	name    string
	heldOut func(k uint64) (x, x2 []float32, err error) // the draws of the held-out measure
	draw    func(k uint64) ([]float32, error)           // the same number of rows in each draw
}

// An evaluation in progress.
type evaluation struct {
	o     EvaluateOptions
	h     *heldOut
	rows  int
	space space
	real  []realRows

	names []string               // of the measures, in order
	value map[string][][]float64 // by measure, law and draw
	notes []string
	worst error // that a solve did not converge
}

// realRows are the test rows of a draw and what is computed from them once.
type realRows struct {
	y, other  []float32
	law       *evaluate.Gaussian
	balls     *evaluate.Reference[float32]
	bandwidth float64
	nearest   []float64 // distances to the training rows
}

// Evaluate measures a model; see docs/eval.md for each measure. Where a solve does not converge, the evaluation lacks what depends on it, and
// comes with an error for which errors.Is(err, sinkhorn.ErrNotConverged).
func Evaluate(ctx context.Context, model generative.Generator, o EvaluateOptions) (*Evaluation, error) {
	e, err := newEvaluation(ctx, o)
	if err != nil {
		return nil, err
	}
	laws, err := e.laws(ctx, model)
	if err != nil {
		return nil, err
	}
	for i, l := range laws {
		e.note("measuring " + l.name)
		if err := e.measure(ctx, i, l); err != nil {
			return nil, err
		}
	}
	return e.result(laws), e.worst
}

func newEvaluation(ctx context.Context, o EvaluateOptions) (*evaluation, error) {
	if o.Rows == 0 {
		o.Rows = evaluationRows
	}
	if o.Neighbours == 0 {
		o.Neighbours = evaluationNeighbours
	}
	o.Runner = orDefault(o.Runner)
	e := &evaluation{o: o, value: map[string][][]float64{}}
	e.note("drawing test rows")
	h, err := newHeldOut(ctx, o.Distance, o.Source, o.Seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Source.Name, err)
	}
	e.h, e.rows = h, min(o.Rows, h.test.N/2, h.train.N/2)
	if e.rows <= o.Neighbours {
		return nil, fmt.Errorf("%d rows a draw of %s are too few for %d neighbours", e.rows, o.Source.Name, o.Neighbours)
	}
	e.space = e.newSpace()
	e.note("measuring test rows")
	var near []float32
	for k := range uint64(heldOutDraws) {
		r, err := e.newRealRows(k)
		if err != nil {
			return nil, err
		}
		e.real = append(e.real, r)
		near = append(near, e.first(r.y)...)
	}
	distances, err := e.toTraining(ctx, near)
	if err != nil {
		return nil, err
	}
	for k := range e.real {
		n := len(distances) / heldOutDraws
		e.real[k].nearest = distances[k*n : (k+1)*n]
	}
	return e, nil
}

func (e *evaluation) note(text string) {
	if e.o.Note != nil {
		e.o.Note(text)
	}
}

// A space is where neighbours and Gaussians are taken: the features of a network, or the rows themselves where they are no images.
type space struct {
	suffix string // of the names of measures in it
	dim    int
	net    *evaluate.Network // nil for the rows themselves
}

// newSpace returns the space, of dimension 0 where there is none, with a note.
func (e *evaluation) newSpace() space {
	test, net := e.h.test, e.o.Network
	switch {
	case test.H == 0:
		return space{dim: test.Dim}
	case net == nil:
		e.notes = append(e.notes, "no features for images of this shape: name a network with --features FILE for precision, recall, density, coverage, Frechet distance and score")
		return space{}
	}
	return space{suffix: "_" + net.Name, dim: net.FeatureDim(), net: net}
}

// read returns the rows in the space, and their logits where it has a network.
func (s space) read(x []float32, rows int) (features, logits []float32, err error) {
	if s.net == nil {
		return x, nil, nil
	}
	features, logits = make([]float32, rows*s.dim), make([]float32, rows*s.net.Classes())
	return features, logits, s.net.Read(features, logits, x, rows)
}

func (e *evaluation) newRealRows(k uint64) (realRows, error) {
	var r realRows
	var err error
	if r.y, r.other, err = split(e.h.test, e.rows, e.o.Seed, k); err != nil {
		return r, err
	}
	if r.bandwidth, err = evaluate.MedianDistance(e.o.Runner, r.y, e.rows, e.h.test.Dim); err != nil || e.space.dim == 0 {
		return r, err
	}
	features, _, err := e.space.read(r.y, e.rows)
	if err != nil {
		return r, err
	}
	if r.law, err = evaluate.FitGaussian(e.o.Runner, features, e.rows, e.space.dim); err != nil {
		return r, err
	}
	r.balls, err = evaluate.NewReference(e.o.Runner, features, e.rows, e.space.dim, e.o.Neighbours)
	return r, err
}

// first returns the rows of a draw that are compared with the training rows.
func (e *evaluation) first(x []float32) []float32 { return x[:min(e.rows, nearestRows)*e.h.test.Dim] }

// toTraining returns the distance of each row to the nearest training row.
func (e *evaluation) toTraining(ctx context.Context, x []float32) ([]float64, error) {
	s, err := nearestTraining(ctx, e.o.Runner, e.h.train, x, 1)
	if err != nil {
		return nil, err
	}
	d := make([]float64, len(s.Squared))
	for i, q := range s.Squared {
		d[i] = math.Sqrt(q)
	}
	return d, nil
}

// laws returns the model, other test rows, training rows, k-means centroids drawn as often as they serve, and their mean.
func (e *evaluation) laws(ctx context.Context, model generative.Generator) ([]law, error) {
	h, dim := e.h, e.h.test.Dim
	laws := []law{
		{"this model", h.fromModel(model), func(k uint64) ([]float32, error) {
			x := make([]float32, e.rows*dim)
			model.Sample(x, e.rows, random.New(e.o.Seed, "evaluate", k).Rand)
			if notFinite(x) >= 0 {
				return nil, generative.ErrNotFinite
			}
			return x, nil
		}},
		{"other test rows", func(k uint64) (x, x2 []float32, err error) { return h.real[k][2], h.real[k][3], nil },
			func(k uint64) ([]float32, error) { return e.real[k].other, nil }},
		{"training rows", func(k uint64) (x, x2 []float32, err error) { return split(h.train, h.rows, e.o.Seed, k) },
			func(k uint64) ([]float32, error) { x, _, err := split(h.train, e.rows, e.o.Seed, k); return x, err }},
	}
	for _, k := range h.books() {
		e.note("finding " + h.nameOf(k))
		book, err := kmeans(ctx, e.o.Runner, h.train, k, random.New(e.o.Seed, "k-means", uint64(k)))
		if err != nil {
			return nil, err
		}
		laws = append(laws, law{strings.Replace(h.nameOf(k), "k-means ", "", 1), h.fromBook(book), func(draw uint64) ([]float32, error) {
			x := make([]float32, e.rows*dim)
			book.sample(x, e.rows, random.New(e.o.Seed, "evaluate", uint64(book.k), draw))
			return x, nil
		}})
	}
	return laws, nil
}

// add records the value of a measure for a law.
func (e *evaluation) add(name string, law int, v float64) {
	if e.value[name] == nil {
		e.names = append(e.names, name)
	}
	for len(e.value[name]) <= law {
		e.value[name] = append(e.value[name], nil)
	}
	e.value[name][law] = append(e.value[name][law], v)
}

// measure takes all measures of a law.
func (e *evaluation) measure(ctx context.Context, at int, l law) error {
	values, err := e.h.values(ctx, l.heldOut)
	if err := e.converged(ctx, "held-out measure of "+l.name, err); err != nil {
		return err
	}
	for _, v := range values {
		e.add(keyHeldOut, at, v)
	}
	var near []float32
	for k := range e.real {
		x, err := l.draw(uint64(k))
		if err != nil {
			return err
		}
		if err := e.measureDraw(ctx, at, l.name, &e.real[k], x); err != nil {
			return err
		}
		near = append(near, e.first(x)...)
	}
	distances, err := e.toTraining(ctx, near)
	if err != nil {
		return err
	}
	for k, r := range e.real {
		n := len(distances) / heldOutDraws
		mine := distances[k*n : (k+1)*n]
		copying, err := evaluate.Copying(mine, r.nearest)
		if err != nil {
			return err
		}
		e.add("nearest_training", at, scoreOf(mine).Mean)
		e.add("copying", at, copying)
	}
	return nil
}

// converged returns the errors that end an evaluation; a solve that did not converge is a note.
func (e *evaluation) converged(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil || !errors.Is(err, sinkhorn.ErrNotConverged) {
		return errors.Join(ctx.Err(), err)
	}
	if e.worst == nil {
		e.worst = fmt.Errorf("%s: %w", what, err)
	}
	e.notes = append(e.notes, fmt.Sprintf("%s: %v", what, err))
	return nil
}

// measureDraw takes the measures of the samples x of one draw.
func (e *evaluation) measureDraw(ctx context.Context, at int, name string, r *realRows, x []float32) error {
	d, pool, test := e.h.test.Dim, e.o.Runner, e.h.test
	n := min(e.rows, e.h.rows)
	v, err := evaluate.Divergence(ctx, pool, x[:n*d], r.y[:n*d], n, n, d, e.h.eps, heldOutTol)
	if err := e.converged(ctx, "divergence of "+name, err); err != nil {
		return err
	}
	e.add("divergence", at, v)
	if v, err = evaluate.MMD(pool, x, r.y, e.rows, e.rows, d, r.bandwidth); err != nil {
		return err
	}
	e.add("mmd", at, v)
	if e.space.dim > 0 {
		if err := e.measureFeatures(at, r, x); err != nil {
			return err
		}
	}
	if imageShape(test).Valid() && min(test.H, test.W) >= 3 {
		sharp, err := evaluate.Sharpness(x, e.rows, test.H, test.W, test.C)
		if err != nil {
			return err
		}
		e.add("sharpness", at, scoreOf(sharp).Mean)
	}
	if m := e.o.Source.Modes; m != nil {
		c := countModes(x, e.rows, m)
		e.add("modes_covered", at, float64(c.Covered))
		e.add("near_modes", at, c.Near)
	}
	return nil
}

// measureFeatures takes the measures in the space of features.
func (e *evaluation) measureFeatures(at int, r *realRows, x []float32) error {
	features, logits, err := e.space.read(x, e.rows)
	if err != nil {
		return err
	}
	law, err := evaluate.FitGaussian(e.o.Runner, features, e.rows, e.space.dim)
	if err != nil {
		return err
	}
	frechet, err := evaluate.Frechet(law, r.law)
	if err != nil {
		return err
	}
	e.add("frechet"+e.space.suffix, at, frechet)
	if logits != nil {
		score, err := evaluate.ClassScore(logits, e.rows, e.space.net.Classes())
		if err != nil {
			return err
		}
		e.add("score"+e.space.suffix, at, score)
	}
	f, err := r.balls.Fidelity(features, e.rows)
	if err != nil {
		return err
	}
	e.add("precision"+e.space.suffix, at, f.Precision)
	e.add("recall"+e.space.suffix, at, f.Recall)
	e.add("density"+e.space.suffix, at, f.Density)
	e.add("coverage"+e.space.suffix, at, f.Coverage)
	return nil
}

func (e *evaluation) result(laws []law) *Evaluation {
	out := &Evaluation{
		Data: e.o.Source.Name, Seed: e.o.Seed, Draws: heldOutDraws, Rows: e.rows, HeldOut: e.h.rows, Eps: e.h.eps,
		Neighbours: e.o.Neighbours, Notes: e.notes,
	}
	if net := e.space.net; net != nil {
		out.Features = &Features{Name: net.Name, SHA256: net.SHA256, Model: net.Model.Name, Dim: net.FeatureDim()}
	}
	for _, name := range e.names {
		m := Measured{Name: name}
		for i, values := range e.value[name] {
			if len(values) < heldOutDraws {
				continue // of a solve that did not converge
			}
			if s := scoreOf(values); i == 0 {
				m.Score = s
			} else {
				m.References = append(m.References, ReferenceScore{laws[i].name, s})
			}
		}
		if len(e.value[name][0]) == heldOutDraws {
			out.Measures = append(out.Measures, m)
		}
	}
	return out
}
