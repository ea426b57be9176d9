package cuda_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/sinkhorn/devicetest"
)

// simulated returns a device of this process.
func simulated(t testing.TB, o sim.Options) *device.Device {
	t.Helper()
	s := sim.New(t, o)
	d, err := device.Simulated(s.Driver(), s.Image())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// real returns the first device of this machine. Where there is none the test is skipped, and fails if SINKCPU_TEST_REQUIRE names cuda.
func real(t testing.TB) *device.Device {
	t.Helper()
	d, err := device.Open("cuda")
	if err != nil && !strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "cuda") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestSolver holds the kernels of Sinkhorn's algorithm to what devices promise.
func TestSolver(t *testing.T) {
	for _, c := range []struct {
		name string
		o    sim.Options
		tf32 bool
		long bool
	}{
		{name: "sm_90", o: sim.Options{Workers: 2}},
		{name: "sm_75", o: sim.Options{Major: 7, Minor: 5, Workers: 2}},
		{name: "TF32", o: sim.Options{Workers: 2}, tf32: true, long: true},
		{name: "backwards", o: sim.Options{Order: 5}, long: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.long && testing.Short() {
				t.Skip("takes half a minute")
			}
			solver := cuda.NewSolver(simulated(t, c.o))
			solver.TF32 = c.tf32
			testSolver(t, solver)
		})
	}
}

// TestSolverOnDevice is TestSolver on a device of this machine.
func TestSolverOnDevice(t *testing.T) {
	d := real(t)
	for _, tf32 := range []bool{false, true} {
		t.Run(fmt.Sprintf("tf32=%v", tf32), func(t *testing.T) {
			solver := cuda.NewSolver(d)
			solver.TF32 = tf32
			testSolver(t, solver)
		})
	}
}

func testSolver(t *testing.T, s *cuda.Solver) {
	before := s.Device().Info().Used
	devicetest.Test(t, s)
	if err := s.Device().Err(); err != nil {
		t.Error(err)
	}
	if used := s.Device().Info().Used; used != before {
		t.Errorf("%d bytes were not given back", used-before)
	}
}
