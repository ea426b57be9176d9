package data

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// inputOf returns an input of b that knows its size, as a file does, or not, as a stream does.
func inputOf(t testing.TB, b []byte, sized bool) *input {
	t.Helper()
	size := int64(-1)
	if sized {
		size = int64(len(b))
	}
	in, err := newInput(bytes.NewReader(b), "file", size)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func writeFile(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantError fails unless err is an error whose text holds every part.
func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

// wantPanic fails unless f panics with this message.
func wantPanic(t testing.TB, message string, f func()) {
	t.Helper()
	defer func() {
		if got := recover(); got != message {
			t.Errorf("panic %v, want %q", got, message)
		}
	}()
	f()
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// shared returns the path of a file beside the repository, or skips the test where it is absent.
func shared(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join("..", "..", "shared", "data", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("%s is absent", full)
	}
	return full
}
