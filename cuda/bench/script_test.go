package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/bench/program"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
)

// envArguments has the arguments of TestAsCommand.
const envArguments = "SINKCPU_TEST_BENCH_ARGUMENTS"

// TestAsCommand is the command on a simulated device, for [TestScript].
func TestAsCommand(t *testing.T) {
	args, ok := os.LookupEnv(envArguments)
	if !ok {
		t.Skip("runs in a process of its own")
	}
	simulated(t, sim.Options{Workers: 2})
	os.Exit(run(strings.Fields(args), os.Stdout, os.Stderr))
}

// carried is a folder as bench/cuda.sh --build makes it, with the benchmark on the simulated device and scripts in place of all else.
type carried struct {
	t   *testing.T
	dir string
}

func newCarried(t *testing.T) *carried {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("runs a script with the tools of linux, for seconds")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	sim.New(t, sim.Options{}) // or the test is skipped
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &carried{t, t.TempDir()}
	c.script("bench", fmt.Sprintf("exec env %s=\"$*\" %s -test.run '^TestAsCommand$'", envArguments, self))
	test := `for a in "$@"; do case $a in ^*) test=${a#^}; echo "--- PASS: ${test%\$} (0.00s)";; esac; done`
	for name, does := range map[string]string{"cuda.test": test, "device.test": test, "nvidia-smi": "echo none"} {
		c.script(name, does)
	}
	c.script("sinkcpu", `case "$*" in
*"--device cuda "*) [ -n "${CUDA_VISIBLE_DEVICES-x}" ] || exit 1 ;;
esac
previous=
for a in "$@"; do
  case $previous in
    --potentials) echo potentials >"$a" ;;
    --out) mkdir -p "$a"; echo '"tensors"' >"$a/checkpoint.json" ;;
  esac
  previous=$a
done`)
	// The peer's program writes its rows when it is whole.
	peers := program.NewReport("peers")
	peers.Rows = []row.Row{{Name: "sinkhorn", Params: row.P("peer", "torch-dense", "n", "40", "d", "20", "precision", "f32", "iterations", "2"), Value: 3, Unit: "ms"}}
	if err := (&program.Output{JSON: filepath.Join(c.dir, "theirs.json")}).Save(peers); err != nil {
		t.Fatal(err)
	}
	c.script("python3", `while [ $# -gt 1 ]; do [ "$1" != --out ] || cp "`+c.dir+`/theirs.json" "$2"; shift; done`)
	return c
}

func (c *carried) script(name, does string) {
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte("#!/bin/bash\n"+does+"\n"), 0o700); err != nil {
		c.t.Fatal(err)
	}
}

// run runs bench/cuda.sh with variables, and returns its exit status and what it printed.
func (c *carried) run(variables []string, parts ...string) (int, string) {
	c.t.Helper()
	cmd := exec.Command("bash", append([]string{"../../bench/cuda.sh", c.dir}, parts...)...)
	cmd.Env = append(os.Environ(), "SIZES=40", "ITERATIONS=1,2", "DIM=20", "PATH="+c.dir+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, variables...)
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

func (c *carried) rows() *row.Report {
	c.t.Helper()
	r, err := row.ReadFile(filepath.Join(c.dir, "out", "rows.json"))
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// TestScript: bench/cuda.sh makes all parts and one table of them; a second run makes nothing again, and goes on elsewhere from what the first packed.
func TestScript(t *testing.T) {
	c, results := newCarried(t), t.TempDir()
	parts := []string{"first", "solver", "peers", "check", "command", "train"}
	status, text := c.run([]string{"RESULTS=" + results}, parts...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, text)
	}
	for _, want := range []string{"== first-families", "== check-Solver", "== command", "== train", "| sinkcpu 3xTF32 | sinkcpu TF32 | torch-dense f32 |", "- simulated device"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	r := c.rows()
	if len(r.Rows) != 2*3+1 || len(r.Missing) > 0 {
		t.Errorf("%d rows, missing %v", len(r.Rows), r.Missing)
	}
	before := r.Rows[0].Value
	if err := os.Rename(filepath.Join(results, "out.tar.gz"), filepath.Join(c.dir, "out.tar.gz")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(c.dir, "out")); err != nil {
		t.Fatal(err)
	}
	status, text = c.run(nil, parts...)
	if status != 0 || strings.Count(text, "done before") != 2+5+2 {
		t.Errorf("again: status %d: %s", status, text)
	}
	if r = c.rows(); len(r.Rows) != 2*3+1 || r.Rows[0].Value != before {
		t.Errorf("again: %+v", r.Rows)
	}
}

// TestScriptCutShort: rows that an earlier run left are not made again, those that it lacks are; what takes too long is cut off, and the run ends in
// its time with a table that says what is missing.
func TestScriptCutShort(t *testing.T) {
	c := newCarried(t)
	if status, text := c.run(nil, "solver"); status != 0 {
		t.Fatalf("status %d: %s", status, text)
	}
	file := &program.Output{JSON: filepath.Join(c.dir, "out", "solver.json")}
	r, err := row.ReadFile(file.JSON)
	if err != nil {
		t.Fatal(err)
	}
	made := r.Rows
	r.Rows, r.Missing = slices.Clone(made[:2]), []string{made[2].Key()}
	r.Rows[0].Value, r.Rows[1].Error = 77, "failed"
	if err := file.Save(r); err != nil {
		t.Fatal(err)
	}
	c.script("slow", `sleep 60`)
	if status, text := c.run([]string{"LIMIT=6", "PYTHON=slow"}, "peers", "table"); status != 3 || !strings.Contains(text, "cut off") || !strings.Contains(text, made[2].Key()+": not measured") {
		t.Errorf("cut off: status %d: %s", status, text)
	}
	if status, text := c.run([]string{"LIMIT=3"}, "check"); status != 3 || !strings.Contains(text, "no time left") {
		t.Errorf("no time: status %d: %s", status, text)
	}
	if status, text := c.run(nil, "solver"); status != 0 {
		t.Errorf("the rest: status %d: %s", status, text)
	}
	if r = c.rows(); len(r.Rows) != len(made) || len(r.Missing) > 0 || r.Row(made[0].Key()).Value != 77 || r.Row(made[1].Key()).Error != "" {
		t.Errorf("the rest: %+v, missing %v", r.Rows, r.Missing)
	}
}

// TestScriptFails: what fails is said, with its end, and is made again; a test that a binary does not have is no pass, and without a device nothing else is tried.
func TestScriptFails(t *testing.T) {
	c := newCarried(t)
	c.script("cuda.test", "echo 'testing: warning: no tests to run'")
	if status, text := c.run(nil, "first"); status != 1 || !strings.Contains(text, "did not run TestFamiliesOnDevice") {
		t.Errorf("no test: status %d: %s", status, text)
	}
	c.script("device.test", "echo no driver; exit 1")
	if status, text := c.run(nil, "first"); status != 0 && !strings.Contains(text, "done before") {
		t.Errorf("a test that passed before: status %d: %s", status, text)
	}
	if err := os.RemoveAll(filepath.Join(c.dir, "out")); err != nil {
		t.Fatal(err)
	}
	if status, text := c.run(nil); status != 1 || !strings.Contains(text, "no driver") || !strings.Contains(text, "nothing else is tried") || strings.Contains(text, "== solver") {
		t.Errorf("no device: status %d: %s", status, text)
	}
	for _, args := range [][]string{{"nonsense"}, {"solver", "nonsense"}} {
		if status, text := c.run(nil, args...); status != 2 || !strings.Contains(text, "no part nonsense") {
			t.Errorf("%v: status %d: %s", args, status, text)
		}
	}
}
