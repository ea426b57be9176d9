package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
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

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	json, md := filepath.Join(dir, "out.json"), filepath.Join(dir, "README.md")
	if err := os.WriteFile(md, []byte("<!-- limits: begin -->\n<!-- limits: end -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &row.Report{Schema: row.Schema, Program: "test", Machine: row.ThisMachine(), Rows: []row.Row{{Name: "exp2", Value: 2, Unit: "G/s"}}}
	var out bytes.Buffer
	if err := write(r, options{json: json, update: md}, &out); err != nil {
		t.Fatal(err)
	}
	back, err := row.ReadFile(json)
	if err != nil || len(back.Rows) != 1 || back.Rows[0].Value != 2 {
		t.Errorf("read back %+v, error %v", back, err)
	}
	text, _ := os.ReadFile(md)
	if !strings.Contains(string(text), "| exp2") || !strings.Contains(out.String(), kernels.Active().String()) {
		t.Errorf("file is %s, table is %s", text, out.String())
	}
	if err := write(r, options{json: filepath.Join(dir, "none", "out.json")}, &out); err == nil {
		t.Error("a file in a folder that does not exist was written")
	}
	out.Reset()
	if err := write(r, options{json: "-"}, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := row.ReadJSON(&out); err != nil {
		t.Error(err)
	}
}
