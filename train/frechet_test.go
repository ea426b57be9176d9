package train

import (
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/evaluate"
)

// In the features of digits the test rows are at distance 0 from themselves, fresh digits near, one repeated digit far.
func TestFrechetOfDigits(t *testing.T) {
	src := glyphSource()
	h, err := newHeldOut(t.Context(), meanDistance, src, 1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFrechet(h, nil)
	if err != nil {
		t.Fatal(err)
	}
	law, err := f.law(h.real[2][0], h.real[2][1])
	if err != nil {
		t.Fatal(err)
	}
	if v, err := evaluate.Frechet(law, f.real[2]); err != nil || !(v <= 1e-6) {
		t.Errorf("%g %v of the test rows from themselves", v, err)
	}
	fresh, err := f.model(copies(data.Glyphs(3, 500), all))
	if err != nil {
		t.Fatal(err)
	}
	one, err := f.model(oneRow(src.Train))
	if err != nil {
		t.Fatal(err)
	}
	if !(fresh.Mean > 0 && 5*fresh.Mean < one.Mean) {
		t.Errorf("%v of fresh digits, %v of one", fresh, one)
	}
	if none, err := newFrechet(&heldOut{test: testSource().Test}, nil); none != nil || err != nil {
		t.Errorf("points have features of digits: %v", err)
	}
}

func TestRunWritesFrechet(t *testing.T) {
	c := testConfig()
	o := testOptions(t, newDir(t), c)
	o.Source, o.Objective = glyphSource(), newMean(t, c, 28*28, nil)
	s := mustRun(t, o)
	if s.HeldOut == nil || s.HeldOut.Frechet == nil || !(s.HeldOut.Frechet.Mean > 0) || !strings.Contains(s.Text(), keyFrechet) {
		t.Errorf("%+v", s.HeldOut)
	}
	if n := strings.Count(readFile(t, folder(o.Dir).metrics()), `"`+keyFrechet+`":`); n != 3 { // at steps 25, 50 and 60
		t.Errorf("%d lines of metrics with %s, want 3", n, keyFrechet)
	}
}
