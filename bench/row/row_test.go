package row

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMedianAndMAD(t *testing.T) {
	for _, c := range []struct {
		x           []float64
		median, mad float64
	}{
		{[]float64{3}, 3, 0},
		{[]float64{4, 1}, 2.5, 1.5},
		{[]float64{1, 1, 2, 2, 4, 6, 9}, 2, 1},
		{[]float64{1, 2, 3, 4, 1e9}, 3, 1},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64, 0},
	} {
		if got := Median(c.x); got != c.median {
			t.Errorf("median of %v is %g, want %g", c.x, got, c.median)
		}
		if got := MAD(c.x); got != c.mad {
			t.Errorf("deviation of %v is %g, want %g", c.x, got, c.mad)
		}
	}
	if m := Median(nil); m == m || MAD(nil) == MAD(nil) {
		t.Errorf("median of nothing is %g, want NaN", m)
	}
}

// TestShift holds the median and the deviation to their laws: shifts move the median alone, factors multiply both.
func TestShift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-8, 8), 1, 20).Draw(t, "x")
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = 4*v + 64
		}
		if d := math.Abs(Median(y) - 4*Median(x) - 64); !(d <= 1e-12) {
			t.Errorf("median off by %g", d)
		}
		if d := math.Abs(MAD(y) - 4*MAD(x)); !(d <= 1e-12) {
			t.Errorf("deviation off by %g", d)
		}
	})
}

// sampling returns one that has taken these samples.
func sampling(m Meter, age time.Duration, clean, disturbed []float64) *Sampling {
	return &Sampling{meter: m, began: time.Now().Add(-age), clean: clean, disturbed: disturbed}
}

func TestSampling(t *testing.T) {
	m := Meter{Least: 5, Most: 9, Bound: .01, Budget: time.Minute}
	same := []float64{1, 1, 1, 1, 1, 1, 1, 1, 1}
	apart := []float64{1, 2, 1, 3, 1, 4, 5, 6, 7}
	for _, c := range []struct {
		name             string
		age              time.Duration
		clean, disturbed []float64
		done, unstable   bool
		samples          int
	}{
		{"none", 0, nil, nil, false, true, 0},
		{"agree, too few", 0, same[:4], nil, false, false, 4},
		{"agree", 0, same[:5], nil, true, false, 5},
		{"disturbed ones are set aside", 0, same[:5], apart[:3], true, false, 5},
		{"apart", 0, apart[:8], nil, false, true, 8},
		{"apart, and the most were taken", 0, apart, nil, true, true, 9},
		{"apart, and the time is up", time.Hour, []float64{1, 2, 3}, nil, true, true, 3},
		{"the time is up, with two samples", time.Hour, same[:2], nil, false, true, 2},
		{"all disturbed, the time is up", time.Hour, nil, same[:4], true, true, 4},
		{"agree, the time is up", time.Hour, same[:3], nil, true, false, 3},
		{"NaN never agrees", 0, []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}, nil, false, true, 5},
	} {
		s := sampling(m, c.age, c.clean, c.disturbed)
		if s.Done() != c.done {
			t.Errorf("%s: done is %v, want %v", c.name, s.Done(), c.done)
		}
		got := s.Samples()
		if got.Unstable != c.unstable || len(got.Seconds) != c.samples || got.Disturbed != len(c.disturbed) {
			t.Errorf("%s: %d samples, unstable %v, %d disturbed; want %d, %v, %d",
				c.name, len(got.Seconds), got.Unstable, got.Disturbed, c.samples, c.unstable, len(c.disturbed))
		}
	}
}

// TestSeveralThreads sets nothing aside, and does not trust samples on the whole of which threads waited.
func TestSeveralThreads(t *testing.T) {
	same := []float64{1, 1, 1, 1, 1}
	m := Meter{Least: 3, Most: 9, Bound: .01, Budget: time.Minute, Threads: 2}
	s := sampling(m, time.Second, same, nil)
	s.lostAtAll = lostTime()
	if got := s.Samples(); got.Unstable || len(got.Seconds) != 5 || !(got.Lost <= mostLost) {
		t.Errorf("without a wait: %+v", got)
	}
	s.lostAtAll = lostTime() - time.Second/2
	if got := s.Samples(); !got.Unstable || !(got.Lost >= .4) || s.Done() {
		t.Errorf("after half a second of waiting in a second: %+v, done %v", got, s.Done())
	}
	s.lost = lostTime() - time.Hour
	s.start = time.Now()
	s.Stop(1)
	if len(s.clean) != 6 {
		t.Error("a sample was set aside")
	}
}

