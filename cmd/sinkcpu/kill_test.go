package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// sameRun compares checkpoint and metrics, less the time fields.
func sameRun(t *testing.T, want, got string) {
	t.Helper()
	for _, name := range []string{"checkpoint.safetensors", "checkpoint.json"} {
		if readFile(t, filepath.Join(want, name)) != readFile(t, filepath.Join(got, name)) {
			t.Errorf("%s differs between %s and %s", name, want, got)
		}
	}
	a, b := metrics(t, want), metrics(t, got)
	if a != b {
		t.Errorf("metrics differ:\n%s\n%s", a, b)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// metrics returns metrics.jsonl without the time fields.
func metrics(t *testing.T, dir string) string {
	var lines []string
	for text := range strings.Lines(readFile(t, filepath.Join(dir, "metrics.jsonl"))) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		delete(line, "seconds")
		delete(line, "cpu_seconds")
		delete(line, "steps_per_second")
		b, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	return strings.Join(lines, "\n")
}

// process starts the command in a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "SINKCPU_TEST_AS_COMMAND=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestKilledProcessIsResumedBitForBit(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	long := func(dir string) []string { return tiny(dir, "--steps", "400", "--sample-every", "100") }
	start := time.Now()
	if err := process(t, long(whole)...).Wait(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	kills := 0
	for range 3 {
		out := filepath.Join(dir, "killed")
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
		args := long(out)
		for {
			cmd := process(t, args...)
			time.AfterFunc(time.Duration(.1+.5*rng.Float64()*float64(took)), func() { _ = cmd.Process.Kill() })
			err := cmd.Wait()
			if err == nil {
				break
			}
			if cmd.ProcessState.Exited() {
				t.Fatalf("not killed but %v", cmd.ProcessState)
			}
			kills++
			if _, err := os.Stat(filepath.Join(out, "config.json")); err == nil {
				args = []string{"train", "--resume", "--out", out}
			} else if err := os.RemoveAll(out); err != nil { // killed before there was a run
				t.Fatal(err)
			}
		}
		sameRun(t, whole, out)
	}
	t.Logf("%d kills", kills)
	if kills == 0 {
		t.Error("no process was killed in time")
	}
}

func TestInterruptWritesACheckpoint(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("interrupts cannot be sent to a process on Windows")
	}
	dir := t.TempDir()
	whole, out := filepath.Join(dir, "whole"), filepath.Join(dir, "run")
	long := func(dir string) []string {
		return tiny(dir, "--steps", "1500", "--save-every", "100000", "--sample-every", "0")
	}
	mustCommand(t, long(whole)...)
	cmd := process(t, long(out)...)
	for range 400 { // until the first steps are done
		if b, err := os.ReadFile(filepath.Join(out, "metrics.jsonl")); err == nil && len(b) > 500 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Fatalf("want exit 130, got %v", err)
	}
	var c struct {
		Step int `json:"step"`
	}
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(out, "checkpoint.json"))), &c); err != nil || !(c.Step > 0) {
		t.Fatalf("checkpoint of step %d, %v", c.Step, err)
	}
	mustCommand(t, "train", "--resume", "--out", out)
	sameRun(t, whole, out)
}

// TestRemovedDataLeavesTheRun: without its data a run does not go on and says that nothing is lost; with them again it goes on to the same
// bits.
func TestRemovedDataLeavesTheRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "points.csv")
	var rows strings.Builder
	for i := range 60 {
		fmt.Fprintf(&rows, "%d,%d\n", i%7, i%5)
	}
	if err := os.WriteFile(file, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	args := func(out string, steps string) []string {
		return tiny(filepath.Join(dir, out), "--data", "points:"+file, "--steps", steps, "--eval-every", "-1")
	}
	mustCommand(t, args("whole", "20")...)
	mustCommand(t, args("run", "12")...)
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "run")
	var b strings.Builder
	resume := []string{"train", "--resume", "--out", out, "--steps", "20"}
	if code := run(context.Background(), resume, &b, &b); code != 1 || !strings.Contains(b.String(), file) || !strings.Contains(b.String(), "is as it was") {
		t.Errorf("exit %d: %s", code, b.String())
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	mustCommand(t, resume...)
	sameRun(t, filepath.Join(dir, "whole"), out)
}

func TestACancelledContextIs130(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var b strings.Builder
	dir := filepath.Join(t.TempDir(), "run")
	if code := run(ctx, tiny(dir), &b, &b); code != 130 || !strings.Contains(b.String(), "--resume --out "+dir) {
		t.Errorf("exit %d: %s", code, b.String())
	}
}

func TestThreadsDoNotChangeTheBits(t *testing.T) {
	dir := t.TempDir()
	size := []string{"--batch", "150", "--iters", "4", "--hidden", "70", "--steps", "20"}
	mustCommand(t, tiny(filepath.Join(dir, "1"), append(size, "--threads", "1")...)...)
	for _, threads := range []string{"2", "5"} {
		mustCommand(t, tiny(filepath.Join(dir, threads), append(size, "--threads", threads)...)...)
		sameRun(t, filepath.Join(dir, "1"), filepath.Join(dir, threads))
	}
	out := filepath.Join(dir, "changed")
	mustCommand(t, tiny(out, append(size, "--threads", "2", "--steps", "10")...)...)
	mustCommand(t, "train", "--resume", "--out", out, "--threads", "3", "--steps", "20")
	sameRun(t, filepath.Join(dir, "1"), out)
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func TestFreeFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for base, want := range map[string]string{dir: dir + "-2", filepath.Join(dir, "none"): filepath.Join(dir, "none"), filepath.Join(dir, "file"): filepath.Join(dir, "file-2")} {
		if got, err := freeFolder(base); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", base, got, err, want)
		}
	}
}
