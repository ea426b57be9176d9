//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/train"
)

// mpiLaunchers returns the commands that start n ranks, by kind of MPI; the test is skipped where none is installed.
func mpiLaunchers(t *testing.T, n int) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for name, args := range map[string][]string{
		"mpirun.openmpi": {"--allow-run-as-root", "--oversubscribe"},
		"mpiexec.hydra":  nil,
	} {
		if path, err := exec.LookPath(name); err == nil {
			found[name] = append(append([]string{path}, args...), "-n", fmt.Sprint(n))
		} else if strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "mpi") {
			t.Errorf("%s is required but not installed", name)
		}
	}
	if len(found) == 0 {
		t.Skip("no MPI is installed")
	}
	return found
}

// onMPI returns the command as the ranks of a job.
func onMPI(launcher []string, args ...string) *exec.Cmd {
	cmd := exec.Command(launcher[0], append(append(launcher[1:], os.Args[0]), args...)...)
	cmd.Env = append(os.Environ(), "SINKCPU_TEST_AS_COMMAND=1")
	return cmd
}

// Ranks have the value of one process to 1e-12, and the same bits for the same number of ranks whatever carries them.
func TestOTOnRanks(t *testing.T) {
	dir := t.TempDir()
	x, y := filepath.Join(dir, "x.csv"), filepath.Join(dir, "y.csv")
	writeCloud(t, x, 90, 3, .3)
	writeCloud(t, y, 70, 3, 1.1)
	args := []string{"ot", x, y, "--precision", "f64", "--tol", "1e-11", "--json"}
	type answer struct {
		Value         float64
		TransportCost float64 `json:"transport_cost"`
		N             int
		Ranks         *struct {
			Size    int
			Moving  float64 `json:"moving_seconds"`
			Waiting float64 `json:"waiting_seconds"`
		}
	}
	parse := func(text string) (a answer) {
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return a
	}
	files := func(name string) []string {
		return append(args, "--grad", filepath.Join(dir, name+".npy"), "--pairs", filepath.Join(dir, name+".csv"), "--pairs-mode", "sample", "--pairs-count", "200")
	}
	_, out, _ := command(files("one")...)
	want := parse(out)
	drawn := func(name string) (pairs []string) { // without their entries of the plan, which differ by rounding
		for line := range strings.Lines(readFile(t, filepath.Join(dir, name+".csv"))) {
			pairs = append(pairs, line[:strings.LastIndexByte(line, ',')])
		}
		return pairs
	}
	for _, n := range []int{2, 4} {
		values := map[float64]bool{}
		for name, launcher := range mpiLaunchers(t, n) {
			began := time.Now()
			out, err := onMPI(launcher, files(name)...).Output()
			elapsed := time.Since(began).Seconds()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := parse(string(out))
			if got.N != 90 || !(math.Abs(got.Value-want.Value) <= 1e-12) || !(math.Abs(got.TransportCost-want.TransportCost) <= 1e-9) {
				t.Errorf("%s -n %d: %+v, one process has %+v", name, n, got, want)
			}
			if k := got.Ranks; k == nil || k.Size != n || !(k.Moving > 0 && k.Waiting >= 0 && k.Moving+k.Waiting < elapsed) {
				t.Errorf("%s -n %d: the ranks cost %+v of %g s", name, n, k, elapsed)
			}
			values[got.Value] = true
			if len(readFile(t, filepath.Join(dir, name+".npy"))) != len(readFile(t, filepath.Join(dir, "one.npy"))) {
				t.Errorf("%s -n %d: the gradient is of another size", name, n)
			}
			if !slices.Equal(drawn(name), drawn("one")) {
				t.Errorf("%s -n %d: other pairs are drawn than in one process", name, n)
			}
		}
		if len(values) != 1 {
			t.Errorf("%d ranks have values %v under different libraries", n, values)
		}
	}
}

func writeCloud(t *testing.T, path string, n, d int, shift float64) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		for k := range d {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%.9f", shift+math.Sin(float64(7*i*i+13*k+i)))
		}
		b.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestErrorsOnRanksAreSaidOnce(t *testing.T) {
	for name, launcher := range mpiLaunchers(t, 2) {
		for _, c := range []struct {
			args []string
			code int
			want string
		}{
			{[]string{"ot", "none.csv", "none.csv"}, exitFailed, "none.csv"},
			{[]string{"ot", "x.csv", "y.csv", "--plan", "p.npy"}, exitUsage, "one process"},
		} {
			out, err := onMPI(launcher, c.args...).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != c.code {
				t.Errorf("%s %v: %v, want exit %d", name, c.args, err, c.code)
			}
			if n := strings.Count(string(out), "sinkcpu: "); n != 1 || !strings.Contains(string(out), c.want) {
				t.Errorf("%s %v: %d messages in %s", name, c.args, n, out)
			}
		}
	}
}

