package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"--help", 0, "go run ./bench/limits --quick"},
		{"--tier sse2", 2, "generic"},
		{"--threads -1", 2, "--threads"},
		{"--threads x", 2, "threads"},
		{"--nonsense", 2, "nonsense"},
		{"extra", 2, "extra"},
		{"--with none.json", 1, "none.json"},
	} {
		var out, err bytes.Buffer
		if got := run(strings.Fields(c.args), &out, &err); got != c.status || !strings.Contains(err.String(), c.says) || out.Len() > 0 {
			t.Errorf("%s: status %d, want %d; stdout %q, stderr %q", c.args, got, c.status, out.String(), err.String())
		}
	}
}