// TestRun times a sleep: no sample can be shorter, and the calls of a sample fill it.
func TestRun(t *testing.T) {
	const nap = 200 * time.Microsecond
	calls := 0
	m := Meter{WarmUp: time.Millisecond, Sample: time.Millisecond, Least: 3, Most: 5, Bound: 1e-9, Budget: time.Second}
	s, err := m.Run(context.Background(), func() { calls++; time.Sleep(nap) })
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.Seconds {
		if !(v >= nap.Seconds()) {
			t.Errorf("a sample of %g s for a sleep of %v", v, nap)
		}
	}
	if !s.Unstable || calls < 4 {
		t.Errorf("unstable %v after %d calls; want samples that do not agree to 1e-9", s.Unstable, calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Run(ctx, func() {}); err == nil {
		t.Error("no error after the end of the context")
	}
}

func TestRateAndTime(t *testing.T) {
	s := Samples{Seconds: []float64{.5, .25, 1}, Unstable: true, Disturbed: 2}
	r := s.Rate("read", P("n", "8"), 4, "GB/s")
	if r.Value != 8 || r.Min != 4 || r.Max != 16 || r.MAD != 4 || r.Lower || !r.Unstable || r.Disturbed != 2 {
		t.Errorf("rate is %+v", r)
	}
	r.SetLimit(16, "bus")
	if r.Limit.Fraction != .5 {
		t.Errorf("fraction is %g, want .5", r.Limit.Fraction)
	}
	r = s.Time("loss", nil, 1e3, "ms")
	r.SetLimit(125, "bus")
	if r.Value != 500 || !r.Lower || r.Limit.Fraction != .25 {
		t.Errorf("time is %+v", r)
	}
	for _, unknown := range []float64{0, -1, math.NaN()} {
		if r.SetLimit(unknown, "bus"); r.Limit != nil {
			t.Errorf("a limit of %g is kept", unknown)
		}
	}
	if r := (Samples{}).Rate("read", nil, 1, "GB/s"); r.Error == "" {
		t.Error("a row without samples has no error")
	}
	if k := (&Row{Name: "a", Params: P("n", "1", "m", "2")}).Key(); k != "a/n=1/m=2" {
		t.Errorf("key is %s", k)
	}
}

func report() *Report {
	s := Samples{Seconds: []float64{1, 2, 3}}
	a, b := s.Rate("read", P("bytes", "4Ki"), 8, "GB/s"), s.Time("löss", P("L", "10"), 1e3, "ms")
	a.SetLimit(5, "a|b")
	b.Unstable, b.Note = true, "note"
	return &Report{Schema: Schema, Program: "test", Machine: Machine{CPU: "cpu", Cores: 2, L1D: 32 << 10, L2: 3 << 20, OS: "os"},
		Rows: []Row{a, b, {Name: "peer", Error: "not installed"}}}
}

func TestJSON(t *testing.T) {
	want := report()
	var b bytes.Buffer
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	got, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for name, bad := range map[string]string{
		"cut":          text[:len(text)/2],
		"other schema": strings.Replace(text, `"schema": 1`, `"schema": 2`, 1),
		"no name":      strings.Replace(text, `"name": "peer"`, `"name": ""`, 1),
		"other type":   strings.Replace(text, `"rows": [`, `"rows": [7,`, 1),
	} {
		path := filepath.Join(t.TempDir(), "report.json")
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
	if !want.Failed() || (&Report{Rows: want.Rows[:2]}).Failed() {
		t.Error("a row with an error is not told from those without")
	}
}

// TestTables asks that columns line up, and that each row says what it has to.
func TestTables(t *testing.T) {
	r := report()
	var text, md bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMarkdown(&md); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"32 KiB L1d", "3 MiB L2", "no L3", "80 %", "unstable: 1000 to 3000; note", "not installed", "50.0 %"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(md.String(), want) {
			t.Errorf("%q is missing from\n%s\n%s", want, text.String(), md.String())
		}
	}
	width := 0
	for line := range strings.Lines(md.String()) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		n := utf8.RuneCountInString(line)
		if width == 0 {
			width = n - strings.Count(line, `\|`)
		}
		if n != width && !strings.Contains(line, `\|`) {
			t.Errorf("line of %d characters, want %d: %s", n, width, line)
		}
	}
}

func TestUpdateSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	const before, after = "# head\n\n<!-- limits: begin -->\n", "<!-- limits: end -->\ntail\n"
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, old := range []string{"", "old\n", "old\nand more\n"} {
		write(before + old + after)
		if err := UpdateSection(path, "limits", "new\n"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := before + "new\n" + after; string(got) != want {
			t.Errorf("file is %q, want %q", got, want)
		}
	}
	for _, bad := range []string{"no marks\n", before, after + before} {
		write(bad)
		if err := UpdateSection(path, "limits", "new\n"); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error %v, want one that names the file", bad, err)
		}
		if got, _ := os.ReadFile(path); string(got) != bad {
			t.Errorf("%q was changed to %q", bad, got)
		}
	}
}

