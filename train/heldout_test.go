package train

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/random"
)

func meanOf(x []float32, d int) []float64 {
	m := make([]float64, d)
	for i, v := range x {
		m[i%d] += float64(v) / float64(len(x)/d)
	}
	return m
}

func between(a, b []float64) float64 {
	var s float64
	for k := range a {
		s += (a[k] - b[k]) * (a[k] - b[k])
	}
	return s
}

// The measure against its formula, with a distance whose terms can be computed from the rows themselves.
func TestHeldOutIsItsFormula(t *testing.T) {
	src, c := testSource(), testConfig()
	h, err := newHeldOut(context.Background(), meanDistance, src, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	if h.rows != 50 {
		t.Fatalf("%d rows of 200 to test, want a quarter", h.rows)
	}
	obj := newMean(t, c, 2, nil)
	obj.mean.Value.Data()[0] = 7
	got, err := h.model(context.Background(), obj)
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for draw := range uint64(heldOutDraws) {
		x, x2 := make([]float32, 100), make([]float32, 100)
		obj.Sample(x, 50, random.New(c.Seed, "held-out", draw, 0).Rand)
		obj.Sample(x2, 50, random.New(c.Seed, "held-out", draw, 1).Rand)
		first, _, err := data.SplitDisjoint(src.Test, 100, c.Seed, draw)
		if err != nil {
			t.Fatal(err)
		}
		y, y2 := meanOf(src.Test.Subset(first[:50]).Points, 2), meanOf(src.Test.Subset(first[50:]).Points, 2)
		values = append(values, 2*between(meanOf(x, 2), y)-between(meanOf(x, 2), meanOf(x2, 2))-between(y, y2))
	}
	if want := scoreOf(values); !(math.Abs(got.Mean-want.Mean) <= 1e-9) || !(math.Abs(got.StandardError-want.StandardError) <= 1e-9) {
		t.Errorf("%v, want %v", got, want)
	}
	if !(got.Mean > 50) {
		t.Errorf("a model whose mean is off by (5, -2) scores %g, want about 58", got.Mean)
	}
}

func TestHeldOutReferencesAreInOrder(t *testing.T) {
	glyphs := data.Glyphs(1, 700)
	index := make([]int, 700)
	for i := range index {
		index[i] = i
	}
	src := &data.Source{Name: "glyphs", Train: glyphs.Subset(index[:500]), Test: glyphs.Subset(index[500:])}
	h, err := newHeldOut(context.Background(), nearestDistance, src, 1)
	if err != nil {
		t.Fatal(err)
	}
	if h.eps != imageEps {
		t.Errorf("eps %g on images", h.eps)
	}
	if err := h.measureReferences(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	last := math.Inf(-1)
	for i, name := range []string{"real against real", "the training rows", "100 k-means centroids", "10 k-means centroids", "the mean image"} {
		r := h.references[i]
		if r.Name != name || !(r.Mean > last) || !(r.StandardError >= 0) {
			t.Errorf("reference %d is %s: %v, after %g", i, r.Name, r.Score, last)
		}
		if i > 0 { // the first two differ by chance only
			last = r.Mean
		}
	}
}

// nearestDistance is a crude stand-in for transport: the mean over both sides of the squared distance to the nearest row of the other.
func nearestDistance(_ context.Context, x, y []float32, n, m, d int, _, _ float64) (float64, error) {
	side := func(x, y []float32, n, m int) (s float64) {
		for i := range n {
			best := math.Inf(1)
			for j := range m {
				best = min(best, squaredDistance(x[i*d:(i+1)*d], y[j*d:(j+1)*d]))
			}
			s += best / float64(n)
		}
		return s
	}
	return max(side(x, y, n, m), side(y, x, m, n)), nil
}

func TestScoreIsMeanAndStandardError(t *testing.T) {
	s := scoreOf([]float64{1, 2, 3, 4, 5})
	if !(math.Abs(s.Mean-3) <= 1e-15) || !(math.Abs(s.StandardError-math.Sqrt(.5)) <= 1e-15) {
		t.Errorf("%+v, want 3 and the root of 1/2", s)
	}
}

func TestAMeasureThatFailsDoesNotEndTheRun(t *testing.T) {
	broken := func(context.Context, []float32, []float32, int, int, int, float64, float64) (float64, error) {
		return 0, errors.New("no plan")
	}
	o := testOptions(t, newDir(t), testConfig())
	o.Distance = broken
	if s := mustRun(t, o); s.HeldOut != nil || s.NoScore != "no plan" || !strings.Contains(s.Text(), "no plan") {
		t.Errorf("%+v", s)
	}
	o = testOptions(t, newDir(t), testConfig())
	o.Source.Test = nil
	if s := mustRun(t, o); s.HeldOut != nil || s.NoScore == "" {
		t.Errorf("%+v", s)
	}
	o = testOptions(t, newDir(t), testConfig())
	o.Config.EvalEvery = -1
	if s := mustRun(t, o); s.HeldOut != nil || s.NoScore != "" {
		t.Errorf("%+v", s)
	}
}

func TestInterruptedWhileMeasuring(t *testing.T) {
	c := testConfig()
	c.EvalEvery = 0
	whole := newDir(t)
	mustRun(t, testOptions(t, whole, c))

	dir := newDir(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := testOptions(t, dir, c)
	calls := 0
	o.Distance = func(ctx context.Context, x, y []float32, n, m, d int, eps, tol float64) (float64, error) {
		if calls++; calls == 12 {
			cancel()
		}
		return meanDistance(ctx, x, y, n, m, d, eps, tol)
	}
	if _, err := Run(ctx, o); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("want ErrInterrupted, got %v", err)
	}
	resumed(t, dir, c)
	sameOutcome(t, outcome(t, whole), outcome(t, dir))
}

func TestSummarySaysWhatWasDone(t *testing.T) {
	c := testConfig()
	s := mustRun(t, testOptions(t, newDir(t), c))
	if s.Steps != c.Steps || s.Parameters != 2 || s.HeldOut == nil || s.Seed != c.Seed || !(s.Seconds > 0) || !(s.Loss < 1) || s.Metrics[0].Value != s.Loss {
		t.Errorf("%+v", s)
	}
	text := s.Text()
	for _, want := range []string{"60 steps", "this model", "real against real", "the mean point", "50 rows", s.Dir} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
