package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// A run is what a run's folder holds, as far as it was read.
type run struct {
	dir  string
	Name string `json:"name"`

	Config   json.RawMessage      `json:"config"`
	Summary  json.RawMessage      `json:"summary"`
	Metrics  []json.RawMessage    `json:"metrics"`
	Pictures map[string][]picture `json:"pictures"` // by kind, in the order of their steps
	Notices  json.RawMessage      `json:"notices"`

	offset  int64 // of metrics.jsonl behind the last whole line read
	resets  int   // how often metrics.jsonl became shorter, as it does on resume
	version int   // of all but the metrics
}

// A picture is one of a step.
type picture struct {
	Step int    `json:"step"`
	Src  string `json:"src"`
}

// maxFile bounds what is read of one file of a run.
const maxFile = 64 << 20

// openRun reads a folder that holds the config.json of a run.
func openRun(dir string) (*run, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r := &run{dir: dir, Name: filepath.Base(abs)}
	if r.Config, err = readJSON(filepath.Join(dir, "config.json")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is not the folder of a run: it has no config.json", dir)
		}
		return nil, err
	}
	return r, r.poll()
}

// readJSON returns the JSON object of a file.
func readJSON(path string) (json.RawMessage, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return bytes.TrimSpace(b), nil
}

// poll reads what is new.
func (r *run) poll() error {
	if err := r.pollMetrics(); err != nil {
		return err
	}
	if summary, err := readJSON(filepath.Join(r.dir, "summary.json")); err == nil && !bytes.Equal(summary, r.Summary) {
		r.Summary = summary
		r.version++
	} else if errors.Is(err, fs.ErrNotExist) && r.Summary != nil { // a resumed run has none
		r.Summary = nil
		r.version++
	}
	if notices, err := os.ReadFile(filepath.Join(r.dir, "notices.json")); err == nil && json.Valid(notices) && !bytes.Equal(notices, r.Notices) {
		r.Notices = notices
		r.version++
	} else if errors.Is(err, fs.ErrNotExist) && r.Notices != nil {
		r.Notices = nil
		r.version++
	}
	return r.pollPictures()
}

// pollMetrics appends the whole lines that metrics.jsonl has gained.
func (r *run) pollMetrics() error {
	f, err := os.Open(filepath.Join(r.dir, "metrics.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < r.offset {
		r.Metrics, r.offset = nil, 0
		r.resets++
	}
	if info.Size() == r.offset || r.offset > maxFile {
		return nil
	}
	b, err := io.ReadAll(io.NewSectionReader(f, r.offset, min(info.Size()-r.offset, maxFile)))
	if err != nil {
		return err
	}
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return nil // a line that is being written
		}
		r.offset += int64(len(line)) + 1
		if json.Valid(line) {
			r.Metrics = append(r.Metrics, json.RawMessage(line))
		}
		b = rest
	}
}

var pictureName = regexp.MustCompile(`^(samples|reconstructions|ways|codes)-(\d{6,9})\.png$`)

// pollPictures lists the pictures.
func (r *run) pollPictures() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	found := map[string][]picture{}
	for _, e := range entries {
		if m := pictureName.FindStringSubmatch(e.Name()); m != nil {
			step, _ := strconv.Atoi(m[2])
			found[m[1]] = append(found[m[1]], picture{Step: step, Src: e.Name()})
		}
	}
	if !maps.EqualFunc(found, r.Pictures, slices.Equal) {
		r.Pictures = found
		r.version++
	}
	return nil
}
