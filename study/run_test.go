package study

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/report"
)

// squares is a study whose answers are known.
type squares struct {
	N    int
	stop int // cancel is called in this point where it is positive
	end  context.CancelFunc
}

func (s *squares) Name() string                     { return "squares" }
func (s *squares) Summary() string                  { return "squares and roots" }
func (s *squares) Columns() (keys, values []string) { return []string{"x"}, []string{"square", "root"} }
func (s *squares) Findings(t *Table) []string       { return []string{fmt.Sprint(t.Len(), " points")} }
func (s *squares) Figure(t *Table) (report.Figure, error) {
	rows := t.Where()
	return report.Figure{Title: "squares", Columns: 1, Panels: []report.Panel{{Series: []report.Series{
		{Name: "square", X: t.Floats(rows, "x"), Y: t.Floats(rows, "square")},
	}}}}, nil
}

func (s *squares) Points() []Point {
	var out []Point
	for x := range s.N {
		out = append(out, Point{Key: []string{fmt.Sprint(x - 2)}, Measure: func(context.Context, kernels.Runner) ([]float64, error) {
			if s.stop > 0 && x == s.stop {
				s.end()
			}
			v := float64(x-2) / 3
			return []float64{v * v, math.Sqrt(v)}, nil
		}})
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func runAll(t *testing.T, s Study, dir string, run kernels.Runner) (*Record, []byte) {
	t.Helper()
	record, err := Run(context.Background(), s, Options{Dir: dir, Runner: run})
	if err != nil {
		t.Fatal(err)
	}
	return record, read(t, filepath.Join(dir, s.Name()+".csv"))
}

// TestRunTable: keys, numbers that read back exactly, an empty field for a number that does not exist; record and figure.
func TestRunTable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	record, text := runAll(t, &squares{N: 5}, dir, nil)
	want := "x,square,root\n-2,0.4444444444444444,\n-1,0.1111111111111111,\n0,0,0\n1,0.1111111111111111,0.5773502691896257\n2,0.4444444444444444,0.816496580927726\n"
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	if !record.Complete || record.Points != 5 || len(record.Findings) != 1 || record.Findings[0] != "5 points" {
		t.Errorf("record %+v", record)
	}
	if picture := read(t, filepath.Join(dir, "squares.png")); !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		t.Error("squares.png is no PNG")
	}
}

