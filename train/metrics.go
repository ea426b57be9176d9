package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/cputime"
)

// The keys of metrics.jsonl that depend on the clock; all others are the same for every run of a config.
const (
	keySeconds = "seconds"          // of training so far, over all sessions
	keyCPU     = "cpu_seconds"      // of all processors in that time
	keySpeed   = "steps_per_second" // since the line before
)

// keyHeldOut marks the lines of the held-out measure.
const keyHeldOut = "held_out"

// keyFrechet is the Frechet distance beside it.
const keyFrechet = "frechet_digits"

// A metricsFile appends lines to metrics.jsonl.
type metricsFile struct {
	f       *os.File
	seconds float64 // of training before this session
	cpu     float64 // of all processors in these
	started clock
	paused  clock // of this session, not training

	lastStep int
	lastTime float64
}

// A clock is a time by the clock, since some moment, and of all processors, since the start of the process.
type clock struct{ real, cpu time.Duration }

var processStart = time.Now()

func now() clock { return clock{time.Since(processStart), cputime.Used()} }

func (c clock) add(d clock) clock { return clock{c.real + d.real, c.cpu + d.cpu} }
func (c clock) sub(d clock) clock { return clock{c.real - d.real, c.cpu - d.cpu} }

// openMetrics opens metrics.jsonl after the last line that it holds.
func openMetrics(path string, step int) (*metricsFile, error) {
	m := &metricsFile{lastStep: step}
	lines, err := readMetrics(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, l := range lines {
		m.seconds = max(m.seconds, l[keySeconds])
		m.cpu = max(m.cpu, l[keyCPU])
	}
	if m.f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666); err != nil {
		return nil, err
	}
	m.started, m.lastTime = now(), m.seconds
	return m, nil
}

// elapsed returns the seconds of training so far, by the clock and of all processors.
func (m *metricsFile) elapsed() (seconds, cpu float64) {
	session := now().sub(m.started).sub(m.paused)
	return m.seconds + session.real.Seconds(), m.cpu + session.cpu.Seconds()
}

// pause runs f outside the time of training.
func (m *metricsFile) pause(f func() error) error {
	start := now()
	defer func() { m.paused = m.paused.add(now().sub(start)) }()
	return f()
}

// log appends the line of a step and returns its speed.
func (m *metricsFile) log(step int, metrics []Metric) (stepsPerSecond float64, err error) {
	seconds, cpu := m.elapsed()
	if seconds > m.lastTime {
		stepsPerSecond = float64(step-m.lastStep) / (seconds - m.lastTime)
	}
	m.lastStep, m.lastTime = step, seconds
	line := append([]Metric{}, metrics...)
	line = append(line, Metric{keySeconds, round3(seconds)}, Metric{keyCPU, round3(cpu)}, Metric{keySpeed, round3(stepsPerSecond)})
	return stepsPerSecond, m.append(step, line)
}

func (m *metricsFile) append(step int, metrics []Metric) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"step":%d`, step)
	for _, v := range metrics {
		name, err := json.Marshal(v.Name)
		if err != nil {
			return err
		}
		value, err := json.Marshal(v.Value)
		if err != nil {
			return fmt.Errorf("metric %s: %w", v.Name, err)
		}
		fmt.Fprintf(&b, `,%s:%s`, name, value)
	}
	b.WriteString("}\n")
	_, err := m.f.Write(b.Bytes())
	return err
}

func (m *metricsFile) sync() error  { return m.f.Sync() }
func (m *metricsFile) Close() error { return m.f.Close() }

func round3(v float64) float64 { return float64(int64(v*1000+.5)) / 1000 }

// scheduled reports whether a run of the config writes such a line before its checkpoint of that step. The lines that only the end of a
// run adds are not: a run that is extended goes on as if it had not ended there.
func scheduled(c Config, line map[string]float64) bool {
	step := int(line["step"])
	for name := range line {
		if strings.HasPrefix(name, keyHeldOut) {
			return c.evals(step)
		}
	}
	return c.logs(step)
}

// readMetrics returns the lines of metrics.jsonl up to the first that is not whole.
func readMetrics(path string) ([]map[string]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []map[string]float64
	_, err = eachLine(f, func(line map[string]float64) bool { lines = append(lines, line); return true })
	return lines, err
}

// eachLine calls keep for each whole line until it returns false or a line is broken, and returns the bytes of the lines kept.
func eachLine(r io.Reader, keep func(map[string]float64) bool) (int64, error) {
	var at int64
	for b := bufio.NewReader(r); ; {
		text, err := b.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return at, err
		}
		var line map[string]float64
		if json.Unmarshal(text, &line) != nil || !keep(line) {
			return at, nil
		}
		at += int64(len(text))
	}
}

// cutMetrics cuts metrics.jsonl off after the lines of the step. A missing file is not an error.
func cutMetrics(path string, c Config, step int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	keep, err := eachLine(f, func(line map[string]float64) bool {
		return line["step"] < float64(step) || line["step"] == float64(step) && scheduled(c, line)
	})
	if err != nil {
		return err
	}
	return f.Truncate(keep)
}
