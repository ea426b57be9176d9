package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// TestRun measures a small problem, and writes it into a page.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	json, page := filepath.Join(dir, "rows.json"), filepath.Join(dir, "README.md")
	var out, errs bytes.Buffer
	if code := run([]string{"--sizes", "60", "--eps", ".1", "--tols", "1e-3", "--json", json}, &out, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	r, err := row.ReadFile(json)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 2 || r.Rows[0].Name != "value" || r.Rows[1].Name != "time-to" || !(r.Rows[1].Value > 0) {
		t.Errorf("rows %+v", r.Rows)
	}
	if err := os.WriteFile(page, []byte("<!-- peers: begin -->\n<!-- peers: end -->\n<!-- solver: begin -->\n<!-- solver: end -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"--table", json + "," + json, "--update", page}, &out, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	text, err := os.ReadFile(page)
	if err != nil || strings.Count(string(text), "time-to") != 3 {
		t.Errorf("%v: %s", err, text)
	}
	if code := run([]string{"--sizes", "x"}, &out, &errs); code != 2 {
		t.Errorf("exit %d for a size that is none", code)
	}
}
