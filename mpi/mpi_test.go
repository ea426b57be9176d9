//go:build (linux || darwin) && (amd64 || arm64)

package mpi_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	_ "github.com/sinkcpu/sinkcpu/mpi"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// TestMain lets the test's program stand for a rank: a launcher starts it again with a task in the environment.
func TestMain(m *testing.M) {
	task := os.Getenv("SINKCPU_TEST_RANK")
	if task == "" {
		os.Exit(m.Run())
	}
	if err := asRank(task); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func asRank(task string) error {
	c, err := ranks.Join("")
	if err != nil {
		return err
	}
	if c == nil {
		return errors.New("started by a launcher, but not joined")
	}
	switch task {
	case "sum":
		err = sum(c)
	case "die":
		return die(c)
	}
	return errors.Join(err, c.Close())
}

func term(r, i int) float64 { return math.Sin(float64(3*r+i)) * math.Exp2(float64(i%40-20)) }

// sum prints sums of some thousand numbers, and checks them against the order of package ranks.
func sum(c *ranks.Comm) error {
	x, small := make([]float64, 5000), []float32{float32(c.Rank())}
	for i := range x {
		x[i] = term(c.Rank(), i)
	}
	pending := ranks.SumStart(c, x)
	if err := errors.Join(ranks.Sum(c, small), pending.Wait()); err != nil {
		return err
	}
	for i, v := range x {
		var want float64
		for r := range c.Size() {
			want += term(r, i)
		}
		if v != want {
			return fmt.Errorf("x[%d] is %v on rank %d, want %v", i, v, c.Rank(), want)
		}
	}
	word := []byte("from the last")
	if c.Rank() != c.Size()-1 {
		clear(word)
	}
	if err := ranks.Broadcast(c, word, c.Size()-1); err != nil {
		return err
	}
	all, counts, err := ranks.Gather(c, []int32{int32(c.Rank()), 7}[:1+c.Rank()%2])
	if err != nil {
		return err
	}
	fmt.Printf("rank %d of %d: %.17g %v %s %v %v\n", c.Rank(), c.Size(), x[4999], small, word, all, counts)
	return nil
}

// die ends rank 1 and has the others wait for it.
func die(c *ranks.Comm) error {
	peers, err := ranks.Peers(c)
	if err != nil {
		return err
	}
	if c.Rank() == 1 {
		os.Exit(3)
	}
	ranks.Watch(peers, func(lost []ranks.Peer) {
		fmt.Println("lost", lost[0].Rank)
		os.Exit(1)
	})
	return c.Barrier()
}

// launchers returns the commands that start n ranks, one for each kind of MPI that is installed.
func launchers(t *testing.T, n int) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for name, args := range map[string][]string{
		"mpirun.openmpi": {"--allow-run-as-root", "--oversubscribe", "-n", fmt.Sprint(n)},
		"mpiexec.hydra":  {"-n", fmt.Sprint(n)},
	} {
		if path, err := exec.LookPath(name); err == nil {
			found[name] = append([]string{path}, args...)
		} else if strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "mpi") {
			t.Errorf("%s is required but not installed", name)
		}
	}
	if len(found) == 0 {
		t.Skip("no MPI is installed")
	}
	return found
}

func launch(t *testing.T, command []string, task string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command[0], append(command[1:], self)...)
	cmd.Env = append(os.Environ(), "SINKCPU_TEST_RANK="+task)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestCollectiveCallsUnderEachLibrary(t *testing.T) {
	first := map[int]string{} // by size: sums are the same bits, whatever the library
	for _, n := range []int{2, 3} {
		for name, command := range launchers(t, n) {
			out, err := launch(t, command, "sum")
			if err != nil {
				t.Errorf("%s -n %d: %v\n%s", name, n, err, out)
				continue
			}
			for r := range n {
				prefix := fmt.Sprintf("rank %d of %d: ", r, n)
				_, line, ok := strings.Cut(out, prefix)
				line, _, _ = strings.Cut(line, "\n")
				if !ok || !strings.Contains(line, "from the last") {
					t.Errorf("%s -n %d: rank %d said %q", name, n, r, line)
				}
				if first[n] == "" {
					first[n] = line
				}
				if line != first[n] {
					t.Errorf("%s -n %d: rank %d said %q, others %q", name, n, r, line, first[n])
				}
			}
		}
	}
}

func TestARankThatEndsEndsTheJob(t *testing.T) {
	for name, command := range launchers(t, 3) {
		begin := time.Now()
		out, err := launch(t, command, "die")
		if err == nil {
			t.Errorf("%s: a job that lost a rank ended well:\n%s", name, out)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: it took %v to end", name, took)
		}
	}
}

func TestMissingLibraryIsNamed(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"libnosuchmpi.so.9", "libnosuchmpi.so.9"},
		{"libm.so.6", "no MPI_"},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SINKCPU_TEST_RANK=sum", "SINKCPU_MPI_LIBRARY="+c.file, "PMI_RANK=0", "PMI_SIZE=2")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) || !strings.Contains(string(out), c.file) {
			t.Errorf("library %s: %v, %s", c.file, err, out)
		}
	}
}

// Ranks under the launcher of one MPI with the library of another are each alone; that must not pass for a job of one.
func TestMixedLibrariesAreNamed(t *testing.T) {
	found := launchers(t, 2)
	if len(found) < 2 {
		t.Skip("needs two kinds of MPI")
	}
	for name, library := range map[string]string{"mpirun.openmpi": "libmpich.so.12", "mpiexec.hydra": "libmpi.so.40"} {
		t.Setenv("SINKCPU_MPI_LIBRARY", library)
		out, err := launch(t, found[name], "sum")
		if err == nil || !strings.Contains(out, library) || !strings.Contains(out, "different kinds") {
			t.Errorf("%s with %s: %v\n%s", name, library, err, out)
		}
	}
}
