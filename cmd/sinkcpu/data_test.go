package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDataCommands(t *testing.T) {
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("no data")) }))
	defer wrong.Close()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	to := filepath.Join(t.TempDir(), "mnist")
	for _, tc := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"data", "list"}, 0, "grid25", ""},
		{[]string{"data", "list"}, 0, "images:DIR", ""},
		{[]string{"data", "fetch"}, 2, "", "mnist or cifar10"},
		{[]string{"data", "fetch", "imagenet"}, 2, "", "known are mnist, cifar10"},
		{[]string{"data", "fetch", "mnist", "--to", to, "--mirror", away.URL}, 1, "", "there is no network here"},
		{[]string{"data", "fetch", "mnist", "--to", to, "--mirror", wrong.URL}, 1, "", "ended after 7 of 9912422 bytes"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), tc.args, &stdout, &stderr)
		if code != tc.code || !strings.Contains(stdout.String(), tc.stdout) || !strings.Contains(stderr.String(), tc.stderr) ||
			(tc.code != 0 && strings.Count(stderr.String(), "\n") != 1) {
			t.Errorf("%v: exit %d\n%s%s", tc.args, code, &stdout, &stderr)
		}
	}
}

// TestFetchKnowsWhatIsThere: files that are there are verified, and nothing is asked of a server.
func TestFetchKnowsWhatIsThere(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "mnist")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is absent", dir)
	}
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"data", "fetch", "mnist", "--to", to, "--mirror", away.URL}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	if want := "--data mnist:" + to; !strings.Contains(stdout.String(), want) {
		t.Errorf("%q lacks %q", &stdout, want)
	}
}

func TestListPresets(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"train", "--list-presets"}, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), "mnist-2d ") {
		t.Errorf("exit %d: %s%s", code, &stdout, &stderr)
	}
	if code := run(context.Background(), []string{"train", "--preset", "none"}, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), "authors-mnist") {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}

// TestPresetsGiveWayToFlags: a run of a preset takes its settings, but those given as flags.
func TestPresetsGiveWayToFlags(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var stdout, stderr bytes.Buffer
	args := []string{"train", "--preset", "ellipses", "--steps", "2", "--eps", "0.5", "--eval-every", "-1", "--out", dir}
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"model": "ellipsoids"`, `"eps": 0.5`, `"steps": 2`, `"lr": 0.05`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("config.json lacks %s:\n%s", want, text)
		}
	}
}