// TestRunKilled: a file that ends anywhere, as after a kill, is completed to the same bytes.
func TestRunKilled(t *testing.T) {
	dir := t.TempDir()
	_, want := runAll(t, &squares{N: 5}, dir, nil)
	path := filepath.Join(dir, "squares.csv")
	for end := 0; end <= len(want); end += 5 {
		if err := os.WriteFile(path, want[:end], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, got := runAll(t, &squares{N: 5}, dir, nil); !bytes.Equal(got, want) {
			t.Fatalf("cut at byte %d:\n%s\nwant\n%s", end, got, want)
		}
	}
}

// TestRunInterrupted: the end of the context leaves whole points and its own error; the next call goes on.
func TestRunInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	record, err := Run(ctx, &squares{N: 5, stop: 3, end: cancel}, Options{Dir: dir})
	if !errors.Is(err, context.Canceled) || record.Complete {
		t.Fatalf("error %v, record %+v", err, record)
	}
	var progress []string
	_, err = Run(context.Background(), &squares{N: 5}, Options{Dir: dir, Progress: func(done0, done, total int, next string) {
		progress = append(progress, fmt.Sprint(done0, done, total, next))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(progress, "; "); got != "3 3 5 1; 3 4 5 2; 3 5 5 " && got != "3 3 51; 3 4 52; 3 5 5" {
		t.Errorf("progress %q", got)
	}
}

// TestRunRefuses: what is not this study's is named with its line, and left as it is.
func TestRunRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(csv, record []byte) ([]byte, []byte)
		want  string
	}{
		"no record": {func(csv, _ []byte) ([]byte, []byte) { return csv, nil }, "without"},
		"settings": {func(csv, r []byte) ([]byte, []byte) {
			return csv, bytes.Replace(r, []byte(`"N": 5`), []byte(`"N": 6`), 1)
		}, "settings"},
		"another tier": {func(csv, r []byte) ([]byte, []byte) {
			return csv, bytes.Replace(r, []byte(`"tier": "`), []byte(`"tier": "x`), 1)
		}, "tier"},
		"torn record": {func(csv, r []byte) ([]byte, []byte) { return csv, r[:len(r)/2] }, "squares.json"},
		"columns":     {func(csv, r []byte) ([]byte, []byte) { return append([]byte("y"), csv[1:]...), r }, "line 1: columns"},
		"a field": {func(csv, r []byte) ([]byte, []byte) {
			return bytes.Replace(csv, []byte("\n0,0,0"), []byte("\n0,0"), 1), r
		}, "line 4: 2 fields"},
		"a key": {func(csv, r []byte) ([]byte, []byte) {
			return bytes.Replace(csv, []byte("\n0,0,0"), []byte("\n7,0,0"), 1), r
		}, `line 4: x is "7"`},
		"a number": {func(csv, r []byte) ([]byte, []byte) {
			return bytes.Replace(csv, []byte("\n0,0,0"), []byte("\n0,o,0"), 1), r
		}, `square is "o"`},
		"NaN": {func(csv, r []byte) ([]byte, []byte) {
			return bytes.Replace(csv, []byte("\n0,0,0"), []byte("\n0,NaN,0"), 1), r
		}, `square is "NaN"`},
		"zeros of disks": {func(csv, r []byte) ([]byte, []byte) { return append(csv, 0, 0, '\n'), r }, "line 7"},
		"quotes": {func(csv, r []byte) ([]byte, []byte) {
			return bytes.Replace(csv, []byte("\n0,0,0"), []byte("\n\"0,0,0"), 1), r
		}, "line 4"},
	} {
		dir := t.TempDir()
		_, csv := runAll(t, &squares{N: 5}, dir, nil)
		spoilt, record := c.spoil(csv, read(t, filepath.Join(dir, "squares.json")))
		if err := os.WriteFile(filepath.Join(dir, "squares.csv"), spoilt, 0o666); err != nil {
			t.Fatal(err)
		}
		if record == nil {
			os.Remove(filepath.Join(dir, "squares.json"))
		} else if err := os.WriteFile(filepath.Join(dir, "squares.json"), record, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Run(context.Background(), &squares{N: 5}, Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "remove") {
			t.Errorf("%s: error %v, want one about %q that says what to remove", name, err, c.want)
		}
		if now := read(t, filepath.Join(dir, "squares.csv")); !bytes.Equal(now, spoilt) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), &squares{N: 5}, Options{Dir: file}); err == nil {
		t.Error("a file as the folder is no error")
	}
}

// TestAll: names are different, columns and keys fit, no key comes twice, settings can be written.
func TestAll(t *testing.T) {
	names := map[string]bool{}
	for _, s := range All(1) {
		if names[s.Name()] || s.Summary() == "" {
			t.Errorf("%q: its name comes twice, or it has no summary", s.Name())
		}
		names[s.Name()] = true
		if found, err := Find(s.Name(), 3); err != nil || found.Name() != s.Name() {
			t.Errorf("Find(%q) is %v, %v", s.Name(), found, err)
		}
		keys, values := s.Columns()
		seen := map[string]bool{}
		for _, p := range s.Points() {
			key := strings.Join(p.Key, ",")
			if len(p.Key) != len(keys) || len(values) == 0 || seen[key] {
				t.Errorf("%s: point %q comes twice, or does not fit the columns %v", s.Name(), key, keys)
			}
			seen[key] = true
		}
	}
	if _, err := Find("nothing", 1); err == nil || !strings.Contains(err.Error(), "interpolation") {
		t.Errorf("Find of no study: %v", err)
	}
}

// TestWorkers: the lines of each study, times aside, are the same bits for any number of workers.
func TestWorkers(t *testing.T) {
	four := parallel.New(4)
	defer four.Close()
	var none *parallel.Pool
	for _, s := range tiny() {
		_, want := runAll(t, s, t.TempDir(), none)
		_, got := runAll(t, s, t.TempDir(), four)
		if s.Name() == "eps-batch-iters" {
			want, got = withoutLast(want), withoutLast(got)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: four workers write\n%s\none\n%s", s.Name(), got, want)
		}
	}
}

// withoutLast drops the last field of each line.
func withoutLast(text []byte) []byte {
	var out [][]byte
	for line := range bytes.Lines(text) {
		out = append(out, line[:bytes.LastIndexByte(line, ',')])
	}
	return bytes.Join(out, []byte("\n"))
}
