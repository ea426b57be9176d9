package measure

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// TestCases measures a small case of each kind in both precisions; their checks hold the results.
func TestCases(t *testing.T) {
	var rows []row.Row
	s := NewSession(true, 2, func(r row.Row) { rows = append(rows, r) })
	defer s.Close()
	s.Meter = row.Meter{Least: 3, Most: 3, Bound: .01, Budget: time.Millisecond}
	var small []Case
	for _, kind := range []Kind{FullIteration, TimeTo, Gradient} {
		for _, precision := range []string{"f32", "f64"} {
			small = append(small, Case{kind, 300, 3, kind != Gradient, precision, 2, 0})
		}
	}
	if !testing.Short() {
		small = append(small, Case{Batch, 64, 3, true, "f32", 2, 0}, Case{FullIteration, 4096, 3, false, "f32", 2, 0}, Case{FullIteration, 2048, 3, true, "f64", 2, 0}, Case{Gradient, 256, 784, false, "f32", 2, 0})
	}
	for _, c := range small {
		if err := s.Case(context.Background(), c); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
	}
	if len(rows) != len(small) {
		t.Fatalf("%d rows of %d cases", len(rows), len(small))
	}
	for i, r := range rows {
		if !(r.Value > 0) || r.Error != "" || r.Memory == nil || !(r.Memory.Bytes > 0) || // one above its bound is an error
			r.Name != string(small[i].Kind) || r.Param("precision") != small[i].Precision {
			t.Errorf("%s: %g %s, error %q", r.Key(), r.Value, r.Unit, r.Error)
		}
	}
	if err := s.Case(context.Background(), Case{Kind: "nonsense", N: 4, D: 1, Threads: 1}); err == nil {
		t.Error("a kind that does not exist was measured")
	}
}

// TestPlan: a larger budget only adds, nothing is lost or doubled, and the budget is kept.
func TestPlan(t *testing.T) {
	all := Cases([]int{1, 2})
	var before []Case
	for _, budget := range []float64{0, 1, 60, 600, 1e9} {
		taken, left := Plan(all, budget)
		var cost float64
		for _, c := range taken {
			cost += c.Seconds()
		}
		if !(cost <= budget) || len(taken)+len(left) != len(all) {
			t.Errorf("budget %g: %d of %d cases for %g s, %d left", budget, len(taken), len(all), cost, len(left))
		}
		for _, c := range before {
			if !slices.Contains(taken, c) {
				t.Errorf("budget %g leaves out %+v, which a smaller one had", budget, c)
			}
		}
		before = taken
	}
	if len(before) != len(all) {
		t.Errorf("without bound %d of %d cases are measured", len(before), len(all))
	}
	for _, c := range all {
		if c.Stored && c.matrixBytes() > storedAtMost {
			t.Errorf("%+v has a matrix of %d bytes", c, c.matrixBytes())
		}
	}
}

// TestMillion runs a slice with as many columns as make the library compute entries twice, and one that is ended in the middle.
func TestMillion(t *testing.T) {
	var rows []row.Row
	s := NewSession(true, 2, func(r row.Row) { rows = append(rows, r) })
	defer s.Close()
	c := Case{FullIteration, 500, 3, false, "f32", 2, 300_000}
	var last float64
	err := s.million(context.Background(), c, 3, func(share float64) {
		if !(share >= last && share <= 1) {
			t.Errorf("%g of the run is done after %g", share, last)
		}
		last = share
	})
	if err != nil || len(rows) != 1 || last != 1 {
		t.Fatalf("%v, %d rows, %g done", err, len(rows), last)
	}
	if r := rows[0]; r.Error != "" || !(r.Value > 0) || r.Memory == nil || r.Memory.Bound != c.Bound() || !strings.Contains(r.Note, "of 300000 x 300000") {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := s.million(ctx, c, 3, func(float64) { cancel() }); !errors.Is(err, context.Canceled) || len(rows) != 1 {
		t.Errorf("ended in the middle: %v, %d rows", err, len(rows))
	}
}

// TestMillionSlice: a larger budget takes no fewer rows, and the smallest slice is taken whatever it is.
func TestMillionSlice(t *testing.T) {
	before := 0
	for _, budget := range []time.Duration{0, time.Second, 30 * time.Second, 5 * time.Minute, 100 * time.Hour} {
		rows, samples := millionSlice(budget, 2)
		if rows < before || samples < 1 {
			t.Errorf("%v: %d rows, %d samples; less than for a smaller budget", budget, rows, samples)
		}
		before = rows
	}
	if before != Million {
		t.Errorf("without bound %d rows", before)
	}
}
