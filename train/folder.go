package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
)

// A folder is the folder of a run.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }
func (f folder) config() string          { return f.path("config.json") }
func (f folder) metrics() string         { return f.path("metrics.jsonl") }
func (f folder) events() string          { return f.path("events.out.tfevents.0000000000.sinkcpu") }
func (f folder) tensors() string         { return f.path("checkpoint.safetensors") }
func (f folder) document() string        { return f.path("checkpoint.json") }
func (f folder) summary() string         { return f.path("summary.json") }
func (f folder) lockFile() string        { return f.path("lock") }
func (f folder) curve() string           { return f.path("loss.png") }
func (f folder) report() string          { return f.path("report.html") }
func (f folder) weights() string         { return f.path("weights.safetensors") }
func (f folder) notices() string         { return f.path("notices.json") }
func (f folder) samples(step int) string { return f.picture("samples", step) }
func (f folder) picture(kind string, step int) string {
	return f.path(fmt.Sprintf("%s-%06d.png", kind, step))
}

// pictureKinds are the pictures of a step, those after the first of auto-encoders.
var pictureKinds = []string{"samples", "reconstructions", "ways", "codes"}

func (f folder) write(path string, b []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// ErrNotEmpty is in the [*ConfigError] of a new run whose folder holds something.
var ErrNotEmpty = errors.New("is not empty: give another --out, or continue the run in it with --resume")

// create makes the folder of a new run and writes its config.
func (f folder) create(c Config) error {
	if err := atomicfile.Clean(f.config()); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return err // left by a kill before there was a run
	}
	empty, err := atomicfile.EmptyFolder(string(f))
	if err != nil {
		return err
	}
	if !empty {
		return &ConfigError{Flag: "--out " + string(f), Problem: ErrNotEmpty.Error(), Err: ErrNotEmpty}
	}
	if err := os.MkdirAll(string(f), 0o777); err != nil {
		return err
	}
	return f.writeConfig(c)
}

func (f folder) writeConfig(c Config) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return f.write(f.config(), append(text, '\n'))
}

// LoadConfig returns the config of the run in a folder.
func LoadConfig(dir string) (Config, error) {
	c, err := ReadConfig(folder(dir).config(), defaults.images)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("%s: no run to continue: there is no config.json", dir)
	}
	if err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %v", folder(dir).config(), err)
	}
	return c, nil
}

// cut removes what a run wrote after the step: lines and records, sample pictures, what the end of a run adds, and files half written.
func (f folder) cut(c Config, step int) error {
	for _, path := range []string{f.config(), f.tensors(), f.document(), f.summary(), f.report(), f.curve(), f.weights(), f.notices()} {
		if err := atomicfile.Clean(path); err != nil {
			return err
		}
	}
	if err := cutMetrics(f.metrics(), c, step); err != nil {
		return err
	}
	if err := cutEvents(f.events(), c, step); err != nil {
		return err
	}
	for _, kind := range pictureKinds {
		names, err := filepath.Glob(f.path(kind + "-*.png"))
		if err != nil {
			return err
		}
		for _, name := range names {
			var at int
			if _, err := fmt.Sscanf(filepath.Base(name), kind+"-%d.png", &at); err == nil && at > step {
				if err := os.Remove(name); err != nil {
					return err
				}
			}
		}
	}
	for _, path := range []string{f.summary(), f.report(), f.weights()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
