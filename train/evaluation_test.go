package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/evaluate"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A sampler is a model given by its samples.
type sampler struct {
	generative.Objective
	sample func(dst []float32, rows int, noise *rand.Rand)
}

func (s sampler) Sample(dst []float32, rows int, noise *rand.Rand) { s.sample(dst, rows, noise) }

// copies draws rows of a data set, those for which keep holds.
func copies(ds *data.Dataset, keep func(row []float32) bool) sampler {
	return sampler{sample: func(dst []float32, rows int, noise *rand.Rand) {
		for i := range rows {
			row := dst[i*ds.Dim : (i+1)*ds.Dim]
			for ok := false; !ok; ok = keep(row) {
				ds.Row(row, noise.IntN(ds.N))
			}
		}
	}}
}

func all([]float32) bool { return true }

// oneRow repeats a row.
func oneRow(ds *data.Dataset) sampler {
	return sampler{sample: func(dst []float32, rows int, _ *rand.Rand) {
		for i := range rows {
			ds.Row(dst[i*ds.Dim:], 0)
		}
	}}
}

func evaluated(t *testing.T, model generative.Generator, src *data.Source, rows, workers int) *Evaluation {
	t.Helper()
	pool := parallel.New(workers)
	defer pool.Close()
	net, err := digitsFor(src.Train, pool)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Evaluate(t.Context(), model, EvaluateOptions{
		Source: src, Seed: 5, Rows: rows, Neighbours: 3, Network: net, Distance: SinkhornDistance(pool), Runner: pool,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// measures returns the means of the model by name.
func (e *Evaluation) means() map[string]float64 {
	m := map[string]float64{}
	for _, v := range e.Measures {
		m[v.Name] = v.Mean
	}
	return m
}

// within checks that measures lie in intervals.
func within(t *testing.T, what string, got map[string]float64, want map[string][2]float64) {
	t.Helper()
	for name, w := range want {
		if v, ok := got[name]; !ok || !(v >= w[0] && v <= w[1]) {
			t.Errorf("%s: %s %g, want %g to %g", what, name, v, w[0], w[1])
		}
	}
}

func ring(t *testing.T) *data.Source {
	t.Helper()
	src, err := data.Open("ring8", 1)
	if err != nil {
		t.Fatal(err)
	}
	some := make([]int, 1500)
	for i := range some {
		some[i] = i
	}
	src.Train, src.Test = src.Train.Subset(some), src.Test.Subset(some[:600])
	return src
}

// Known cases on eight modes: samples of the law of the data, a copied training set, one mode missing, one repeated row.
func TestEvaluateKnownCases(t *testing.T) {
	src := ring(t)
	const rows = 300
	coverage := evaluate.ExpectedCoverage(rows, rows, 3)
	fresh := data.Ring8(99, 3000)
	within(t, "fresh", evaluated(t, copies(fresh, all), src, rows, 2).means(), map[string][2]float64{
		"held_out": {-.05, .05}, "mmd": {-.002, .002}, "frechet": {0, .03}, "density": {.9, 1.1}, "coverage": {coverage - .04, coverage + .04},
		"modes_covered": {8, 8}, "near_modes": {.97, 1}, "copying": {.4, .6},
	})
	within(t, "copy", evaluated(t, copies(src.Train, all), src, rows, 2).means(), map[string][2]float64{
		"copying": {1, 1}, "nearest_training": {0, 0}, "density": {.9, 1.1},
	})
	within(t, "missing mode", evaluated(t, copies(fresh, func(x []float32) bool { return !(x[0] > .9) }), src, rows, 2).means(), map[string][2]float64{
		"modes_covered": {7, 7}, "recall": {.75, .88}, "precision": {.9, 1}, "coverage": {.7, .88}, "held_out": {.05, 1},
	})
	within(t, "one row", evaluated(t, oneRow(src.Train), src, rows, 2).means(), map[string][2]float64{
		"modes_covered": {1, 1}, "recall": {0, 0}, "coverage": {0, .1}, "copying": {1, 1}, "mmd": {.1, 2},
	})
}

// The same bits for any number of workers; references that do not depend on the model.
func TestEvaluateDoesNotDependOnWorkers(t *testing.T) {
	src := ring(t)
	one, three := evaluated(t, oneRow(src.Test), src, 100, 1), evaluated(t, oneRow(src.Test), src, 100, 3)
	if !reflect.DeepEqual(one, three) {
		t.Errorf("one worker: %+v\nthree: %+v", one, three)
	}
	other := evaluated(t, copies(src.Test, all), src, 100, 2)
	for i, m := range other.Measures {
		if !reflect.DeepEqual(m.References, one.Measures[i].References) {
			t.Errorf("%s: references %v with another model %v", m.Name, one.Measures[i].References, m.References)
		}
	}
	if text := one.Text(); !strings.Contains(text, "this model") || !strings.Contains(text, "coverage") {
		t.Error(text)
	}
}

// glyphSource is a small set of digits.
func glyphSource() *data.Source {
	return &data.Source{Name: "glyphs", Train: data.Glyphs(1, 500), Test: data.Glyphs(2, 400)}
}

// Digits are measured in the features of the embedded network: fresh ones look like data, with all classes.
func TestEvaluateDigits(t *testing.T) {
	src := glyphSource()
	fresh := data.Glyphs(3, 500)
	e := evaluated(t, copies(fresh, all), src, 200, 2)
	within(t, "fresh", e.means(), map[string][2]float64{
		"density_digits": {.85, 1.15}, "score_digits": {6, 10}, "copying": {.35, .65}, "held_out": {-8, 8}, "precision_digits": {.8, 1}, "recall_digits": {.8, 1},
	})
	if e.Features == nil || e.Features.Name != "digits" || len(e.Measures[0].References) != 5 {
		t.Errorf("features %v, references %v", e.Features, e.Measures[0].References)
	}
	one := evaluated(t, oneRow(fresh), src, 200, 2).means()
	within(t, "one image", one, map[string][2]float64{"score_digits": {1, 1 + 1e-9}, "coverage_digits": {0, .1}, "recall_digits": {0, 0}})
	if !(one["frechet_digits"] > 5*e.means()["frechet_digits"]) {
		t.Errorf("Frechet distance %g of one image, %g of fresh ones", one["frechet_digits"], e.means()["frechet_digits"])
	}
}

// A solve that does not converge leaves the other measures, a note and an error.
func TestEvaluateWithoutConvergence(t *testing.T) {
	src := ring(t)
	stuck := func(ctx context.Context, x, y []float32, n, m, d int, eps, tol float64) (float64, error) {
		if x[0] == 7 {
			return 0, sinkhorn.ErrNotConverged
		}
		return meanDistance(ctx, x, y, n, m, d, eps, tol)
	}
	seven := sampler{sample: func(dst []float32, _ int, _ *rand.Rand) {
		for i := range dst {
			dst[i] = 7
		}
	}}
	e, err := Evaluate(t.Context(), seven, EvaluateOptions{Source: src, Rows: 50, Distance: stuck})
	if !errors.Is(err, sinkhorn.ErrNotConverged) || e == nil || len(e.Notes) != 1 {
		t.Fatalf("%v, %+v", err, e)
	}
	if _, ok := e.means()["held_out"]; ok || !(e.means()["divergence"] > 10) {
		t.Errorf("%v", e.means())
	}
}

func TestEvaluateStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	src := ring(t)
	if _, err := Evaluate(ctx, oneRow(src.Test), EvaluateOptions{Source: src, Distance: SinkhornDistance(nil)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	nan := sampler{sample: func(dst []float32, _ int, _ *rand.Rand) { dst[0] = float32(math.NaN()) }}
	if _, err := Evaluate(t.Context(), nan, EvaluateOptions{Source: src, Rows: 50, Distance: meanDistance}); !errors.Is(err, generative.ErrNotFinite) {
		t.Error(err)
	}
	few := &data.Source{Name: "few", Train: src.Train, Test: src.Test.Subset([]int{0, 1, 2})}
	if _, err := Evaluate(t.Context(), oneRow(src.Test), EvaluateOptions{Source: few, Distance: meanDistance}); err == nil {
		t.Error("three test rows are enough")
	}
}

// Beside each sample the picture has the training images that a search finds; of copies, the copied ones.
func TestNearestPicture(t *testing.T) {
	src := glyphSource()
	m, err := NearestPicture(t.Context(), copies(src.Train, all), src.Train, 1, parallel.Default())
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	w, h := b.Dx()/9, b.Dy()/10
	same := 0
	for line := range 10 {
		equal := true
		for y := range h {
			for x := range w {
				equal = equal && m.At(x, line*h+y) == m.At(w+x, line*h+y)
			}
		}
		if equal {
			same++
		}
	}
	if same != 10 {
		t.Errorf("%d of 10 copies stand beside the image that they copy", same)
	}
	if _, err := NearestPicture(t.Context(), oneRow(ring(t).Train), ring(t).Train, 1, nil); err == nil {
		t.Error("points have a picture of nearest images")
	}
}
