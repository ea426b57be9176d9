package row

import (
	"math"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	line := func(name string, value, mad float64, unstable, lower bool) Row {
		return Row{Name: name, Value: value, Unit: "ms", Lower: lower, Unstable: unstable, Spread: Spread{MAD: mad, Min: value - 4*mad, Max: value + 4*mad}}
	}
	old := &Report{Rows: []Row{
		line("rate", 100, 1, false, false), line("time", 100, 1, false, true), line("worse", 100, 1, false, true), line("noise", 100, 1, false, false),
		line("little", 100, .01, false, false), line("shaky", 100, 4, true, false), line("shaky far", 100, 4, true, false), line("left", 1, 0, false, false),
		line("failed", 1, 0, false, false),
	}}
	failed := line("failed", 0, 0, false, false)
	failed.Error = "wrong result"
	fresh := &Report{Rows: []Row{
		line("rate", 150, 1, false, false), line("time", 50, 1, false, true), line("worse", 125, 1, false, true), line("noise", 105, 1, false, false),
		line("little", 101, .01, false, false), line("shaky", 130, 4, true, false), line("shaky far", 140, 4, true, false), line("added", 1, 0, false, false), failed,
	}}
	want := map[string]struct {
		verdict Verdict
		gain    float64
	}{
		"rate": {Faster, 1.5}, "time": {Faster, 2}, "worse": {Slower, .8}, "noise": {Same, 1.05}, "little": {Same, 1.01}, "shaky": {Same, 1.3},
		"shaky far": {Faster, 1.4}, "added": {New, 0}, "left": {Gone, 0}, "failed": {Gone, 0},
	}
	got := Compare(old, fresh)
	for _, c := range got {
		w := want[c.Key]
		if c.Verdict != w.verdict || !(math.Abs(c.Gain-w.gain) <= 1e-12) {
			t.Errorf("%s: %s by %g, want %s by %g", c.Key, c.Verdict, c.Gain, w.verdict, w.gain)
		}
		delete(want, c.Key)
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
	text := CompareText(got)
	for _, part := range []string{"3 faster, 1 slower, 3 the same within their spread, 1 new, 2 gone", "| time ", "2.00 |", "~140 ms"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if text := CompareText(Compare(old, old)); strings.Contains(text, "|") {
		t.Errorf("a run compared with itself moved:\n%s", text)
	}
}
