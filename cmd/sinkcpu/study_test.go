package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/study"
)

// TestStudyKilled: a study that is killed again and again comes to the CSV of one that was not, with one worker as with two.
func TestStudyKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("several processes")
	}
	dir := t.TempDir()
	whole, killed := filepath.Join(dir, "whole"), filepath.Join(dir, "killed")
	start := time.Now()
	out := mustCommand(t, "study", "interpolation", "--out", whole, "--threads", "2")
	took := time.Since(start)
	if !strings.Contains(out, "|sharp - 2 W_0|") || !strings.Contains(out, "processor time") {
		t.Errorf("output %q", out)
	}
	for kills := 0; ; kills++ {
		cmd := process(t, "study", "interpolation", "--out", killed, "--threads", "1")
		if kills < 3 {
			time.AfterFunc(took/4, func() { _ = cmd.Process.Kill() })
		}
		if err := cmd.Wait(); err == nil {
			break
		} else if kills == 3 {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"interpolation.csv", "interpolation.png"} {
		if readFile(t, filepath.Join(whole, name)) != readFile(t, filepath.Join(killed, name)) {
			t.Errorf("%s differs after kills", name)
		}
	}
	var record study.Record
	if err := json.Unmarshal([]byte(mustCommand(t, "study", "interpolation", "--out", killed, "--json")), &record); err != nil {
		t.Fatal(err)
	}
	if !record.Complete || record.Study != "interpolation" || record.Command != "sinkcpu study interpolation --seed 1" {
		t.Errorf("record %+v", record)
	}
	if code, _, stderr := command("study", "interpolation", "--out", killed, "--seed", "2"); code != exitFailed || !strings.Contains(stderr, "another --out") {
		t.Errorf("another seed into the same folder: exit %d, %q", code, stderr)
	}
}

// TestStudyInterrupted: an interrupt ends with its own status, and says how to go on.
func TestStudyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr strings.Builder
	if code := run(ctx, []string{"study", "interpolation", "--out", t.TempDir()}, io.Discard, &stderr); code != exitInterrupted || !strings.Contains(stderr.String(), "goes on") {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
}

func TestStudyUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"study"}, exitUsage, "sample-complexity"},
		{[]string{"study", "nothing"}, exitUsage, "eps-batch-iters"},
		{[]string{"study", "gradient", "--threads", "-1"}, exitUsage, "--threads"},
		{[]string{"study", "interpolation", "--out", file}, exitFailed, "folder for results"},
	} {
		if code, _, stderr := command(c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q; want %d with %q", c.args, code, stderr, c.code, c.want)
		}
	}
}
