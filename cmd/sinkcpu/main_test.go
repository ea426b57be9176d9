package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

// TestMain lets the test binary be the command itself, for the tests that kill it.
func TestMain(m *testing.M) {
	if os.Getenv("SINKCPU_TEST_AS_COMMAND") == "1" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// tiny is a run of a second or less.
func tiny(dir string, more ...string) []string {
	return append([]string{
		"train", "--data", "moons", "--out", dir, "--steps", "40", "--batch", "25", "--iters", "3", "--hidden", "9,7", "--seed", "5",
		"--log-every", "3", "--save-every", "5", "--sample-every", "15", "--eval-every", "-1",
	}, more...)
}

// command runs a command line in this process.
func command(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

func mustCommand(t *testing.T, args ...string) string {
	t.Helper()
	code, out, err := command(args...)
	if code != 0 {
		t.Fatalf("sinkcpu %s: exit %d: %s", strings.Join(args, " "), code, err)
	}
	return out
}

// A full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestFullDisk: what cannot be printed is an error, help too.
func TestFullDisk(t *testing.T) {
	for _, args := range []string{"", "--help", "help", "ot --help", "help ot", "info", "info --json", "data list", "study --help"} {
		var errs strings.Builder
		if code := run(context.Background(), strings.Fields(args), full{}, &errs); code != 1 || !strings.Contains(errs.String(), syscall.ENOSPC.Error()) {
			t.Errorf("sinkcpu %s: exit %d: %s", args, code, errs.String())
		}
	}
}

func TestExitStatus(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustCommand(t, tiny(at("run"))...)
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("full/file", "mine")
	write("broken/config.json", `{"schema": 1, "objective": "sinkhorn"`)
	write("torn/checkpoint.safetensors", "\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
	write("nan.csv", "1,2\n3,x\n")
	write("batch.json", `{"batch": 0}`)
	write("unknown.json", `{"batches": 3}`)
	write("text.json", `{"batch": "x"}`)
	write("number.json", "1.5")
	write("empty.json", "")

	for _, c := range []struct {
		args string
		code int
		say  string // in the one line of the error
	}{
		{"", 0, ""},
		{"--help", 0, ""},
		{"train --help", 0, ""},
		{"info", 0, ""},
		{"sample --run RUN -n 3 --out DIR/s.npy", 0, ""},
		{"--version", 0, ""},
		{"help sample", 0, ""},
		{"frobnicate", 2, `unknown command "frobnicate"; `},
		{"frobnicate --help", 2, `unknown command "frobnicate"; `},
		{"help frobnicate", 2, `unknown command "frobnicate"; `},
		{"tran", 2, "did you mean train?"},
		{"tran --help", 2, "did you mean train?"},
		{"data fetsh", 2, "did you mean fetch?"},
		{"data fetsh --help", 2, "did you mean fetch?"},
		{"info extra", 2, "extra"},
		{"info --no-such-flag", 2, "--no-such-flag"},
		{"train --stpes 3", 2, "unknown flag --stpes, did you mean --steps?"},
		{"ot --esp 3", 2, "unknown flag --esp, did you mean --eps?"},
		{"ot --batch DIR", 1, "is a folder, a file is needed"},
		{"train --steps x", 2, "--steps x: want a whole number; "},
		{"train --steps 99999999999999999999", 2, "not as large"},
		{"train --hidden 3,x", 2, "--hidden 3,x: want whole numbers, separated by commas; "},
		{"train --seed -1", 2, "--seed -1: want a whole number, 0 or more; "},
		{"train --lr fast", 2, "--lr fast: want a number; "},
		{"train --json=perhaps", 2, "--json perhaps: want true or false; "},
		{"train --step 4", 2, "--step 4 is for rot-gan"},
		{"train --objective mmd --sigma .1", 2, "--sigma 0.1 is for auto-encoders"},
		{"train --preset grid25-rot --sigma .1", 2, "--objective rot-gan-debiased does not read it"},
		{"train --steps 0", 2, "--steps 0"},
		{"train --batch 0", 2, "--batch 0"},
		{"train --eps 0", 2, "--eps"},
		{"train --eps -1", 2, "--eps"},
		{"train --eps NaN", 2, "--eps"},
		{"train --eps 1*median", 2, "--eps"},
		{"train --iters 0", 2, "--iters 0"},
		{"train --lr 0", 2, "--lr 0"},
		{"train --lr nan", 2, "--lr NaN"},
		{"train --hidden 0", 2, "--hidden 0"},
		{"train --threads -1", 2, "--threads -1"},
		{"train --objective nothing", 2, "sinkhorn"},
		{"train --data nothing", 2, "glyphs"},
		{"train --resume", 2, "--out"},
		{"train --resume --out RUN --batch 3", 2, "--batch"},
		{"train --resume --out RUN --seed 5", 2, "--seed"},
		{"train --resume --out RUN --config DIR/batch.json", 2, "--config"},
		{"train --resume --out RUN --steps 7", 2, "--steps 7"},
		{"train --data moons --out DIR/full", 2, "--resume"},
		{"train --data moons --config DIR/batch.json", 2, "--batch 0"},
		{"train --config DIR/unknown.json", 1, "batches"},
		{"train --config DIR/none.json", 1, "none.json"},
		{"train --config DIR/text.json", 1, `text.json: byte 14: "batch" is a string`},
		{"train --config DIR/number.json", 1, "number.json: byte 3: a number, where"},
		{"train --config DIR/empty.json", 1, "empty.json: the file is empty"},
		{"train --resume --out DIR/none", 1, "config.json"},
		{"train --resume --out DIR/broken", 1, "broken"},
		{"train --data mnist:DIR/none --out DIR/new", 1, "none"},
		{"train --data points:DIR/nan.csv --out DIR/new", 1, "row 2"},
		{"train --data moons --out DIR/full/file", 1, "not a folder"},
		{"sample", 2, "--run"},
		{"sample --run RUN -n 0", 2, "-n 0"},
		{"sample --run RUN --out s.gif", 2, ".npy"},
		{"sample --run RUN --threads -2", 2, "--threads -2"},
		{"sample --run DIR/full/file", 1, "full/file is a file: name the folder of a run"},
		{"report DIR/none --out DIR/report.html", 1, "sinkcpu: DIR/none is not the folder of a run"},
		{"sample --run DIR/none", 1, "none: no such folder"},
		{"sample --run DIR/full", 1, "full: no checkpoint.safetensors"},
		{"sample --run RUN --out DIR/none/s.npy", 1, "--out DIR/none/s.npy: there is no folder DIR/none; make it first"},
		{"report RUN --out DIR/full", 1, "--out DIR/full: is a folder, name a file"},
		{"export --run RUN --onnx DIR/none/g.onnx", 1, "--onnx DIR/none/g.onnx: there is no folder"},
		{"sample --run DIR/torn", 1, "checkpoint.safetensors"},
	} {
		args := strings.Fields(strings.NewReplacer("RUN", at("run"), "DIR", dir).Replace(c.args))
		code, _, stderr := command(args...)
		if code != c.code || !strings.Contains(stderr, strings.ReplaceAll(c.say, "DIR", dir)) {
			t.Errorf("sinkcpu %s: exit %d, want %d: %s", c.args, code, c.code, stderr)
		}
		if code != 0 && (!strings.HasPrefix(stderr, "sinkcpu: ") || strings.Count(stderr, "\n") != 1) {
			t.Errorf("sinkcpu %s: not one line: %q", c.args, stderr)
		}
	}
	if _, err := os.Stat(at("new")); err == nil {
		t.Error("a run that could not begin left a folder")
	}
	if b, err := os.ReadFile(at("full/file")); err != nil || string(b) != "mine" {
		t.Errorf("a file was overwritten: %q, %v", b, err)
	}
}

func TestEveryCommandShowsAnExample(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Name() == "completion" || sub.Name() == "help" {
				continue
			}
			code, out, _ := command(append(strings.Fields(sub.CommandPath())[1:], "--help")...)
			if code != 0 || !strings.Contains(out, "\n  "+sub.CommandPath()) || !strings.Contains(out, "Exit status:") {
				t.Errorf("%s --help shows no example or no exit status:\n%s", sub.CommandPath(), out)
			}
			check(sub)
		}
	}
	check(newRootCommand())
}

func TestJSONIsOneObject(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"info", "--json"}, tiny(filepath.Join(dir, "run"), "--json")} {
		var v map[string]any
		out := mustCommand(t, args...)
		if err := json.Unmarshal([]byte(out), &v); err != nil || len(v) < 5 {
			t.Errorf("%v: %v in %s", args, err, out)
		}
	}
	for args, want := range map[string]int{"train --json --batch 0": 2, "train --json --resume --out " + dir: 1} {
		code, out, stderr := command(strings.Fields(args)...)
		var v struct {
			Error string `json:"error"`
			Code  int    `json:"exit_code"`
		}
		if err := json.Unmarshal([]byte(stderr), &v); err != nil || code != want || v.Code != want || v.Error == "" || out != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", args, code, out, stderr)
		}
	}
}

func TestDefaultFolderIsTheNextThatIsFree(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, want := range []string{"moons-5", "moons-5-2", "moons-5-3"} {
		args := tiny("")
		args = append(args[:3:3], args[5:]...) // without --out
		mustCommand(t, args...)
		if _, err := os.Stat(filepath.Join("runs", want, "summary.json")); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigReproducesARun(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	mustCommand(t, tiny(first)...)
	mustCommand(t, "train", "--config", filepath.Join(first, "config.json"), "--out", second)
	sameRun(t, first, second)
}