func TestThisMachine(t *testing.T) {
	m := ThisMachine()
	if m.Cores < 1 || m.GOMAXPROCS < 1 || m.CPU == "" || m.Tier == "" || !strings.Contains(m.Tiers, m.Tier) || m.Go == "" {
		t.Errorf("sheet is %+v", m)
	}
	if _, err := time.Parse(time.RFC3339, m.Date); err != nil {
		t.Error(err)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1234.6: "1235", 123.4: "123", 12.34: "12.3", 1.234: "1.23", .1234: "0.123", -12.34: "-12.3"} {
		if got := Number(v); got != want {
			t.Errorf("%g is printed as %s, want %s", v, got, want)
		}
	}
}

func TestWriteColumns(t *testing.T) {
	r := &Report{Rows: []Row{
		{Name: "exp", Params: P("isa", "generic", "n", "8"), Value: 1, Unit: "G/s"},
		{Name: "exp", Params: P("isa", "avx2", "n", "8"), Value: 2.5, Unit: "G/s", Unstable: true},
		{Name: "log", Params: P("isa", "avx2", "n", "8"), Value: 30, Unit: "G/s"},
		{Name: "exp", Params: P("peer", "other", "n", "8"), Value: 123, Unit: "G/s"},
		{Name: "peer", Params: P("peer", "absent"), Error: "could not be installed"},
		{Name: "clock", Params: P("threads", "1"), Value: 4, Unit: "GHz"}, // of no column
	}}
	var b strings.Builder
	if err := r.WriteColumns(&b, "isa", "peer"); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\n\n")
	want := `| what | on  | unit | generic |  avx2 | other |
| -----| ----| -----|--------:|------:|------:|
| exp  | n=8 | G/s  |    1.00 | ~2.50 |   123 |
| log  | n=8 | G/s  |         |  30.0 |       |

- peer/peer=absent: could not be installed
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestShort: a wide terminal has a line a row, a narrow one two; none is wider than the terminal while names are not.
func TestShort(t *testing.T) {
	r := &Report{Rows: []Row{
		{Name: "gemm", Params: P("isa", "avx2", "m", "1024", "n", "1024", "k", "1024", "precision", "f32", "threads", "2"), Value: 250, Unit: "GFLOP/s", Spread: Spread{MAD: 1}},
		{Name: "network", Params: P("model", "dcgan-generator-28", "batch", "64", "threads", "2"), Value: 12, Unit: "ms", Unstable: true},
	}}
	r.Rows[0].SetLimit(500, "FMA")
	for columns, lines := range map[int]int{100: 2, 75: 3, 40: 4} {
		var b strings.Builder
		if err := r.WriteShort(&b, columns); err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(b.String(), "\n\n")
		table, _, _ = strings.Cut(table, "\n\n")
		got := strings.Split(table, "\n")
		if len(got) != lines || !strings.Contains(table, "gemm n=1024 threads=2") || !strings.Contains(table, "50 % of FMA") || !strings.Contains(table, "~  12.0 ms") {
			t.Errorf("%d columns, %d lines, want %d:\n%s", columns, len(got), lines, table)
		}
		for _, line := range got {
			if len(line) > max(columns, 54) {
				t.Errorf("%d columns: a line of %d: %s", columns, len(line), line)
			}
		}
	}
}
