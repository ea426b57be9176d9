package program

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// TestExitStatus: each way to end has its status, and says why once.
func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		args   string
		err    error
		status int
		says   string
	}{
		{"", nil, 0, ""},
		{"--n 3", errors.New("it broke"), 1, "it broke"},
		{"--n x", nil, 2, "invalid value"},
		{"--nonsense", nil, 2, "nonsense"},
		{"extra", nil, 2, "extra"},
		{"--n -1", nil, 2, "negative"},
		{"--help", nil, 0, "what it does"},
	} {
		n := 0
		var out, errs bytes.Buffer
		status := Program{
			Name: "test", Usage: "what it does\n",
			Flags: func(f *flag.FlagSet) { f.IntVar(&n, "n", 1, "a number") },
			Check: func() error {
				if n < 0 {
					return errors.New("negative")
				}
				return nil
			},
			Run: func(context.Context, io.Writer, io.Writer) error { return c.err },
		}.Main(strings.Fields(c.args), &out, &errs)
		if status != c.status || out.Len() > 0 || strings.Count(errs.String(), c.says) != 1 && c.says != "" || c.says == "" && errs.Len() > 0 {
			t.Errorf("%q: status %d, want %d; stdout %q, stderr %q", c.args, status, c.status, out.String(), errs.String())
		}
	}
}

// TestInterrupt: an interrupt, or what timeout(1) sends, ends the context of a run, and the status says so.
func TestInterrupt(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		status := Program{Name: "test", Flags: func(*flag.FlagSet) {}, Run: func(ctx context.Context, _, _ io.Writer) error {
			if err := self.Signal(signal); err != nil {
				t.Skip("no signals here:", err)
			}
			<-ctx.Done()
			return ctx.Err()
		}}.Main(nil, io.Discard, io.Discard)
		if status != 130 {
			t.Errorf("%v: status %d, want 130", signal, status)
		}
	}
}

// TestEndedEarly: rows are in the file as soon as they are there. A run that ends early prints those that it has and says what is missing, and
// leaves the page alone.
func TestEndedEarly(t *testing.T) {
	dir := t.TempDir()
	json, page := filepath.Join(dir, "out.json"), filepath.Join(dir, "README.md")
	o := Output{JSON: json, Update: page, Section: "test", Table: (*row.Report).WriteMarkdown}
	r := NewReport("test")
	r.Missing = []string{"exp2/n=2"}
	var out, errs bytes.Buffer
	if err := o.Finish(r, context.Canceled, &out, &errs); !errors.Is(err, context.Canceled) || out.Len()+errs.Len() > 0 {
		t.Errorf("without rows: %v, %q, %q", err, out.String(), errs.String())
	}
	o.Record(&errs, r)(row.Row{Name: "exp2", Params: row.P("n", "1"), Value: 2, Unit: "G/s"})
	if got, err := row.ReadFile(json); err != nil || len(got.Rows) != 1 || got.Row("exp2/n=1") == nil || len(got.Missing) != 1 {
		t.Errorf("after the first row the file has %+v, %v", got, err)
	}
	if err := o.Finish(r, context.Canceled, &out, &errs); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for text, want := range map[string]string{out.String(): "exp2/n=2: not measured", errs.String(): "1 rows are above and in " + json + ", the last of them exp2/n=1; 1 are missing"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q, want %q in it", text, want)
		}
	}
	if _, err := os.Stat(page); err == nil {
		t.Error("a page was written")
	}
	o.JSON = filepath.Join(dir, "none", "out.json")
	if err := o.Finish(r, context.Canceled, io.Discard, io.Discard); !errors.Is(err, context.Canceled) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that cannot be written: %v", err)
	}
}

func TestCheckTiers(t *testing.T) {
	if err := CheckTiers("--tier", Tiers()); err != nil {
		t.Error(err)
	}
	if err := CheckTiers("--tier", []string{kernels.Active().String(), "sse2"}); err == nil || !strings.Contains(err.Error(), "sse2") || !strings.Contains(err.Error(), "generic") {
		t.Errorf("sse2: %v", err)
	}
}

// TestOutput writes rows and tables to files and to stdout, and reads rows of several files.
func TestOutput(t *testing.T) {
	dir := t.TempDir()
	json, page := filepath.Join(dir, "out.json"), filepath.Join(dir, "README.md")
	if err := os.WriteFile(page, []byte("<!-- test: begin -->\n<!-- test: end -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := NewReport("test")
	r.Rows = []row.Row{{Name: "exp2", Value: 2, Unit: "G/s"}}
	o := Output{JSON: json, Update: page, Section: "test", Table: (*row.Report).WriteMarkdown, Text: (*row.Report).WriteText}
	var out bytes.Buffer
	if err := o.Write(r, &out); err != nil || out.Len() > 0 {
		t.Fatalf("%v; stdout %q", err, out.String())
	}
	if text, _ := os.ReadFile(page); !strings.Contains(string(text), "| exp2") {
		t.Errorf("the page is %s", text)
	}
	if both, err := Read(json + "," + json); err != nil || len(both.Rows) != 2 || both.Rows[1].Value != 2 {
		t.Errorf("read back %+v, %v", both, err)
	}
	if none, err := Read(""); none != nil || err != nil {
		t.Errorf("no files: %v, %v", none, err)
	}
	o.Update, o.JSON = "", "-"
	if err := o.Write(r, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := row.ReadJSON(&out); err != nil {
		t.Error(err)
	}
	o.JSON = filepath.Join(dir, "none", "out.json")
	if err := o.Write(r, &out); err == nil {
		t.Error("a file in a folder that does not exist was written")
	}
	o.JSON = ""
	out.Reset()
	if err := o.Write(r, &out); err != nil || !strings.Contains(out.String(), kernels.Active().String()) || strings.Contains(out.String(), "|") {
		t.Errorf("%v: %s", err, out.String())
	}
	if Failed(r) != nil {
		t.Error("a report without errors failed")
	}
	r.Rows[0].Error = "absent"
	if !errors.Is(Failed(r), ErrNoValue) {
		t.Error("a row without a value did not fail")
	}
}
