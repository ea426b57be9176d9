package study

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/cputime"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/report"
)

// Options say where and how a study runs.
type Options struct {
	Dir     string         // folder of the files; made where it is missing
	Command string         // to be recorded
	Runner  kernels.Runner // nil means the pool of the process

	// Progress, where not nil, is called before each point and at the end: of total points, done are there, done0 of them from
	// before; next is the key of the one to come, "" at the end.
	Progress func(done0, done, total int, next string)
}

// A Record is what NAME.json holds.
type Record struct {
	Study      string          `json:"study"`
	Settings   json.RawMessage `json:"settings"`
	Tier       string          `json:"tier"`    // of the kernels
	Command    string          `json:"command"` // that began it
	Points     int             `json:"points"`
	Complete   bool            `json:"complete"`
	CPUSeconds float64         `json:"cpu_seconds"` // of all processors, over all sessions; what a kill cut off is missing
	Findings   []string        `json:"findings,omitempty"`
}

// Run computes the points of a study that its folder does not hold yet, and draws its figure. The error of an end of ctx is that of ctx;
// whatever the end, Run goes on from there when it is called again.
//
// It is an error when the folder holds the study with other settings or of another tier, or a line that is not one of its grid; nothing
// is changed then.
func Run(ctx context.Context, s Study, o Options) (*Record, error) {
	if o.Runner == nil {
		o.Runner = parallel.Default()
	}
	r := &runner{study: s, Options: o, grid: s.Points()}
	if err := r.open(); err != nil {
		return nil, err
	}
	err := r.compute(ctx)
	if closing := r.file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = r.finish()
	}
	if e := r.save(); err == nil {
		err = e
	}
	return &r.record, err
}

type runner struct {
	study Study
	Options
	grid   []Point
	table  *Table
	file   *os.File
	record Record

	used  time.Duration // of the processors, at the last save
	saved time.Time
}

func (r *runner) path(ext string) string { return filepath.Join(r.Dir, r.study.Name()+ext) }

// open makes or reads the record and the table.
func (r *runner) open() error {
	if err := os.MkdirAll(r.Dir, 0o777); err != nil {
		return fmt.Errorf("the folder for results: %w", err)
	}
	settings, err := json.Marshal(r.study)
	if err != nil {
		return err
	}
	r.used, r.saved = cputime.Used(), time.Now()
	r.record = Record{Study: r.study.Name(), Settings: settings, Tier: kernels.Active().String(), Command: r.Command, Points: len(r.grid)}
	if err := r.checkRecord(); err != nil {
		return err
	}
	if r.file, err = os.OpenFile(r.path(".csv"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666); err != nil {
		return err
	}
	keys, values := r.study.Columns()
	r.table = &Table{columns: append(append([]string(nil), keys...), values...), keys: len(keys)}
	begun, err := r.table.read(r.file, r.grid)
	if err == nil {
		err = r.save()
	}
	if err == nil && !begun {
		_, err = r.file.Write(encode(r.table.columns))
	}
	if err != nil {
		r.file.Close()
	}
	return err
}

// checkRecord compares with a record that is there, and takes over its command and processor time.
func (r *runner) checkRecord() error {
	text, err := os.ReadFile(r.path(".json"))
	if errors.Is(err, fs.ErrNotExist) {
		if info, err := os.Stat(r.path(".csv")); err == nil && info.Size() > 0 {
			return fmt.Errorf("%s is there without %s, which says how it was made: remove it, or give another --out", r.path(".csv"), r.path(".json"))
		}
		return nil
	}
	if err != nil {
		return err
	}
	var was Record
	if err := json.Unmarshal(text, &was); err != nil {
		return fmt.Errorf("%s: %w; remove it and %s, or give another --out", r.path(".json"), err, r.path(".csv"))
	}
	for _, c := range []struct{ what, was, is string }{
		{"study", was.Study, r.record.Study},
		{"tier", was.Tier, r.record.Tier},
		{"settings", compact(was.Settings), compact(r.record.Settings)},
	} {
		if c.was != c.is {
			return fmt.Errorf("%s was made with %s %s, and this is %s: remove it and %s, or give another --out", r.path(".csv"), c.what, c.was, c.is, r.path(".json"))
		}
	}
	r.record.Command, r.record.CPUSeconds = was.Command, was.CPUSeconds
	return nil
}

func compact(j json.RawMessage) string {
	var v any
	if json.Unmarshal(j, &v) != nil {
		return string(j)
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// compute measures the points that are missing.
func (r *runner) compute(ctx context.Context) error {
	_, values := r.study.Columns()
	from := r.table.Len()
	for k := from; k < len(r.grid); k++ {
		p := r.grid[k]
		if r.Progress != nil {
			r.Progress(from, k, len(r.grid), strings.Join(p.Key, " "))
		}
		v, err := p.Measure(ctx, r.Runner)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && len(v) != len(values) {
			err = fmt.Errorf("%d values for %d columns", len(v), len(values))
		}
		if err != nil {
			return fmt.Errorf("%s, point %s: %w", r.study.Name(), strings.Join(p.Key, " "), err)
		}
		fields := line(p, v)
		if _, err := r.file.Write(encode(fields)); err != nil {
			return err
		}
		r.table.rows = append(r.table.rows, fields)
		if time.Since(r.saved) > 10*time.Second {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	if r.Progress != nil {
		r.Progress(from, len(r.grid), len(r.grid), "")
	}
	return r.file.Sync()
}

// finish draws the figure of a complete table.
func (r *runner) finish() error {
	r.record.Complete, r.record.Findings = true, r.study.Findings(r.table)
	f, err := r.study.Figure(r.table)
	if err != nil {
		return err
	}
	picture, err := f.Draw()
	if err != nil {
		return err
	}
	return atomicfile.Write(r.path(".png"), func(w io.Writer) error { return report.WritePNG(w, picture) })
}

// save writes the record, with the processor time until now.
func (r *runner) save() error {
	used := cputime.Used()
	r.record.CPUSeconds = math.Round(10*(r.record.CPUSeconds+(used-r.used).Seconds())) / 10
	r.used, r.saved = used, time.Now()
	return atomicfile.Write(r.path(".json"), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r.record)
	})
}
