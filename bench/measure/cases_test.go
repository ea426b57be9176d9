package measure

import (
	"context"
	"slices"
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
	for _, kind := range []Kind{FullIteration, TimeTo, Gradient, Memory} {
		for _, precision := range []string{"f32", "f64"} {
			small = append(small, Case{kind, 300, 3, kind != Gradient, precision, 2})
		}
	}
	if !testing.Short() { // a row of memory above its bound is an error
		small = append(small, Case{Batch, 64, 3, true, "f32", 2}, Case{Memory, 8192, 3, false, "f32", 2}, Case{Memory, 4096, 3, true, "f64", 2}, Case{Memory, 4096, 3, false, "f64", 2})
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
		if !(r.Value > 0) || r.Error != "" || r.Name != string(small[i].Kind) || r.Param("precision") != small[i].Precision {
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