// A rank that is killed in a solve ends the job within seconds, and is named.
func TestALostRankEndsASolve(t *testing.T) {
	dir := t.TempDir()
	x, y := filepath.Join(dir, "x.csv"), filepath.Join(dir, "y.csv")
	writeCloud(t, x, 3000, 3, 0)
	writeCloud(t, y, 2500, 3, .5) // slow to converge, by far more than the seconds of this test
	for name, launcher := range mpiLaunchers(t, 2) {
		cmd := onMPI(launcher, "ot", x, y, "--eps", "1e-3", "--tol", "1e-14", "--precision", "f64", "--max-iter", "100000000")
		var stderr lockedBuffer
		cmd.Stderr, cmd.Stdout = &stderr, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
		victim := ranksOf(t, cmd.Process.Pid, 2)[1]
		time.Sleep(2 * time.Second) // well into the solve
		begin := time.Now()
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		timer.Stop()
		if took := time.Since(begin); err == nil || took > 20*time.Second {
			t.Errorf("%s: ended after %v with %v", name, took, err)
		}
		if text := stderr.String(); !strings.Contains(text, fmt.Sprintf("process %d", victim)) && !strings.Contains(text, fmt.Sprintf("PID %d", victim)) &&
			!strings.Contains(text, "KILLED BY SIGNAL: 9") && !strings.Contains(text, "signal 9") {
			t.Errorf("%s: the lost rank is not named: %s", name, text)
		}
	}
}

// A batch divided among ranks gives the curve of one process but for rounding, and the same bits under every library and after a resume on
// other ranks; a rank that is killed ends the job, from whose checkpoint one process can go on.
func TestTrainOnRanks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	args := func(out, steps string) []string {
		return []string{"train", "--data", "moons", "--batch", "50", "--iters", "5", "--hidden", "16", "--eval-every", "-1", "--log-every", "1",
			"--save-every", "5", "--sample-every", "1000", "--steps", steps, "--out", out}
	}
	losses := func(out string) (l []float64) {
		for _, line := range strings.Split(strings.TrimSpace(readFile(t, filepath.Join(out, "metrics.jsonl"))), "\n") {
			var v struct{ Loss float64 }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			l = append(l, v.Loss)
		}
		return l
	}
	mustCommand(t, args(at("one"), "20")...)
	want := losses(at("one"))
	for _, n := range []int{2, 4} {
		var first string
		for name, launcher := range mpiLaunchers(t, n) {
			out := at(fmt.Sprint(name, n))
			for _, steps := range []string{"10", "20"} {
				a := args(out, steps)
				if steps == "20" {
					a = []string{"train", "--resume", "--steps", steps, "--out", out}
					if n == 4 {
						a = append(a, "--shard") // the same batches from parts of the rows
					}
				}
				if text, err := onMPI(launcher, a...).CombinedOutput(); err != nil {
					t.Fatalf("%s -n %d: %v\n%s", name, n, err, text)
				}
			}
			got := losses(out)
			for k, l := range got {
				if !(math.Abs(l-want[k]) <= 1e-3*math.Abs(want[0])) {
					t.Errorf("%s -n %d: loss %g after step %d, one process has %g", name, n, l, k+1, want[k])
				}
			}
			weights := readFile(t, filepath.Join(out, "checkpoint.safetensors"))
			if first == "" {
				first = weights
			}
			if weights != first {
				t.Errorf("%s -n %d: another checkpoint than under the other library", name, n)
			}
		}
	}
	for name, launcher := range mpiLaunchers(t, 2) {
		cmd := onMPI(launcher, args(at(name+"-killed"), "1000000")...)
		var text lockedBuffer
		cmd.Stderr, cmd.Stdout = &text, &text
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
		ranks := ranksOf(t, cmd.Process.Pid, 2)
		victim := ranks[1]
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if raw, err := os.ReadFile(filepath.Join(at(name+"-killed"), "checkpoint.json")); err == nil && !strings.Contains(string(raw), `"step": 0`) {
				break
			}
		}
		syscall.Kill(victim, syscall.SIGKILL)
		err := cmd.Wait()
		timer.Stop()
		named := strings.Contains(text.String(), fmt.Sprint(victim))
		if name == "mpiexec.hydra" { // it kills the others, and names the one that it hears of first
			named = named || strings.Contains(text.String(), fmt.Sprint(ranks[0]))
		}
		if err == nil || !strings.Contains(text.String(), "--resume --out") || !named {
			t.Errorf("%s: after a rank was killed: %v\n%s", name, err, text.String())
		}
		c, err := train.ReadCheckpoint(at(name + "-killed"))
		if err != nil || c.Step < 5 {
			t.Fatalf("%s: checkpoint %+v, %v", name, c, err)
		}
		step := c.Step
		mustCommand(t, "train", "--resume", "--out", at(name+"-killed"), "--steps", fmt.Sprint(step+5))
	}
}

// ranksOf waits for n processes of this program below a launcher.
func ranksOf(t *testing.T, launcher, n int) []int {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		parents, self := map[int]int{}, []int{}
		entries, err := os.ReadDir("/proc")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			var pid, parent int
			var state string
			stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
			if err != nil {
				continue
			}
			if _, err := fmt.Sscan(e.Name(), &pid); err != nil {
				continue
			}
			if _, rest, ok := strings.Cut(string(stat), ") "); !ok {
				continue
			} else if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
				continue
			}
			parents[pid] = parent
			if exe, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe")); err == nil && exe == executable(t) {
				self = append(self, pid)
			}
		}
		var found []int
		for _, pid := range self {
			for p := parents[pid]; p > 1; p = parents[p] {
				if p == launcher {
					found = append(found, pid)
					break
				}
			}
		}
		if len(found) == n {
			return found
		}
	}
	t.Fatalf("the launcher did not start %d ranks within a minute", n)
	return nil
}

func executable(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}
