package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("one"))...)
	mustCommand(t, tiny(at("two"), "--seed", "2")...)
	if text := readFile(t, at("one/report.html")); !strings.Contains(text, `"name":"one"`) {
		t.Error("the run's own report does not show the run")
	}
	mustCommand(t, "report", at("one"), at("two"), "--out", at("both.html"))
	text := readFile(t, at("both.html"))
	for _, name := range []string{"one", "two"} {
		if !strings.Contains(text, `"name":"`+name+`"`) {
			t.Errorf("the report does not show %s", name)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"report"}, exitUsage, "folder of a run"},
		{[]string{"report", at("none")}, exitFailed, "no config.json"},
		{[]string{"report", at("one"), "--http", "eighty"}, exitUsage, "HOST:PORT"},
		{[]string{"report", at("none"), "--http", "0"}, exitFailed, "no config.json"},
		{tiny(at("three"), "--http", "eighty"), exitUsage, "HOST:PORT"},
	} {
		if code, _, stderr := command(c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q; want %d with %q", c.args, code, stderr, c.code, c.want)
		}
	}
	if _, err := os.Stat(at("three")); err == nil {
		t.Error("a bad address was found only after the run's folder was made")
	}
}

// A lockedBuffer is written by the command and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The page of a run in progress shows it and draws its latent points; then it ends with the run.
func TestTrainWithALivePage(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var stderr lockedBuffer
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"train", "--data", "glyphs", "--steps", "100000", "--batch", "8", "--hidden", "8", "--iters", "2",
			"--save-every", "1", "--eval-every", "-1", "--out", out, "--http", "0"}, io.Discard, &stderr)
	}()
	address := regexp.MustCompile(`http://\S+`)
	fetch := func(path string) (int, string) {
		base := ""
		for end := time.Now().Add(30 * time.Second); base == ""; time.Sleep(20 * time.Millisecond) {
			if base = address.FindString(stderr.String()); time.Now().After(end) {
				t.Fatalf("no page within 30 s: %s", stderr.String())
			}
		}
		answer, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, body := fetch(""); code != 200 || !strings.Contains(body, "app.js") {
		t.Errorf("page: %d, %.100q", code, body)
	}
	code, one := fetch("latent/0?u=0.1,0.5")
	if code != 200 || !strings.HasPrefix(one, "\x89PNG") {
		t.Errorf("latent point: %d, %.100q", code, one)
	}
	if code, other := fetch("latent/0?u=0.9,0.5"); code != 200 || other == one {
		t.Errorf("another latent point: %d, the same picture: %t", code, other == one)
	}
	if code, text := fetch("latent/0?u=0.9"); code != 404 || !strings.Contains(text, "latent space has 2") {
		t.Errorf("a point of another dimension: %d, %q", code, text)
	}
	stop()
	if code := <-done; code != exitInterrupted {
		t.Errorf("exit %d after an interrupt: %s", code, stderr.String())
	}
}
