package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"--tiers", "sse9"}, {"extra"}, {"--nonsense"}} {
		var out, errs strings.Builder
		if status := run(args, &out, &errs); status != 2 {
			t.Errorf("%v: status %d, want 2", args, status)
		}
	}
	var out, errs strings.Builder
	if status := run([]string{"--with", filepath.Join(t.TempDir(), "absent")}, &out, &errs); status != 1 || !strings.Contains(errs.String(), "absent") {
		t.Errorf("a missing file: status %d, %q", status, errs.String())
	}
}

// TestUpdate writes a table of rows of a file between the marks.
func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	rows, page := filepath.Join(dir, "rows.json"), filepath.Join(dir, "page.md")
	f, err := os.Create(rows)
	if err != nil {
		t.Fatal(err)
	}
	r := row.Report{Schema: row.Schema, Rows: []row.Row{{Name: "exp", Params: row.P("peer", "other"), Value: 3, Unit: "G/s"}}}
	if err := r.WriteJSON(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.WriteFile(page, []byte("before\n<!-- tiers: begin -->\nold\n<!-- tiers: end -->\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if status := run([]string{"--with", rows, "--update", page}, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n", "| other |", "|  3.00 |", "after\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old") {
		t.Errorf("the old table is still there:\n%s", got)
	}
}
